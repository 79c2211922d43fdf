#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/err.h"
#include "store/reader.h"
#include "tests/unit/control/fixture.h"

/*
 * A store that cannot be read (each snapshot fails) or not be written (each commit fails, or hangs in
 * the sync of the disk), under a daemon that goes on.
 */

static int fail_reads;	      /* code of store_read_begin(); 0: none */
static atomic_int fail_syncs; /* errno of fdatasync; 0: none */
static atomic_bool hang;      /* fdatasync does not return before this is false */

int __real_store_read_begin(struct store_reader *r, struct store_txn **txn);
int __wrap_store_read_begin(struct store_reader *r, struct store_txn **txn);

int
__wrap_store_read_begin(struct store_reader *r, struct store_txn **txn)
{
	return fail_reads ? fail_reads : __real_store_read_begin(r, txn);
}

int
fdatasync(int fd)
{
	while (atomic_load(&hang))
		usleep(1000);
	if (atomic_load(&fail_syncs)) {
		errno = atomic_load(&fail_syncs);
		return -1;
	}
	return (int)syscall(SYS_fdatasync, fd);
}

static void
heal(void)
{
	fail_reads = 0;
	atomic_store(&fail_syncs, 0);
	atomic_store(&hang, false);
}

static int
heal_and_teardown(void **state)
{
	heal();
	return fixture_teardown(state);
}

/* Bob tries to log in with a new device. */
static Chasqui__Code
bob_logs_in(struct fixture *f, struct fix_client *bob)
{
	client_init(f, bob, 2);
	client_hello(f, bob);
	return client_login(f, bob, "bob", "secret word", true);
}

/* Whoever is in stays in: his session stands, and what he asks is answered. */
static void
assert_stays_in(struct fixture *f, struct fix_client *c, Chasqui__Code code)
{
	assert_int_equal(client_call(f, c, CHASQUI__METHOD__METHOD_WHOAMI, NULL, NULL, NULL), code);
	assert_int_equal(f->slot[c->ref.slot].state, CHQ_DP_STATE_OPEN);
	assert_int_equal(session_find(&f->ctl.sessions, c->ref)->state, SESSION_OPEN);
}

/* With a right password as with a wrong one: nobody can tell them apart now. */
static void
while_the_store_cannot_be_read_login_is_unavailable_and_sessions_stay(void **state)
{
	struct fixture *f = *state;
	struct fix_client alice, bob;

	client_online(f, &alice, 1, "alice");
	client_init(f, &bob, 2);
	client_hello(f, &bob);
	fail_reads = CHQ_EIO;
	assert_int_equal(client_login(f, &bob, "bob", "secret word", true),
			 CHASQUI__CODE__E_UNAVAIL);
	assert_int_equal(client_login(f, &bob, "bob", "wrong", true), CHASQUI__CODE__E_UNAVAIL);
	assert_int_equal(client_login(f, &bob, "nobody", "wrong", true), CHASQUI__CODE__E_UNAVAIL);
	assert_stays_in(f, &alice, CHASQUI__CODE__E_UNAVAIL);
	client_hello(f,
		     &alice); /* neither an enrolled device nor a new one is told that it is none */
	assert_int_equal(alice.welcome.status, CHQ_WELCOME_BUSY);
	heal();
	assert_int_equal(client_login(f, &bob, "bob", "secret word", true), CHASQUI__CODE__OK);
}

static void
while_the_store_cannot_be_written_a_new_device_is_unavailable_and_sessions_stay(void **state)
{
	static const int errors[] = { EIO, ENOSPC };
	struct fixture *f = *state;
	struct fix_client alice, bob;

	client_online(f, &alice, 1, "alice");
	for (unsigned i = 0; i < 2; i++) {
		atomic_store(&fail_syncs, errors[i]);
		assert_int_equal(bob_logs_in(f, &bob), CHASQUI__CODE__E_UNAVAIL);
		assert_int_equal(f->slot[bob.ref.slot].state, CHQ_DP_STATE_PRELOGIN);
		assert_stays_in(f, &alice, CHASQUI__CODE__OK);
	}
	client_hello(f, &alice); /* who needs nothing written comes in */
	client_confirm(f, &alice);
	FIX_UNTIL(f, session_find(&f->ctl.sessions, alice.ref)->state == SESSION_OPEN);
	heal();
	assert_int_equal(client_login(f, &bob, "bob", "secret word", true), CHASQUI__CODE__OK);
}

static void
while_the_disk_hangs_login_is_unavailable_in_time_and_sessions_stay(void **state)
{
	struct fixture *f = *state;
	struct fix_client alice, bob;

	assert_true(control_timing_default.enroll_ms + control_timing_default.tick_ms < 2000);
	f->ctl.timing.enroll_ms = 100;
	client_online(f, &alice, 1, "alice");
	atomic_store(&hang, true);
	assert_int_equal(bob_logs_in(f, &bob), CHASQUI__CODE__E_UNAVAIL);
	assert_stays_in(f, &alice, CHASQUI__CODE__OK);
	assert_int_equal(client_login(f, &bob, "bob", "secret word", true),
			 CHASQUI__CODE__E_UNAVAIL);
	heal();
	f->ctl.timing.enroll_ms = 20000;
	assert_int_equal(client_login(f, &bob, "bob", "secret word", true), CHASQUI__CODE__OK);
	assert_int_equal(f->slot[bob.ref.slot].open.device,
			 1); /* what was late made no second one */
}

/* A client that heard nothing comes again with a new session, before the disk has done what the first one began. */
static void
a_device_that_comes_again_while_it_is_being_written_is_enrolled_once(void **state)
{
	struct fixture *f = *state;
	Chasqui__FromServer *m;
	struct fix_client bob;
	uint64_t id;

	f->ctl.timing.enroll_ms = 20000;
	atomic_store(&hang, true);
	client_init(f, &bob, 2);
	client_hello(f, &bob);
	client_login_ask(f, &bob, "bob", "secret word", true);
	FIX_UNTIL(f, f->ctl.enrolling.next != &f->ctl.enrolling);
	client_hello(f, &bob);
	id = client_login_ask(f, &bob, "bob", "secret word", true);
	FIX_UNTIL(f, f->ctl.enrolling.next != f->ctl.enrolling.prev);
	heal();
	FIX_UNTIL(f, client_answers(f, &bob, id) > 0);
	m = client_answer(f, &bob, id);
	assert_int_equal(m->response->code, CHASQUI__CODE__OK);
	chasqui__from_server__free_unpacked(m, NULL);
	assert_int_equal(f->slot[bob.ref.slot].open.device, 1);
}

#define T(name) cmocka_unit_test_setup_teardown(name, fixture_setup, heal_and_teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		T(while_the_store_cannot_be_read_login_is_unavailable_and_sessions_stay),
		T(while_the_store_cannot_be_written_a_new_device_is_unavailable_and_sessions_stay),
		T(while_the_disk_hangs_login_is_unavailable_in_time_and_sessions_stay),
		T(a_device_that_comes_again_while_it_is_being_written_is_enrolled_once),
	};
	return cmocka_run_group_tests_name("control/store_down", tests, NULL, NULL);
}
