#include "client/pin.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "base/hex.h"

#define FILE_NAME "pins"
#define FILE_HEAD "chasqui-pins 1\n"
#define LINE_MAX_ 128

static int
pin_put(struct chq_pins *p, uint64_t account, const uint8_t key[32], uint64_t version)
{
	struct chq_pin *pin = chq_map_get_u64(&p->by_account, account);

	if (!pin) {
		pin = calloc(1, sizeof(*pin));
		if (!pin || chq_map_put_u64(&p->by_account, account, pin) < 0) {
			free(pin);
			return CHQ_ENOMEM;
		}
	}
	pin->account = account;
	memcpy(pin->key, key, 32);
	pin->version = version;
	return CHQ_OK;
}

static int
line_parse(struct chq_pins *p, const char *line)
{
	uint64_t account, version;
	char hex[CHQ_HEX_LEN(32) + 1];
	uint8_t key[32];
	int end = 0;

	if (sscanf(line, "%" SCNu64 " %64s %" SCNu64 "%n", &account, hex, &version, &end) != 3 ||
	    line[end] != '\0' || chq_hex_decode(key, 32, hex, strlen(hex)) != 32)
		return CHQ_ECORRUPT;
	return pin_put(p, account, key, version);
}

int
chq_pins_load(struct chq_pins *p, const struct chq_home *home)
{
	uint8_t *data;
	size_t len;
	char *at, *line;
	int err;

	chq_map_init(&p->by_account);
	p->home = home;
	err = chq_home_read(home, FILE_NAME, &data, &len);
	if (err)
		return err == CHQ_ENOENT ? CHQ_OK : err;
	at = (char *)data;
	if (memchr(data, '\0', len) || strncmp(at, FILE_HEAD, strlen(FILE_HEAD)) != 0 ||
	    data[len - 1] != '\n') {
		free(data);
		return CHQ_ECORRUPT;
	}
	at += strlen(FILE_HEAD);
	while (!err && (line = strsep(&at, "\n")) && at)
		err = line_parse(p, line);
	free(data);
	if (err)
		chq_pins_free(p);
	return err;
}

void
chq_pins_free(struct chq_pins *p)
{
	struct chq_pin *pin;

	CHQ_MAP_FOREACH(pin, &p->by_account)
		free(pin);
	chq_map_deinit(&p->by_account);
}

const struct chq_pin *
chq_pins_get(const struct chq_pins *p, uint64_t account)
{
	return chq_map_get_u64(&p->by_account, account);
}

static int
pins_save(const struct chq_pins *p)
{
	size_t size = strlen(FILE_HEAD) + p->by_account.count * LINE_MAX_ + 1, n = 0;
	char hex[CHQ_HEX_LEN(32) + 1];
	char *text = malloc(size);
	struct chq_pin *pin;
	int err;

	if (!text)
		return CHQ_ENOMEM;
	n += (size_t)snprintf(text, size, "%s", FILE_HEAD);
	CHQ_MAP_FOREACH(pin, &p->by_account) {
		chq_hex_encode(hex, pin->key, 32);
		n += (size_t)snprintf(text + n, size - n, "%" PRIu64 " %s %" PRIu64 "\n",
				      pin->account, hex, pin->version);
	}
	err = chq_home_write(p->home, FILE_NAME, text, n);
	free(text);
	return err;
}

int
chq_pins_set(struct chq_pins *p, uint64_t account, const uint8_t key[32], uint64_t version)
{
	int err = pin_put(p, account, key, version);

	return err ? err : pins_save(p);
}
