#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "proto/aead.h"
#include "proto/e2e_fmt.h"
#include "proto/policy.h"
#include "tests/fuzz/fuzz.h"

static const uint8_t key[32] = { 9 };

static void
check_inner(const uint8_t *data, size_t len)
{
	uint64_t ids[CHQ_RECEIPT_IDS_MAX];
	uint8_t again[CHQ_INNER_MAX];
	struct chq_inner in;

	if (chq_inner_parse(data, len, &in) != CHQ_OK)
		return;
	if (chq_inner_build(&in, again) != (int)len || memcmp(again, data, len) != 0)
		abort();
	(void)chq_receipt_parse(&in, ids);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	const struct chq_e2e_ctx ctx = { .from = 1, .to = 2, .message = 3 };
	uint8_t inner[CHQ_INNER_MAX], eph[32];
	struct chq_device_list list;
	struct chq_policy policy;
	struct chq_prekey pk;
	uint32_t prekey_id;

	chq_crypto_init();
	check_inner(data, len);
	(void)chq_device_list_parse(data, len, key, &list);
	(void)chq_prekey_parse(data, len, key, &pk);
	(void)chq_policy_parse(data, len, key, &policy);
	(void)chq_e2e_payload_head(data, len, &prekey_id, eph);
	if (chq_e2e_open(key, &ctx, data, len, inner) >= 0)
		abort(); /* nobody sealed it under this key */
	return 0;
}
