/* What a frame meets when the manager changes its sender's or its receiver's slot between two looks of the
 * worker's, at the very moments that a race between threads hits once in millions of frames. */
#include "tests/unit/dataplane/fixture.h"

static void
put(struct two *s)
{
	struct chq_frame_hdr h = frame_to(&s->alice, &s->bob);
	uint8_t buf[256];
	uint16_t len = frame_put(buf, &h, 30, &s->alice);

	s->p = world_put(&s->v, 0, buf, len, &s->alice.path);
	chq_pipeline_begin(s->v.w);
}

/* Stages @from up to @to, not with it. Return: is the frame still on its way? */
static int
run(struct two *s, const char *from, const char *to)
{
	uint16_t n = 1;
	int i = 0;

	while (strcmp(chq_stages[i].name, from) != 0)
		i++;
	for (; n && i < CHQ_STAGES && strcmp(chq_stages[i].name, to) != 0; i++)
		n = chq_stages[i].run(s->v.w, &s->p, n);
	return n;
}

static void
receiver_that_is_closed_before_its_address_is_read_is_sent_nothing(void **state)
{
	struct two *s = *state;

	put(s);
	assert_true(run(s, "parse", "rewrite"));
	assert_int_equal(chq_session_close(s->v.t, s->bob.ref, s->v.w->now_ns), 0);
	assert_false(run(s, "rewrite", ""));
	assert_int_equal(s->p->verdict, CHQ_V_DROP);
	assert_int_equal(s->p->count, CHQ_D_PATH);
}

static void
receiver_whose_slot_is_anothers_after_the_look_up_is_unknown(void **state)
{
	struct two *s = *state;

	put(s);
	assert_true(run(s, "parse", "receiver"));
	assert_int_equal(s->p->to_slot, s->bob.ref.slot);
	CHQ_STORE_RELEASE(&peer_session(&s->v, &s->bob)->rx_ident,
			  CHQ_RX_IDENT(CHQ_RX_VALID, 4, 3));
	assert_false(run(s, "receiver", "replay"));
	assert_int_equal(s->p->verdict, CHQ_V_UP);
	assert_int_equal(s->p->count, CHQ_C_UP_UNKNOWN);
}

/* --- a sender that is closed while its key is read --- */

static struct two *closing;

/* The key was wiped before it was read, the state after. */
static void
frames_of_a_wiped_key(const struct chq_sip_job *jobs, unsigned int n, uint64_t *out)
{
	struct chq_sip_job job = jobs[0];

	assert_int_equal(n, 1);
	assert_int_equal(chq_session_close(closing->v.t, closing->alice.ref, T0_NS), 0);
	job.key = (struct chq_sipkey){ 0, 0 };
	chq_sip_lanes(CHQ_SIMD_SCALAR)->frames(&job, 1, out);
}

static void
zeros_of_a_key_that_is_being_wiped_are_none(void **state)
{
	static const struct chq_sip_lanes wiped = { .name = "wiped",
						    .frames = frames_of_a_wiped_key };
	struct two *s = closing = *state;

	memset(s->alice.open.tag_in, 0, 16);
	put(s);
	s->v.w->sip = &wiped;
	assert_false(run(s, "parse", "receiver"));
	assert_int_equal(s->p->count, CHQ_D_SLOT);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, two_setup, two_teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(receiver_that_is_closed_before_its_address_is_read_is_sent_nothing),
		TEST(receiver_whose_slot_is_anothers_after_the_look_up_is_unknown),
		TEST(zeros_of_a_key_that_is_being_wiped_are_none),
	};
	return cmocka_run_group_tests_name("dataplane/meanwhile", tests, NULL, NULL);
}
