#include <stdlib.h>
#include <string.h>
#include <sys/types.h>

#include "base/hex.h"
#include "tests/fuzz/fuzz.h"

typedef ssize_t decode_fn(void *out, size_t size, const char *text, size_t text_len);
typedef size_t encode_fn(char *out, const void *bytes, size_t len);

/* Whatever decodes must encode to the very same text: there is no second spelling. */
static void
check(decode_fn *decode, encode_fn *encode, const char *text, size_t len)
{
	uint8_t *bytes = malloc(len + 1);
	char *again = malloc(2 * len + 2);
	ssize_t n;

	if (!bytes || !again)
		abort();
	n = decode(bytes, len, text, len);
	if (n >= 0 && (encode(again, bytes, (size_t)n) != len || memcmp(again, text, len) != 0))
		abort();
	free(bytes);
	free(again);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	const char *text = (const char *)data;

	check(chq_hex_decode, chq_hex_encode, text, len);
	check(chq_base32_decode, chq_base32_encode, text, len);
	return 0;
}
