#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "proto/aead.h"
#include "proto/frame.h"
#include "tests/fuzz/fuzz.h"

static const uint8_t key[32];

/* What parses is built again to the same bytes; what does not open leaves no plaintext. */
static void
check(const uint8_t *data, size_t len, int from_client)
{
	uint8_t buf[CHQ_DGRAM_MAX];
	struct chq_frame_hdr h;
	int n;

	if (chq_frame_parse(data, len, from_client, &h) != CHQ_OK)
		return;
	memcpy(buf, data, len);
	chq_frame_put(buf, &h);
	if (memcmp(buf, data, len) != 0)
		abort();
	chq_frame_build(buf, &h, (uint16_t)(len - CHQ_FRAME_HDR_LEN), key);
	if (!chq_frame_tag_ok(buf, len, key))
		abort();
	n = chq_hop_open(buf, len, key);
	if (n != CHQ_ETAG && n != CHQ_EMALFORMED)
		abort();
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	chq_crypto_init();
	check(data, len, 0);
	check(data, len, 1);
	(void)chq_frame_tag_ok(data, len, key);
	return 0;
}
