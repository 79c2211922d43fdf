#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/err.h"
#include "control/pwhash.h"
#include "store/account.h"
#include "store/reader.h"
#include "tests/unit/control/fixture.h"

/*
 * What the cost of a refused password tells of the name. Not by time: every check is caught here, and
 * its cost read from the hash that it compares with.
 */

enum { NAMES = 48, COST_MAX = 64 };

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static char cost[COST_MAX]; /* of the last check: "$argon2id$v=19$m=8192,t=1,p=1" */

int __real_crypto_pwhash_str_verify(const char *hash, const char *password, unsigned long long len);
int __wrap_crypto_pwhash_str_verify(const char *hash, const char *password, unsigned long long len);

static void
cost_of(const char *hash, char out[COST_MAX])
{
	const char *end = strchr(strstr(hash, "m="), '$');

	snprintf(out, COST_MAX, "%.*s", (int)(end - hash), hash);
}

int
__wrap_crypto_pwhash_str_verify(const char *hash, const char *password, unsigned long long len)
{
	pthread_mutex_lock(&lock);
	cost_of(hash, cost);
	pthread_mutex_unlock(&lock);
	return __real_crypto_pwhash_str_verify(hash, password, len);
}

/* The cost at which a name is refused. */
static void
refused_at(struct fixture *f, struct fix_client *c, const char *name, char out[COST_MAX])
{
	cost[0] = '\0';
	assert_int_equal(client_login(f, c, name, "wrong", true), CHASQUI__CODE__E_AUTH);
	assert_true(cost[0]);
	memcpy(out, cost, COST_MAX);
}

static void
nobodys_costs(struct fixture *f, char out[NAMES][COST_MAX])
{
	struct fix_client c;
	char name[32];

	client_init(f, &c, 9);
	client_hello(f, &c);
	for (unsigned i = 0; i < NAMES; i++) {
		snprintf(name, sizeof(name), "nobody%u", i);
		refused_at(f, &c, name, out[i]);
	}
}

static unsigned
how_many(char (*costs)[COST_MAX], const char *which)
{
	unsigned n = 0;

	for (unsigned i = 0; i < NAMES; i++)
		n += strcmp(costs[i], which) == 0;
	return n;
}

static void
stored_hash(struct fixture *f, const char *login, char out[STORE_PWHASH_MAX_BYTES + 1])
{
	struct store_account a;
	struct store_txn *txn;

	assert_int_equal(store_read_begin(f->ctl.reader, &txn), 0);
	assert_int_equal(store_account_find(txn, login, strlen(login), &a), 0);
	store_read_end(f->ctl.reader);
	memcpy(out, a.pwhash, sizeof(a.pwhash));
}

static void
restart_with_passes(struct fixture *f, unsigned passes)
{
	fixture_stop(f);
	f->conf.passwords.passes = passes;
	f->conf.limits.login_failures_per_account.count = 1000;
	f->conf.limits.login_failures_per_address.count = 1000;
	fixture_start(f);
}

static void
bring_to_new_cost(struct fixture *f, const char *login)
{
	uint64_t before = f->ctl.count[COUNT_REHASHED];
	struct fix_client c;

	client_online(f, &c, 1, login);
	FIX_UNTIL(f, f->ctl.count[COUNT_REHASHED] == before + 1);
}

static void
after_a_change_of_cost_a_name_of_nobody_costs_what_accounts_do(void **state)
{
	struct fixture *f = *state;
	char costs[NAMES][COST_MAX], alice[COST_MAX];
	struct fix_client c;

	restart_with_passes(f, 2);
	client_init(f, &c, 8);
	client_hello(f, &c);
	refused_at(f, &c, "alice", alice);
	assert_non_null(strstr(alice, ",t=1,"));
	nobodys_costs(f, costs);
	assert_int_equal(how_many(costs, alice), NAMES);
}

static void
a_hash_is_brought_to_the_configured_cost_by_its_next_login(void **state)
{
	struct fixture *f = *state;
	char before[STORE_PWHASH_MAX_BYTES + 1], after[STORE_PWHASH_MAX_BYTES + 1];
	struct fix_client c;

	restart_with_passes(f, 2);
	stored_hash(f, "alice", before);
	bring_to_new_cost(f, "alice");
	stored_hash(f, "alice", after);
	assert_non_null(strstr(before, ",t=1,"));
	assert_non_null(strstr(after, ",t=2,"));
	client_init(f, &c, 2);
	client_hello(f, &c);
	assert_int_equal(client_login(f, &c, "alice", "wrong", true), CHASQUI__CODE__E_AUTH);
	assert_int_equal(client_login(f, &c, "alice", "secret word", true), CHASQUI__CODE__OK);
	fixture_settle(f);
	assert_int_equal(f->ctl.count[COUNT_REHASHED], 1);
}

static void
a_password_changed_in_the_meantime_stays(void **state)
{
	struct fixture *f = *state;
	char before[STORE_PWHASH_MAX_BYTES + 1], after[STORE_PWHASH_MAX_BYTES + 1];
	uint64_t rehashed = f->ctl.count[COUNT_REHASHED];
	char old[crypto_pwhash_STRBYTES] = "$argon2id$old", fresh[crypto_pwhash_STRBYTES] = "$x";

	stored_hash(f, "alice", before);
	pwhash_replace(&f->ctl, 1, old, fresh);
	FIX_UNTIL(f, f->ctl.count[COUNT_REHASHED] == rehashed + 1);
	stored_hash(f, "alice", after);
	assert_string_equal(before, after);
}

static void
while_accounts_differ_names_of_nobody_differ_alike_and_each_stays_as_it_is(void **state)
{
	struct fixture *f = *state;
	char first[NAMES][COST_MAX], again[NAMES][COST_MAX], new[COST_MAX];
	unsigned n;

	restart_with_passes(f, 2);
	bring_to_new_cost(f, "alice");
	cost_of(f->ctl.dummy_hash, new);
	nobodys_costs(f, first);
	n = how_many(first, new);
	assert_in_range(n, 1, NAMES - 1); /* a third, as of the accounts */
	restart_with_passes(f, 2);
	nobodys_costs(f, again);
	assert_memory_equal(first, again, sizeof(first));
	/* Accounts come: a name's cost goes to the new one, as at a login, and never back. */
	assert_non_null(strstr(fixture_ctl(f, "{\"noun\":\"user\",\"verb\":\"add\","
					      "\"args\":[\"dave\"],"
					      "\"opts\":{\"password\":\"secret word\"}}\n"),
			       "\"ok\":true"));
	nobodys_costs(f, again);
	for (unsigned i = 0; i < NAMES; i++)
		if (strcmp(first[i], new) == 0)
			assert_string_equal(again[i], new);
	assert_true(how_many(again, new) >= n);
}

/* The hash that it is compared with is somebody's: that one's password opens nothing. */
static void
a_name_of_nobody_is_refused_with_anybodys_password(void **state)
{
	struct fixture *f = *state;
	struct fix_client c;

	client_init(f, &c, 2);
	client_hello(f, &c);
	assert_int_equal(client_login(f, &c, "nobody", "secret word", true), CHASQUI__CODE__E_AUTH);
	assert_int_equal(f->slot[c.ref.slot].state, CHQ_DP_STATE_PRELOGIN);
}

#define T(name) cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		T(after_a_change_of_cost_a_name_of_nobody_costs_what_accounts_do),
		T(a_hash_is_brought_to_the_configured_cost_by_its_next_login),
		T(a_password_changed_in_the_meantime_stays),
		T(while_accounts_differ_names_of_nobody_differ_alike_and_each_stays_as_it_is),
		T(a_name_of_nobody_is_refused_with_anybodys_password),
	};
	return cmocka_run_group_tests_name("control/pwhash", tests, NULL, NULL);
}
