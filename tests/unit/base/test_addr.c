#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <arpa/inet.h>
#include <cmocka.h>
#include <netinet/in.h>

#include "base/addr.h"
#include "base/array.h"
#include "base/err.h"

static void
addresses_survive_parsing_and_formatting(void **state)
{
	static const char *const good[] = { "192.0.2.1:4700", "[::]:4700", "[2001:db8::1]:1",
					    "255.255.255.255:65535" };
	char text[CHQ_ADDR_TEXT_MAX];
	struct sockaddr_storage sa;
	socklen_t len;

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(good); i++) {
		assert_int_equal(chq_sockaddr_parse(good[i], &sa, &len), 0);
		assert_int_equal(len, sa.ss_family == AF_INET ? sizeof(struct sockaddr_in)
							      : sizeof(struct sockaddr_in6));
		assert_string_equal(chq_sockaddr_format((struct sockaddr *)&sa, text), good[i]);
	}
}

static void
a_mapped_ipv4_address_is_written_as_ipv4(void **state)
{
	char text[CHQ_ADDR_TEXT_MAX];
	struct sockaddr_storage sa;
	socklen_t len;

	(void)state;
	assert_int_equal(chq_sockaddr_parse("[::ffff:192.0.2.9]:80", &sa, &len), 0);
	assert_string_equal(chq_sockaddr_format((struct sockaddr *)&sa, text), "192.0.2.9:80");
}

static void
names_have_a_host_and_a_port_but_are_no_addresses(void **state)
{
	struct sockaddr_storage sa;
	char host[CHQ_HOST_MAX];
	socklen_t len;
	uint16_t port;

	(void)state;
	assert_int_equal(chq_hostport_split("im.example.org:4700", host, &port), 0);
	assert_string_equal(host, "im.example.org");
	assert_int_equal(port, 4700);
	assert_int_equal(chq_hostport_split("[2001:db8::1]:99", host, &port), 0);
	assert_string_equal(host, "2001:db8::1");
	assert_int_equal(chq_sockaddr_parse("im.example.org:4700", &sa, &len), CHQ_EMALFORMED);
}

static void
malformed_addresses_are_refused(void **state)
{
	static const char *const bad[] = { "",
					   ":",
					   "a",
					   "a:",
					   ":4700",
					   "a:0",
					   "a:065",
					   "a:65536",
					   "a:655350",
					   "a:-1",
					   "a:4700 ",
					   "::1:4700",
					   "[::1]4700",
					   "[::1:4700",
					   "[]:1",
					   "[a]:1",
					   "[1.2.3.4]:1",
					   "-a:1",
					   "a-:1",
					   "a..b:1",
					   "a.:1",
					   "a_b:1",
					   "1.2.3:1",
					   "1.2.3.4.5:1",
					   "256.1.1.1:1",
					   "a:99999999999",
					   "\xc3\xa4:1" };
	char host[CHQ_HOST_MAX], longest[600];
	uint16_t port;

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(bad); i++)
		assert_int_equal(chq_hostport_split(bad[i], host, &port), CHQ_EMALFORMED);
	memset(longest, 'a', sizeof(longest));
	memcpy(longest + sizeof(longest) - 3, ":1", 3);
	assert_int_equal(chq_hostport_split(longest, host, &port), CHQ_EMALFORMED);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(addresses_survive_parsing_and_formatting),
		cmocka_unit_test(a_mapped_ipv4_address_is_written_as_ipv4),
		cmocka_unit_test(names_have_a_host_and_a_port_but_are_no_addresses),
		cmocka_unit_test(malformed_addresses_are_refused),
	};

	return cmocka_run_group_tests_name("base/addr", tests, NULL, NULL);
}
