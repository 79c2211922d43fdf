#include <arpa/inet.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/err.h"
#include "dataplane/listen.h"

static char any6[] = "[::]:4700", any4[] = "0.0.0.0:4701", one[] = "192.0.2.1:4702",
	    name[] = "host:4700";
static char err[256];

static struct chq_inet
inet_of(const char *text)
{
	struct sockaddr_in6 v6 = { .sin6_family = AF_INET6 };
	struct sockaddr_in v4 = { .sin_family = AF_INET };
	struct chq_inet a = { 0 };

	if (inet_pton(AF_INET, text, &v4.sin_addr) == 1) {
		assert_true(chq_inet_from_sockaddr(&a, (struct sockaddr *)&v4));
	} else {
		assert_int_equal(inet_pton(AF_INET6, text, &v6.sin6_addr), 1);
		assert_true(chq_inet_from_sockaddr(&a, (struct sockaddr *)&v6));
	}
	return a;
}

static void
each_address_covers_what_its_socket_would_receive(void **state)
{
	char *items[] = { any6, any4, one };
	const struct chq_conf_strings texts = { items, 3 };
	static const struct {
		const char *address;
		bool by[3];
	} cases[] = {
		{ "192.0.2.1", { true, true, true } },
		{ "192.0.2.2", { true, true, false } },
		{ "2001:db8::1", { true, false, false } },
	};
	struct chq_listen l;

	(void)state;
	assert_int_equal(chq_listen_parse(&l, &texts, err, sizeof(err)), 0);
	assert_int_equal(l.n, 3);
	for (size_t i = 0; i < 3; i++) {
		struct chq_inet a = inet_of(cases[i].address);

		assert_int_equal(l.at[i].port, 4700 + i);
		for (size_t k = 0; k < 3; k++)
			assert_int_equal(chq_listen_covers(&l.at[k], &a), cases[i].by[k]);
	}
}

static void
what_cannot_be_listened_at_is_refused_with_its_text(void **state)
{
	char *names[] = { any6, name }, *many[CHQ_LISTEN_MAX + 1];
	const struct chq_conf_strings bad = { names, 2 }, none = { names, 0 };
	const struct chq_conf_strings too_many = { many, CHQ_LISTEN_MAX + 1 };
	struct chq_listen l;

	(void)state;
	for (size_t i = 0; i < CHQ_LISTEN_MAX + 1; i++)
		many[i] = any6;
	assert_int_equal(chq_listen_parse(&l, &bad, err, sizeof(err)), CHQ_ECONF);
	assert_non_null(strstr(err, name));
	assert_int_equal(chq_listen_parse(&l, &none, err, sizeof(err)), CHQ_ECONF);
	assert_int_equal(chq_listen_parse(&l, &too_many, err, sizeof(err)), CHQ_ECONF);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_address_covers_what_its_socket_would_receive),
		cmocka_unit_test(what_cannot_be_listened_at_is_refused_with_its_text),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
