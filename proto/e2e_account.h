/*
 * How an account key goes to a further device of the account (PROTOCOL.md, section 6, "Several devices"):
 * sealed to that device's identity key, once its user has compared a code on both. Pure functions.
 *
 * Thread: any. chq_crypto_init() (proto/aead.h) comes first.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "proto/keys.h"

#define CHQ_ACCOUNT_SEALED_LEN 106
#define CHQ_DEVICE_CODE_LEN    24 /* letters and digits */

/* A device that asks for the account key, and the key that it asks for. All of it is public. */
struct chq_device_offer {
	uint64_t account;
	uint8_t device;
	uint8_t account_key[32]; /* Ed25519 public key */
	uint8_t sign[32];	 /* DS of the device */
	uint8_t ident[32];	 /* IK of the device */
};

/**
 * chq_device_code() - what two devices of one account show to be compared.
 * @out: CHQ_DEVICE_CODE_LEN letters and digits, and a NUL.
 *
 * Takes some 20 ms, so that who wants another offer of the same code needs so much for each try.
 */
void chq_device_code(const struct chq_device_offer *o, char out[CHQ_DEVICE_CODE_LEN + 1]);

/**
 * chq_account_seal() - the account key, for that device alone.
 * @account_key: whose public half is o->account_key.
 * @eph: a fresh key pair, for this one sealing.
 *
 * Return: 0; CHQ_EINVAL (another account key, account or device 0); CHQ_ECRYPTO (the device's key).
 */
int chq_account_seal(const struct chq_device_offer *o, const struct chq_signkey *account_key,
		     const struct chq_keypair *eph, uint8_t out[CHQ_ACCOUNT_SEALED_LEN]);

/**
 * chq_account_open() - the account key out of what was sealed for us.
 * @ident: whose public half is o->ident.
 * @account_key: receives it; zeros on failure.
 *
 * Return: 0: it is the one whose public half is o->account_key; CHQ_EMALFORMED; CHQ_ECRYPTO (not
 * sealed for this device and this account key).
 */
int chq_account_open(const struct chq_device_offer *o, const struct chq_keypair *ident,
		     const uint8_t *sealed, size_t len, struct chq_signkey *account_key);
