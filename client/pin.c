#include "client/pin.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "base/hex.h"

#define FILE_NAME "pins"
#define FILE_HEAD "chasqui-pins 1\n"

/* Lines: account, key, version; and behind all of them: "name", account, login. Key and login as hex. */
#define PIN_LINE_MAX  128
#define NAME_MAX_     255 /* bytes of a login */
#define NAME_HEX_MAX  "510"
#define NAME_LINE_MAX (32 + CHQ_HEX_LEN(NAME_MAX_))

struct chq_pin_name {
	uint64_t account;
	char login[NAME_MAX_ + 1];
};

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

/* Who types or reads a login does not see the difference. */
static bool
fold(const char *login, char out[NAME_MAX_ + 1])
{
	size_t n = strlen(login);

	if (n == 0 || n > NAME_MAX_)
		return false;
	for (size_t i = 0; i <= n; i++)
		out[i] = login[i] >= 'A' && login[i] <= 'Z' ? (char)(login[i] + 32) : login[i];
	return true;
}

static void
name_taken(struct chq_pins *p, struct chq_pin_name *name, uint64_t account)
{
	struct chq_pin *before = chq_map_get_u64(&p->by_account, name->account);

	if (before)
		before->names--;
	name->account = account;
}

static int
name_put(struct chq_pins *p, uint64_t account, const char *login)
{
	struct chq_pin *pin = chq_map_get_u64(&p->by_account, account);
	char folded[NAME_MAX_ + 1];
	struct chq_pin_name *name;

	if (!pin || !fold(login, folded))
		return CHQ_OK;
	name = chq_map_get_str(&p->by_name, folded);
	if (name) {
		name_taken(p, name, account);
	} else if (pin->names >= CHQ_PIN_NAMES_MAX) {
		return CHQ_OK;
	} else {
		name = calloc(1, sizeof(*name));
		if (!name || chq_map_put_str(&p->by_name, folded, name) < 0) {
			free(name);
			return CHQ_ENOMEM;
		}
		name->account = account;
		strcpy(name->login, folded);
	}
	pin->names++;
	return CHQ_OK;
}

static int
name_parse(struct chq_pins *p, const char *line)
{
	char hex[CHQ_HEX_LEN(NAME_MAX_) + 1], login[NAME_MAX_ + 1];
	uint64_t account;
	ssize_t n;
	int end = 0;

	if (sscanf(line, "name %" SCNu64 " %" NAME_HEX_MAX "s%n", &account, hex, &end) != 2 ||
	    line[end] != '\0')
		return CHQ_ECORRUPT;
	n = chq_hex_decode(login, NAME_MAX_, hex, strlen(hex));
	if (n <= 0 || memchr(login, '\0', (size_t)n))
		return CHQ_ECORRUPT;
	login[n] = '\0';
	return name_put(p, account, login);
}

static int
line_parse(struct chq_pins *p, const char *line)
{
	uint64_t account, version;
	char hex[CHQ_HEX_LEN(32) + 1];
	uint8_t key[32];
	int end = 0;

	if (strncmp(line, "name ", 5) == 0)
		return name_parse(p, line);
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
	chq_map_init(&p->by_name);
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
	struct chq_pin_name *name;
	struct chq_pin *pin;

	CHQ_MAP_FOREACH(pin, &p->by_account)
		free(pin);
	chq_map_deinit(&p->by_account);
	CHQ_MAP_FOREACH(name, &p->by_name)
		free(name);
	chq_map_deinit(&p->by_name);
}

const struct chq_pin *
chq_pins_get(const struct chq_pins *p, uint64_t account)
{
	return chq_map_get_u64(&p->by_account, account);
}

static size_t
put_lines(const struct chq_pins *p, char *text, size_t size)
{
	char hex[CHQ_HEX_LEN(NAME_MAX_) + 1];
	size_t n = (size_t)snprintf(text, size, "%s", FILE_HEAD);
	struct chq_pin_name *name;
	struct chq_pin *pin;

	CHQ_MAP_FOREACH(pin, &p->by_account) {
		chq_hex_encode(hex, pin->key, 32);
		n += (size_t)snprintf(text + n, size - n, "%" PRIu64 " %s %" PRIu64 "\n",
				      pin->account, hex, pin->version);
	}
	CHQ_MAP_FOREACH(name, &p->by_name) {
		chq_hex_encode(hex, name->login, strlen(name->login));
		n += (size_t)snprintf(text + n, size - n, "name %" PRIu64 " %s\n", name->account,
				      hex);
	}
	return n;
}

static int
pins_save(const struct chq_pins *p)
{
	size_t size = strlen(FILE_HEAD) + p->by_account.count * PIN_LINE_MAX +
		      p->by_name.count * NAME_LINE_MAX + 1;
	char *text = malloc(size);
	int err;

	if (!text)
		return CHQ_ENOMEM;
	err = chq_home_write(p->home, FILE_NAME, text, put_lines(p, text, size));
	free(text);
	return err;
}

int
chq_pins_set(struct chq_pins *p, uint64_t account, const uint8_t key[32], uint64_t version)
{
	int err = pin_put(p, account, key, version);

	return err ? err : pins_save(p);
}

uint64_t
chq_pins_named(const struct chq_pins *p, const char *login)
{
	char folded[NAME_MAX_ + 1];
	const struct chq_pin_name *name;

	name = fold(login, folded) ? chq_map_get_str(&p->by_name, folded) : NULL;
	return name ? name->account : 0;
}

int
chq_pins_name(struct chq_pins *p, uint64_t account, const char *login)
{
	int err;

	if (chq_pins_named(p, login) == account)
		return CHQ_OK;
	err = name_put(p, account, login);
	if (err || chq_pins_named(p, login) != account)
		return err;
	return pins_save(p);
}
