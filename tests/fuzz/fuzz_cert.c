#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "proto/aead.h"
#include "proto/hello.h"
#include "tests/fuzz/fuzz.h"

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	uint8_t again[CHQ_SERVERCERT_LEN];
	struct chq_server_cert c;

	chq_crypto_init();
	if (chq_server_cert_parse(data, len, &c) != CHQ_OK)
		return 0;
	chq_server_cert_build(again, &c);
	if (memcmp(again, data, len) != 0)
		abort();
	return 0;
}
