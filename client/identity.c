#include "client/identity.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <sodium.h>

#include "base/err.h"

#define FILE_NAME "identity"
#define FILE_HEAD "chasqui-identity 1"
#define KEY_HEX	  64

int
chq_identity_make(struct chq_identity *id, const struct chq_invitation *inv, const char *login)
{
	size_t len = strlen(login);

	if (len == 0)
		return CHQ_ENAMEEMPTY;
	if (len >= sizeof(id->login))
		return CHQ_ENAMELONG;
	for (size_t i = 0; i < len; i++)
		if ((unsigned char)login[i] < 0x20 || login[i] == 0x7f)
			return CHQ_ENAMECTRL;
	memset(id, 0, sizeof(*id));
	id->invitation = *inv;
	memcpy(id->login, login, len + 1);
	chq_x25519_keypair(&id->noise);
	chq_x25519_keypair(&id->ident);
	chq_ed25519_keypair(&id->account_key);
	chq_ed25519_keypair(&id->sign);
	return CHQ_OK;
}

void
chq_identity_wipe(struct chq_identity *id)
{
	sodium_memzero(id, sizeof(*id));
}

/* Secrets as text go through libsodium's constant-time code. */
static bool
key_parse(const char *text, uint8_t key[32])
{
	size_t n = 0;

	return strlen(text) == KEY_HEX &&
	       sodium_hex2bin(key, 32, text, KEY_HEX, NULL, &n, NULL) == 0 && n == 32;
}

static bool
number_parse(const char *text, uint64_t *out)
{
	char *end;

	if (text[0] < '0' || text[0] > '9')
		return false;
	errno = 0;
	*out = strtoull(text, &end, 10);
	return errno == 0 && *end == '\0';
}

static bool
prekey_parse(struct chq_identity *id, char *text)
{
	char *number = strsep(&text, " "), *made = strsep(&text, " "), *gone = strsep(&text, " ");
	struct chq_own_prekey *pk = &id->prekey[id->prekeys];
	uint64_t n = 0;
	uint8_t secret[32];

	if (!text || id->prekeys == CHQ_OWN_PREKEYS || !number_parse(number, &n) ||
	    n > UINT32_MAX || !number_parse(made, &pk->made_ms) ||
	    !number_parse(gone, &pk->replaced_ms) || !key_parse(text, secret))
		return false;
	pk->id = (uint32_t)n;
	chq_x25519_from_secret(&pk->pair, secret);
	sodium_memzero(secret, sizeof(secret));
	id->prekeys++;
	return true;
}

static bool
secret_line_parse(struct chq_identity *id, const char *name, const char *value)
{
	uint8_t key[32];
	bool ok = key_parse(value, key);

	if (ok && strcmp(name, "noise") == 0)
		chq_x25519_from_secret(&id->noise, key);
	else if (ok && strcmp(name, "ident") == 0)
		chq_x25519_from_secret(&id->ident, key);
	else if (ok && strcmp(name, "account-key") == 0)
		chq_ed25519_from_seed(&id->account_key, key);
	else if (ok && strcmp(name, "sign") == 0)
		chq_ed25519_from_seed(&id->sign, key);
	else
		ok = false;
	sodium_memzero(key, sizeof(key));
	return ok;
}

static bool
line_parse(struct chq_identity *id, const char *name, char *value)
{
	uint64_t n = 0;

	if (strcmp(name, "invitation") == 0)
		return chq_invitation_parse(value, &id->invitation) == CHQ_OK;
	if (strcmp(name, "login") == 0)
		return snprintf(id->login, sizeof(id->login), "%s", value) < (int)sizeof(id->login);
	if (strcmp(name, "prekey") == 0)
		return prekey_parse(id, value);
	if (strcmp(name, "list-version") == 0)
		return number_parse(value, &id->list_version);
	if (strcmp(name, "account") == 0)
		return number_parse(value, &id->account) && id->account <= CHQ_ID_MASK;
	if (strcmp(name, "device") == 0) {
		bool ok = number_parse(value, &n) && n <= UINT8_MAX;

		id->device = (uint8_t)n;
		return ok;
	}
	return secret_line_parse(id, name, value);
}

static bool
text_parse(struct chq_identity *id, char *text)
{
	char *line = strsep(&text, "\n");

	if (!text || strcmp(line, FILE_HEAD) != 0)
		return false;
	while ((line = strsep(&text, "\n")) && text) {
		char *name = strsep(&line, " ");

		if (!line || !line_parse(id, name, line))
			return false;
	}
	/* The last line was whole, and no secret is missing. */
	return line && *line == '\0' && id->login[0] && id->invitation.host[0] &&
	       !sodium_is_zero(id->noise.public, 32) && !sodium_is_zero(id->ident.public, 32) &&
	       !sodium_is_zero(id->account_key.public, 32) && !sodium_is_zero(id->sign.public, 32);
}

int
chq_identity_load(struct chq_identity *id, const struct chq_home *home)
{
	uint8_t *data;
	size_t len;
	int err = chq_home_read(home, FILE_NAME, &data, &len);

	if (err)
		return err;
	memset(id, 0, sizeof(*id));
	if (memchr(data, '\0', len) || !text_parse(id, (char *)data)) {
		chq_identity_wipe(id);
		err = CHQ_ECORRUPT;
	}
	sodium_memzero(data, len);
	free(data);
	return err;
}

static size_t
put_secret(char *out, size_t size, const char *name, const uint8_t key[32])
{
	char hex[KEY_HEX + 1];
	int n;

	sodium_bin2hex(hex, sizeof(hex), key, 32);
	n = snprintf(out, size, "%s %s\n", name, hex);
	sodium_memzero(hex, sizeof(hex));
	return (size_t)n;
}

static size_t
put_prekey(char *out, size_t size, const struct chq_own_prekey *pk)
{
	char head[96];

	snprintf(head, sizeof(head), "prekey %" PRIu32 " %" PRIu64 " %" PRIu64, pk->id, pk->made_ms,
		 pk->replaced_ms);
	return put_secret(out, size, head, pk->pair.secret);
}

int
chq_identity_save(const struct chq_identity *id, const struct chq_home *home)
{
	char inv[384], text[4096];
	size_t n;
	int err;

	err = chq_invitation_format(&id->invitation, inv, sizeof(inv));
	if (err < 0)
		return err;
	n = (size_t)snprintf(text, sizeof(text),
			     FILE_HEAD "\ninvitation %s\nlogin %s\naccount %" PRIu64
				       "\ndevice %u\nlist-version %" PRIu64 "\n",
			     inv, id->login, id->account, id->device, id->list_version);
	n += put_secret(text + n, sizeof(text) - n, "noise", id->noise.secret);
	n += put_secret(text + n, sizeof(text) - n, "account-key", id->account_key.seed);
	n += put_secret(text + n, sizeof(text) - n, "sign", id->sign.seed);
	n += put_secret(text + n, sizeof(text) - n, "ident", id->ident.secret);
	for (int i = 0; i < id->prekeys; i++)
		n += put_prekey(text + n, sizeof(text) - n, &id->prekey[i]);
	err = chq_home_write(home, FILE_NAME, text, n);
	sodium_memzero(text, sizeof(text));
	return err;
}

static bool
prekey_is_over(const struct chq_own_prekey *pk, uint64_t wall_ms)
{
	return pk->replaced_ms && wall_ms > pk->replaced_ms + CHQ_PREKEY_KEEP_MS;
}

/* A clock that was set back must not keep one prekey for ever. */
static bool
prekey_is_due(const struct chq_identity *id, uint64_t wall_ms)
{
	return id->prekeys == 0 || wall_ms >= id->prekey[0].made_ms + CHQ_PREKEY_RENEW_MS ||
	       wall_ms + CHQ_PREKEY_RENEW_MS < id->prekey[0].made_ms;
}

bool
chq_identity_prekey_waits(const struct chq_identity *id, uint64_t wall_ms)
{
	return id->prekeys && prekey_is_over(&id->prekey[id->prekeys - 1], wall_ms);
}

bool
chq_identity_prekey_turn(struct chq_identity *id, uint64_t wall_ms, uint64_t empty_ms)
{
	bool changed = false;

	if (empty_ms > wall_ms)
		empty_ms = wall_ms; /* the clock was set back since */
	while (id->prekeys && prekey_is_over(&id->prekey[id->prekeys - 1], empty_ms)) {
		sodium_memzero(&id->prekey[--id->prekeys], sizeof(id->prekey[0]));
		changed = true;
	}
	if (!prekey_is_due(id, wall_ms))
		return changed;
	if (id->prekeys == CHQ_OWN_PREKEYS)
		id->prekeys--;
	memmove(&id->prekey[1], &id->prekey[0], (size_t)id->prekeys * sizeof(id->prekey[0]));
	if (id->prekeys)
		id->prekey[1].replaced_ms = wall_ms;
	id->prekeys++;
	chq_x25519_keypair(&id->prekey[0].pair);
	id->prekey[0].made_ms = wall_ms;
	id->prekey[0].replaced_ms = 0;
	do
		randombytes_buf(&id->prekey[0].id, sizeof(id->prekey[0].id));
	while (id->prekey[0].id == 0);
	return true;
}

const struct chq_own_prekey *
chq_identity_prekey(const struct chq_identity *id, uint32_t prekey_id)
{
	for (int i = 0; i < id->prekeys; i++)
		if (id->prekey[i].id == prekey_id)
			return &id->prekey[i];
	return NULL;
}
