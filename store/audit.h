#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "store/verify.h"

/*
 * The record of what operators changed: append-only, each record chained to the one before by
 * SHA-256(hash before ‖ number, 8 bytes little-endian ‖ record). The newest number and hash stand in
 * meta, so that a tail which was cut off is missed; so do those of the last record that
 * store_audit_forget() has taken away, where the chain begins.
 */

struct store_txn;

enum {
	STORE_AUDIT_HASH_BYTES = 32,
	STORE_AUDIT_VERB_MAX_BYTES = 48,
	STORE_AUDIT_TEXT_MAX_BYTES = 255, /* UTF-8; longer ones are cut */
};

struct store_audit {
	uint64_t number;  /* 1.. */
	uint64_t time_ms; /* wall clock, ms since 1970 */
	uint32_t uid;
	int32_t pid;
	uint64_t account, peer;			     /* whom it concerned; 0: nobody */
	char verb[STORE_AUDIT_VERB_MAX_BYTES + 1];   /* "dept move" */
	char target[STORE_AUDIT_TEXT_MAX_BYTES + 1]; /* arguments */
	char old[STORE_AUDIT_TEXT_MAX_BYTES + 1];    /* what was changed; may be empty */
	char new[STORE_AUDIT_TEXT_MAX_BYTES + 1];    /* into what */
	uint8_t hash[STORE_AUDIT_HASH_BYTES];
};

/* A place in the chain: number 0 and zeros before its first record. */
struct store_audit_head {
	uint64_t number;
	uint8_t hash[STORE_AUDIT_HASH_BYTES];
};

/* Copy @text into a field of @max bytes and a NUL, cut between characters if it is too long. */
void store_audit_text(char *dst, size_t max, const char *text);

/**
 * store_audit_append() - add a record behind the newest.
 * @a: number and hash are not looked at, but filled in.
 *
 * In a write job. Return: 0; codes of the writer; CHQ_ECORRUPT.
 */
int store_audit_append(struct store_txn *t, struct store_audit *a);

/* Return: 0; CHQ_ENOENT; CHQ_ECORRUPT. */
int store_audit_get(struct store_txn *t, uint64_t number, struct store_audit *out);

/* The newest record, and the one before the oldest. Return: 0; CHQ_ECORRUPT. */
int store_audit_head(struct store_txn *t, struct store_audit_head *out);
int store_audit_base(struct store_txn *t, struct store_audit_head *out);

/* What a walk along the chain has found. */
struct store_audit_check {
	uint64_t records, faults;
	uint64_t first_fault; /* number of the first record at fault; 0: none */
	struct store_audit_head head;
};

/**
 * store_audit_verify() - is every record there, in order, and as it was written?
 * @out:   out.
 * @known: a head noted elsewhere (in the log), which the chain has to go through; or NULL. One that
 *         lies before the oldest record is not looked for.
 * @fault: told of each fault, with the record's number as id; may be NULL.
 *
 * Return: 0 if the whole was read, whatever was found; else a code of reading.
 */
int store_audit_verify(struct store_txn *t, const struct store_audit_head *known,
		       struct store_audit_check *out, store_fault_fn *fault, void *arg);

/**
 * store_audit_forget() - take away oldest records, at most @max of them and never the newest.
 * @before_ms: those written before this time.
 * @removed:   receives how many.
 *
 * In a write job. Return: 0; codes of the writer; CHQ_ECORRUPT.
 */
int store_audit_forget(struct store_txn *t, uint64_t before_ms, unsigned max, unsigned *removed);
