#include <setjmp.h>
#include <stdalign.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/err.h"
#include "proto/dpcmd.h"

#define TYPES_END 300

static alignas(8) uint8_t msg[CHQ_DP_MSG_MAX + 64];

static int
check(unsigned type, size_t len)
{
	struct chq_dp_hdr *h = (void *)msg;

	h->type = (uint16_t)type;
	h->len = (uint16_t)len;
	return chq_dp_check(msg, len);
}

static void
each_type_is_accepted_at_one_length_with_nothing_variable(void **state)
{
	unsigned types = 0;

	(void)state;
	memset(msg, 0, sizeof(msg));
	for (unsigned type = 0; type < TYPES_END; type++) {
		unsigned good = 0;

		for (size_t len = 0; len < sizeof(msg); len++) {
			int got = check(type, len);

			assert_true(got == (int)type || got == CHQ_EMALFORMED);
			good += got > 0;
		}
		assert_int_equal(good, strcmp(chq_dp_type_name((int)type), "unknown") != 0);
		types += good;
	}
	assert_int_equal(types, CHQ_DP_SENDER_EPOCH + CHQ_DP_LOAD - CHQ_DP_INFO + 1);
}

static void
the_length_in_the_header_must_be_that_of_the_packet(void **state)
{
	struct chq_dp_hdr *h = (void *)msg;

	(void)state;
	memset(msg, 0, sizeof(msg));
	assert_int_equal(check(CHQ_DP_DUMP, sizeof(*h)), CHQ_DP_DUMP);
	h->len++;
	assert_int_equal(chq_dp_check(msg, sizeof(*h)), CHQ_EMALFORMED);
	assert_int_equal(chq_dp_check(msg, 3), CHQ_EMALFORMED);
}

/* Sets the u16 at @off to each value around the bound and checks what is accepted. */
static void
assert_bound(unsigned type, size_t fixed, size_t off, size_t max)
{
	memset(msg, 0, sizeof(msg));
	for (size_t n = 0; n <= max + 8; n++) {
		msg[off] = (uint8_t)n;
		msg[off + 1] = (uint8_t)(n >> 8);
		assert_int_equal(check(type, fixed + n), n <= max ? (int)type : CHQ_EMALFORMED);
		assert_int_equal(check(type, fixed + n + 1), CHQ_EMALFORMED);
		if (n)
			assert_int_equal(check(type, fixed + n - 1), CHQ_EMALFORMED);
	}
	msg[off] = msg[off + 1] = 0xff;
	assert_int_equal(check(type, fixed), CHQ_EMALFORMED);
}

static void
what_follows_the_fixed_part_has_the_length_named_and_its_bound(void **state)
{
	(void)state;
	assert_bound(CHQ_DP_DGRAM_TX, sizeof(struct chq_dp_dgram_tx),
		     offsetof(struct chq_dp_dgram_tx, dgram_len), CHQ_DGRAM_MAX);
	assert_bound(CHQ_DP_HELLO_RX, sizeof(struct chq_dp_hello_rx),
		     offsetof(struct chq_dp_hello_rx, dgram_len), CHQ_DGRAM_MAX);
	assert_bound(CHQ_DP_FRAME_TX, sizeof(struct chq_dp_frame_tx),
		     offsetof(struct chq_dp_frame_tx, body_len), CHQ_PAYLOAD_MAX);
	assert_bound(CHQ_DP_SERVER_RX, sizeof(struct chq_dp_server_rx),
		     offsetof(struct chq_dp_server_rx, body_len), CHQ_HOP_BODY_MAX);
	assert_bound(CHQ_DP_FRAME_RX, sizeof(struct chq_dp_frame_rx),
		     offsetof(struct chq_dp_frame_rx, payload_len), CHQ_PAYLOAD_MAX);
}

static void
types_have_names_for_the_log(void **state)
{
	(void)state;
	assert_string_equal(chq_dp_type_name(CHQ_DP_SESSION_OPEN), "session-open");
	assert_string_equal(chq_dp_type_name(CHQ_DP_EVENT), "event");
	assert_string_equal(chq_dp_type_name(0), "unknown");
	assert_string_equal(chq_dp_type_name(-5), "unknown");
	assert_string_equal(chq_dp_type_name(100000), "unknown");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_type_is_accepted_at_one_length_with_nothing_variable),
		cmocka_unit_test(the_length_in_the_header_must_be_that_of_the_packet),
		cmocka_unit_test(what_follows_the_fixed_part_has_the_length_named_and_its_bound),
		cmocka_unit_test(types_have_names_for_the_log),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
