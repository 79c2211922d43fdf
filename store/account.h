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
 *
 * A removed account stays as a tombstone: disabled, without password, phone, mail, avatar, search
 * words, departments and friends; its id and its login name are given to nobody. It is found by id
 * alone (.removed_ms tells), and store_account_gc() ends it: then the name is free, the id never.
 *
 * Sender epoch: 14 bits in every grant (PROTOCOL.md). An account's grants to write to others hold as
 * long as it stays the same. It is the account's own counter plus one of the whole store, so
 * that both one sender's grants and everybody's can be ended at once.
 */

struct store_txn;

enum { STORE_SENDER_EPOCH_MASK = 0x3fff };

/* What people tell of themselves, and operators of them. NULL: not given. */
struct store_profile {
	const char *name, *title, *phone, *mail, *avatar, *number;
};

struct store_account_new {
	const char *login;		     /* as typed; NUL-terminated UTF-8 */
	const char *name;		     /* display name; NULL: empty */
	const char *pwhash;		     /* crypto_pwhash_str(); NULL: no login by password */
	const struct store_profile *profile; /* or NULL; its name comes before .name */
	bool disabled;
	uint64_t now_ms; /* wall clock, ms since 1970 */
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

/* Tombstones too. Return: 0; CHQ_ENOENT. */
int store_account_get(struct store_txn *t, uint64_t id, struct store_account *out);

/**
 * store_account_read() - store_account_get() in a snapshot of its own.
 * Thread: the reader's, which holds no other snapshot.
 * Return: as there; codes of store_read_begin().
 */
int store_account_read(struct store_reader *r, uint64_t id, struct store_account *out);

/**
 * store_account_find() - the account of a login name as typed, disabled ones too, no tombstones.
 * Return: 0; CHQ_ENOENT; a code of store_login_normalise() for what can be nobody's name.
 */
int store_account_find(struct store_txn *t, const char *login, size_t login_bytes,
		       struct store_account *out);

/* Is a name in normal form somebody's, or a tombstone's? Return: 0; CHQ_ECORRUPT. */
int store_login_taken(struct store_txn *t, const char *normal, bool *taken);

/**
 * store_account_list() - a page of accounts by rising id, tombstones too.
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

/* --- changes; a tombstone is no account to them --- */

/* Rename; the id and all that hangs on it stay. Return: as _add. Its own name is free to it. */
int store_account_rename(struct store_txn *t, uint64_t id, const char *login, uint64_t now_ms);

/* Return: 0; CHQ_ENOENT; a code of store_text_check(). */
int store_account_set_name(struct store_txn *t, uint64_t id, const char *name, uint64_t now_ms);

/**
 * store_account_set_profile() - change what is not NULL in @p.
 * Return: 0; CHQ_ENOENT; a code of store_text_check(): store_profile_check() says of which field.
 */
int store_account_set_profile(struct store_txn *t, uint64_t id, const struct store_profile *p,
			      uint64_t now_ms);

/* May these texts be kept? Thread: any. Return: 0; a code of store_text_check(), with the field's name. */
int store_profile_check(const struct store_profile *p, const char **field);

/* @pwhash: NULL ends login by password. Return: 0; CHQ_ENOENT; CHQ_EINVAL. */
int store_account_set_pwhash(struct store_txn *t, uint64_t id, const char *pwhash, uint64_t now_ms);

/* Return: 0, also if it was so already (changed_ms stays then); CHQ_ENOENT. */
int store_account_set_disabled(struct store_txn *t, uint64_t id, bool disabled, uint64_t now_ms);

/* A new grant epoch: all grants towards this account are void. Return: 0; CHQ_ENOENT. */
int store_account_next_grant_epoch(struct store_txn *t, uint64_t id, uint32_t *epoch);

/* The contact list has changed. Return: 0; CHQ_ENOENT. */
int store_account_contacts_changed(struct store_txn *t, uint64_t id);

/* --- sender epochs --- */

/* The one in force. Return: 0; CHQ_ECORRUPT. */
int store_account_sender_epoch(struct store_txn *t, const struct store_account *a, uint16_t *epoch);

/* A new one: all grants by which this account sends are void. Return: 0 with the new one; CHQ_ENOENT. */
int store_account_next_sender_epoch(struct store_txn *t, uint64_t id, uint16_t *epoch);

/* The store's own counter, from 0. Return: 0; CHQ_ECORRUPT. */
int store_sender_epoch_all(struct store_txn *t, uint64_t *all);

/* It rises: everybody's grants are void. Return: 0 with its new value; codes of the writer. */
int store_sender_epoch_next_all(struct store_txn *t, uint64_t *all);

/* --- the end --- */

/* Somebody whose contact list a removal has changed. */
typedef void store_account_left_fn(void *arg, uint64_t peer, uint64_t contacts_version);

/**
 * store_account_remove() - make a tombstone of it.
 * @left: called for each account that had a friendship or a request with it, with its list's new version.
 *
 * Grants towards it and by it are void (both epochs rise). Devices stay, so that their keys serve
 * nobody else; what other files keep of an account (mailbox, groups) is their callers' matter.
 * Return: 0; CHQ_ENOENT (tombstones too); codes of the writer.
 */
int store_account_remove(struct store_txn *t, uint64_t id, uint64_t now_ms,
			 store_account_left_fn *left, void *arg);

/**
 * store_account_gc() - end tombstones, with devices, identity and kept answers.
 * @before_ms: those removed before then.
 * @after: id to go on after, 0 to begin; receives where to go on, 0 at the end.
 * @max:   accounts to look at, so that a job stays short.
 * @ended, @kept: these many ended, and kept because a rule names them; added to.
 *
 * Return: 0; codes of the writer.
 */
int store_account_gc(struct store_txn *t, uint64_t before_ms, uint64_t *after, size_t max,
		     uint64_t *ended, uint64_t *kept);
