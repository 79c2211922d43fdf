#pragma once

/*
 * What makes this device itself, in the key file of its home: the Noise key that is enrolled at the
 * server, the account key, the device's signing and identity keys, and its prekeys.
 */

#include <stdbool.h>
#include <stdint.h>

#include "client/home.h"
#include "proto/hello.h"
#include "proto/keys.h"

#define CHQ_LOGIN_MAX	    256 /* bytes, with the NUL */
#define CHQ_OWN_PREKEYS	    4	/* the current one and those that may still be in use */
#define CHQ_PREKEY_RENEW_MS UINT64_C(86400000)
#define CHQ_PREKEY_GOOD_MS  (2 * CHQ_PREKEY_RENEW_MS)
#define CHQ_PREKEY_KEEP_MS  (2 * CHQ_PREKEY_RENEW_MS) /* the secret, after it was replaced */

struct chq_own_prekey {
	uint32_t id;
	struct chq_keypair pair;
	uint64_t made_ms, replaced_ms; /* wall clock; replaced_ms is 0 in the current one */
};

struct chq_identity {
	struct chq_invitation invitation;
	char login[CHQ_LOGIN_MAX];
	struct chq_keypair noise; /* static key of the handshake */
	struct chq_signkey account_key;
	struct chq_signkey sign;  /* DS */
	struct chq_keypair ident; /* IK */
	uint64_t account;	  /* 0 until the first login */
	uint8_t device;
	uint64_t list_version;			       /* of the own device list; 0 = none made */
	struct chq_own_prekey prekey[CHQ_OWN_PREKEYS]; /* the newest first */
	int prekeys;
};

/**
 * chq_identity_make() - new random keys for an account of an organisation.
 * Return: 0; CHQ_ENAMELONG; CHQ_ENAMEEMPTY; CHQ_ENAMECTRL.
 */
int chq_identity_make(struct chq_identity *id, const struct chq_invitation *inv, const char *login);

/**
 * chq_identity_load() - read the key file.
 * Return: 0; CHQ_ECORRUPT if it is not whole; errors of chq_home_read().
 */
int chq_identity_load(struct chq_identity *id, const struct chq_home *home);

/* Write the key file. Return: 0; errors of chq_home_write(). */
int chq_identity_save(const struct chq_identity *id, const struct chq_home *home);

/* Erase every secret. */
void chq_identity_wipe(struct chq_identity *id);

/**
 * chq_identity_prekey_turn() - make today's prekey if it is due, and forget the secrets whose time is over.
 * @empty_ms: wall clock, when the own mailbox was known to be empty last: nothing that waits there is to
 *            be lost with a secret.
 *
 * Return: true if something changed and is to be saved.
 */
bool chq_identity_prekey_turn(struct chq_identity *id, uint64_t wall_ms, uint64_t empty_ms);

/* Does a secret whose time is over wait for the mailbox alone? */
bool chq_identity_prekey_waits(const struct chq_identity *id, uint64_t wall_ms);

/* The own prekey with this id, or NULL if it never was or is forgotten. */
const struct chq_own_prekey *chq_identity_prekey(const struct chq_identity *id, uint32_t prekey_id);
