/* HELLO and RETRY: no state, no more bytes than came, and a cookie that proves one address. */
#include "tests/unit/dataplane/fixture.h"

#define NS_PER_S UINT64_C(1000000000)

static struct world v;
static struct chq_path here;
static struct chq_dp_server_set server;

static int
setup(void **state)
{
	struct peer p;

	(void)state;
	world_init(&v, 16, 16);
	server.server_id = SERVER_ID;
	server.silence_s = 90;
	memset(server.cert, 0x5c, sizeof(server.cert));
	chq_tables_server_set(v.t, &server);
	peer_init(&p, 1, 1);
	here = p.path;
	return 0;
}

static int
teardown(void **state)
{
	(void)state;
	world_deinit(&v);
	return 0;
}

static void
hello(const uint8_t *cookie, const struct chq_path *from)
{
	static const uint8_t noise[96] = { 1, 2, 3 };
	struct chq_hello h = { .version_min = 1, .version_max = 3 };
	uint8_t dgram[CHQ_HELLO_LEN];

	memset(h.nonce, 0x11, sizeof(h.nonce));
	if (cookie) {
		memcpy(h.cookie, cookie, sizeof(h.cookie));
		h.noise = noise;
		h.noise_len = sizeof(noise);
	}
	assert_int_equal(chq_hello_build(dgram, &h), 0);
	world_put(&v, 0, dgram, sizeof(dgram), from);
	world_run(&v, 1);
}

/* The cookie of the RETRY that the last HELLO was answered by. */
static void
retry_cookie(uint8_t cookie[CHQ_COOKIE_LEN])
{
	struct chq_retry r;

	assert_int_equal(v.pkt[0].count, CHQ_C_RETRY);
	assert_int_equal(chq_retry_parse(v.pkt[0].dgram, v.pkt[0].dgram_len, &r), 0);
	memcpy(cookie, r.cookie, CHQ_COOKIE_LEN);
}

static void
retry_names_server_nonce_and_certificate_and_goes_back(void **state)
{
	struct chq_retry r;

	(void)state;
	hello(NULL, &here);
	assert_int_equal(v.pkt[0].verdict, CHQ_V_TX);
	assert_int_equal(v.pkt[0].dgram_len, CHQ_RETRY_LEN);
	assert_int_equal(chq_retry_parse(v.pkt[0].dgram, v.pkt[0].dgram_len, &r), 0);
	assert_int_equal(r.version_min, CHQ_VERSION_MIN);
	assert_int_equal(r.version_max, CHQ_VERSION_MAX);
	for (size_t i = 0; i < sizeof(r.nonce); i++)
		assert_int_equal(r.nonce[i], 0x11);
	assert_memory_equal(r.cert, server.cert, sizeof(r.cert));
	assert_memory_equal(&v.pkt[0].out, &here, sizeof(here));
}

static void
cookie_is_good_for_its_own_address_only(void **state)
{
	uint8_t cookie[CHQ_COOKIE_LEN];
	struct chq_path other;

	(void)state;
	hello(NULL, &here);
	retry_cookie(cookie);
	hello(cookie, &here);
	assert_int_equal(v.pkt[0].count, CHQ_C_UP_HELLO);
	assert_int_equal(v.pkt[0].dgram_len, CHQ_HELLO_LEN);
	for (int bit = 0; bit < 128 + 16; bit++) {
		other = here;
		if (bit < 64)
			other.ip_hi ^= UINT64_C(1) << bit;
		else if (bit < 128)
			other.ip_lo ^= UINT64_C(1) << (bit - 64);
		else
			other.port ^= (uint16_t)(1u << (bit - 128));
		hello(cookie, &other);
		assert_int_equal(v.pkt[0].count, CHQ_C_RETRY);
	}
	other = here; /* the link is no part of it: a client behind two routers keeps its cookie */
	other.mac[0] ^= 1;
	hello(cookie, &other);
	assert_int_equal(v.pkt[0].count, CHQ_C_UP_HELLO);
}

static void
cookie_with_any_bit_flipped_is_refused_by_a_retry(void **state)
{
	uint8_t cookie[CHQ_COOKIE_LEN];

	(void)state;
	hello(NULL, &here);
	retry_cookie(cookie);
	world_remember(&v);
	for (size_t bit = 0; bit < sizeof(cookie) * 8; bit++) {
		cookie[bit / 8] ^= (uint8_t)(1u << bit % 8);
		hello(cookie, &here);
		assert_int_equal(v.pkt[0].count, CHQ_C_RETRY);
		cookie[bit / 8] ^= (uint8_t)(1u << bit % 8);
	}
	assert_false(world_changed(&v));
}

static void
cookie_of_the_secret_before_is_good_and_of_the_one_before_that_is_not(void **state)
{
	uint8_t cookie[CHQ_COOKIE_LEN];

	(void)state;
	hello(NULL, &here);
	retry_cookie(cookie);
	chq_tables_tick(v.t, T0_NS + 120 * NS_PER_S, 0);
	hello(cookie, &here);
	assert_int_equal(v.pkt[0].count, CHQ_C_UP_HELLO);
	chq_tables_tick(v.t, T0_NS + 240 * NS_PER_S, 0);
	hello(cookie, &here);
	retry_cookie(cookie);
	hello(cookie, &here);
	assert_int_equal(v.pkt[0].count, CHQ_C_UP_HELLO);
}

static void
cookie_of_another_server_is_refused(void **state)
{
	uint8_t cookie[CHQ_COOKIE_LEN];

	(void)state;
	hello(NULL, &here);
	retry_cookie(cookie);
	server.server_id++;
	chq_tables_server_set(v.t, &server);
	hello(cookie, &here);
	assert_int_equal(v.pkt[0].count, CHQ_C_RETRY);
}

static void
hellos_from_ten_thousand_addresses_leave_no_trace(void **state)
{
	uint64_t rng = 8;

	(void)state;
	world_remember(&v);
	for (int i = 0; i < 10000; i++) {
		struct chq_path from = { .ip_hi = rnd(&rng),
					 .ip_lo = rnd(&rng),
					 .port = (uint16_t)rnd(&rng) };

		hello(NULL, &from);
		assert_int_equal(v.pkt[0].count, CHQ_C_RETRY);
		assert_true(v.pkt[0].dgram_len <= CHQ_HELLO_LEN);
	}
	assert_false(world_changed(&v));
	assert_int_equal(v.w->extra_n, 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(retry_names_server_nonce_and_certificate_and_goes_back),
		TEST(cookie_is_good_for_its_own_address_only),
		TEST(cookie_with_any_bit_flipped_is_refused_by_a_retry),
		TEST(cookie_of_the_secret_before_is_good_and_of_the_one_before_that_is_not),
		TEST(cookie_of_another_server_is_refused),
		TEST(hellos_from_ten_thousand_addresses_leave_no_trace),
	};
	return cmocka_run_group_tests_name("dataplane/hello", tests, NULL, NULL);
}
