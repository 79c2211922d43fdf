#pragma once
/*
 * proto/dpcmd: what chasqui-control and chasqui-dataplane say to each other over a unix SOCK_SEQPACKET socket.
 * One message per packet, at most CHQ_DP_MSG_MAX bytes, header then a fixed body, then variable bytes where said.
 * Both ends are of one release on one machine: the structs are sent as they lie in memory (packed by construction, no
 * holes, checked by static asserts); a version in DP_HELLO refuses a mismatch. The receiver checks every length by
 * chq_dp_check() before it looks at a body.
 * The dataplane listens; it accepts one control process at a time, whose uid it checks.
 */
#include <stddef.h>
#include <stdint.h>

#include "proto/frame.h"

#define CHQ_DP_VERSION 3
#define CHQ_DP_MSG_MAX 2048

enum chq_dp_type {
	/* control -> dataplane */
	CHQ_DP_HELLO = 1, /* first message; answered by CHQ_DP_INFO */
	CHQ_DP_SERVER_SET, /* server id, certificate, quota classes; with a request number answered by CHQ_DP_DONE */
	CHQ_DP_DUMP,	      /* answered by CHQ_DP_SESSION_INFO ..., CHQ_DP_DUMP_END */
	CHQ_DP_SESSION_OPEN,  /* answered by CHQ_DP_SESSION_OPENED */
	CHQ_DP_SESSION_LOGIN, /* answered by CHQ_DP_DONE */
	CHQ_DP_SESSION_CLOSE, /* answered by CHQ_DP_DONE */
	CHQ_DP_GRANT_KEY,     /* new grant epoch of an account; no answer */
	CHQ_DP_DENY,	  /* put a sender on a receiver's denial list; answered by CHQ_DP_DONE */
	CHQ_DP_DGRAM_TX,  /* send a datagram (WELCOME) to a path; no answer */
	CHQ_DP_FRAME_TX,  /* build, seal and send a frame from the server to a session; no answer */
	CHQ_DP_QUOTA_GET, /* what a session has spent; answered by CHQ_DP_QUOTA */
	CHQ_DP_SENDER_EPOCH, /* new sender epoch of an account; answered by CHQ_DP_DONE */
	/* dataplane -> control */
	CHQ_DP_INFO = 64,
	CHQ_DP_SESSION_INFO,
	CHQ_DP_DUMP_END,
	CHQ_DP_SESSION_OPENED,
	CHQ_DP_DONE,
	CHQ_DP_HELLO_RX,  /* a HELLO whose cookie is right */
	CHQ_DP_SERVER_RX, /* a frame to the server, tag and replay checked, hop seal opened */
	CHQ_DP_FRAME_RX, /* a frame that the stages could not decide (unknown receiver, bad grant) */
	CHQ_DP_EVENT,	 /* confirmed, silent, expired, moved */
	CHQ_DP_QUOTA,	 /* answer to CHQ_DP_QUOTA_GET */
	CHQ_DP_LOAD,	 /* each second, may be lost: how busy each worker is */
};

struct chq_dp_hdr {
	uint16_t type; /* enum chq_dp_type */
	uint16_t len;  /* of the whole message */
	uint32_t req;  /* echoed in the answer; 0 where there is none */
};

/* Where a client is, as the dataplane sees it. Opaque to control but for ip and port. */
struct chq_dp_path {
	uint8_t ip[16]; /* IPv4 as ::ffff:a.b.c.d */
	uint16_t port;	/* host order */
	uint16_t local; /* index of the local address it came to */
	uint16_t vlan;
	uint16_t ifidx; /* dataplane port */
	uint8_t mac[6]; /* next hop */
	uint8_t pad[2];
};

struct chq_dp_ref {
	uint32_t slot;
	uint16_t gen;
	uint16_t pad;
};

struct chq_dp_hello {
	struct chq_dp_hdr h;
	uint32_t version; /* CHQ_DP_VERSION */
	uint32_t epoch;	  /* of control */
};

struct chq_dp_info {
	struct chq_dp_hdr h;
	uint32_t version;
	uint32_t layout;     /* of the tables */
	uint8_t boot_id[16]; /* of the tables: made when they were made */
	uint64_t generation; /* counts dataplane starts on these tables */
	uint32_t sessions_max;
	uint32_t sessions_used;
	uint32_t accounts_max;
	uint16_t port; /* UDP port served */
	uint16_t pad;
	char driver[16];
};

#define CHQ_QUOTA_CLASSES 8
enum chq_quota_index { CHQ_QUOTA_PRELOGIN = 0, CHQ_QUOTA_ORDINARY = 1 };
struct chq_dp_rate {
	uint32_t frames_per_s, frames_burst; /* frames_per_s 0: no limit */
	uint32_t bytes_per_s, bytes_burst;   /* bytes_per_s 0: no limit */
};
struct chq_dp_quota {
	struct chq_dp_rate own;	    /* of each session */
	struct chq_dp_rate account; /* of an account's sessions together */
	uint32_t notices_per_s, pad;
};

struct chq_dp_server_set {
	struct chq_dp_hdr h;
	uint32_t server_id;
	uint32_t silence_s;
	uint32_t hello_per_s, hello_per_prefix_per_s;
	struct chq_dp_quota quota[CHQ_QUOTA_CLASSES];
	uint8_t cert[CHQ_SERVERCERT_LEN];
	uint8_t pad[4];
};

struct chq_dp_session_open {
	struct chq_dp_hdr h;
	struct chq_dp_path path;
	uint8_t tag_in[16], tag_out[16]; /* in = from the client */
	uint8_t hop_in[32], hop_out[32];
	uint8_t grant_key[16];
	uint64_t account; /* 0: before login, may talk to the server only */
	uint8_t device;
	uint8_t kind; /* enum chq_client_kind */
	uint8_t quota_class;
	uint8_t pad0;
	uint32_t confirm_s; /* time to the first valid frame (account != 0) or to login (account == 0) */
	uint32_t lifetime_s;   /* from now until the dataplane drops it */
	uint16_t sender_epoch; /* proto/grant.h; of its account */
	uint16_t pad1;
	uint8_t static_hash
		[16]; /* of the client's static key: tells a device's sessions apart in dumps */
};

struct chq_dp_session_opened {
	struct chq_dp_hdr h;
	struct chq_dp_ref ref;
	int32_t err; /* 0 or CHQ_E…: CHQ_EFULL no slot (or the pool of unconfirmed ones is spent) */
	uint32_t pad;
};

struct chq_dp_session_login {
	struct chq_dp_hdr h;
	struct chq_dp_ref ref;
	uint64_t account;
	uint8_t grant_key[16];
	uint8_t device, kind, quota_class, pad0;
	uint32_t lifetime_s;
	uint16_t sender_epoch;
	uint16_t pad1[3];
};

struct chq_dp_session_close {
	struct chq_dp_hdr h;
	struct chq_dp_ref ref;
	uint32_t linger_ms; /* still accepts frames so long (make-before-break); 0 = at once */
	uint16_t notice;    /* enum chq_notice to send first, 0 = none */
	uint16_t pad;
};

struct chq_dp_grant_key {
	struct chq_dp_hdr h;
	uint64_t account;
	uint8_t grant_key[16];
};

/*
 * Of all sessions of the account, also those that linger or wait for their first frame. Once it is
 * answered, frames with grants of another epoch are no longer forwarded.
 */
struct chq_dp_sender_epoch {
	struct chq_dp_hdr h;
	uint64_t account;
	uint16_t sender_epoch;
	uint16_t pad[3];
};

struct chq_dp_deny {
	struct chq_dp_hdr h;
	uint64_t account; /* receiver */
	uint64_t sender;  /* account */
	uint16_t until_day;
	uint16_t remove; /* 1: take it off again */
	uint32_t pad;
};

struct chq_dp_done {
	struct chq_dp_hdr h;
	int32_t err; /* 0; CHQ_ENOENT: no such slot and generation, or no session of the account; CHQ_EFULL */
	uint32_t pad;
};

struct chq_dp_dgram_tx {
	struct chq_dp_hdr h;
	struct chq_dp_path path;
	uint16_t dgram_len;
	uint16_t pad;
	uint32_t pad1;
	uint8_t dgram[]; /* dgram_len bytes */
};

struct chq_dp_frame_tx {
	struct chq_dp_hdr h;
	struct chq_dp_ref ref;
	uint64_t party; /* from */
	uint64_t message;
	uint64_t extra; /* the header's grant field */
	uint16_t app;	/* or NOTICE code */
	uint8_t flags;	/* with CHQ_F_HOP the dataplane seals body; CHQ_F_NOTICE: no body */
	uint8_t pad;
	uint16_t body_len; /* <= CHQ_PAYLOAD_MAX, with CHQ_F_HOP <= CHQ_HOP_BODY_MAX */
	uint16_t pad1;
	uint8_t body[];
};

/* A session's state in a dump: enum chq_session_state of dataplane/table.h, number by number. */
enum chq_dp_state {
	CHQ_DP_STATE_FREE = 0,
	CHQ_DP_STATE_PRELOGIN = 1,
	CHQ_DP_STATE_NEW = 2,
	CHQ_DP_STATE_OPEN = 3,
	CHQ_DP_STATE_LINGER = 4,
};

struct chq_dp_session_info {
	struct chq_dp_hdr h;
	struct chq_dp_ref ref;
	struct chq_dp_path path;
	uint64_t account;
	uint64_t frames_in, frames_out; /* highest sequence numbers seen and sent */
	uint32_t age_s, idle_s, expires_in_s;
	uint8_t device, kind, state, quota_class; /* state: enum chq_dp_state */
	uint8_t static_hash[16];
	uint16_t sender_epoch;
	uint16_t pad[3];
};

struct chq_dp_hello_rx {
	struct chq_dp_hdr h;
	struct chq_dp_path path;
	uint16_t dgram_len;
	uint16_t pad;
	uint32_t pad1;
	uint8_t dgram[];
};

struct chq_dp_server_rx {
	struct chq_dp_hdr h;
	struct chq_dp_ref ref;
	uint64_t account; /* 0 before login */
	uint64_t message, seq;
	uint16_t app, body_len;
	uint8_t flags, device;
	uint16_t pad;
	uint8_t body[];
};

enum chq_dp_why {
	CHQ_DP_WHY_UNKNOWN = 1, /* receiver not in the account table */
	CHQ_DP_WHY_GRANT,	/* grant wrong or out of date */
	CHQ_DP_WHY_DENIED,	/* on the receiver's denial list */
	CHQ_DP_WHY_SILENT,	/* receiver's session is silent or expired */
	CHQ_DP_WHY_DEVICE,	/* receiver has no session for that device */
	CHQ_DP_WHY_GROUP,	/* groups are not served by the stages */
};

struct chq_dp_frame_rx {
	struct chq_dp_hdr h;
	struct chq_dp_ref ref; /* sender's session */
	uint64_t from;	       /* CHQ_PARTY of the sender */
	uint64_t to, message, grant;
	uint16_t app, payload_len;
	uint8_t flags, why; /* enum chq_dp_why */
	uint16_t pad;
	uint8_t payload[]; /* as sealed; kept for STORE */
};

enum chq_dp_event_kind {
	CHQ_DP_EV_CONFIRMED = 1, /* first valid frame of a session */
	CHQ_DP_EV_SILENT,	 /* nothing for silence_s: closed by the dataplane */
	CHQ_DP_EV_EXPIRED,	 /* life time or confirmation time over: closed by the dataplane */
	CHQ_DP_EV_MOVED,	 /* new address */
};

struct chq_dp_event {
	struct chq_dp_hdr h;
	struct chq_dp_ref ref;
	struct chq_dp_path path;
	uint64_t account;
	uint32_t kind; /* enum chq_dp_event_kind */
	uint8_t device, pad[3];
};

struct chq_dp_quota_get {
	struct chq_dp_hdr h;
	struct chq_dp_ref ref;
};

/* Used: what of a burst is spent just now. */
struct chq_dp_quota_info {
	struct chq_dp_hdr h;
	int32_t err; /* 0; CHQ_ENOENT: that slot and generation is no longer, the rest is 0 */
	uint32_t frames_used, bytes_used;
	uint32_t sessions; /* of the account, this one and those that linger included */
	uint32_t account_frames_used, account_bytes_used; /* 0 when there is only this one */
	uint64_t over_quota; /* frames of the session that were refused for its or its account's quota */
};

struct chq_dp_worker_load {
	uint16_t busy_permille; /* of the last second */
	uint16_t shed;		/* enum chq_shed of dataplane/shed.h, 0: nothing */
};

#define CHQ_DP_WORKERS_MAX 64
struct chq_dp_load {
	struct chq_dp_hdr h;
	uint64_t rx_missed; /* packets that the ports have lost so far */
	uint32_t workers, pad;
	struct chq_dp_worker_load worker[CHQ_DP_WORKERS_MAX];
};

/** chq_dp_shed_name() - for people, of chq_dp_worker_load.shed: "nothing", "hello", … */
const char *chq_dp_shed_name(unsigned shed);

/**
 * chq_dp_check() - may this message be looked at?
 * @msg, @len: one packet as received; @msg is 8-byte aligned.
 * Checks the header's length against @len, the fixed part's size for its type, and every variable length.
 * Return: the message's type (> 0); CHQ_EMALFORMED.
 */
int chq_dp_check(const void *msg, size_t len);

/** chq_dp_type_name() - for logs. */
const char *chq_dp_type_name(int type);
