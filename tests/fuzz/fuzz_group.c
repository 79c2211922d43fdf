#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "proto/aead.h"
#include "proto/group_fmt.h"
#include "tests/fuzz/fuzz.h"

/* What members of a group seal for each other: an inner, and a whole payload. */
int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	static const uint8_t key[32] = { 9 };
	const struct chq_group_ctx ctx = { .from = 1, .group = 2, .message = 3 };
	uint8_t buf[CHQ_GROUP_INNER_MAX], salt[CHQ_GROUP_SALT_BYTES];
	uint8_t sealed[CHQ_GROUP_PAYLOAD_MAX];
	struct chq_group_inner in, again;
	uint32_t epoch;
	int n;

	chq_crypto_init();
	(void)chq_group_head(data, len, &epoch, salt);
	if (chq_group_open(key, &ctx, data, len, buf, &in) == CHQ_OK)
		abort(); /* nobody sealed it under this key */
	if (chq_group_inner_parse(data, len, &in) != CHQ_OK)
		return 0;
	n = chq_group_seal(key, &ctx, key, &in, sealed);
	if (n < 0 || chq_group_open(key, &ctx, sealed, (size_t)n, buf, &again) != CHQ_OK ||
	    again.text_len != in.text_len || memcmp(buf, data, len) != 0)
		abort();
	return 0;
}
