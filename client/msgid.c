/*
 * Message ids: strictly rising, also over restarts and when the clock is set back. A file holds an id
 * that none given out exceeds; it is moved ahead a minute at a time, not for every message.
 */

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/err.h"
#include "client/client.h"

#define FILE_NAME   "last-id"
#define ID_SHIFT    22
#define RESERVE_IDS (UINT64_C(60000) << ID_SHIFT)

static int
write_id(struct chq_client *c, uint64_t id)
{
	char text[32];
	int n = snprintf(text, sizeof(text), "%" PRIu64 "\n", id);

	return chq_home_write(&c->home, FILE_NAME, text, (size_t)n);
}

int
chq_msgid_load(struct chq_client *c)
{
	uint8_t *data;
	size_t len;
	int err = chq_home_read(&c->home, FILE_NAME, &data, &len);
	char *end;

	if (err)
		return err == CHQ_ENOENT ? CHQ_OK : err;
	c->sender.last_id = strtoull((char *)data, &end, 10);
	if (end == (char *)data || *end != '\n')
		err = CHQ_ECORRUPT;
	c->sender.reserved_id = c->sender.last_id;
	free(data);
	return err;
}

void
chq_msgid_save(struct chq_client *c)
{
	if (c->sender.last_id < c->sender.reserved_id && write_id(c, c->sender.last_id) == CHQ_OK)
		c->sender.reserved_id = c->sender.last_id;
}

uint64_t
chq_msgid_take(struct chq_client *c, unsigned int n)
{
	uint64_t first = chq_ms2020_of(c->wall_ms) << ID_SHIFT;
	uint64_t last;

	if (first <= c->sender.last_id)
		first = c->sender.last_id + 1;
	last = first + n - 1;
	if (last > c->sender.reserved_id) {
		if (write_id(c, last + RESERVE_IDS) < 0)
			return 0;
		c->sender.reserved_id = last + RESERVE_IDS;
	}
	c->sender.last_id = last;
	return first;
}
