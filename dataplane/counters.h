#pragma once
/*
 * dataplane/counters: every verdict and every drop has a number and a name; the name is what operators see
 * (`chasquictl dp stats`, metrics). Order is part of nothing: values are always shown with their names.
 *
 * Each worker has its own. Every datagram that it receives is counted once under rx and once under exactly one counter
 * of kind VERDICT. Those of kind BESIDE tell what else happened: sizes, answers, and the fate after the verdict
 * (a queue was full, the manager refused it). The manager's own counters are all beside: what it drops had its verdict.
 */
#include "proto/ints.h"

/* X(enumerator, name, kind, what it counts) */
/* clang-format off */
#define CHQ_COUNTERS(X) \
	X(CHQ_C_RX, "rx", BESIDE, "datagrams to our port received") \
	X(CHQ_C_RX_BYTES, "rx-bytes", BESIDE, "UDP payload bytes of those") \
	X(CHQ_C_TX, "tx", BESIDE, "datagrams sent") \
	X(CHQ_C_TX_BYTES, "tx-bytes", BESIDE, "UDP payload bytes of those") \
	X(CHQ_C_FORWARD, "forward", VERDICT, "frames forwarded to another session") \
	X(CHQ_C_PING, "ping", VERDICT, "PINGs answered") \
	X(CHQ_C_PING_AWAY, "ping-away", VERDICT, "PINGs from elsewhere: answered by NOTICE path, or not at all") \
	X(CHQ_C_MOVE, "move", BESIDE, "sessions moved to a new address by a PING with its token") \
	X(CHQ_C_RETRY, "retry", VERDICT, "HELLOs answered by RETRY") \
	X(CHQ_C_NOTICE_PATH, "notice-path", BESIDE, "NOTICE path sent") \
	X(CHQ_C_NOTICE_TOO_FAST, "notice-too-fast", BESIDE, "NOTICE too fast sent") \
	X(CHQ_C_NOTICE_EXPIRED, "notice-expired", BESIDE, "NOTICE expired sent") \
	X(CHQ_C_NOTICE_SEAL, "notice-seal", BESIDE, "NOTICE seal sent") \
	X(CHQ_C_UP_HELLO, "up-hello", VERDICT, "HELLOs with a right cookie handed to control") \
	X(CHQ_C_UP_SERVER, "up-server", VERDICT, "frames to the server handed to control") \
	X(CHQ_C_UP_UNKNOWN, "up-unknown", VERDICT, "frames handed to control: receiver not in the table") \
	X(CHQ_C_UP_GRANT, "up-grant", VERDICT, "frames handed to control: grant wrong or out of date") \
	X(CHQ_C_UP_DENIED, "up-denied", VERDICT, "frames handed to control: sender is on the denial list") \
	X(CHQ_C_UP_SILENT, "up-silent", VERDICT, "frames handed to control: receiver silent or expired") \
	X(CHQ_C_UP_DEVICE, "up-device", VERDICT, "frames handed to control: no session of that device") \
	X(CHQ_C_UP_GROUP, "up-group", VERDICT, "frames handed to control: to a group") \
	X(CHQ_C_CONFIRM, "confirm", BESIDE, "sessions confirmed by their first valid frame") \
	X(CHQ_C_RX_MISSED, "rx-missed", BESIDE, "packets that the port lost before a worker saw them: its queue was full, or no buffer was left") \
	X(CHQ_C_KERNEL, "kernel", BESIDE, "packets that are not ours, left to the kernel") \
	X(CHQ_C_TO_KERNEL, "to-kernel", BESIDE, "of those of the driver dpdk: written to the port's interface in the kernel") \
	X(CHQ_C_FROM_KERNEL, "from-kernel", BESIDE, "packets of the kernel sent by a port of the driver dpdk") \
	X(CHQ_C_NEIGHBOUR, "neighbour", BESIDE, "datagrams without a next hop given to the kernel, which finds it") \
	X(CHQ_C_CONTROL_TX, "control-tx", BESIDE, "datagrams sent for control") \
	X(CHQ_C_XDP_WORKER, "xdp-worker", BESIDE, "datagrams that the XDP program gave to a worker, which counts them") \
	X(CHQ_C_XDP_PROCESS, "xdp-process", BESIDE, "datagrams that the XDP program gave to the process's UDP socket, which counts them") \
	/* drops */ \
	X(CHQ_D_SHORT, "drop-short", VERDICT, "shorter than its type") \
	X(CHQ_D_LONG, "drop-long", VERDICT, "longer than 1232 bytes of UDP payload") \
	X(CHQ_D_TYPE, "drop-type", VERDICT, "first byte is no type of ours") \
	X(CHQ_D_SERVER_TYPE, "drop-server-type", VERDICT, "a type that only servers send, or DIRECT or TRUNK") \
	X(CHQ_D_MALFORMED, "drop-malformed", VERDICT, "flags, kind or form that PROTOCOL.md forbids") \
	X(CHQ_D_CHECKSUM, "drop-checksum", VERDICT, "UDP checksum is 0, or the IP header's is wrong") \
	X(CHQ_D_FRAGMENT, "drop-fragment", VERDICT, "an IP fragment") \
	X(CHQ_D_SEGMENTS, "drop-segments", VERDICT, "a jumbo or multi-segment packet") \
	X(CHQ_D_LOCAL, "drop-local", VERDICT, "to an address of ours that is not known yet") \
	X(CHQ_D_SLOT, "drop-slot", VERDICT, "no session in that slot") \
	X(CHQ_D_TAG, "drop-tag", VERDICT, "wrong tag") \
	X(CHQ_D_REPLAY, "drop-replay", VERDICT, "sequence number seen before, or too old") \
	X(CHQ_D_EXPIRED, "drop-expired", VERDICT, "sender's session is over") \
	X(CHQ_D_PRELOGIN, "drop-prelogin", VERDICT, "frame to others before login") \
	X(CHQ_D_SEAL, "drop-seal", VERDICT, "hop-sealed to a person, or not hop-sealed to the server") \
	X(CHQ_D_OPEN, "drop-open", BESIDE, "hop seal does not open") \
	X(CHQ_D_QUOTA_FRAMES, "drop-quota-frames", VERDICT, "over the session's frames per second") \
	X(CHQ_D_QUOTA_BYTES, "drop-quota-bytes", VERDICT, "over the session's bytes per second") \
	X(CHQ_D_QUOTA_ACCOUNT, "drop-quota-account", VERDICT, "over what the account's sessions may send together") \
	X(CHQ_D_SHED_HELLO, "drop-shed-hello", VERDICT, "overload: HELLOs") \
	X(CHQ_D_SHED_SERVER, "drop-shed-server", VERDICT, "overload: frames to the server") \
	X(CHQ_D_SHED_QUOTA, "drop-shed-quota", VERDICT, "overload: over the part of its quota that a session still gets") \
	X(CHQ_D_PATH, "drop-path", VERDICT, "receiver's address was being written; heals by itself") \
	X(CHQ_D_TOKEN, "drop-token", VERDICT, "PING with a wrong or late path token") \
	X(CHQ_D_VERSION, "drop-version", VERDICT, "HELLO with cookie but no common version") \
	X(CHQ_D_HELLO_COOKIE, "drop-hello-cookie", VERDICT, "HELLO while no certificate is set") \
	X(CHQ_D_HELLO_PREFIX, "drop-hello-prefix", BESIDE, "over the handshakes of that source prefix") \
	X(CHQ_D_HELLO_TOTAL, "drop-hello-total", BESIDE, "over the handshakes of this server") \
	X(CHQ_D_QUEUE_HELLO, "drop-queue-hello", BESIDE, "queue of handshakes to control full") \
	X(CHQ_D_QUEUE_SERVER, "drop-queue-server", BESIDE, "queue of frames to the server full") \
	X(CHQ_D_QUEUE_OTHER, "drop-queue-other", BESIDE, "queue of other frames to control full") \
	X(CHQ_D_CONTROL_DOWN, "drop-control-down", BESIDE, "control process is not connected") \
	X(CHQ_D_NO_PROCESS, "drop-no-process", VERDICT, "the XDP program could not decide alone, and no process was there") \
	X(CHQ_D_TX_FULL, "drop-tx-full", BESIDE, "transmit queue full") \
	X(CHQ_D_TO_KERNEL, "drop-to-kernel", BESIDE, "packets for the kernel: more than it is given at a time") \
	X(CHQ_D_FROM_KERNEL, "drop-from-kernel", BESIDE, "packets of the kernel: more than the port is given at a time") \
	X(CHQ_D_NEIGHBOUR, "drop-neighbour", BESIDE, "datagrams whose next hop was not found in time, or too many of them") \
	X(CHQ_D_NO_ROUTE, "drop-no-route", BESIDE, "no local address or port to send from") \
	X(CHQ_D_NOTICE_LIMIT, "drop-notice-limit", BESIDE, "NOTICE not sent: over the session's budget, or too fast within a second of another")
/* clang-format on */

enum chq_counter {
#define X(id, name, kind, text) id,
	CHQ_COUNTERS(X)
#undef X
		CHQ_C__COUNT
};

enum chq_counter_kind { CHQ_COUNTER_VERDICT, CHQ_COUNTER_BESIDE };

extern const char *const chq_counter_name[CHQ_C__COUNT];
extern const char *const chq_counter_text[CHQ_C__COUNT];
extern const uint8_t chq_counter_kind[CHQ_C__COUNT]; /* enum chq_counter_kind */
