#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <string.h>

#include "base/err.h"
#include "dataplane/driver_order.h"

static char *names[] = { (char[]){ "x" } };

static void
expect(struct chq_site_conf *conf, int n, const enum chq_conf_driver *want)
{
	enum chq_conf_driver got[CHQ_DRIVER__COUNT];
	const char *why = NULL;

	assert_int_equal(chq_driver_order(conf, got, &why), n);
	assert_memory_equal(got, want, (size_t)n * sizeof(*want));
	assert_non_null(why);
}

static void
auto_takes_sockets_when_nothing_is_listed(void **state)
{
	struct chq_site_conf conf = { .dataplane.driver = CHQ_DRIVER_AUTO };

	(void)state;
	expect(&conf, 1, (enum chq_conf_driver[]){ CHQ_DRIVER_SOCKET });
}

static void
auto_prefers_what_is_listed_ports_first(void **state)
{
	struct chq_site_conf conf = { .dataplane.driver = CHQ_DRIVER_AUTO };

	(void)state;
	conf.dataplane.interfaces = (struct chq_conf_strings){ names, 1 };
	expect(&conf, 3,
	       (enum chq_conf_driver[]){ CHQ_DRIVER_AF_XDP, CHQ_DRIVER_XDP, CHQ_DRIVER_SOCKET });
	conf.dataplane.ports = (struct chq_conf_strings){ names, 1 };
	expect(&conf, 4,
	       (enum chq_conf_driver[]){ CHQ_DRIVER_DPDK, CHQ_DRIVER_AF_XDP, CHQ_DRIVER_XDP,
					 CHQ_DRIVER_SOCKET });
	conf.dataplane.interfaces.count = 0;
	expect(&conf, 2, (enum chq_conf_driver[]){ CHQ_DRIVER_DPDK, CHQ_DRIVER_SOCKET });
}

static void
a_named_driver_is_tried_alone(void **state)
{
	struct chq_site_conf conf = { .dataplane.driver = CHQ_DRIVER_AF_XDP };

	(void)state;
	conf.dataplane.ports = (struct chq_conf_strings){ names, 1 };
	expect(&conf, 1, (enum chq_conf_driver[]){ CHQ_DRIVER_AF_XDP });
}

static void
each_driver_has_the_word_of_the_configuration(void **state)
{
	(void)state;
	for (int kind = 0; kind < CHQ_DRIVER__COUNT; kind++) {
		char text[64];
		struct chq_conf_error err;
		struct chq_site_conf conf;

		assert_int_equal(chq_driver_of_word(chq_driver_word((enum chq_conf_driver)kind)),
				 kind);
		snprintf(text, sizeof(text), "dataplane: {driver: %s, interfaces: [x], ports: [x]}",
			 chq_driver_word((enum chq_conf_driver)kind));
		assert_int_equal(
			chq_conf_parse(&chq_site_schema, "f", text, strlen(text), &conf, &err), 0);
		assert_int_equal(conf.dataplane.driver, kind);
		chq_site_conf_free(&conf);
	}
	assert_int_equal(chq_driver_of_word("xpd"), CHQ_EUSAGE);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_driver_has_the_word_of_the_configuration),
		cmocka_unit_test(auto_takes_sockets_when_nothing_is_listed),
		cmocka_unit_test(auto_prefers_what_is_listed_ports_first),
		cmocka_unit_test(a_named_driver_is_tried_alone),
	};

	return cmocka_run_group_tests_name("dataplane/driver_order", tests, NULL, NULL);
}
