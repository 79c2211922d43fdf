#pragma once
/*
 * dataplane/table: the layout of the tables, for the workers, the manager and the BPF programs.
 * It is in no other place. Change a byte here and CHQ_LAYOUT_VERSION must rise.
 *
 * Writers and readers. "manager" is the dataplane's manager thread, alone; "path" is any worker or
 * the XDP program, several at once; they use one compare-and-swap or one store of a whole word, so
 * that a kill at any instruction leaves the tables usable. Without a remark: writer manager,
 * readers path, relaxed; published by the release store to the word that is named as the gate.
 *
 * Times are CLOCK_MONOTONIC: u64 ns for quotas and heartbeats, u32 s for silence and expiry.
 */
#include "dataplane/atomic.h"
#include "proto/cookie.h"
#include "proto/frame.h"
#include "proto/siphash.h"

#define CHQ_LAYOUT_MAGIC      UINT64_C(0x6971737361686331) /* "1chassqi" */
#define CHQ_LAYOUT_VERSION    4
#define CHQ_SLOT_REST_S	      90 /* of a slot that was a receiver */
#define CHQ_SLOT_REST_GUEST_S 5	 /* of one that never was: nobody else knows it */
#define CHQ_TABLE_WORKERS_MAX 64
#define CHQ_TABLE_LOCALS_MAX  64
#define CHQ_TABLE_PORTS_MAX   16
#define CHQ_TABLE_QUOTAS      8
#define CHQ_REPLAY_WORDS      8
#define CHQ_BUCKET_ENTRIES    5
#define CHQ_DENY_MAX	      8
#define CHQ_DEVICES_MAX	      8 /* sessions of an account that are receivers at once */

/* Life of a slot. Only the manager changes it. */
enum chq_session_state {
	CHQ_SESSION_FREE = 0,	  /* resting or free */
	CHQ_SESSION_PRELOGIN = 1, /* may talk to the server only; until expires_s */
	CHQ_SESSION_NEW = 2,	  /* logged in by its device key, waits for its first valid frame */
	CHQ_SESSION_OPEN = 3,
	CHQ_SESSION_LINGER =
		4, /* replaced: its frames still count until expires_s, nothing is sent to it */
};

/*
 * Where a client is. One of two copies in the record; see chq_session.path_word.
 * ip is IPv6, or IPv4 as ::ffff:a.b.c.d, as two words read in little endian.
 */
struct chq_path {
	uint64_t ip_hi, ip_lo; /* bytes 0..7 and 8..15 of the address */
	uint16_t port;	       /* host order */
	uint16_t vlan;	       /* TCI, 0 = untagged */
	uint8_t local;	       /* index into chq_header.local: the address the client uses for us */
	uint8_t ifidx;	       /* index into chq_header.port */
	uint8_t mac[6]; /* next hop, as last seen; zero with drivers that have no link layer */
	uint32_t seal; /* chq_path_seal(): over the other fields and the word that publishes this copy; 0 elsewhere */
};
_Static_assert(sizeof(struct chq_path) == 32, "path is four words");

/*
 * Hot record of a session, addressed by the slot number that frames carry. 256 bytes: bytes 0..127
 * serve the session's owner as sender, bytes 128..255 as receiver; a frame touches one half of each
 * of two records.
 */
struct chq_session {
	/* --- sender half --- */
	struct chq_sipkey tag_in; /* checks frames from the client */
	uint64_t ident;		  /* CHQ_PARTY(ACCOUNT, device, account); 0 before login */
	uint8_t state; /* enum chq_session_state. Gate of the whole record: release; readers acquire */
	uint8_t quota_class; /* index into chq_header.quota */
	uint16_t gen;	     /* rises each time the slot is opened */
	uint32_t path_fp; /* chq_path_fp() of the current path: a frame from elsewhere shows. Writer: manager; path after a move, relaxed */
	uint64_t quota; /* GCRA, ticks: {frames 32 | bytes 32}; writer path, compare-and-swap relaxed. See dataplane/quota.h */
	uint64_t notice_tat; /* GCRA, ns: NOTICEs sent to this session; the same */
	uint32_t expires_s;  /* frames after it: NOTICE expired */
	uint32_t heard_s; /* last valid frame; writer path, relaxed, at most once a second. See chq_session_heard() */
	uint32_t budget; /* 1 + slot of the cold record whose account_quota it shares with the account's other sessions; 0: it has none to share with */
	uint16_t sender_epoch; /* its account's: grants of another one are void. See proto/grant.h */
	uint16_t pad0;
	uint64_t replay
		[CHQ_REPLAY_WORDS]; /* {block 32 | bits 32}; writer path, compare-and-swap relaxed. See dataplane/replay.h */

	/* --- receiver half --- */
	struct chq_sipkey tag_out;
	struct chq_sipkey
		grant_key; /* manager writes a new epoch's key word by word; a reader between sees a grant fail, which is handed up */
	uint64_t rx_ident; /* enum chq_rx_flag 8 | device 8 | account 48; read before and after: 0 while the slot is not a receiver. Gate of this half: release/acquire */
	uint64_t path_word; /* gen 16 | copy 1 | seq 47: which path[] is current and the seq of the PING that moved it. Writer path, compare-and-swap acq_rel */
	struct chq_path path
		[2]; /* the copy that is not current may be written by any path that holds a valid PING */
	uint64_t seq_out; /* last sequence number used; writer path and manager, fetch-add relaxed */
	uint32_t rx_expires_s; /* = expires_s */
	uint32_t rx_heard_s;   /* chq_heard_until(heard_s); written before it */
};
_Static_assert(sizeof(struct chq_session) == 256, "hot record is 256 bytes");
_Static_assert(__builtin_offsetof(struct chq_session, tag_out) == 128,
	       "receiver half starts at 128");

/* Top byte of rx_ident. */
enum chq_rx_flag {
	CHQ_RX_VALID = 0x80,
	CHQ_RX_DENY = 0x01,    /* look at chq_cold.deny */
	CHQ_RX_DEVICES = 0x02, /* the account has further devices: chq_cold.next_slot */
};
#define CHQ_RX_IDENT(flags, device, account) \
	((uint64_t)(flags) << 56 | (uint64_t)(device) << 48 | ((account)&CHQ_ID_MASK))
/* Does this rx_ident name a receiver of that account? Do two name the same session, whatever else
 * their flags say? */
#define CHQ_RX_IS(ident, account) \
	(((ident) >> 56 & CHQ_RX_VALID) && ((ident)&CHQ_ID_MASK) == (account))
#define CHQ_RX_SAME(a, b) ((((a) ^ (b)) & ~((uint64_t)(CHQ_RX_DENY | CHQ_RX_DEVICES) << 56)) == 0)

/* rx_heard_s is the end of the eight seconds that heard_s lies in: so it is written once in them, and a receiver counts
 * as silent never too early, up to seven seconds late. The manager's sweep goes by heard_s. */
#define CHQ_HEARD_SPAN_S 8
static inline uint32_t
chq_heard_until(uint32_t heard_s)
{
	return heard_s | (CHQ_HEARD_SPAN_S - 1);
}

/* Cold record of the same slot. 128 bytes. Writer manager; deny and next_slot are read by path when
 * a flag says so, fast_tat and over_quota when a frame is over its quota, account_quota when a
 * session shares one. */
struct chq_cold {
	uint64_t deny[CHQ_DENY_MAX]; /* until day 16 | sender's account 48; 0 = empty */
	uint32_t next_slot;	     /* next device of the account, CHQ_SLOT_NONE at the end */
	uint32_t rested_s;	     /* while FREE: may be taken from then on */
	uint64_t opened_ns;
	uint8_t static_hash[16]; /* of the client's static key */
	uint8_t kind;		 /* enum chq_client_kind */
	uint8_t pad0[3];
	uint32_t full_expires_s; /* expires_s from the first valid frame on; 0 before login */
	uint64_t fast_tat; /* GCRA, ns: NOTICE too fast, one a second; writer path, compare-and-swap relaxed */
	uint64_t over_quota; /* frames of this session that its budgets refused; writer path, fetch-add relaxed */
	uint64_t account_quota; /* as chq_session.quota, of the account that has been given this word (not: whose slot this is); the same */
};
_Static_assert(sizeof(struct chq_cold) == 128, "cold record is 128 bytes");

/* Hop keys of the same slot: in a table that no XDP program is given. Writer manager; reader
 * manager. */
struct chq_hop {
	uint8_t in[32], out[32];
};

/*
 * Account -> first session slot. A key lives in one of the two buckets that chq_account_buckets()
 * names.
 * Insert: slot, then key (release). Remove: key = 0 (release). Move to the key's other bucket: insert
 * there, then remove here. Readers never lock: they look at the first bucket first, at the key before
 * and behind its slot, and check the record's ident.
 */
struct chq_bucket {
	uint64_t key[CHQ_BUCKET_ENTRIES]; /* CHQ_PARTY(kind, 0, id); 0 = empty. Gate of the entry */
	uint32_t slot[CHQ_BUCKET_ENTRIES];
	uint32_t pad;
};
_Static_assert(sizeof(struct chq_bucket) == 64, "bucket is one cache line");

struct chq_quota_price {
	uint32_t frame_ticks; /* price of a frame; 0 = no limit. Ticks: dataplane/quota.h */
	uint32_t frame_span;  /* how far ahead of now the budget of frames may run, ticks */
	uint64_t kib_ns;      /* price of 1,024 bytes of datagram; 0 = no limit */
	uint32_t byte_span;   /* ticks */
	uint32_t pad;
};

struct chq_quota_class {
	struct chq_quota_price own; /* of each session */
	uint64_t notice_ns, notice_span_ns;
	struct chq_quota_price account; /* of an account's sessions together */
};
_Static_assert(sizeof(struct chq_quota_class) == 64, "price list is one cache line");

#define CHQ_LOCAL_GONE UINT16_MAX /* ifidx: on no interface now: what goes there is the kernel's */
struct chq_local {
	uint64_t ip_hi, ip_lo; /* both 0 = not in use; an index is never given to another address */
	uint16_t port;
	uint16_t ifidx; /* index into chq_header.port_info, or CHQ_LOCAL_GONE */
	uint32_t pad;
};

#define CHQ_PORT_NOT_KERNEL UINT32_C(0x80000000)
struct chq_port {
	uint32_t kernel_ifindex; /* or, with CHQ_PORT_NOT_KERNEL set, a hash of the port's name */
	uint8_t mac[6];
	uint16_t mtu;
	uint32_t pad;
};

/* One worker's heartbeat on a cache line of its own. Writer: that worker, relaxed, each poll. */
struct chq_heartbeat {
	uint64_t now_ns;
	uint32_t shed; /* enum chq_shed of dataplane/shed.h; who fills the worker's queue may drop what it sheds */
	uint32_t pad0;
	uint64_t pad[6];
};

/* The header record: what must agree before anything is adopted, and what all sessions share. One
 * element, 16 KiB. */
struct chq_header {
	uint64_t magic;
	uint32_t layout; /* CHQ_LAYOUT_VERSION */
	uint32_t header_size, session_size, cold_size, hop_size, bucket_size;
	uint32_t sessions; /* slots */
	uint32_t buckets;  /* power of two */
	uint32_t accounts; /* configured number that the buckets are sized for */
	uint32_t pad0;
	uint8_t boot_id[16];   /* made with the tables */
	uint64_t generation;   /* counts dataplane starts on these tables */
	uint64_t account_seed; /* of chq_account_buckets() */

	uint32_t server_id;
	uint16_t port;	/* UDP, host order */
	uint16_t today; /* days since 2020-01-01 UTC; manager, each minute */
	uint32_t silence_s;
	uint32_t locals, ports, workers;
	uint32_t retry_ok; /* 1 once cert is there: HELLOs can be answered. Gate of cert */
	uint8_t cert[CHQ_SERVERCERT_LEN];
	uint32_t pad1[2];
	struct chq_sipkey path_secret;
	struct chq_cookie_secret
		cookie[2]; /* by number & 1. A writer zeroes number first, sets it last (release) */
	struct chq_quota_class quota[CHQ_TABLE_QUOTAS];
	struct chq_local local[CHQ_TABLE_LOCALS_MAX];
	struct chq_port port_info[CHQ_TABLE_PORTS_MAX];
	uint8_t machine_boot
		[16]; /* the kernel's boot id: times in the tables mean nothing after another boot */
	uint32_t cookie_s; /* when the newer cookie secret was made */
	uint32_t pad2;
	struct chq_heartbeat heartbeat[CHQ_TABLE_WORKERS_MAX]; /* on a cache line each */
	uint8_t reserved[9600];
};

_Static_assert(sizeof(struct chq_header) == 16384, "header record is 16 KiB");
_Static_assert(__builtin_offsetof(struct chq_header, heartbeat) % 64 == 0,
	       "heartbeats are aligned");

static inline uint32_t
chq_mix32(uint64_t x)
{
	x ^= x >> 32;
	x *= UINT64_C(0x9e3779b97f4a7c15);
	x ^= x >> 29;
	x *= UINT64_C(0xbf58476d1ce4e5b9);
	return (uint32_t)(x >> 32);
}

/* Both buckets of a key, never the same one when there are two or more. Ids are given out by the
 * server, so the seed guards against accidents, not against an opponent who chooses keys. */
static inline void
chq_account_buckets(uint64_t key, uint64_t seed, uint32_t buckets, uint32_t out[2])
{
	uint32_t mask = buckets - 1;

	out[0] = chq_mix32(key ^ seed) & mask;
	out[1] = chq_mix32(key ^ (seed << 17 | seed >> 47) ^ UINT64_C(0xd6e8feb86659fd93)) & mask;
	if (out[1] == out[0])
		out[1] = (out[0] ^ 1) & mask;
}

/* Tells whether a frame came from where its session is. A collision would only omit a path
 * NOTICE. */
static inline uint32_t
chq_path_fp(uint64_t ip_hi, uint64_t ip_lo, uint16_t port)
{
	return chq_mix32(ip_hi * UINT64_C(0xff51afd7ed558ccd) +
			 ip_lo * UINT64_C(0xc4ceb9fe1a85ec53) + port);
}

/* Detects a copy that two movers wrote at once: such a copy is not used, and the client's next PING
 * heals it.
 * @w: the path as four words; the upper half of w[3], which is the seal, does not count. */
static inline uint32_t
chq_path_seal(const uint64_t w[4], uint64_t word)
{
	return chq_mix32(w[0] * UINT64_C(0xff51afd7ed558ccd) + w[1] * UINT64_C(0xc4ceb9fe1a85ec53) +
			 w[2] * UINT64_C(0x9e3779b97f4a7c15) +
			 (w[3] & UINT64_C(0xffffffff)) * UINT64_C(0xbf58476d1ce4e5b9) + word);
}

#define CHQ_PATH_WORD(gen, copy, seq)                     \
	((uint64_t)(gen) << 48 | (uint64_t)(copy) << 47 | \
	 ((uint64_t)(seq)&UINT64_C(0x7fffffffffff)))
#define CHQ_PATH_GEN(word)  ((uint16_t)((word) >> 48))
#define CHQ_PATH_COPY(word) ((unsigned)((word) >> 47 & 1))
#define CHQ_PATH_SEQ(word)  ((word)&UINT64_C(0x7fffffffffff))

static inline const struct chq_quota_class *
chq_quota_class_of(const struct chq_header *h, const struct chq_session *s)
{
	return &h->quota[CHQ_LOAD_RELAXED(&s->quota_class) & (CHQ_TABLE_QUOTAS - 1)];
}
