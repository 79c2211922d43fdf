#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "proto/hello.h"
#include "tests/fuzz/fuzz.h"

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	uint8_t again[CHQ_CLIENT_INFO_MAX];
	struct chq_client_info ci;

	if (chq_client_info_parse(data, len, &ci) != CHQ_OK)
		return 0;
	if (chq_client_info_build(again, sizeof(again), &ci) != (int)len ||
	    memcmp(again, data, len) != 0)
		abort();
	return 0;
}
