#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>
#include <sodium.h>

#include "base/err.h"
#include "proto/aead.h"
#include "proto/frame.h"

#define ACCOUNT CHQ_PARTY(CHQ_KIND_ACCOUNT, 1, 77)
#define GROUP	CHQ_PARTY(CHQ_KIND_GROUP, 0, 5)

static const uint8_t tag_key[16] = { 1, 2, 3 };
static const uint8_t hop_key[32] = { 4, 5, 6 };

static const struct chq_frame_hdr chat = { .flags = CHQ_F_STORE,
					   .slot = 9,
					   .seq = 1,
					   .party = ACCOUNT,
					   .message = 12,
					   .grant = 34 };

static size_t
build(uint8_t *buf, const struct chq_frame_hdr *h, size_t payload_len)
{
	memset(buf + CHQ_FRAME_HDR_LEN, 0xa5, payload_len);
	chq_frame_build(buf, h, (uint16_t)payload_len, tag_key);
	return CHQ_FRAME_HDR_LEN + payload_len;
}

static int
parse(const struct chq_frame_hdr *h, size_t payload_len, int from_client)
{
	uint8_t buf[2048];
	struct chq_frame_hdr out;

	return chq_frame_parse(buf, build(buf, h, payload_len), from_client, &out);
}

static void
a_frame_shorter_than_its_header_is_refused(void **state)
{
	uint8_t buf[CHQ_FRAME_HDR_LEN];
	struct chq_frame_hdr h;

	(void)state;
	build(buf, &chat, 0);
	for (size_t len = 0; len < sizeof(buf); len++) {
		assert_int_equal(chq_frame_parse(buf, len, 1, &h), CHQ_EMALFORMED);
		assert_false(chq_frame_tag_ok(buf, len, tag_key));
	}
	assert_int_equal(chq_frame_parse(buf, sizeof(buf), 1, &h), CHQ_OK);
}

static void
a_frame_longer_than_a_datagram_is_refused(void **state)
{
	(void)state;
	assert_int_equal(parse(&chat, CHQ_PAYLOAD_MAX, 1), CHQ_OK);
	assert_int_equal(parse(&chat, CHQ_PAYLOAD_MAX + 1, 1), CHQ_ETOOBIG);
}

static void
any_other_type_is_no_frame(void **state)
{
	uint8_t buf[CHQ_FRAME_HDR_LEN];
	struct chq_frame_hdr h;

	(void)state;
	build(buf, &chat, 0);
	for (unsigned type = 0; type < 256; type++) {
		buf[0] = (uint8_t)type;
		assert_int_equal(chq_frame_parse(buf, sizeof(buf), 1, &h),
				 type == CHQ_TYPE_FRAME ? CHQ_OK : CHQ_EMALFORMED);
	}
}

static void
flags_that_a_side_may_not_send_are_refused(void **state)
{
	struct chq_frame_hdr h = chat;

	(void)state;
	for (unsigned flags = 0; flags < 256; flags++) {
		int wanted = !(flags & ~(CHQ_F_HOP | CHQ_F_RECEIPT | CHQ_F_STORE));

		h.flags = (uint8_t)flags;
		assert_int_equal(parse(&h, 32, 1), wanted ? CHQ_OK : CHQ_EMALFORMED);
		assert_int_equal(parse(&h, 32, 0), wanted ? CHQ_OK : CHQ_EMALFORMED);
	}
}

static void
a_ping_has_one_form(void **state)
{
	const struct chq_frame_hdr ping = { .flags = CHQ_F_PING, .seq = 1, .message = 3 };
	struct chq_frame_hdr h = ping;

	(void)state;
	assert_int_equal(parse(&h, 0, 1), CHQ_OK);
	assert_int_equal(parse(&h, 0, 0), CHQ_OK);
	assert_int_equal(parse(&h, 1, 1), CHQ_EMALFORMED);
	h.app = 1;
	assert_int_equal(parse(&h, 0, 1), CHQ_EMALFORMED);
	h = ping;
	h.party = ACCOUNT;
	assert_int_equal(parse(&h, 0, 1), CHQ_EMALFORMED);
	h = ping;
	h.flags |= CHQ_F_STORE;
	assert_int_equal(parse(&h, 0, 1), CHQ_EMALFORMED);
}

static void
a_notice_comes_from_the_server_alone_and_has_one_form(void **state)
{
	const struct chq_frame_hdr notice = {
		.flags = CHQ_F_NOTICE, .app = CHQ_NOTICE_PATH, .seq = 1, .party = ACCOUNT
	};
	struct chq_frame_hdr h = notice;

	(void)state;
	assert_int_equal(parse(&h, 0, 0), CHQ_OK);
	assert_int_equal(parse(&h, 0, 1), CHQ_EMALFORMED);
	assert_int_equal(parse(&h, 1, 0), CHQ_EMALFORMED);
	h.party = GROUP;
	assert_int_equal(parse(&h, 0, 0), CHQ_OK);
	h.app = 0;
	assert_int_equal(parse(&h, 0, 0), CHQ_EMALFORMED);
	h = notice;
	h.flags |= CHQ_F_HOP;
	assert_int_equal(parse(&h, 0, 0), CHQ_EMALFORMED);
}

static void
parties_without_a_form_are_refused(void **state)
{
	static const uint64_t wrong[] = {
		1,
		CHQ_PARTY(CHQ_KIND_SERVER, 1, 0),
		CHQ_PARTY(CHQ_KIND_ACCOUNT, 1, 0),
		CHQ_PARTY(CHQ_KIND_GROUP, 1, 5),
		CHQ_PARTY(CHQ_KIND_GROUP, 0, 1ULL << 32),
		CHQ_PARTY(3, 0, 1),
		UINT64_MAX,
	};
	struct chq_frame_hdr h = chat;

	(void)state;
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		h.party = wrong[i];
		assert_int_equal(parse(&h, 0, 1), CHQ_EMALFORMED);
		assert_int_equal(parse(&h, 0, 0), CHQ_EMALFORMED);
	}
	h.party = GROUP;
	assert_int_equal(parse(&h, 0, 1), CHQ_OK);
	assert_int_equal(parse(&h, 0, 0), CHQ_EMALFORMED); /* a sender is a device */
	h.party = CHQ_PARTY(CHQ_KIND_ACCOUNT, 0, 77);
	assert_int_equal(parse(&h, 0, 1), CHQ_OK);
	assert_int_equal(parse(&h, 0, 0), CHQ_EMALFORMED);
}

static void
frames_to_the_server_are_hop_sealed_and_long_enough_to_be(void **state)
{
	struct chq_frame_hdr h = { .seq = 1, .message = 1 };

	(void)state;
	assert_int_equal(parse(&h, 40, 1), CHQ_EMALFORMED);
	assert_int_equal(parse(&h, 40, 0), CHQ_EMALFORMED);
	h.flags = CHQ_F_HOP;
	assert_int_equal(parse(&h, 40, 1), CHQ_OK);
	assert_int_equal(parse(&h, 16, 0), CHQ_OK);
	assert_int_equal(parse(&h, 15, 0), CHQ_EMALFORMED);
}

static void
sequence_numbers_begin_at_one(void **state)
{
	struct chq_frame_hdr h = chat;

	(void)state;
	h.seq = 0;
	assert_int_equal(parse(&h, 0, 1), CHQ_EMALFORMED);
}

static void
any_flipped_bit_of_the_header_or_another_length_breaks_the_tag(void **state)
{
	uint8_t buf[CHQ_DGRAM_MAX];
	size_t len = build(buf, &chat, 20);

	(void)state;
	assert_true(chq_frame_tag_ok(buf, len, tag_key));
	for (size_t bit = 0; bit < CHQ_FRAME_HDR_LEN * 8; bit++) {
		buf[bit / 8] ^= (uint8_t)(1u << bit % 8);
		assert_false(chq_frame_tag_ok(buf, len, tag_key));
		buf[bit / 8] ^= (uint8_t)(1u << bit % 8);
	}
	for (size_t other = CHQ_FRAME_HDR_LEN; other < sizeof(buf); other++)
		assert_int_equal(chq_frame_tag_ok(buf, other, tag_key), other == len);
	assert_false(chq_frame_tag_ok(buf, len, hop_key));
}

static size_t
sealed(uint8_t *buf, size_t body_len)
{
	struct chq_frame_hdr h = { .flags = CHQ_F_HOP, .slot = 3, .seq = 7, .message = 1 };

	memset(buf + CHQ_FRAME_HDR_LEN, 0x5a, body_len);
	chq_frame_put(buf, &h);
	assert_int_equal(chq_hop_seal(buf, body_len, hop_key), body_len + CHQ_AEAD_TAG_LEN);
	return CHQ_FRAME_HDR_LEN + body_len + CHQ_AEAD_TAG_LEN;
}

static void
a_hop_sealed_frame_opens_only_unchanged_and_leaves_nothing_otherwise(void **state)
{
	uint8_t buf[CHQ_DGRAM_MAX], copy[CHQ_DGRAM_MAX];
	size_t len = sealed(buf, 30);

	(void)state;
	for (size_t bit = 0; bit < len * 8; bit++) {
		if (bit / 8 >= 40 && bit / 8 < 48)
			continue; /* the tag over the header is made after sealing */
		memcpy(copy, buf, len);
		copy[bit / 8] ^= (uint8_t)(1u << bit % 8);
		assert_int_equal(chq_hop_open(copy, len, hop_key), CHQ_ETAG);
		assert_true(sodium_is_zero(copy + CHQ_FRAME_HDR_LEN, len - CHQ_FRAME_HDR_LEN));
	}
	for (size_t cut = 0; cut < len; cut++) {
		memcpy(copy, buf, len);
		assert_int_equal(chq_hop_open(copy, cut, hop_key),
				 cut < 64 ? CHQ_EMALFORMED : CHQ_ETAG);
	}
	assert_int_equal(chq_hop_open(buf, len, hop_key), 30);
	assert_int_equal(buf[CHQ_FRAME_HDR_LEN + 29], 0x5a);
}

static void
the_largest_body_fills_a_datagram_and_one_byte_more_is_refused(void **state)
{
	uint8_t buf[CHQ_DGRAM_MAX + 64];

	(void)state;
	assert_int_equal(sealed(buf, CHQ_HOP_BODY_MAX), CHQ_DGRAM_MAX);
	assert_int_equal(chq_hop_open(buf, CHQ_DGRAM_MAX, hop_key), CHQ_HOP_BODY_MAX);
	assert_int_equal(chq_hop_seal(buf, CHQ_HOP_BODY_MAX + 1, hop_key), CHQ_ETOOBIG);
	assert_int_equal(chq_hop_open(buf, CHQ_DGRAM_MAX + 1, hop_key), CHQ_EMALFORMED);
}

static int
setup(void **state)
{
	(void)state;
	return chq_crypto_init();
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_frame_shorter_than_its_header_is_refused),
		cmocka_unit_test(a_frame_longer_than_a_datagram_is_refused),
		cmocka_unit_test(any_other_type_is_no_frame),
		cmocka_unit_test(flags_that_a_side_may_not_send_are_refused),
		cmocka_unit_test(a_ping_has_one_form),
		cmocka_unit_test(a_notice_comes_from_the_server_alone_and_has_one_form),
		cmocka_unit_test(parties_without_a_form_are_refused),
		cmocka_unit_test(frames_to_the_server_are_hop_sealed_and_long_enough_to_be),
		cmocka_unit_test(sequence_numbers_begin_at_one),
		cmocka_unit_test(any_flipped_bit_of_the_header_or_another_length_breaks_the_tag),
		cmocka_unit_test(
			a_hop_sealed_frame_opens_only_unchanged_and_leaves_nothing_otherwise),
		cmocka_unit_test(the_largest_body_fills_a_datagram_and_one_byte_more_is_refused),
	};

	return cmocka_run_group_tests(tests, setup, NULL);
}
