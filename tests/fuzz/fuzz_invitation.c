#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "proto/hello.h"
#include "tests/fuzz/fuzz.h"

/* What is accepted is written again, and that means the same. */
static void
check(const char *text)
{
	struct chq_invitation inv, again;
	char out[CHQ_INVITATION_MAX];

	if (chq_invitation_parse(text, &inv) != CHQ_OK)
		return;
	if (chq_invitation_format(&inv, out, sizeof(out)) <= 0 ||
	    chq_invitation_parse(out, &again) != CHQ_OK || strcmp(inv.host, again.host) != 0 ||
	    inv.port != again.port || strcmp(inv.fingerprint, again.fingerprint) != 0)
		abort();
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	char *text = malloc(len + 1);

	if (!text)
		abort();
	memcpy(text, data, len);
	text[len] = '\0';
	check(text);
	free(text);
	return 0;
}
