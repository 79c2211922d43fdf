#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "base/err.h"
#include "proto/aead.h"
#include "proto/e2e_account.h"
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

/* The head may be right, the rest is sealed for nobody. */
static void
check_account_key(const uint8_t *data, size_t len)
{
	struct chq_device_offer o = { .account = len > 24 ? chq_get_le64(data + 17) : 1 };
	struct chq_signkey account_key;
	struct chq_keypair ident;

	o.device = len > 25 ? data[25] : 1;
	chq_x25519_from_secret(&ident, key);
	if (chq_account_open(&o, &ident, data, len, &account_key) == CHQ_OK)
		abort();
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
	check_account_key(data, len);
	(void)chq_device_list_parse(data, len, key, &list);
	(void)chq_prekey_parse(data, len, key, &pk);
	(void)chq_policy_parse(data, len, key, &policy);
	(void)chq_e2e_payload_head(data, len, &prekey_id, eph);
	if (chq_e2e_open(key, &ctx, data, len, inner) >= 0)
		abort(); /* nobody sealed it under this key */
	return 0;
}
