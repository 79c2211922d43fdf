#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/addr.h"
#include "base/array.h"
#include "base/err.h"
#include "dataplane/locals.h"
#include "dataplane/sockio.h"

static struct chq_inet
inet_of(const char *text)
{
	struct sockaddr_storage ss;
	struct chq_inet a;
	socklen_t len;

	assert_int_equal(chq_sockaddr_parse(text, &ss, &len), 0);
	assert_true(chq_inet_from_sockaddr(&a, (struct sockaddr *)&ss));
	return a;
}

static void
addresses_survive_the_way_into_the_tables_and_back(void **state)
{
	static const char *const texts[] = { "192.0.2.1:4700", "0.0.0.0:1", "[2001:db8::1]:4700",
					     "[::1]:65535" };
	char out[CHQ_ADDR_TEXT_MAX];
	struct sockaddr_storage ss;

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
		struct chq_inet a = inet_of(texts[i]);

		assert_true(chq_inet_to_sockaddr(&a, AF_INET6, 0, &ss) ==
			    sizeof(struct sockaddr_in6));
		assert_string_equal(chq_sockaddr_format((struct sockaddr *)&ss, out), texts[i]);
		if (!chq_ip_is_v4(a.ip_hi, a.ip_lo))
			continue;
		assert_true(chq_inet_to_sockaddr(&a, AF_INET, 0, &ss) ==
			    sizeof(struct sockaddr_in));
		assert_string_equal(chq_sockaddr_format((struct sockaddr *)&ss, out), texts[i]);
	}
}

static void
an_ipv4_socket_cannot_reach_ipv6(void **state)
{
	struct chq_inet a = inet_of("[2001:db8::1]:4700");
	struct sockaddr_storage ss;

	(void)state;
	assert_int_equal(chq_inet_to_sockaddr(&a, AF_INET, 0, &ss), 0);
}

static void
kinds_of_addresses_are_told_apart(void **state)
{
	struct chq_inet any4 = inet_of("0.0.0.0:1"), any6 = inet_of("[::]:1"),
			one = inet_of("[::1]:1");
	struct chq_inet local = inet_of("[fe80::1]:1"), site = inet_of("[fec0::1]:1");

	(void)state;
	assert_true(chq_ip_is_any(any4.ip_hi, any4.ip_lo));
	assert_true(chq_ip_is_any(any6.ip_hi, any6.ip_lo));
	assert_false(chq_ip_is_any(one.ip_hi, one.ip_lo));
	assert_true(chq_ip_is_v4(any4.ip_hi, any4.ip_lo));
	assert_false(chq_ip_is_v4(any6.ip_hi, any6.ip_lo));
	assert_true(chq_ip_is_link_local(local.ip_hi));
	assert_false(chq_ip_is_link_local(site.ip_hi));
}

static void
only_a_link_local_address_gets_a_scope(void **state)
{
	struct chq_inet local = inet_of("[fe80::1]:1"), global = inet_of("[2001:db8::1]:1");
	struct sockaddr_in6 in6;
	struct sockaddr_storage ss;

	(void)state;
	chq_inet_to_sockaddr(&local, AF_INET6, 7, &ss);
	memcpy(&in6, &ss, sizeof(in6));
	assert_int_equal(in6.sin6_scope_id, 7);
	chq_inet_to_sockaddr(&global, AF_INET6, 7, &ss);
	memcpy(&in6, &ss, sizeof(in6));
	assert_int_equal(in6.sin6_scope_id, 0);
}

static void
an_index_of_an_address_is_never_given_to_another(void **state)
{
	static struct chq_header hd;

	(void)state;
	for (uint64_t i = 0; i < CHQ_TABLE_LOCALS_MAX; i++)
		assert_int_equal(chq_local_add(&hd, i + 1, 0, 4700, 0), i);
	assert_int_equal(chq_local_add(&hd, 1, 0, 4700, 3), 0);
	assert_int_equal(hd.local[0].ifidx, 3);
	assert_int_equal(chq_local_add(&hd, 1000, 0, 4700, 0), CHQ_EFULL);
	assert_int_equal(chq_local_find(&hd, 5, 0, 4700), 4);
	assert_int_equal(chq_local_find(&hd, 5, 0, 4701), CHQ_ENOENT);
}

static void
ports_keep_their_index_and_take_new_properties(void **state)
{
	static struct chq_header hd;
	static const uint8_t mac[6] = { 2, 0, 0, 0, 0, 1 };

	(void)state;
	for (uint32_t i = 0; i < CHQ_TABLE_PORTS_MAX; i++)
		assert_int_equal(chq_port_add(&hd, 100 + i, NULL, 1500), i);
	assert_int_equal(chq_port_add(&hd, 103, mac, 9000), 3);
	assert_memory_equal(hd.port_info[3].mac, mac, 6);
	assert_int_equal(hd.port_info[3].mtu, 9000);
	assert_int_equal(chq_port_add(&hd, 999, NULL, 0), CHQ_EFULL);
	assert_int_equal(chq_port_find(&hd, 999), CHQ_ENOENT);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(addresses_survive_the_way_into_the_tables_and_back),
		cmocka_unit_test(an_ipv4_socket_cannot_reach_ipv6),
		cmocka_unit_test(kinds_of_addresses_are_told_apart),
		cmocka_unit_test(only_a_link_local_address_gets_a_scope),
		cmocka_unit_test(an_index_of_an_address_is_never_given_to_another),
		cmocka_unit_test(ports_keep_their_index_and_take_new_properties),
	};

	return cmocka_run_group_tests_name("dataplane/sockio", tests, NULL, NULL);
}
