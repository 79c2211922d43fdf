#pragma once

/*
 * What is remembered of other accounts: the account key first seen or accepted by the user, the highest
 * version of the device list, and the logins by which we have known the account. In a file of its own.
 */

#include <stdint.h>

#include "base/map.h"
#include "client/home.h"

struct chq_pin {
	uint64_t account;
	uint8_t key[32];
	uint64_t version;
	unsigned int names; /* in chq_pins.by_name */
};

#define CHQ_PIN_NAMES_MAX 8 /* of one account; later ones are not remembered */

struct chq_pins {
	struct chq_map by_account;
	struct chq_map by_name; /* struct chq_pin_name by login, ASCII letters in lower case */
	const struct chq_home *home;
};

/**
 * chq_pins_load() - read the pins; no file means none.
 * Return: 0; CHQ_ECORRUPT: a damaged file is not taken as an empty one, else every key would be
 * trusted anew; CHQ_ENOMEM; errors of chq_home_read().
 */
int chq_pins_load(struct chq_pins *p, const struct chq_home *home);
void chq_pins_free(struct chq_pins *p);

/* The pin of an account or NULL; valid until chq_pins_free(). */
const struct chq_pin *chq_pins_get(const struct chq_pins *p, uint64_t account);

/**
 * chq_pins_set() - pin a key and a version, and write the file.
 * Return: 0; CHQ_ENOMEM; errors of chq_home_write(). On an error the pin holds in memory.
 */
int chq_pins_set(struct chq_pins *p, uint64_t account, const uint8_t key[32], uint64_t version);

/* Which account do we know by this login? 0 if none. */
uint64_t chq_pins_named(const struct chq_pins *p, const char *login);

/**
 * chq_pins_name() - from now on we know a pinned account by this login, and no other account; write the file.
 * A login that is empty or too long, one too many, and that of an account without a pin are not remembered.
 *
 * Return: as chq_pins_set().
 */
int chq_pins_name(struct chq_pins *p, uint64_t account, const char *login);
