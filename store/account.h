#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "store/types.h"

struct store_reader;

/*
 * Accounts. Changing calls are for write jobs; codes of the writer are those of store_done_fn.
 * Reading calls are for jobs and snapshots alike. All return CHQ_ENOENT for an account that does
 * not exist, and CHQ_ECORRUPT for damage.
 */

struct store_txn;

struct store_account_new {
	const char *login;  /* as typed; NUL-terminated UTF-8 */
	const char *name;   /* display name; NULL: empty */
	const char *pwhash; /* crypto_pwhash_str(); NULL: no login by password */
	uint64_t now_ms;    /* wall clock, ms since 1970 */
};

/**
 * store_account_add() - a new account, enabled.
 * @id: receives its id, never given to another.
 *
 * Return: 0; a code of store_login_normalise(); CHQ_EEXIST if another account has that normal form;
 * for the display name a code of store_text_check(); CHQ_EINVAL (hash too long); CHQ_EFULL (no id
 * is left); codes of the writer.
 */
int store_account_add(struct store_txn *t, const struct store_account_new *a, uint64_t *id);

/* Return: 0; CHQ_ENOENT. */
int store_account_get(struct store_txn *t, uint64_t id, struct store_account *out);

/**
 * store_account_read() - store_account_get() in a snapshot of its own.
 * Thread: the reader's, which holds no other snapshot.
 * Return: as there; codes of store_read_begin().
 */
int store_account_read(struct store_reader *r, uint64_t id, struct store_account *out);

/**
 * store_account_find() - the account of a login name as typed, disabled ones too.
 * Return: 0; CHQ_ENOENT; a code of store_login_normalise() for what can be nobody's name.
 */
int store_account_find(struct store_txn *t, const char *login, size_t login_bytes,
		       struct store_account *out);

/**
 * store_account_list() - a page of accounts by rising id.
 * @after: id to go on after, 0 to begin.
 * @out:   room for @max.
 * @n:     receives how many; fewer than @max means the end.
 *
 * Return: 0.
 */
int store_account_list(struct store_txn *t, uint64_t after, struct store_account *out, size_t max,
		       size_t *n);

/* The highest id given so far, 0 if none was. Return: 0; CHQ_ECORRUPT. */
int store_account_last(struct store_txn *t, uint64_t *id);

/* Rename; the id and all that hangs on it stay. Return: as _add. Its own name is free to it. */
int store_account_rename(struct store_txn *t, uint64_t id, const char *login, uint64_t now_ms);

/* Return: 0; CHQ_ENOENT; a code of store_text_check(). */
int store_account_set_name(struct store_txn *t, uint64_t id, const char *name, uint64_t now_ms);

/* @pwhash: NULL ends login by password. Return: 0; CHQ_ENOENT; CHQ_EINVAL. */
int store_account_set_pwhash(struct store_txn *t, uint64_t id, const char *pwhash, uint64_t now_ms);

/* Return: 0, also if it was so already (changed_ms stays then); CHQ_ENOENT. */
int store_account_set_disabled(struct store_txn *t, uint64_t id, bool disabled, uint64_t now_ms);

/* A new grant epoch: all grants towards this account are void. Return: 0; CHQ_ENOENT. */
int store_account_next_grant_epoch(struct store_txn *t, uint64_t id, uint32_t *epoch);

/* The contact list has changed. Return: 0; CHQ_ENOENT. */
int store_account_contacts_changed(struct store_txn *t, uint64_t id);
