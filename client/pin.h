#pragma once

/*
 * What is remembered of other accounts: the account key first seen or accepted by the user, and the
 * highest version of the device list. In a file of its own.
 */

#include <stdint.h>

#include "base/map.h"
#include "client/home.h"

struct chq_pin {
	uint64_t account;
	uint8_t key[32];
	uint64_t version;
};

struct chq_pins {
	struct chq_map by_account;
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
