/* Our own addresses in the header record: what is entered, what is marked as gone, and who keeps its index. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <jansson.h>
#include <string.h>

#include "base/err.h"
#include "dataplane/addrs.h"

#define V4(d)                                                                                   \
	{                                                                                       \
		0, UINT64_C(0x00000000ffff0000) | (uint64_t)(d) << 56 | UINT64_C(0x0a) << 32, 0 \
	}

static struct chq_header header;
static const struct chq_listen any = { .at = { { 0, 0, 4700 }, { 0, 0, 4701 } }, .n = 2 };

static int
setup(void **state)
{
	(void)state;
	memset(&header, 0, sizeof(header));
	return 0;
}

static void
an_address_is_entered_once_for_each_port_that_listens(void **state)
{
	const struct chq_inet a = V4(1), b = V4(2);
	uint64_t seen = 0;

	(void)state;
	assert_int_equal(chq_addr_add(&header, &any, &a, 3, &seen), 2);
	assert_int_equal(seen, 3);
	assert_int_equal(chq_addr_add(&header, &any, &b, 3, &seen), 2);
	assert_int_equal(seen, 15);
	assert_int_equal(chq_addr_add(&header, &any, &a, 3, NULL), 2);
	assert_int_equal(header.locals, 4);
	assert_int_equal(header.local[1].port, 4701);
}

static void
an_address_that_goes_keeps_its_index_until_it_comes_back(void **state)
{
	const struct chq_inet a = V4(1), b = V4(2);
	uint64_t first = 0, second = 0, again = 0;
	json_t *shown;

	(void)state;
	chq_addr_add(&header, &any, &a, 3, &first);
	chq_addr_add(&header, &any, &b, 4, &second);
	chq_addrs_withdraw(&header, second);
	assert_int_equal(header.local[0].ifidx, CHQ_LOCAL_GONE);
	assert_int_equal(header.local[1].ifidx, CHQ_LOCAL_GONE);
	assert_int_equal(header.local[2].ifidx, 4);
	shown = chq_addrs_describe(&header, -1);
	assert_int_equal(json_array_size(shown), 2);
	json_decref(shown);
	assert_int_equal(chq_addr_add(&header, &any, &a, 5, &again), 2);
	assert_int_equal(again, first);
	assert_int_equal(header.local[0].ifidx, 5);
	assert_int_equal(header.locals, 4);
}

static void
a_listed_address_that_is_none_is_named(void **state)
{
	char *listen[] = { (char[]){ "[::]:4700" } }, *bad[] = { (char[]){ "10.0.0.x" } };
	struct chq_site_conf conf = { .listen = { listen, 1 }, .dataplane.addresses = { bad, 1 } };
	char err[256] = "";

	(void)state;
	assert_int_equal(chq_addrs_add_listed(&header, &conf, 0, NULL, err, sizeof(err)),
			 CHQ_ECONF);
	assert_non_null(strstr(err, "10.0.0.x"));
	assert_int_equal(header.locals, 0);
}

static void
a_scan_finds_the_loopback_and_gives_it_a_port(void **state)
{
	char *lo[] = { (char[]){ "lo" } };
	const struct chq_conf_strings only = { lo, 1 };
	uint64_t seen = 0;
	json_t *shown;

	(void)state;
	assert_int_equal(chq_addrs_scan(&header, &any, &only, &seen), 0);
	if (header.locals == 0)
		skip(); /* no loopback in this namespace */
	assert_int_equal(header.ports, 1);
	assert_true(header.port_info[0].mtu > 0);
	assert_int_equal(seen,
			 header.locals == 64 ? UINT64_MAX : (UINT64_C(1) << header.locals) - 1);
	shown = chq_addrs_describe(&header, 0);
	assert_int_equal(json_array_size(shown), header.locals);
	json_decref(shown);
	assert_int_equal(chq_addrs_port_add(&header, "lo"), 0);
	assert_int_equal(chq_addrs_port_add(&header, "nix0"), CHQ_ENODEV);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(an_address_is_entered_once_for_each_port_that_listens,
				       setup),
		cmocka_unit_test_setup(an_address_that_goes_keeps_its_index_until_it_comes_back,
				       setup),
		cmocka_unit_test_setup(a_listed_address_that_is_none_is_named, setup),
		cmocka_unit_test_setup(a_scan_finds_the_loopback_and_gives_it_a_port, setup),
	};

	return cmocka_run_group_tests_name("dataplane/addrs", tests, NULL, NULL);
}
