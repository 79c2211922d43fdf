#pragma once

/*
 * Argon2id hashes after the cost in the configuration was changed: each stays at its old cost until its
 * password is given next, and no name that is nobody's may stand out by the cost of being refused.
 */

#include <stddef.h>
#include <stdint.h>

#include <sodium.h>

struct chq_site_conf;
struct control;
struct store_txn;

/**
 * pwhash_stand_in() - what the password for a name without a hash of its own is compared with.
 * @name: as the limits count it, so that all spellings of one name have one.
 * @out:  the hash of an account chosen by a keyed hash of the name, so names that are nobody's have the
 *        costs that accounts have, each always its own; of ctl->dummy_hash if there is none.
 *
 * Return: 0; codes of reading.
 */
int pwhash_stand_in(const struct control *ctl, struct store_txn *txn, const uint8_t *name,
		    size_t len, char out[crypto_pwhash_STRBYTES]);

/**
 * pwhash_fresh() - hash a password that was right once more, if @hash has another cost than configured.
 * @out: the new hash; empty if @hash may stay, or memory does not suffice.
 * Thread: any.
 */
void pwhash_fresh(const struct chq_site_conf *conf, const char *hash, const char *password,
		  size_t len, char out[crypto_pwhash_STRBYTES]);

/* Let the store have @fresh in place of @hash, if that is the account's still. Nobody waits for it. */
void pwhash_replace(struct control *ctl, uint64_t account, const char *hash, const char *fresh);
