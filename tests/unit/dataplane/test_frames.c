/* Frames on their way: exact bytes out, damage of every kind, PING, NOTICE and roaming. */
#include "dataplane/quota.h"
#include "tests/unit/dataplane/fixture.h"

#define NS_PER_S UINT64_C(1000000000)

static void
forwarded_frame_has_exactly_these_bytes(void **state)
{
	struct two *s = *state;
	struct chq_frame_hdr h = frame_to(&s->alice, &s->bob), want;
	struct chq_pkt *p;
	uint8_t expect[CHQ_FRAME_HDR_LEN + 100];

	h.flags = CHQ_F_STORE | CHQ_F_RECEIPT;
	for (uint64_t seq_out = 1; seq_out <= 3; seq_out++, h.seq++) {
		p = world_send(&s->v, &h, 100, &s->alice);
		want = (struct chq_frame_hdr){
			.flags = CHQ_F_STORE | CHQ_F_RECEIPT,
			.app = h.app,
			.slot = s->bob.ref.slot,
			.seq = seq_out,
			.party = CHQ_PARTY(CHQ_KIND_ACCOUNT, 1, 1),
			.message = h.message,
		};
		memcpy(expect + CHQ_FRAME_HDR_LEN, s->v.dgram[0] + CHQ_FRAME_HDR_LEN, 100);
		for (int i = 0; i < 100; i++) /* the payload as it was sent */
			assert_int_equal(expect[CHQ_FRAME_HDR_LEN + i], (uint8_t)(i * 7 + 1));
		chq_frame_build(expect, &want, 100, s->bob.open.tag_out);
		assert_int_equal(p->verdict, CHQ_V_TX);
		assert_int_equal(p->dgram_len, sizeof(expect));
		assert_memory_equal(p->dgram, expect, sizeof(expect));
		assert_memory_equal(&p->out, &s->bob.path, sizeof(p->out));
		assert_int_equal(p->dgram[sizeof(expect)], 0xee); /* nothing behind it is touched */
	}
}

/* Flip every bit of the header, and some of the payload's length: never forwarded, never
 * answered. */
static void
frame_with_any_header_bit_flipped_goes_nowhere(void **state)
{
	struct two *s = *state;
	struct chq_frame_hdr h = frame_to(&s->alice, &s->bob);
	uint8_t good[CHQ_FRAME_HDR_LEN + 20], bad[sizeof(good)];

	frame_put(good, &h, 20, &s->alice);
	world_remember(&s->v);
	for (size_t bit = 0; bit < CHQ_FRAME_HDR_LEN * 8; bit++) {
		memcpy(bad, good, sizeof(bad));
		bad[bit / 8] ^= (uint8_t)(1u << bit % 8);
		world_put(&s->v, 0, bad, sizeof(bad), &s->alice.path);
		world_run(&s->v, 1);
		assert_int_equal(s->v.pkt[0].verdict, CHQ_V_DROP);
		assert_int_equal(s->v.w->extra_n, 0);
		assert_false(world_changed(&s->v));
	}
	world_put(&s->v, 0, good, sizeof(good), &s->alice.path);
	world_run(&s->v, 1);
	assert_int_equal(s->v.pkt[0].count, CHQ_C_FORWARD);
}

static void
frame_of_any_other_length_goes_nowhere(void **state)
{
	struct two *s = *state;
	struct chq_frame_hdr h = frame_to(&s->alice, &s->bob);
	uint8_t good[2048] = { 0 };
	uint16_t len = frame_put(good, &h, 200, &s->alice);

	world_remember(&s->v);
	for (uint16_t cut = 0; cut < 1500; cut++) {
		if (cut == len)
			continue;
		world_put(&s->v, 0, good, cut, &s->alice.path);
		world_run(&s->v, 1);
		assert_int_equal(s->v.pkt[0].verdict, CHQ_V_DROP);
		assert_int_equal(s->v.w->extra_n, 0);
		assert_false(world_changed(&s->v));
	}
}

static void
frame_under_anothers_slot_is_refused_by_its_tag(void **state)
{
	struct two *s = *state;
	struct chq_frame_hdr h = frame_to(&s->alice, &s->bob);

	world_remember(&s->v);
	for (uint32_t slot = 0; slot < 80; slot++) {
		if (slot == s->alice.ref.slot)
			continue;
		h.slot = slot;
		world_send(&s->v, &h, 10, &s->alice);
		assert_int_equal(s->v.pkt[0].count,
				 slot == s->bob.ref.slot ? CHQ_D_TAG : CHQ_D_SLOT);
	}
	assert_false(world_changed(&s->v));
}

static void
zero_key_of_a_freed_slot_opens_nothing(void **state)
{
	struct two *s = *state;
	struct chq_frame_hdr h = frame_to(&s->alice, &s->bob);

	assert_int_equal(chq_session_close(s->v.t, s->alice.ref, s->v.w->now_ns), 0);
	memset(s->alice.open.tag_in, 0, 16);
	world_send(&s->v, &h, 10, &s->alice);
	assert_int_equal(s->v.pkt[0].count, CHQ_D_SLOT);
}

/* As if the manager had closed the sender's session between two stages. */
static void
sender_that_is_closed_meanwhile_is_still_named_to_the_receiver(void **state)
{
	struct two *s = *state;
	struct chq_frame_hdr h = frame_to(&s->alice, &s->bob), out;
	struct chq_pkt *p = &s->v.pkt[0];
	uint8_t buf[256];
	uint16_t len = frame_put(buf, &h, 30, &s->alice);

	world_put(&s->v, 0, buf, len, &s->alice.path);
	assert_int_equal(chq_stage_parse(s->v.w, &p, 1), 1);
	assert_int_equal(chq_stage_lookup(s->v.w, &p, 1), 1);
	assert_int_equal(chq_stage_sender(s->v.w, &p, 1), 1);
	assert_int_equal(chq_session_close(s->v.t, s->alice.ref, s->v.w->now_ns), 0);
	assert_int_equal(chq_stage_receiver(s->v.w, &p, 1), 1);
	chq_stage_rewrite(s->v.w, &p, 1);
	assert_int_equal(p->count, CHQ_C_FORWARD);
	assert_int_equal(chq_frame_parse(p->dgram, p->dgram_len, 0, &out), 0);
	assert_true(out.party == CHQ_PARTY(CHQ_KIND_ACCOUNT, 1, 1));
}

static void
same_frame_twice_in_a_burst_is_forwarded_once(void **state)
{
	struct two *s = *state;
	struct chq_frame_hdr h = frame_to(&s->alice, &s->bob);
	uint8_t buf[256];
	uint16_t len = frame_put(buf, &h, 30, &s->alice);

	for (int i = 0; i < CHQ_BURST; i++)
		world_put(&s->v, i, buf, len, &s->alice.path);
	world_run(&s->v, CHQ_BURST);
	assert_int_equal(s->v.w->counts[CHQ_C_FORWARD], 1);
	assert_int_equal(s->v.w->counts[CHQ_D_REPLAY], CHQ_BURST - 1);
	assert_int_equal(s->v.pkt[0].count, CHQ_C_FORWARD);
}

/* --- PING --- */

static void
ping_check(struct two *s, const struct chq_frame_hdr *ping, const struct chq_path *src)
{
	struct chq_pkt *p = &s->v.pkt[0];
	struct chq_frame_hdr h;

	assert_int_equal(p->count, CHQ_C_PING);
	assert_int_equal(p->dgram_len, CHQ_FRAME_HDR_LEN);
	assert_int_equal(chq_frame_parse(p->dgram, p->dgram_len, 0, &h), 0);
	assert_true(chq_frame_tag_ok(p->dgram, p->dgram_len, s->alice.open.tag_out));
	assert_int_equal(h.flags, CHQ_F_PING);
	assert_int_equal(h.slot, s->alice.ref.slot);
	assert_true(h.party == 0 && h.grant == 0 && h.app == 0);
	assert_true(h.message == ping->message);
	assert_memory_equal(&p->out, src, sizeof(*src));
	assert_int_equal(s->v.w->extra_n, 0);
}

static void
ping_is_answered_in_place(void **state)
{
	struct two *s = *state;
	struct chq_frame_hdr ping = ping_of(&s->alice, 0);

	world_send(&s->v, &ping, 0, &s->alice);
	ping_check(s, &ping, &s->alice.path);
	assert_true(chq_get_le64(s->v.pkt[0].dgram + 8) == 1);
}

static void
ping_from_home_refreshes_the_link(void **state)
{
	struct two *s = *state;
	struct chq_frame_hdr ping = ping_of(&s->alice, 0);
	struct chq_path now;

	s->alice.path.mac[0] = 0x42;
	s->alice.path.vlan = 77;
	s->alice.path.local = 5;
	world_send(&s->v, &ping, 0, &s->alice);
	ping_check(s, &ping, &s->alice.path);
	assert_int_equal(chq_path_read(peer_session(&s->v, &s->alice), &now), 1);
	assert_memory_equal(&now, &s->alice.path, sizeof(now));
	assert_int_equal(s->v.w->counts[CHQ_C_MOVE], 0);
}

static void
ping_from_an_address_with_the_same_fingerprint_moves_nothing(void **state)
{
	struct two *s = *state;
	struct chq_session *a = peer_session(&s->v, &s->alice);
	struct chq_frame_hdr ping = ping_of(&s->alice, 0);
	struct chq_path now, home = s->alice.path;

	s->alice.path.ip_lo ^= UINT64_C(1) << 40;
	a->path_fp = chq_path_fp_of(&s->alice.path); /* as if it were a collision */
	world_send(&s->v, &ping, 0, &s->alice);
	assert_int_equal(s->v.pkt[0].count, CHQ_C_PING_AWAY);
	assert_int_equal(chq_path_read(a, &now), 1);
	assert_memory_equal(&now, &home, sizeof(now));
}

/* --- roaming --- */

static uint64_t
token_of_notice(const struct two *s, const struct chq_frame_hdr *h)
{
	assert_int_equal(s->v.w->extra_n, 1);
	assert_int_equal(notice_check(&s->v, 0, &s->alice, h), CHQ_NOTICE_PATH);
	return chq_get_le64(s->v.w->extra[0].dgram + 32);
}

/* Where frames to alice go now. */
static struct chq_path
goes_to(struct two *s)
{
	struct chq_frame_hdr h = frame_to(&s->bob, &s->alice);
	struct chq_pkt *p = world_send(&s->v, &h, 5, &s->bob);

	assert_int_equal(p->count, CHQ_C_FORWARD);
	return p->out;
}

static void
session_moves_by_a_ping_with_its_token_and_by_nothing_else(void **state)
{
	struct two *s = *state;
	struct chq_path home = s->alice.path, away = home, out;
	struct chq_frame_hdr h = frame_to(&s->alice, &s->bob), late = frame_to(&s->alice, &s->bob);
	struct chq_note note;
	uint64_t token;

	away.port = 9;
	away.ip_lo ^= UINT64_C(1) << 56;
	s->alice.path = away;

	/* A frame from elsewhere is forwarded and asked for its path; nothing moves. */
	world_send(&s->v, &h, 8, &s->alice);
	assert_int_equal(s->v.pkt[0].count, CHQ_C_FORWARD);
	token = token_of_notice(s, &h);
	assert_memory_equal(&s->v.w->extra[0].to, &away, sizeof(away));
	out = goes_to(s);
	assert_memory_equal(&out, &home, sizeof(home));

	/* A PING without token gets the NOTICE instead of an answer. */
	h = ping_of(&s->alice, 0);
	world_send(&s->v, &h, 0, &s->alice);
	assert_int_equal(s->v.pkt[0].count, CHQ_C_PING_AWAY);
	assert_true(token_of_notice(s, &h) == token);

	/* A wrong token moves nothing. */
	h = ping_of(&s->alice, token ^ 1);
	world_send(&s->v, &h, 0, &s->alice);
	assert_int_equal(s->v.pkt[0].count, CHQ_D_TOKEN);
	assert_true(token_of_notice(s, &h) == token);

	/* Nor does the right one from a third address. */
	s->alice.path.port++;
	h = ping_of(&s->alice, token);
	world_send(&s->v, &h, 0, &s->alice);
	assert_int_equal(s->v.pkt[0].count, CHQ_D_TOKEN);
	s->alice.path = away;
	out = goes_to(s);
	assert_memory_equal(&out, &home, sizeof(home));

	/* The right one from its own address does, and is answered there. */
	h = ping_of(&s->alice, token);
	world_send(&s->v, &h, 0, &s->alice);
	ping_check(s, &h, &away);
	assert_int_equal(s->v.w->counts[CHQ_C_MOVE], 1);
	assert_true(chq_ring_pop(&s->v.w->notes, &note));
	assert_int_equal(note.kind, CHQ_NOTE_MOVED);
	assert_int_equal(note.slot, s->alice.ref.slot);
	out = goes_to(s);
	assert_memory_equal(&out, &away, sizeof(away));

	/* A straggler from the old address still counts, but that address gets nothing more. */
	s->alice.path = home;
	world_send(&s->v, &late, 8, &s->alice);
	assert_int_equal(s->v.pkt[0].count, CHQ_C_FORWARD);
	assert_int_equal(s->v.w->extra_n, 0);
	out = goes_to(s);
	assert_memory_equal(&out, &away, sizeof(away));
}

static void
replayed_ping_moves_nothing(void **state)
{
	struct two *s = *state;
	struct chq_path away = s->alice.path, home = away, out;
	struct chq_frame_hdr h, back;
	uint64_t token;

	away.port = 9;
	token = chq_path_token_now(s->v.t->header->path_secret, s->alice.ref.slot, &away, T0_NS);
	h = ping_of(&s->alice, token);
	s->alice.path = away;
	world_send(&s->v, &h, 0, &s->alice);
	assert_int_equal(s->v.pkt[0].count, CHQ_C_PING);

	token = chq_path_token_now(s->v.t->header->path_secret, s->alice.ref.slot, &home, T0_NS);
	back = ping_of(&s->alice, token);
	s->alice.path = home;
	world_send(&s->v, &back, 0, &s->alice);
	assert_int_equal(s->v.pkt[0].count, CHQ_C_PING);

	s->alice.path = away; /* the first one again, by who has seen it */
	world_send(&s->v, &h, 0, &s->alice);
	assert_int_equal(s->v.pkt[0].count, CHQ_D_REPLAY);
	out = goes_to(s);
	assert_memory_equal(&out, &home, sizeof(home));
}

static void
copies_of_what_the_manager_has_had_go_up_no_more(void **state)
{
	struct two *s = *state;
	struct chq_frame_hdr h = { .type = CHQ_TYPE_FRAME, .flags = CHQ_F_HOP, .seq = 7 };

	h.slot = s->alice.ref.slot;
	for (int i = 0; i < 2; i++) { /* on its way, nobody has taken its number yet */
		world_send(&s->v, &h, 16, &s->alice);
		assert_int_equal(s->v.pkt[0].count, CHQ_C_UP_SERVER);
	}
	assert_int_equal(chq_replay_take(s->v.t->sessions[h.slot].replay, h.seq), 1);
	world_send(&s->v, &h, 16, &s->alice);
	assert_int_equal(s->v.pkt[0].verdict, CHQ_V_DROP);
	assert_int_equal(s->v.pkt[0].count, CHQ_D_REPLAY);
	h.flags = 0;
	h.party = CHQ_PARTY(CHQ_KIND_GROUP, 0, 5);
	world_send(&s->v, &h, 16, &s->alice);
	assert_int_equal(s->v.pkt[0].count, CHQ_D_REPLAY);
	assert_int_equal(s->v.w->extra_n, 0);
}

static void
older_token_than_two_epochs_moves_nothing(void **state)
{
	struct two *s = *state;
	struct chq_frame_hdr h;
	uint64_t token;

	s->alice.path.port = 9;
	token = chq_path_token_now(s->v.t->header->path_secret, s->alice.ref.slot, &s->alice.path,
				   T0_NS);
	world_clock(&s->v, T0_NS + 32 * NS_PER_S);
	h = ping_of(&s->alice, token);
	world_send(&s->v, &h, 0, &s->alice);
	assert_int_equal(s->v.pkt[0].count, CHQ_D_TOKEN);
}

static void
torn_path_of_a_sender_heals_by_its_next_pings(void **state)
{
	struct two *s = *state;
	struct chq_session *a = peer_session(&s->v, &s->alice);
	struct chq_frame_hdr h = ping_of(&s->alice, 0);
	struct chq_path out;

	a->path[0].ip_lo ^= 1;
	world_send(&s->v, &h, 0, &s->alice);
	h = ping_of(&s->alice, token_of_notice(s, &h));
	world_send(&s->v, &h, 0, &s->alice);
	ping_check(s, &h, &s->alice.path);
	out = goes_to(s);
	assert_memory_equal(&out, &s->alice.path, sizeof(out));
}

/* --- NOTICE --- */

static void
notices_of_a_session_are_limited_to_its_budget(void **state)
{
	struct two *s = *state;
	int notices = 0;

	s->alice.path.port = 9;
	for (int i = 0; i < 200; i++) {
		struct chq_frame_hdr h = frame_to(&s->alice, &s->bob);

		world_send(&s->v, &h, 5, &s->alice);
		assert_int_equal(s->v.pkt[0].count, CHQ_C_FORWARD);
		notices += s->v.w->extra_n;
	}
	assert_int_equal(notices, 50);
	assert_int_equal(s->v.w->counts[CHQ_C_NOTICE_PATH], 50);
	assert_int_equal(s->v.w->counts[CHQ_D_NOTICE_LIMIT], 150);
	world_clock(&s->v, T0_NS + NS_PER_S / 2);
	for (int i = 0; i < 200; i++) {
		struct chq_frame_hdr h = frame_to(&s->alice, &s->bob);

		world_send(&s->v, &h, 5, &s->alice);
	}
	assert_int_equal(s->v.w->counts[CHQ_C_NOTICE_PATH], 75);
}

/* Over its quota, or sealed to the relay: what has proved no address gets no more than it sent. */
static void
refused_frame_from_elsewhere_is_answered_by_its_path_notice_alone(void **state)
{
	struct two *s = *state;
	struct chq_quota_class *q = &s->v.t->header->quota[CHQ_QUOTA_ORDINARY];
	struct chq_frame_hdr hop;
	uint8_t buf[64];

	q->own.frame_ticks = 1000; /* with a span of 0: none is conforming */
	q->notice_ns = 0;
	s->alice.path.port = 9;
	for (int i = 0; i < CHQ_BURST; i++) {
		struct chq_frame_hdr h = frame_to(&s->alice, &s->bob);
		uint16_t len = frame_put(buf, &h, 0, &s->alice);

		world_put(&s->v, i, buf, len, &s->alice.path);
	}
	world_run(&s->v, CHQ_BURST);
	assert_int_equal(s->v.w->extra_n, CHQ_BURST);
	assert_int_equal(s->v.w->counts[CHQ_D_QUOTA_FRAMES], CHQ_BURST);
	assert_int_equal(s->v.w->counts[CHQ_C_NOTICE_TOO_FAST], 0);
	assert_int_equal(s->v.w->counts[CHQ_C_NOTICE_PATH], CHQ_BURST);

	q->own.frame_ticks = 0;
	hop = frame_to(&s->alice, &s->bob);
	hop.flags = CHQ_F_HOP;
	world_send(&s->v, &hop, 16, &s->alice);
	assert_int_equal(s->v.pkt[0].count, CHQ_D_SEAL);
	assert_int_equal(s->v.w->extra_n, 1);
	assert_int_equal(notice_check(&s->v, 0, &s->alice, &hop), CHQ_NOTICE_PATH);
}

static void
outgoing_numbers_are_never_used_twice(void **state)
{
	struct two *s = *state;
	uint8_t used[64] = { 0 };

	s->bob.path.port = 9; /* so that bob's own frames earn NOTICEs, besides what he is sent */
	for (int i = 0; i < 10; i++) {
		struct chq_frame_hdr h = frame_to(&s->alice, &s->bob);

		world_send(&s->v, &h, 5, &s->alice);
		used[chq_get_le64(s->v.pkt[0].dgram + 8)]++;
		h = frame_to(&s->bob, &s->alice);
		world_send(&s->v, &h, 5, &s->bob);
		used[chq_get_le64(s->v.w->extra[0].dgram + 8)]++;
	}
	for (int i = 1; i <= 20; i++)
		assert_int_equal(used[i], 1);
}

/* --- first frames --- */

static void
new_session_is_confirmed_by_a_note_until_the_manager_acts(void **state)
{
	struct two *s = *state;
	struct peer carol;
	struct chq_frame_hdr h;
	struct chq_note note;

	peer_init(&carol, 3, 1);
	peer_open(&s->v, &carol);
	for (int i = 0; i < 2; i++) {
		h = frame_to(&carol, &s->bob);
		world_send(&s->v, &h, 5, &carol);
		assert_int_equal(s->v.pkt[0].count, CHQ_C_FORWARD);
		assert_true(chq_ring_pop(&s->v.w->notes, &note));
		assert_int_equal(note.kind, CHQ_NOTE_CONFIRM);
		assert_int_equal(note.slot, carol.ref.slot);
		assert_int_equal(note.gen, carol.ref.gen);
	}
	/* Until then nothing is delivered to it. */
	h = frame_to(&s->bob, &carol);
	world_send(&s->v, &h, 5, &s->bob);
	assert_int_equal(s->v.pkt[0].count, CHQ_C_UP_UNKNOWN);

	assert_int_equal(chq_session_confirm(s->v.t, carol.ref, T0_NS, NULL), 0);
	h = frame_to(&carol, &s->bob);
	world_send(&s->v, &h, 5, &carol);
	assert_false(chq_ring_pop(&s->v.w->notes, &note));
	h = frame_to(&s->bob, &carol);
	world_send(&s->v, &h, 5, &s->bob);
	assert_int_equal(s->v.pkt[0].count, CHQ_C_FORWARD);
}

static void
full_ring_of_notes_holds_up_nothing(void **state)
{
	struct two *s = *state;
	struct peer carol;

	peer_init(&carol, 3, 1);
	peer_open(&s->v, &carol);
	for (int i = 0; i < 200; i++) {
		struct chq_frame_hdr h = frame_to(&carol, &s->bob);

		world_send(&s->v, &h, 5, &carol);
		assert_int_equal(s->v.pkt[0].count, CHQ_C_FORWARD);
	}
}

static void
quota_is_charged_by_frames_and_by_bytes(void **state)
{
	struct two *s = *state;
	struct chq_dp_server_set m = { .server_id = SERVER_ID, .silence_s = 90 };
	int forwarded[2] = { 0, 0 };

	m.quota[CHQ_QUOTA_ORDINARY] = (struct chq_dp_quota){
		.own = { 100, 10, 102400, 4096 },
		.notices_per_s = 50,
	};
	chq_tables_server_set(s->v.t, &m);
	for (int size = 0; size < 2; size++) {
		world_clock(&s->v, T0_NS + (uint64_t)(size + 1) * 10 * NS_PER_S);
		for (int i = 0; i < 50; i++) {
			struct chq_frame_hdr h = frame_to(&s->alice, &s->bob);

			world_send(&s->v, &h, size ? 1024 - CHQ_FRAME_HDR_LEN : 0, &s->alice);
			forwarded[size] += s->v.pkt[0].count == CHQ_C_FORWARD;
		}
	}
	assert_int_equal(forwarded[0], 10); /* frames */
	assert_int_equal(forwarded[1], 4);  /* KiB */
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, two_setup, two_teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(forwarded_frame_has_exactly_these_bytes),
		TEST(frame_with_any_header_bit_flipped_goes_nowhere),
		TEST(frame_of_any_other_length_goes_nowhere),
		TEST(frame_under_anothers_slot_is_refused_by_its_tag),
		TEST(zero_key_of_a_freed_slot_opens_nothing),
		TEST(sender_that_is_closed_meanwhile_is_still_named_to_the_receiver),
		TEST(same_frame_twice_in_a_burst_is_forwarded_once),
		TEST(ping_is_answered_in_place),
		TEST(ping_from_home_refreshes_the_link),
		TEST(ping_from_an_address_with_the_same_fingerprint_moves_nothing),
		TEST(session_moves_by_a_ping_with_its_token_and_by_nothing_else),
		TEST(replayed_ping_moves_nothing),
		TEST(copies_of_what_the_manager_has_had_go_up_no_more),
		TEST(older_token_than_two_epochs_moves_nothing),
		TEST(torn_path_of_a_sender_heals_by_its_next_pings),
		TEST(notices_of_a_session_are_limited_to_its_budget),
		TEST(refused_frame_from_elsewhere_is_answered_by_its_path_notice_alone),
		TEST(outgoing_numbers_are_never_used_twice),
		TEST(new_session_is_confirmed_by_a_note_until_the_manager_acts),
		TEST(full_ring_of_notes_holds_up_nothing),
		TEST(quota_is_charged_by_frames_and_by_bytes),
	};
	return cmocka_run_group_tests_name("dataplane/frames", tests, NULL, NULL);
}
