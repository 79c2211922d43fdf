#pragma once
/*
 * dataplane/tables_priv: what the files behind tables.h share. Nobody else includes it, but their
 * tests.
 */
#include "dataplane/tables.h"

#define CHQ_SLOTS_MAX (UINT32_C(1) << 26)

/* Size of one element, and how many elements, of each table for the configured numbers. */
size_t tables_elem_size(enum chq_table_id id);
uint32_t tables_elems(enum chq_table_id id, const struct chq_tables_conf *conf);

/* Both multiplied, rounded up to whole pages of that size. */
size_t tables_bytes(enum chq_table_id id, const struct chq_tables_conf *conf, size_t page);

/* A table of a size that takes a while is being made. */
void tables_say_making(const struct chq_tables *t, enum chq_table_id id);

/* Buckets for a configured number of accounts: a power of two, load at most one half. */
uint32_t tables_buckets(uint32_t accounts);

/* Where a key stands, or NULL. Of two, the one that is found. */
uint64_t *tables_key_at(struct chq_tables *t, uint64_t key);

/* --- backings: fill t->mapped, bytes, map_fd and adopted; @err as in chq_tables_open() --- */

int tables_bpf_open(struct chq_tables *t, const struct chq_tables_conf *conf, char *err,
		    size_t err_size);
int tables_file_open(struct chq_tables *t, const struct chq_tables_conf *conf, char *err,
		     size_t err_size);
int tables_huge_open(struct chq_tables *t, const struct chq_tables_conf *conf, char *err,
		     size_t err_size);
int tables_memory_open(struct chq_tables *t, const struct chq_tables_conf *conf, char *err,
		       size_t err_size);

/* The header is complete: from now on the tables are found by the next start. Only after creation.
 * 0; negated errno. */
int tables_bpf_commit(struct chq_tables *t, const struct chq_tables_conf *conf);
int tables_file_commit(struct chq_tables *t, const struct chq_tables_conf *conf);
int tables_huge_commit(const struct chq_tables_conf *conf);

/* Are there tables of the instance, whatever their layout? */
bool tables_bpf_found(const struct chq_tables_conf *conf);
bool tables_huge_found(const struct chq_tables_conf *conf);

/* Return: number of tables removed; negated errno. */
int tables_bpf_remove(const struct chq_tables_conf *conf, char *err, size_t err_size);
int tables_file_remove(const struct chq_tables_conf *conf, char *err, size_t err_size);
int tables_huge_remove(const struct chq_tables_conf *conf, char *err, size_t err_size);

/* --- files, ordinary ones and those of huge pages --- */

struct tables_place {
	char dir[256]; /* the tables' own */
	size_t page;   /* sizes are multiples of it */
	/* Is there room to make them? 0; CHQ_E… and a text. May be NULL. */
	int (*room)(const struct tables_place *place, const struct chq_tables_conf *conf, char *err,
		    size_t err_size);
};

int tables_files_open(struct chq_tables *t, const struct chq_tables_conf *conf,
		      const struct tables_place *place, char *err, size_t err_size);
int tables_files_commit(const struct tables_place *place);
bool tables_files_found(const struct tables_place *place);
int tables_files_remove(const struct tables_place *place, char *err, size_t err_size);

/* Is a found header of this release's layout and for these numbers? 0; CHQ_ELAYOUT and a text. */
int tables_header_check(const struct chq_header *h, const struct chq_tables_conf *conf, char *err,
			size_t err_size);

/* Is a found folder ours alone (owner, mode)? 0; CHQ_EACCES and a text; CHQ_ENOENT. */
int tables_check_owner(const char *path, char *err, size_t err_size);

/* Be the only process that works on the tables in a folder. A descriptor of the folder, to be
 * closed; CHQ_ELOCKED and other codes, and a text. */
int tables_lock(const char *path, char *err, size_t err_size);

/* --- adoption --- */

/**
 * tables_scrub() - finish or undo what a killed manager left half done; rebuild what only memory
 * holds.
 * Workers and the XDP program may run meanwhile: what is whole is not touched. Several passes over
 * all tables; one that takes longer than a second says how far it is.
 */
void tables_scrub(struct chq_tables *t, uint64_t now_ns);

/** tables_slots_fresh() - all slots are free: of tables that were just made. */
void tables_slots_fresh(struct chq_tables *t);

/* --- sessions: parts that adoption uses too --- */

/* Put a FREE slot at the end of the ring @which, CHQ_FREE_…. */
void tables_slot_push(struct chq_tables *t, int which, uint32_t slot);

/* Wipe all of a FREE slot but its generation and rest. */
void tables_slot_wipe(struct chq_tables *t, uint32_t slot);

/* Put a session whose rx_ident is set at the head of its account's chain. 0; CHQ_EFULL. */
int tables_link(struct chq_tables *t, uint32_t slot);

/* A session that is out of reach lingers until @until_s. */
void tables_set_linger(struct chq_tables *t, uint32_t slot, uint32_t until_s);

/* --- budgets.c --- */

/* @slot shares the budget of @other, another session of its account (CHQ_SLOT_NONE: there is none). */
void tables_budget_join(struct chq_tables *t, uint32_t slot, uint32_t other, uint64_t now_ns);

/* @slot is freed. */
void tables_budget_leave(struct chq_tables *t, uint32_t slot);

/* Adoption: count what @slot names; called once for each slot. */
void tables_budget_settle(struct chq_tables *t, uint32_t slot);

/* --- kin.c --- */

/* Lists for that many slots. 0; CHQ_ENOMEM. */
int tables_kin_init(struct chq_kin *k, uint32_t sessions);
void tables_kin_deinit(struct chq_kin *k);

/* Nobody is in the lists. */
void tables_kin_clear(struct chq_tables *t);

/* A session whose ident names an account is in the list from now on, or no longer; one without an account never is. */
void tables_kin_add(struct chq_tables *t, uint32_t slot);
void tables_kin_remove(struct chq_tables *t, uint32_t slot);

static inline uint64_t
tables_key(uint64_t ident)
{
	return CHQ_PARTY(CHQ_KIND_ACCOUNT, 0, CHQ_PARTY_ID(ident));
}

static inline uint32_t
tables_find(const struct chq_tables *t, uint64_t key)
{
	return chq_account_find(t->buckets, t->header->buckets, t->header->account_seed, key);
}
