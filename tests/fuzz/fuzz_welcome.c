#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "proto/hello.h"
#include "tests/fuzz/fuzz.h"

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	uint8_t again[CHQ_DGRAM_MAX];
	struct chq_welcome_body b;
	struct chq_welcome w;

	if (chq_welcome_body_parse(data, len, &b) == CHQ_OK) {
		chq_welcome_body_build(again, &b);
		if (memcmp(again, data, len) != 0)
			abort();
	}
	if (chq_welcome_parse(data, len, &w) == CHQ_OK) {
		if (chq_welcome_build(again, sizeof(again), w.version, w.nonce, w.noise,
				      w.noise_len) != (int)len ||
		    memcmp(again, data, len) != 0)
			abort();
	}
	return 0;
}
