#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "proto/hello.h"
#include "tests/fuzz/fuzz.h"

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	uint8_t again[CHQ_HELLO_LEN];
	struct chq_hello h;

	if (chq_hello_parse(data, len, &h) != CHQ_OK)
		return 0;
	if (chq_hello_build(again, &h) != CHQ_OK || memcmp(again, data, len) != 0)
		abort();
	return 0;
}
