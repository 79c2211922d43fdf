#pragma once

/*
 * Which messages were shown, by (sender's device, message id), also over a restart: a journal file and
 * the same in memory. Ids of one device rise, so of each device the newest CHQ_SEEN_KEEP to
 * CHQ_SEEN_MAX are remembered one by one, and everything below counts as shown. Of very many devices
 * fewer are remembered of each, so that the journal stays small enough to be read.
 */

#include <stdbool.h>
#include <stdint.h>

#include "base/map.h"
#include "client/home.h"

#define CHQ_SEEN_MAX   2048
#define CHQ_SEEN_KEEP  1024
#define CHQ_SEEN_LEAST 16
#define CHQ_SEEN_TOTAL 131072 /* ids of all devices; of each more than CHQ_SEEN_LEAST */

struct chq_seen {
	struct chq_map by_party;
	const struct chq_home *home;
	int fd;		/* journal */
	size_t records; /* in the journal */
	size_t live;	/* ids and floors in memory */
	size_t trim_at; /* so many are too many */
};

/**
 * chq_seen_load() - read the journal; a torn record at its end is cut off.
 * Return: 0; CHQ_ENOMEM; CHQ_ECORRUPT if it is not a journal; errors of chq_home_read().
 */
int chq_seen_load(struct chq_seen *s, const struct chq_home *home);
void chq_seen_free(struct chq_seen *s);

bool chq_seen_has(const struct chq_seen *s, uint64_t party, uint64_t id);

/* Remember in memory. Return: 0 (also if it was there); CHQ_ENOMEM. */
int chq_seen_add(struct chq_seen *s, uint64_t party, uint64_t id);

/* Write to the journal what chq_seen_add() remembers. Return: 0; a negated errno: nothing was written. */
int chq_seen_log(struct chq_seen *s, uint64_t party, uint64_t id);
