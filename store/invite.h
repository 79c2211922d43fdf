#pragma once
#include <stddef.h>
#include <stdint.h>

/*
 * Codes by which people may register. Only the hash of a code is kept, so who reads the database cannot
 * register. Changing calls are for write jobs, and return the codes of the writer besides their own.
 */

struct store_txn;

enum { STORE_INVITE_HASH_BYTES = 32, STORE_INVITES_MAX = 10000 };

struct store_invite {
	uint32_t number;		 /* 1.., never reused: by this operators name it */
	uint32_t uses;			 /* how often it may still be used; not 0 */
	uint32_t dept;			 /* that who registers by it joins; 0: none */
	uint64_t created_ms, expires_ms; /* wall clock, ms since 1970 */
};

/**
 * store_invite_add() - a new code.
 * @i: its number is filled in.
 *
 * Return: 0; CHQ_EEXIST; CHQ_EFULL (STORE_INVITES_MAX); CHQ_EINVAL (no uses).
 */
int store_invite_add(struct store_txn *t, const uint8_t hash[STORE_INVITE_HASH_BYTES],
		     struct store_invite *i);

/* The code of a hash, if it is good at @now_ms. Return: 0; CHQ_ENOENT (expired too). */
int store_invite_get(struct store_txn *t, const uint8_t hash[STORE_INVITE_HASH_BYTES],
		     uint64_t now_ms, struct store_invite *out);

/* Use it once; it goes with its last use. Return: as store_invite_get(). */
int store_invite_use(struct store_txn *t, const uint8_t hash[STORE_INVITE_HASH_BYTES],
		     uint64_t now_ms, struct store_invite *out);

/* A page by rising number. @after: 0 to begin. Return: 0. */
int store_invite_list(struct store_txn *t, uint32_t after, struct store_invite *out, size_t max,
		      size_t *n);

/* Return: 0; CHQ_ENOENT. */
int store_invite_remove(struct store_txn *t, uint32_t number);
