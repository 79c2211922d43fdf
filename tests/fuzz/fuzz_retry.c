#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "proto/hello.h"
#include "tests/fuzz/fuzz.h"

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	uint8_t again[CHQ_RETRY_LEN];
	struct chq_retry r;

	if (chq_retry_parse(data, len, &r) != CHQ_OK)
		return 0;
	chq_retry_build(again, &r);
	if (memcmp(again, data, len) != 0)
		abort();
	return 0;
}
