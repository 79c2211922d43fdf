#include <stdlib.h>
#include <string.h>

#include "store/group_record.h"
#include "store/record.h"
#include "tests/fuzz/fuzz.h"

/* The first byte says which record the others are. What unpacks must pack to the very same bytes. */

static uint8_t packed[STORE_RECORD_MAX_BYTES];

static size_t
repack_u64(const uint8_t *p, size_t len)
{
	uint64_t v;

	return store_record_unpack_u64(&v, p, len) == 0 ? store_record_pack_u64(v, packed) : 0;
}

static size_t
repack_ref(const uint8_t *p, size_t len)
{
	uint64_t account;
	uint8_t number;

	if (store_record_unpack_ref(&account, &number, p, len) != 0)
		return 0;
	return store_record_pack_ref(account, number, packed);
}

static size_t
repack_account(const uint8_t *p, size_t len)
{
	struct store_account a;

	if (store_record_unpack_account(&a, p, len) != 0)
		return 0;
	if (p[0] != 1)
		return store_record_pack_account(&a, packed);
	/* One of version 1 is packed as 2, with empty fields behind those that it had. */
	if (store_record_pack_account(&a, packed) != len + 17 || packed[0] != 2)
		abort();
	packed[0] = 1;
	return len;
}

static size_t
repack_e2e(const uint8_t *p, size_t len)
{
	struct store_e2e e;

	return store_record_unpack_e2e(&e, p, len) == 0 ? store_record_pack_e2e(&e, packed) : 0;
}

static size_t
repack_device(const uint8_t *p, size_t len)
{
	struct store_device d;

	return store_record_unpack_device(&d, p, len) == 0 ? store_record_pack_device(&d, packed)
							   : 0;
}

static size_t
repack_friend(const uint8_t *p, size_t len)
{
	struct store_friend f;

	return store_record_unpack_friend(&f, p, len) == 0 ? store_record_pack_friend(&f, packed)
							   : 0;
}

static size_t
repack_answer(const uint8_t *p, size_t len)
{
	const uint8_t *answer;
	size_t answer_len;

	if (store_record_unpack_answer(&answer, &answer_len, p, len) != 0)
		return 0;
	return store_record_pack_answer(answer, answer_len, packed);
}

static size_t
repack_dept(const uint8_t *p, size_t len)
{
	struct store_dept d;

	return store_record_unpack_dept(&d, p, len) == 0 ? store_record_pack_dept(&d, packed) : 0;
}

static size_t
repack_member(const uint8_t *p, size_t len)
{
	struct store_member m;

	return store_record_unpack_member(&m, p, len) == 0 ? store_record_pack_member(&m, packed)
							   : 0;
}

static size_t
repack_rule(const uint8_t *p, size_t len)
{
	static struct store_rule r;

	return store_record_unpack_rule(&r, p, len) == 0 ? store_record_pack_rule(&r, packed) : 0;
}

static size_t
repack_app(const uint8_t *p, size_t len)
{
	static struct store_app a;

	return store_record_unpack_app(&a, p, len) == 0 ? store_record_pack_app(&a, packed) : 0;
}

static size_t
repack_offer(const uint8_t *p, size_t len)
{
	struct store_offer o;

	return store_record_unpack_offer(&o, p, len) == 0 ? store_record_pack_offer(&o, packed) : 0;
}

static size_t
repack_group(const uint8_t *p, size_t len)
{
	struct store_group g;

	return store_record_unpack_group(&g, p, len) == 0 ? store_record_pack_group(&g, packed) : 0;
}

static size_t
repack_group_member(const uint8_t *p, size_t len)
{
	struct store_group_member m;

	return store_record_unpack_group_member(&m, p, len) == 0
		       ? store_record_pack_group_member(&m, packed)
		       : 0;
}

static size_t
repack_group_frame(const uint8_t *p, size_t len)
{
	struct store_group_frame f;

	return store_record_unpack_group_frame(&f, p, len) == 0
		       ? store_record_pack_group_frame(&f, packed)
		       : 0;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	static size_t (*const repack[])(const uint8_t *p, size_t len) = {
		repack_u64,    repack_ref,	    repack_account,	repack_e2e,
		repack_device, repack_friend,	    repack_answer,	repack_dept,
		repack_member, repack_rule,	    repack_app,		repack_offer,
		repack_group,  repack_group_member, repack_group_frame,
	};
	size_t again;

	if (len < 1 || data[0] >= sizeof(repack) / sizeof(repack[0]))
		return 0;
	again = repack[data[0]](data + 1, len - 1);
	if (again != 0 && (again != len - 1 || memcmp(packed, data + 1, again) != 0))
		abort();
	return 0;
}
