#pragma once
#include <lmdb.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * Insides of the store: the LMDB environment, its tables, and transactions on them. Only files of
 * store/ include this one; everybody else sees struct store_txn as an opaque name.
 */

enum store_table {
	STORE_TABLE_META,    /* number of enum store_meta (1)         -> u64 */
	STORE_TABLE_ACCOUNT, /* account (6)                           -> account record */
	STORE_TABLE_LOGIN,   /* login name in normal form             -> ref to the account */
	STORE_TABLE_E2E,     /* account (6)                           -> account key, device list */
	STORE_TABLE_DEVICE,  /* account (6) device (1)                -> device record */
	STORE_TABLE_DEVKEY,  /* static key (32)                       -> ref to the device */
	STORE_TABLE_FRIEND,  /* owner (6) peer (6)                    -> friend record */
	STORE_TABLE_ANSWER,  /* account (6) device (1) request id (8) -> answer */
	STORE_TABLE_DEPT,    /* department (4)                        -> department record */
	STORE_TABLE_DEPTNAME,	 /* parent (4) name                      -> ref to the department */
	STORE_TABLE_MEMBER,	 /* department (4) account (6)            -> member record */
	STORE_TABLE_ROLE,	 /* account (6) department (4)            -> the same */
	STORE_TABLE_RULE,	 /* rule (4)                              -> rule record */
	STORE_TABLE_GROUP,	 /* group (4)                             -> group record */
	STORE_TABLE_GROUPNAME,	 /* name of a group made by hand           -> ref to the group */
	STORE_TABLE_GROUPMEMBER, /* group (4) account (6)                  -> group member record */
	STORE_TABLE_GROUPOF,	 /* account (6) group (4)                  -> the same */
	STORE_TABLE_GROUPLOG,	 /* group (4) order (4)                    -> group frame record */
	STORE_TABLE_GROUPSENT,	 /* group (4) account (6) device (1) message id (8) -> order */
	STORE_TABLE_GROUPAT,	 /* group (4) account (6) device (1)       -> order */
	STORE_TABLE_WORD,	 /* word, 0, account (6)                  -> what it is a word of */
	STORE_TABLE_AUDIT,	 /* number (8)                            -> audit record, hash */
	STORE_TABLE_APP,	 /* app (4)                               -> app record */
	STORE_TABLE_OFFER,	 /* account (6) device (1)                -> offer record */
	STORE_TABLE_MAIL,	 /* account (6) device (1) part (1) …     -> see mail_priv.h */
	STORE_TABLE_MAILFROM,	 /* sender (6)                            -> what waits of it */
	STORE_TABLE_INVITE,	 /* hash of a code (32)                     -> invitation record */
	STORE_TABLE__COUNT,
};

/* Name of a table in the database. */
const char *store_table_name(enum store_table table);

struct store_env_options {
	const char *dir;
	size_t map_bytes;     /* at first; LMDB takes more if the data are larger already */
	size_t map_max_bytes; /* where growing ends */
	unsigned readers_max;
};

/* Constant between store_env_open() and _close(), which nobody may run beside a transaction. */
struct store_env {
	struct store_env_options opt;
	MDB_env *env;
	int slots_fd; /* of the reader slots' file, see slots_allocate() */
	MDB_dbi dbi[STORE_TABLE__COUNT];
	bool dbi_open[STORE_TABLE__COUNT];
};

/* One transaction, of one thread. */
struct store_txn {
	struct store_env *env;
	MDB_txn *txn;
	int broken; /* 0, or the code after which the transaction can only be ended */
	const struct store_progress *watch; /* told of each step of a walk; NULL: nobody */
	/* What an import has staged, see import.h: read when it is first asked for. */
	bool staged_known, see_staged;
	uint64_t staged_first, staged_end;
};

/**
 * store_env_open() - map the database of a directory, making its files (0600) if there are none.
 *
 * Reader slots of dead processes are cleared. Tables are opened by store_env_tables().
 * Return: 0; CHQ_ENOMEM, CHQ_ENOSPC, CHQ_EACCES, CHQ_EIO …; CHQ_ECORRUPT.
 */
int store_env_open(struct store_env *e, const struct store_env_options *opt);
void store_env_close(struct store_env *e);

/**
 * store_env_table() - open one table inside a write transaction, making it if absent.
 * Return: 0; codes as of store_kv_put().
 */
int store_env_table(struct store_txn *t, enum store_table table);

/**
 * store_env_grow() - double the map, up to its maximum. No transaction may be open.
 * Return: 0; CHQ_EFULL if it has its maximum; CHQ_ENOMEM, then nothing is mapped any more and all
 * that is left to do is store_env_close().
 */
int store_env_grow(struct store_env *e);

size_t store_env_map_bytes(const struct store_env *e);

/* Bytes of the file up to its last page. */
size_t store_env_used_bytes(const struct store_env *e);

/**
 * store_txn_begin() - begin a transaction.
 * @parent: a write transaction to nest in, or NULL.
 * @write:  false for a snapshot to read; then @parent is NULL.
 *
 * Return: 0; CHQ_EAGAIN (no reader slot is free); CHQ_EIO (the environment must be reopened, see
 * store_env_panicked()); CHQ_ENOMEM and other negated errno values.
 */
int store_txn_begin(struct store_txn *t, struct store_env *e, struct store_txn *parent, bool write);

/* Return: 0; CHQ_EFULL (map), CHQ_ETOOBIG (too much), CHQ_ENOSPC, CHQ_EIO … Ends it anyway. */
int store_txn_commit(struct store_txn *t);
void store_txn_abort(struct store_txn *t);

/* For readers: end the snapshot but keep its slot; take a new one with it (codes of _begin). */
void store_txn_park(struct store_txn *t);
int store_txn_renew(struct store_txn *t);

/*
 * Must it be opened anew? So after a failed write of its root page, when LMDB refuses everything,
 * and when it is closed. Not inside a transaction.
 */
bool store_env_panicked(const struct store_env *e);

/*
 * LMDB gives EIO for a write that a full disk cut short: is it that? Room is what this process may
 * use. Return: true if the file system has none to speak of.
 */
bool store_env_disk_full(const struct store_env *e);

/* LMDB's codes end here. */
int store_err_of_lmdb(int rc);
