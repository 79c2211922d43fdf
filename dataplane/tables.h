#pragma once
/*
 * dataplane/tables: making, adopting and changing the tables of dataplane/table.h.
 *
 * Everything here is for the manager thread alone (and for tests and tools while no dataplane
 * runs); workers and the XDP program read and write the same bytes meanwhile, by the rules stated
 * beside each field. Every change is a series of stores in an order that leaves the tables usable
 * after kill -9 between any two of them; adoption finishes or undoes what was under way.
 */
#include <stdbool.h>
#include <stddef.h>

#include "dataplane/account.h"
#include "dataplane/table.h"
#include "proto/dpcmd.h"

struct chq_tables;

enum chq_backing {
	CHQ_BACKING_AUTO,   /* HUGE if that is wished and can be had, else BPF, else FILE */
	CHQ_BACKING_BPF,    /* memory-mapped BPF arrays pinned in <bpffs>/<instance>/ */
	CHQ_BACKING_FILE,   /* mapped files in <run_dir>/tables-<instance>/ */
	CHQ_BACKING_HUGE,   /* mapped files in <hugetlbfs>/chasqui-<instance>/ */
	CHQ_BACKING_MEMORY, /* of this process alone: tests and benchmarks */
};

extern const char *const chq_backing_name[]; /* as operators write it */

enum chq_table_id {
	CHQ_T_HEADER,
	CHQ_T_SESSIONS,
	CHQ_T_COLD,
	CHQ_T_HOP,
	CHQ_T_ACCOUNTS,
	CHQ_T__COUNT
};
extern const char
	*const chq_table_name[CHQ_T__COUNT]; /* names of maps and of their pins: "chq_header", … */

struct chq_tables_conf {
	enum chq_backing backing;
	const char *
		bpffs; /* where a bpffs is, or is to be mounted with mode 0700; "/run/chasqui/bpf" */
	const char *run_dir; /* "/run/chasqui" */
	const char
		*hugetlbfs; /* where a hugetlbfs is mounted; NULL: the first in /proc/self/mounts */
	bool huge_first;    /* AUTO takes huge pages: no BPF program is to read the tables */
	size_t huge_spare;  /* bytes of huge pages that AUTO leaves to others */
	const char *instance;
	uint32_t sessions; /* slots, 1 to 2^26 */
	uint32_t accounts; /* accounts that may be in the table at once, 1 to 2^26 */
};

/* FREE slots, those that have rested first. Two of them, because the two times to rest differ. */
enum { CHQ_FREE_GUESTS, CHQ_FREE_OTHERS, CHQ_FREE__COUNT };
struct chq_free_ring {
	uint32_t *slots; /* as many places as there are slots */
	uint32_t head, count;
};

/* All sessions of an account, whatever their state: a list for each hash of the account. */
struct chq_kin {
	uint32_t *head; /* a power of two of them */
	uint32_t *next; /* of each slot */
	uint32_t mask;
};

struct chq_tables {
	/* Constant after chq_tables_open(). */
	struct chq_header *header;
	struct chq_session *sessions;
	struct chq_cold *cold;
	struct chq_hop *hop;
	struct chq_bucket *buckets;
	enum chq_backing backing;   /* the one in use, never AUTO */
	bool adopted;		    /* found, not made */
	int lock_fd;		    /* the tables' folder, held by flock; -1 with memory */
	int map_fd[CHQ_T__COUNT];   /* BPF: map descriptors, ours to close; else -1 */
	size_t bytes[CHQ_T__COUNT]; /* mapped */
	void *mapped[CHQ_T__COUNT];

	/* Manager only. */
	uint32_t used;	      /* slots that are not FREE */
	uint32_t unconfirmed; /* of them PRELOGIN or NEW */
	uint32_t accounts;    /* keys in the buckets */
	uint32_t account_moves; /* odd while an entry moves. Writer manager, reader any thread: chq_account_find_again() */
	uint32_t free_count;
	struct chq_free_ring free[CHQ_FREE__COUNT];
	uint32_t *budget_users; /* of each cold record's account_quota: sessions that name it */
	uint32_t budget_next;	/* where to look for one without */
	struct chq_kin kin;
};

/**
 * chq_tables_open() - adopt the instance's tables, or make them when there are none.
 * @now_ns: CLOCK_MONOTONIC.
 * @err:    at least 256 bytes: on failure a text for operators that says what to do.
 *
 * AUTO goes on with what it finds in huge pages (if @conf->huge_first) or in BPF arrays, rather than
 * with what it would make. Found tables are refused when their layout, sizes or configured numbers differ; they are never
 * emptied, except files from before the machine's last boot, whose clocks mean nothing any more
 * (made anew; logged).
 * What a killed manager left half done is finished or undone; header->generation rises.
 * Their folder stays locked until chq_tables_close(): it is ours alone, which the folder of the
 * instance's lock file need not be, so no two processes work on the same tables.
 *
 * Return: 0, *@out is given back by chq_tables_close(); CHQ_ELAYOUT (other layout, size, damaged or
 * foreign pin); CHQ_ELOCKED (another process works on them); CHQ_EACCES (owner or mode of what was found is not ours); CHQ_EUNAVAIL (this
 * backing cannot be had here); CHQ_ENOMEM, CHQ_ENOSPC (the size is in @err); CHQ_EINVAL (numbers
 * out of range); other negated errno.
 */
int chq_tables_open(struct chq_tables **out, const struct chq_tables_conf *conf, uint64_t now_ns,
		    char *err, size_t err_size);

/** chq_tables_close() - unmap and free. Pinned and file tables stay as they are. NULL is harmless.
 * No worker may run. */
void chq_tables_close(struct chq_tables *t);

/**
 * chq_tables_remove() - remove an instance's pinned and file tables, whatever their layout
 * ("detach").
 * @err: at least 256 bytes: on failure a text for operators that names what is in the way.
 * Return: how many tables were removed, 0 if there were none; CHQ_ELOCKED (a process works on
 * them: nothing was removed); other negated errno.
 */
int chq_tables_remove(const struct chq_tables_conf *conf, char *err, size_t err_size);

/** chq_tables_huge_dir() - the folder of CHQ_BACKING_HUGE. Return: 0; CHQ_EUNAVAIL (no hugetlbfs). */
int chq_tables_huge_dir(const struct chq_tables_conf *conf, char out[256]);

/** chq_tables_tick() - once a second or so: header->today, and a new cookie secret every two
 * minutes. */
void chq_tables_tick(struct chq_tables *t, uint64_t now_ns, uint64_t wall_ms);

/** chq_tables_server_set() - server id, silence, certificate and quota classes, as control says. */
void chq_tables_server_set(struct chq_tables *t, const struct chq_dp_server_set *m);

/* --- accounts -> slots --- */

/**
 * chq_account_set() - insert a key, or let it point to another slot.
 * Return: 0; CHQ_EFULL (the configured number of accounts is reached, or, beyond all likelihood,
 * no entry near its buckets can make room).
 */
int chq_account_set(struct chq_tables *t, uint64_t key, uint32_t slot);

/**
 * chq_account_find_again() - look for a key that one look at its two buckets has not found: it may
 * have moved from the second to the first meanwhile.
 * Thread: any. Return: slot, to be checked like that of chq_account_find(); CHQ_SLOT_NONE: nobody.
 */
uint32_t chq_account_find_again(const struct chq_tables *t, uint64_t key);

/** chq_account_remove() - take a key out. Return: 0; CHQ_ENOENT. */
int chq_account_remove(struct chq_tables *t, uint64_t key);

/* --- sessions --- */

/** chq_session_at() - the record that @ref names. NULL if that slot is FREE or holds another
 * generation by now. */
struct chq_session *chq_session_at(const struct chq_tables *t, struct chq_dp_ref ref);

/**
 * chq_session_open() - take a slot for a new session: PRELOGIN without an account, NEW with one.
 * Return: 0 and *@ref; CHQ_EFULL (no rested slot, or a sixteenth of the slots, at least 16, is
 * unconfirmed); CHQ_EINVAL (quota class, device without account).
 */
int chq_session_open(struct chq_tables *t, const struct chq_dp_session_open *m, uint64_t now_ns,
		     struct chq_dp_ref *ref);

/**
 * chq_session_login() - give a PRELOGIN session its account and make it a receiver (state OPEN).
 * @replaced: if not NULL, receives the session of the same account and device that now lingers for
 *            CHQ_LINGER_S, or slot CHQ_SLOT_NONE.
 * Return: 0; CHQ_ENOENT; CHQ_EINVAL (not PRELOGIN); CHQ_EFULL (accounts; the session stays as it
 * was).
 */
int chq_session_login(struct chq_tables *t, const struct chq_dp_session_login *m, uint64_t now_ns,
		      struct chq_dp_ref *replaced);

/**
 * chq_session_confirm() - a NEW session's first valid frame came: make it a receiver (state OPEN)
 * until its full life is over.
 * Return: 0 (confirmed now); CHQ_ENOENT; CHQ_EINVAL (not NEW: harmless, notes may come twice);
 * CHQ_EFULL.
 */
int chq_session_confirm(struct chq_tables *t, struct chq_dp_ref ref, uint64_t now_ns,
			struct chq_dp_ref *replaced);

#define CHQ_LINGER_S 30

/** chq_session_linger() - take an OPEN session off its account; its frames still count for @ms
 * (rounded up to a second). Return: 0; CHQ_ENOENT; CHQ_EINVAL (not OPEN). */
int chq_session_linger(struct chq_tables *t, struct chq_dp_ref ref, uint32_t ms, uint64_t now_ns);

/** chq_session_close() - free a slot at once: unreachable, keys wiped; it rests CHQ_SLOT_REST_S,
 * or CHQ_SLOT_REST_GUEST_S if it was PRELOGIN or NEW.
 * Return: 0; CHQ_ENOENT. */
int chq_session_close(struct chq_tables *t, struct chq_dp_ref ref, uint64_t now_ns);

/** chq_session_grant_key() - new grant key of an account, in all its sessions. Return: 0;
 * CHQ_ENOENT. */
int chq_session_grant_key(struct chq_tables *t, uint64_t account, const uint8_t key[16]);

/**
 * chq_session_sender_epoch() - new sender epoch of an account, in all its sessions: also those that linger or wait for
 * their first frame. Holds from the next burst on.
 * Return: 0; CHQ_ENOENT (it has none).
 */
int chq_session_sender_epoch(struct chq_tables *t, uint64_t account, uint16_t epoch);

/**
 * chq_session_deny() - put a sender on an account's denial list, until a day, or take him off.
 * Return: 0; CHQ_ENOENT (no session of the account, or no such entry to remove); CHQ_EFULL (8 live
 * entries).
 */
int chq_session_deny(struct chq_tables *t, uint64_t account, uint64_t sender, uint16_t until_day,
		     bool remove);

/* --- what an account's sessions share: budgets.c --- */

/** chq_session_budget_tidy() - a session that is its account's only one by now, and owes its account nothing, need not
 * look at what is shared any more. */
void chq_session_budget_tidy(struct chq_tables *t, uint32_t slot, uint64_t now_ns);

/** chq_session_budget_users() - how many sessions share its account's budget; 1: none else. */
uint32_t chq_session_budget_users(const struct chq_tables *t, uint32_t slot);
