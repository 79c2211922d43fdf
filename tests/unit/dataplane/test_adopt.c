/*
 * kill -9 at every instruction: a child runs one operation of the manager on shared tables under
 * single step. Each time that the tables have changed, what they look like now is what a kill would
 * leave. Each such state is adopted, must be sound, must have kept every session that the operation
 * was not about, and the operation must then succeed once more.
 */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <sys/ptrace.h>
#include <sys/wait.h>
#include <unistd.h>

#include "dataplane/tables_priv.h"
#include "tests/unit/dataplane/fixture.h"

#define SESSIONS   32
#define STATES_MAX 512
#define STEPS_MAX  200000

static struct world v;
static struct peer bob, carol[2], target, twin;

static const enum chq_table_id kept[] = { CHQ_T_SESSIONS, CHQ_T_COLD, CHQ_T_HOP, CHQ_T_ACCOUNTS };
#define KEPT (sizeof(kept) / sizeof(kept[0]))

struct snapshot {
	uint8_t *bytes[KEPT];
};

static void
snapshot_take(struct snapshot *s)
{
	for (size_t i = 0; i < KEPT; i++) {
		s->bytes[i] = malloc(v.t->bytes[kept[i]]);
		assert_non_null(s->bytes[i]);
		memcpy(s->bytes[i], v.t->mapped[kept[i]], v.t->bytes[kept[i]]);
	}
}

static int
snapshot_same(const struct snapshot *s)
{
	for (size_t i = 0; i < KEPT; i++)
		if (memcmp(s->bytes[i], v.t->mapped[kept[i]], v.t->bytes[kept[i]]) != 0)
			return 0;
	return 1;
}

static void
snapshot_put_back(const struct snapshot *s)
{
	for (size_t i = 0; i < KEPT; i++)
		memcpy(v.t->mapped[kept[i]], s->bytes[i], v.t->bytes[kept[i]]);
}

static void
snapshot_free(struct snapshot *s)
{
	for (size_t i = 0; i < KEPT; i++)
		free(s->bytes[i]);
}

/* --- stepping --- */

static void
child_run(void (*op)(void))
{
	if (ptrace(PTRACE_TRACEME, 0, NULL, NULL))
		_exit(77);
	raise(SIGSTOP);
	op();
	raise(SIGSTOP);
	_exit(0);
}

static int
step(pid_t pid)
{
	int status;

	if (ptrace(PTRACE_SINGLESTEP, pid, NULL, NULL) || waitpid(pid, &status, 0) != pid)
		return -1;
	return WIFSTOPPED(status) && WSTOPSIG(status) == SIGTRAP;
}

/* All states that the operation leads the tables through, the first and the last counted. 0: no
 * ptrace here. */
static int
states_of(void (*op)(void), struct snapshot *states)
{
	pid_t pid = fork();
	int status, n = 1, going = 1;

	assert_true(pid >= 0);
	if (pid == 0)
		child_run(op);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	if (!WIFSTOPPED(status))
		return 0;
	snapshot_take(&states[0]);
	for (long steps = 0; going == 1 && steps < STEPS_MAX; steps++) {
		going = step(pid);
		if (snapshot_same(&states[n - 1]))
			continue;
		assert_true(n < STATES_MAX);
		snapshot_take(&states[n++]);
	}
	kill(pid, SIGKILL);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(going, 0); /* it came to its end */
	return n;
}

/* --- what must hold after adoption --- */

static void
session_is_sound(uint32_t slot, uint8_t *seen_free)
{
	const struct chq_session *s = &v.t->sessions[slot];
	static const uint8_t none[64];

	switch (s->state) {
	case CHQ_SESSION_FREE:
		assert_true(s->rx_ident == 0 && s->ident == 0);
		assert_memory_equal(&s->tag_in, none, 16);
		assert_memory_equal(&s->tag_out, none, 16);
		assert_memory_equal(&s->grant_key, none, 16);
		assert_memory_equal(&v.t->hop[slot], none, 64);
		assert_int_equal(seen_free[slot], 1);
		break;
	case CHQ_SESSION_PRELOGIN: assert_true(s->ident == 0 && s->rx_ident == 0); break;
	case CHQ_SESSION_NEW: assert_true(s->ident != 0 && s->rx_ident == 0); break;
	case CHQ_SESSION_OPEN:
		assert_true(CHQ_RX_IS(s->rx_ident, CHQ_PARTY_ID(s->ident)));
		assert_int_equal(CHQ_PARTY_DEVICE(s->rx_ident), CHQ_PARTY_DEVICE(s->ident));
		assert_int_equal(s->expires_s, v.t->cold[slot].full_expires_s);
		break;
	case CHQ_SESSION_LINGER: assert_true(s->rx_ident == 0); break;
	default: fail_msg("slot %u: state %u", slot, s->state);
	}
}

/* Who shares a word is of one account, and as many as are counted. */
static void
budgets_are_sound(void)
{
	uint32_t *users = calloc(v.t->header->sessions, sizeof(*users));

	assert_non_null(users);
	for (uint32_t slot = 0; slot < v.t->header->sessions; slot++) {
		const struct chq_session *s = &v.t->sessions[slot];

		if (!s->budget)
			continue;
		assert_int_not_equal(s->state, CHQ_SESSION_FREE);
		assert_true(s->ident != 0 && s->budget <= v.t->header->sessions);
		users[s->budget - 1]++;
		for (uint32_t k = 0; k < slot; k++)
			if (v.t->sessions[k].budget == s->budget)
				assert_true(CHQ_PARTY_ID(v.t->sessions[k].ident) ==
					    CHQ_PARTY_ID(s->ident));
	}
	assert_memory_equal(users, v.t->budget_users, v.t->header->sessions * sizeof(*users));
	free(users);
}

/* Walk each account's chain: all OPEN, all of that account, no device twice. Return: receivers
 * reached. */
static uint32_t
chains_are_sound(void)
{
	uint32_t reached = 0, keys = 0;

	for (uint32_t b = 0; b < v.t->header->buckets; b++) {
		for (int e = 0; e < CHQ_BUCKET_ENTRIES; e++) {
			uint64_t key = v.t->buckets[b].key[e];
			uint32_t at = v.t->buckets[b].slot[e];
			uint8_t devices[256] = { 0 };

			if (key == 0)
				continue;
			keys++;
			for (; at != CHQ_SLOT_NONE; at = v.t->cold[at].next_slot) {
				const struct chq_session *s = &v.t->sessions[at];

				assert_int_equal(s->state, CHQ_SESSION_OPEN);
				assert_true(CHQ_RX_IS(s->rx_ident, CHQ_PARTY_ID(key)));
				assert_int_equal(devices[CHQ_PARTY_DEVICE(s->rx_ident)]++, 0);
				assert_int_equal((s->rx_ident >> 56 & CHQ_RX_DEVICES) != 0,
						 v.t->cold[at].next_slot != CHQ_SLOT_NONE);
				reached++;
			}
		}
	}
	assert_int_equal(keys, v.t->accounts);
	return reached;
}

static void
tables_are_sound(void)
{
	uint8_t seen_free[SESSIONS] = { 0 };
	uint32_t receivers = 0, used = 0, unconfirmed = 0;

	for (int k = 0; k < CHQ_FREE__COUNT; k++)
		for (uint32_t i = 0; i < v.t->free[k].count; i++)
			seen_free[v.t->free[k].slots[(v.t->free[k].head + i) % SESSIONS]]++;
	for (uint32_t slot = 0; slot < SESSIONS; slot++) {
		uint8_t state = v.t->sessions[slot].state;

		session_is_sound(slot, seen_free);
		receivers += state == CHQ_SESSION_OPEN;
		used += state != CHQ_SESSION_FREE;
		unconfirmed += state == CHQ_SESSION_PRELOGIN || state == CHQ_SESSION_NEW;
	}
	assert_int_equal(used, v.t->used);
	assert_int_equal(used + v.t->free_count, SESSIONS);
	assert_int_equal(unconfirmed, v.t->unconfirmed);
	assert_int_equal(chains_are_sound(), receivers);
	budgets_are_sound();
}

static enum chq_counter
fate(const struct peer *from, const struct peer *to)
{
	static uint64_t seq;
	struct peer sender = *from;
	struct chq_frame_hdr h;

	sender.seq = seq += 32; /* newer than any, in every snapshot */
	h = frame_to(&sender, to);
	return (enum chq_counter)world_send(&v, &h, 8, &sender)->count;
}

static void
bystanders_still_talk(void)
{
	for (int i = 0; i < 2; i++) {
		assert_int_equal(fate(&bob, &carol[i]), CHQ_C_FORWARD);
		assert_int_equal(fate(&carol[i], &bob), CHQ_C_FORWARD);
	}
}

/* --- operations --- */

static void
op_open_guest(void)
{
	struct chq_dp_ref ref;
	struct peer p;

	peer_init(&p, 0, 0);
	(void)chq_session_open(v.t, &p.open, T0_NS, &ref);
}

static void
op_open_device(void)
{
	struct chq_dp_ref ref;

	(void)chq_session_open(v.t, &target.open, T0_NS, &ref);
}

static void
op_login(void)
{
	struct chq_dp_session_login m = {
		.ref = target.ref,
		.account = 9,
		.device = 1,
		.quota_class = 1,
		.lifetime_s = LIFE_S,
	};

	memset(m.grant_key, 9, sizeof(m.grant_key));
	(void)chq_session_login(v.t, &m, T0_NS, NULL);
}

static void
op_confirm(void)
{
	(void)chq_session_confirm(v.t, target.ref, T0_NS, NULL);
}

static void
op_linger(void)
{
	(void)chq_session_linger(v.t, target.ref, 30000, T0_NS);
}

static void
op_close(void)
{
	(void)chq_session_close(v.t, target.ref, T0_NS);
}

/* @twin: another session of the target's account, opened before, or NULL. */
static void
begin(uint64_t account, uint8_t device, int confirmed, struct peer *other)
{
	world_init(&v, SESSIONS, 16);
	peer_init(&bob, 2, 1);
	peer_confirm(&v, &bob);
	for (int i = 0; i < 2; i++) {
		peer_init(&carol[i], 3, (uint8_t)(i + 1));
		peer_confirm(&v, &carol[i]);
	}
	if (other)
		peer_confirm(&v, other);
	peer_init(&target, account, device);
	if (confirmed >= 0)
		peer_open(&v, &target);
	if (confirmed > 0)
		assert_int_equal(chq_session_confirm(v.t, target.ref, T0_NS, NULL), 0);
}

/* Is the account of @p a receiver at all times? Its device has one session or the other. */
static void
check_states(void (*op)(void), const struct peer *reachable)
{
	static struct snapshot states[STATES_MAX];
	int n = states_of(op, states);

	assert_true(n > 3);
	for (int i = 0; i < n; i++) {
		snapshot_put_back(&states[i]);
		/* Also before adoption: the XDP program may be forwarding over these very bytes. */
		bystanders_still_talk();
		snapshot_put_back(&states[i]);
		tables_scrub(v.t, T0_NS + 1);
		tables_are_sound();
		bystanders_still_talk();
		if (reachable)
			assert_int_equal(fate(&bob, reachable), CHQ_C_FORWARD);
		op();
		tables_are_sound();
		bystanders_still_talk();
	}
	for (int i = 0; i < n; i++)
		snapshot_free(&states[i]);
	world_deinit(&v);
}

static void
killed_while_opening_a_guest(void **state)
{
	(void)state;
	begin(5, 1, -1, NULL);
	check_states(op_open_guest, NULL);
}

static void
killed_while_opening_a_device(void **state)
{
	(void)state;
	begin(5, 1, -1, NULL);
	check_states(op_open_device, NULL);
}

static void
killed_while_logging_in(void **state)
{
	(void)state;
	begin(0, 0, 0, NULL);
	check_states(op_login, NULL);
}

static void
killed_while_logging_in_over_an_older_session(void **state)
{
	(void)state;
	peer_init(&twin, 9, 1);
	begin(0, 0, 0, &twin);
	check_states(op_login, &twin);
}

static void
killed_while_confirming(void **state)
{
	(void)state;
	begin(5, 1, 0, NULL);
	check_states(op_confirm, NULL);
}

static void
killed_while_replacing_an_older_session(void **state)
{
	(void)state;
	peer_init(&twin, 5, 1);
	begin(5, 1, 0, &twin);
	check_states(op_confirm, &twin);
}

static void
killed_while_replacing_one_of_two_devices(void **state)
{
	(void)state;
	begin(3, 1, 0, NULL); /* carol[0] again: last in the chain */
	check_states(op_confirm, &carol[0]);
}

static void
killed_while_replacing_the_first_of_two_devices(void **state)
{
	(void)state;
	begin(3, 2, 0, NULL);
	check_states(op_confirm, &carol[1]);
}

static void
killed_while_adding_a_device(void **state)
{
	(void)state;
	begin(3, 3, 0, NULL);
	check_states(op_confirm, &carol[0]);
}

static void
killed_while_closing(void **state)
{
	(void)state;
	begin(5, 1, 1, NULL);
	check_states(op_close, NULL);
}

static void
killed_while_closing_a_guest(void **state)
{
	(void)state;
	begin(0, 0, 0, NULL);
	check_states(op_close, NULL);
}

static void
killed_while_closing_one_of_three_devices(void **state)
{
	(void)state;
	begin(3, 3, 1, NULL);
	check_states(op_close, NULL);
}

static void
killed_while_a_session_goes_to_linger(void **state)
{
	(void)state;
	begin(3, 3, 1, NULL);
	check_states(op_linger, NULL);
}

/* --- adoption of what no kill leaves: it ends, and makes it sound --- */

static void
tables_full_of_noise_are_made_sound(void **state)
{
	uint64_t rng = 11;

	(void)state;
	for (int round = 0; round < 300; round++) {
		world_init(&v, SESSIONS, 16);
		for (size_t i = 0; i < KEPT; i++) {
			uint64_t *words = v.t->mapped[kept[i]];

			for (size_t w = 0; w < v.t->bytes[kept[i]] / 8; w++)
				words[w] = rnd(&rng) &
					   (round % 2 ? UINT64_MAX : UINT64_C(0x0301000000000003));
		}
		for (int i = 0; i < SESSIONS; i++)
			v.t->sessions[i].state %= 6;
		tables_scrub(v.t, T0_NS);
		(void)chains_are_sound();
		for (uint32_t slot = 0; slot < SESSIONS; slot++)
			assert_true(v.t->sessions[slot].state <= CHQ_SESSION_LINGER);
		assert_int_equal(v.t->used + v.t->free_count, SESSIONS);
		world_deinit(&v);
	}
}

/* --- rest --- */

static int
can_open(uint64_t now_s)
{
	struct peer p;

	peer_init(&p, 9, 1);
	return chq_session_open(v.t, &p.open, now_s * UINT64_C(1000000000), &p.ref);
}

static void
slots_found_free_rest_as_long_as_they_would_have(void **state)
{
	struct peer user, guest;

	(void)state;
	world_init(&v, 2, 2);
	peer_init(&user, 1, 1);
	peer_confirm(&v, &user);
	peer_init(&guest, 0, 0);
	peer_open(&v, &guest);
	assert_int_equal(chq_session_close(v.t, user.ref, T0_NS), 0);
	assert_int_equal(chq_session_close(v.t, guest.ref, T0_NS), 0);
	tables_scrub(v.t, T0_NS);
	assert_int_equal(can_open(T0_S + CHQ_SLOT_REST_GUEST_S - 1), CHQ_EFULL);
	assert_int_equal(can_open(T0_S + CHQ_SLOT_REST_GUEST_S), 0);
	assert_int_equal(can_open(T0_S + CHQ_SLOT_REST_S - 1), CHQ_EFULL);
	assert_int_equal(can_open(T0_S + CHQ_SLOT_REST_S), 0);
	world_deinit(&v);
}

static void
a_rest_without_end_is_cut_to_the_longest_there_is(void **state)
{
	(void)state;
	world_init(&v, 1, 1);
	v.t->sessions[0].gen = 3;
	v.t->cold[0].rested_s = T0_S + 1000000;
	tables_scrub(v.t, T0_NS);
	assert_int_equal(can_open(T0_S + CHQ_SLOT_REST_S - 1), CHQ_EFULL);
	assert_int_equal(can_open(T0_S + CHQ_SLOT_REST_S), 0);
	world_deinit(&v);
}

static void
op_nothing(void)
{
}

/* Containers may forbid it. */
static bool
can_trace(void)
{
	static struct snapshot states[STATES_MAX];
	int n;

	world_init(&v, SESSIONS, 16);
	n = states_of(op_nothing, states);
	world_deinit(&v);
	return n > 0;
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(killed_while_opening_a_guest),
		cmocka_unit_test(killed_while_opening_a_device),
		cmocka_unit_test(killed_while_logging_in),
		cmocka_unit_test(killed_while_logging_in_over_an_older_session),
		cmocka_unit_test(killed_while_confirming),
		cmocka_unit_test(killed_while_replacing_an_older_session),
		cmocka_unit_test(killed_while_replacing_one_of_two_devices),
		cmocka_unit_test(killed_while_replacing_the_first_of_two_devices),
		cmocka_unit_test(killed_while_adding_a_device),
		cmocka_unit_test(killed_while_closing),
		cmocka_unit_test(killed_while_closing_a_guest),
		cmocka_unit_test(killed_while_closing_one_of_three_devices),
		cmocka_unit_test(killed_while_a_session_goes_to_linger),
		cmocka_unit_test(tables_full_of_noise_are_made_sound),
		cmocka_unit_test(slots_found_free_rest_as_long_as_they_would_have),
		cmocka_unit_test(a_rest_without_end_is_cut_to_the_longest_there_is),
	};

	if (!can_trace()) {
		printf("1..0 # SKIP no ptrace here\n");
		return 0;
	}
	return cmocka_run_group_tests_name("dataplane/adopt", tests, NULL, NULL);
}
