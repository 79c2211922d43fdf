#include <stdio.h>
#include <string.h>

#include "base/addr.h"
#include "base/err.h"
#include "base/hex.h"
#include "proto/hello.h"

#define SCHEME	   "chasqui://"
#define SCHEME_LEN (sizeof(SCHEME) - 1)

/* "host", "host:port", "[v6]" or "[v6]:port": is a port named? */
static int
has_port(const char *where)
{
	const char *after = strrchr(where, ']');

	return strchr(after ? after : where, ':') != NULL;
}

static int
fingerprint_ok(const char *text)
{
	uint8_t bytes[20];

	return strlen(text) == CHQ_FINGERPRINT_LEN &&
	       chq_base32_decode(bytes, sizeof(bytes), text, CHQ_FINGERPRINT_LEN) == 20;
}

int
chq_invitation_parse(const char *text, struct chq_invitation *inv)
{
	char where[sizeof(inv->host) + 16];
	const char *hash = strchr(text, '#');
	int n;

	if (strncmp(text, SCHEME, SCHEME_LEN) != 0 || !hash || !fingerprint_ok(hash + 1))
		return CHQ_EMALFORMED;
	text += SCHEME_LEN;
	n = snprintf(where, sizeof(where), "%.*s", (int)(hash - text), text);
	if (n < 0 || (size_t)n >= sizeof(where) - 6)
		return CHQ_EMALFORMED;
	if (!has_port(where))
		snprintf(where + n, sizeof(where) - (size_t)n, ":%d", CHQ_PORT_DEFAULT);
	memcpy(inv->fingerprint, hash + 1, CHQ_FINGERPRINT_LEN + 1);
	return chq_hostport_split(where, inv->host, &inv->port);
}

int
chq_invitation_format(const struct chq_invitation *inv, char *out, size_t size)
{
	int v6 = strchr(inv->host, ':') != NULL;
	struct chq_invitation again;
	int n = snprintf(out, size, SCHEME "%s%s%s:%u#%s", v6 ? "[" : "", inv->host, v6 ? "]" : "",
			 inv->port, inv->fingerprint);

	if (n < 0 || (size_t)n >= size)
		return CHQ_ENOBUFS;
	return chq_invitation_parse(out, &again) ? CHQ_EINVAL : n;
}
