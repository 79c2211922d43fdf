#include "tests/unit/dataplane/scene.h"

#include "dataplane/quota.h"

void
scene_init(struct scene *s)
{
	memset(s, 0, sizeof(*s));
	world_init(&s->v, 256, 64);
	s->v.t->header->retry_ok = 1;
	peer_init(&s->alice, ALICE, 1);
	peer_init(&s->bob, BOB, 1);
	peer_init(&s->silent, CAROL, 1);
	peer_init(&s->guest, 0, 0);
	peer_init(&s->expired, 5, 1);
	peer_confirm(&s->v, &s->alice);
	peer_confirm(&s->v, &s->bob);
	peer_confirm(&s->v, &s->silent);
	s->expired.open.lifetime_s = 50;
	peer_confirm(&s->v, &s->expired);
	for (int i = 0; i < 2; i++) {
		peer_init(&s->two[i], 6, (uint8_t)(i + 1));
		peer_confirm(&s->v, &s->two[i]);
	}
	world_clock(&s->v, T0_NS + (91 + CHQ_HEARD_SPAN_S) * UINT64_C(1000000000));
	peer_open(&s->v, &s->guest);
	for (struct peer *p = &s->alice; p <= &s->bob; p++)
		chq_session_heard(peer_session(&s->v, p), s->v.w->now_s);
	for (int i = 0; i < 2; i++)
		chq_session_heard(peer_session(&s->v, &s->two[i]), s->v.w->now_s);
	s->h = frame_to(&s->alice, &s->bob);
	s->src = s->alice.path;
}

void
scene_put(struct scene *s, uint16_t payload_len, const struct peer *from)
{
	s->len = frame_put(s->dgram, &s->h, payload_len, from);
}

static void
case_forward(struct scene *s)
{
	scene_put(s, 64, &s->alice);
}

static void
case_forward_nothing(struct scene *s)
{
	scene_put(s, 0, &s->alice);
}

static void
case_forward_longest(struct scene *s)
{
	scene_put(s, CHQ_PAYLOAD_MAX, &s->alice);
}

static void
case_to_self(struct scene *s)
{
	s->h = frame_to(&s->alice, &s->alice);
	scene_put(s, 5, &s->alice);
}

static void
case_any_device(struct scene *s)
{
	s->h.party = CHQ_PARTY(CHQ_KIND_ACCOUNT, 0, BOB);
	scene_put(s, 5, &s->alice);
}

static void
case_last_day_of_grant(struct scene *s)
{
	s->h.grant = grant_for(&s->alice, &s->bob, TODAY);
	scene_put(s, 5, &s->alice);
}

static void
case_second_device(struct scene *s)
{
	s->h = frame_to(&s->alice, &s->two[0]);
	scene_put(s, 5, &s->alice);
}

static void
case_first_device(struct scene *s)
{
	s->h = frame_to(&s->alice, &s->two[1]);
	scene_put(s, 5, &s->alice);
}

static void
case_all_devices(struct scene *s)
{
	s->h = frame_to(&s->alice, &s->two[0]);
	s->h.party = CHQ_PARTY(CHQ_KIND_ACCOUNT, 0, 6);
	scene_put(s, 5, &s->alice);
}

static void
case_other_device(struct scene *s)
{
	s->h.party = CHQ_PARTY(CHQ_KIND_ACCOUNT, 9, BOB);
	scene_put(s, 5, &s->alice);
}

static void
case_other_device_of_two(struct scene *s)
{
	s->h.party = CHQ_PARTY(CHQ_KIND_ACCOUNT, 9, 6);
	scene_put(s, 5, &s->alice);
}

static void
case_slot_beyond(struct scene *s)
{
	s->h.slot = 256;
	scene_put(s, 9, &s->alice);
}

static void
case_slot_free(struct scene *s)
{
	s->h.slot = 255;
	scene_put(s, 9, &s->alice);
}

static void
case_wrong_tag(struct scene *s)
{
	scene_put(s, 9, &s->bob);
}

static void
case_other_slot(struct scene *s)
{
	s->h.slot = s->bob.ref.slot;
	scene_put(s, 9, &s->alice);
}

static void
case_prelogin(struct scene *s)
{
	s->h.slot = s->guest.ref.slot;
	scene_put(s, 9, &s->guest);
}

static void
case_expired(struct scene *s)
{
	s->h = frame_to(&s->expired, &s->bob);
	s->src = s->expired.path;
	scene_put(s, 9, &s->expired);
}

static void
case_expired_to_server(struct scene *s)
{
	case_expired(s);
	s->h.flags = CHQ_F_HOP;
	s->h.party = 0;
	scene_put(s, 40, &s->expired);
}

static void
case_server(struct scene *s)
{
	s->h.flags = CHQ_F_HOP;
	s->h.party = 0;
	scene_put(s, 40, &s->alice);
}

static void
case_guest_to_server(struct scene *s)
{
	s->h.flags = CHQ_F_HOP;
	s->h.party = 0;
	s->h.slot = s->guest.ref.slot;
	scene_put(s, 40, &s->guest);
}

static void
case_group(struct scene *s)
{
	s->h.party = CHQ_PARTY(CHQ_KIND_GROUP, 0, 12);
	scene_put(s, 9, &s->alice);
}

static void
case_unknown(struct scene *s)
{
	s->h.party = CHQ_PARTY(CHQ_KIND_ACCOUNT, 0, 99);
	scene_put(s, 9, &s->alice);
}

static void
case_wrong_grant(struct scene *s)
{
	s->h.grant ^= 1;
	scene_put(s, 9, &s->alice);
}

static void
case_no_grant(struct scene *s)
{
	s->h.grant = 0;
	scene_put(s, 9, &s->alice);
}

static void
case_old_grant(struct scene *s)
{
	s->h.grant = grant_for(&s->alice, &s->bob, TODAY - 1);
	scene_put(s, 9, &s->alice);
}

static void
case_stolen_grant(struct scene *s)
{
	s->h.grant = grant_for(&s->two[0], &s->bob, TODAY + 3);
	scene_put(s, 9, &s->alice);
}

static void
case_grant_for_another(struct scene *s)
{
	s->h.grant = grant_for(&s->alice, &s->silent, TODAY + 3);
	scene_put(s, 9, &s->alice);
}

static void
case_denied(struct scene *s)
{
	assert_int_equal(chq_session_deny(s->v.t, BOB, ALICE, TODAY, false), 0);
	scene_put(s, 9, &s->alice);
}

static void
case_denied_until_yesterday(struct scene *s)
{
	assert_int_equal(chq_session_deny(s->v.t, BOB, ALICE, TODAY - 1, false), 0);
	scene_put(s, 9, &s->alice);
}

static void
case_silent(struct scene *s)
{
	s->h = frame_to(&s->alice, &s->silent);
	scene_put(s, 9, &s->alice);
}

static void
case_receiver_expired(struct scene *s)
{
	chq_session_heard(peer_session(&s->v, &s->expired), s->v.w->now_s);
	s->h = frame_to(&s->alice, &s->expired);
	scene_put(s, 9, &s->alice);
}

static void
case_hop_to_person(struct scene *s)
{
	s->h.flags = CHQ_F_HOP;
	scene_put(s, 40, &s->alice);
}

static void
case_replayed(struct scene *s)
{
	assert_int_equal(chq_replay_take(peer_session(&s->v, &s->alice)->replay, s->h.seq), 1);
	scene_put(s, 9, &s->alice);
}

static void
case_too_old(struct scene *s)
{
	assert_int_equal(chq_replay_take(peer_session(&s->v, &s->alice)->replay, 256 + s->h.seq),
			 1);
	scene_put(s, 9, &s->alice);
}

static void
case_replayed_refusal(struct scene *s)
{
	case_hop_to_person(s);
	assert_int_equal(chq_replay_take(peer_session(&s->v, &s->alice)->replay, s->h.seq), 1);
}

static void
case_too_many_frames(struct scene *s)
{
	s->v.t->header->quota[CHQ_QUOTA_ORDINARY].own.frame_ticks = 1000;
	scene_put(s, 9, &s->alice);
}

static void
case_too_many_bytes(struct scene *s)
{
	s->v.t->header->quota[CHQ_QUOTA_ORDINARY].own.kib_ns = UINT64_C(1024)
							       << CHQ_QUOTA_TICK_SHIFT;
	s->v.t->header->quota[CHQ_QUOTA_ORDINARY].own.byte_span = 56;
	scene_put(s, 9, &s->alice); /* 57 bytes */
}

static void
case_account_too_fast(struct scene *s)
{
	struct chq_quota_class *q = &s->v.t->header->quota[CHQ_QUOTA_ORDINARY];

	q->own.frame_ticks = q->account.frame_ticks = 1000;
	q->own.frame_span = 1000; /* one frame, and none for all of them together */
	s->h = frame_to(&s->two[0], &s->bob);
	s->src = s->two[0].path;
	scene_put(s, 9, &s->two[0]);
}

static void
case_overload_frame(struct scene *s)
{
	s->v.w->sheds = CHQ_SHED__COUNT - 1;
	scene_put(s, 9, &s->alice);
}

static void
case_overload_used_half(struct scene *s)
{
	struct chq_quota_price *own = &s->v.t->header->quota[CHQ_QUOTA_ORDINARY].own;

	s->v.w->sheds = CHQ_SHED_HALF;
	own->frame_ticks = 1000;
	own->frame_span = 4000;
	peer_session(&s->v, &s->alice)->quota = CHQ_QUOTA_IDLE(s->v.w->now_ns) +
						((uint64_t)2001 << 32);
	scene_put(s, 9, &s->alice);
}

static void
case_overload_server(struct scene *s)
{
	s->v.w->sheds = CHQ_SHED_SERVER;
	case_server(s);
}

static void
case_overload_server_still(struct scene *s)
{
	s->v.w->sheds = CHQ_SHED_HELLO;
	case_server(s);
}

static void
case_just_enough_bytes(struct scene *s)
{
	case_too_many_bytes(s);
	scene_put(s, 8, &s->alice);
}

static void
case_receiver_path_torn(struct scene *s)
{
	peer_session(&s->v, &s->bob)->path[0].ip_lo ^= 1;
	scene_put(s, 9, &s->alice);
}

static void
case_ping(struct scene *s)
{
	s->h = ping_of(&s->alice, 0);
	scene_put(s, 0, &s->alice);
}

static void
case_guest_ping(struct scene *s)
{
	s->h = ping_of(&s->guest, 0);
	s->src = s->guest.path;
	scene_put(s, 0, &s->guest);
}

static void
case_overload_ping(struct scene *s)
{
	s->v.w->sheds = CHQ_SHED__COUNT - 1;
	case_ping(s);
}

static void
case_ping_from_elsewhere(struct scene *s)
{
	case_ping(s);
	s->src.port++;
}

static void
case_ping_wrong_token(struct scene *s)
{
	s->h = ping_of(&s->alice, 12345);
	scene_put(s, 0, &s->alice);
}

static void
case_linger(struct scene *s)
{
	assert_int_equal(chq_session_linger(s->v.t, s->alice.ref, 5000, s->v.w->now_ns), 0);
	scene_put(s, 9, &s->alice);
}

const struct verdict_case session_cases[] = {
	{ "forward", case_forward, FWD },
	{ "forward no payload", case_forward_nothing, FWD },
	{ "forward the longest", case_forward_longest, FWD },
	{ "to oneself", case_to_self, FWD },
	{ "to any device of one", case_any_device, FWD },
	{ "grant on its last day", case_last_day_of_grant, FWD },
	{ "to the second device", case_second_device, FWD },
	{ "to the first device", case_first_device, FWD },
	{ "denial is over", case_denied_until_yesterday, FWD },
	{ "bytes just enough", case_just_enough_bytes, FWD },
	{ "sender lingers", case_linger, FWD },
	{ "slot beyond the table", case_slot_beyond, DROP(CHQ_D_SLOT) },
	{ "slot free", case_slot_free, DROP(CHQ_D_SLOT) },
	{ "wrong tag", case_wrong_tag, DROP(CHQ_D_TAG) },
	{ "another's slot", case_other_slot, DROP(CHQ_D_TAG) },
	{ "before login to a person", case_prelogin, DROP(CHQ_D_PRELOGIN) },
	{ "expired", case_expired, CHQ_V_DROP, CHQ_D_EXPIRED, TABLES, CHQ_NOTICE_EXPIRED, 0, 0 },
	{ "expired, to the server", case_expired_to_server, CHQ_V_DROP, CHQ_D_EXPIRED, TABLES,
	  CHQ_NOTICE_EXPIRED, 0, 0 },
	{ "server", case_server, CHQ_V_UP, CHQ_C_UP_SERVER, NOTHING, 0, CHQ_UP_SERVER, 0 },
	{ "server before login", case_guest_to_server, CHQ_V_UP, CHQ_C_UP_SERVER, NOTHING, 0,
	  CHQ_UP_SERVER, 0 },
	{ "group", case_group, UPF(CHQ_C_UP_GROUP, CHQ_DP_WHY_GROUP) },
	{ "unknown receiver", case_unknown, UPF(CHQ_C_UP_UNKNOWN, CHQ_DP_WHY_UNKNOWN) },
	{ "wrong grant", case_wrong_grant, UPF(CHQ_C_UP_GRANT, CHQ_DP_WHY_GRANT) },
	{ "no grant", case_no_grant, UPF(CHQ_C_UP_GRANT, CHQ_DP_WHY_GRANT) },
	{ "grant of yesterday", case_old_grant, UPF(CHQ_C_UP_GRANT, CHQ_DP_WHY_GRANT) },
	{ "another's grant", case_stolen_grant, UPF(CHQ_C_UP_GRANT, CHQ_DP_WHY_GRANT) },
	{ "grant for another", case_grant_for_another, UPF(CHQ_C_UP_GRANT, CHQ_DP_WHY_GRANT) },
	{ "denied", case_denied, UPF(CHQ_C_UP_DENIED, CHQ_DP_WHY_DENIED) },
	{ "receiver silent", case_silent, UPF(CHQ_C_UP_SILENT, CHQ_DP_WHY_SILENT) },
	{ "receiver expired", case_receiver_expired, UPF(CHQ_C_UP_SILENT, CHQ_DP_WHY_SILENT) },
	{ "no such device", case_other_device, UPF(CHQ_C_UP_DEVICE, CHQ_DP_WHY_DEVICE) },
	{ "no such device of two", case_other_device_of_two,
	  UPF(CHQ_C_UP_DEVICE, CHQ_DP_WHY_DEVICE) },
	{ "all of two devices", case_all_devices, UPF(CHQ_C_UP_DEVICE, CHQ_DP_WHY_DEVICE) },
	{ "hop-sealed to a person", case_hop_to_person, CHQ_V_DROP, CHQ_D_SEAL, TABLES,
	  CHQ_NOTICE_SEAL, 0, 0 },
	{ "replayed", case_replayed, DROP(CHQ_D_REPLAY) },
	{ "too old", case_too_old, DROP(CHQ_D_REPLAY) },
	{ "refused, and replayed", case_replayed_refusal, DROP(CHQ_D_REPLAY) },
	{ "too many frames", case_too_many_frames, CHQ_V_DROP, CHQ_D_QUOTA_FRAMES, TABLES,
	  CHQ_NOTICE_TOO_FAST, 0, 0 },
	{ "too many bytes", case_too_many_bytes, CHQ_V_DROP, CHQ_D_QUOTA_BYTES, TABLES,
	  CHQ_NOTICE_TOO_FAST, 0, 0 },
	{ "account too fast", case_account_too_fast, CHQ_V_DROP, CHQ_D_QUOTA_ACCOUNT, TABLES,
	  CHQ_NOTICE_TOO_FAST, 0, 0 },
	{ "overload, frame", case_overload_frame, FWD },
	{ "overload, frame over half of the quota", case_overload_used_half, CHQ_V_DROP,
	  CHQ_D_SHED_QUOTA, TABLES, CHQ_NOTICE_TOO_FAST, 0, 0 },
	{ "overload, server", case_overload_server, DROP(CHQ_D_SHED_SERVER) },
	{ "less overload, server", case_overload_server_still, CHQ_V_UP, CHQ_C_UP_SERVER, NOTHING,
	  0, CHQ_UP_SERVER, 0 },
	{ "overload, PING", case_overload_ping, CHQ_V_TX, CHQ_C_PING, TABLES, 0, 0, 0 },
	{ "receiver's path torn", case_receiver_path_torn, CHQ_V_DROP, CHQ_D_PATH, TABLES, 0, 0,
	  0 },
	{ "PING", case_ping, CHQ_V_TX, CHQ_C_PING, TABLES, 0, 0, 0 },
	{ "PING before login", case_guest_ping, CHQ_V_TX, CHQ_C_PING, TABLES, 0, 0, 0 },
	{ "PING from elsewhere", case_ping_from_elsewhere, CHQ_V_DROP, CHQ_C_PING_AWAY, TABLES,
	  CHQ_NOTICE_PATH, 0, 0 },
	{ "PING with a wrong token", case_ping_wrong_token, CHQ_V_DROP, CHQ_D_TOKEN, TABLES, 0, 0,
	  0 },
	{ 0 },
};
