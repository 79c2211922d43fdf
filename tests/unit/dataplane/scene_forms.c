#include "tests/unit/dataplane/scene.h"

static void
case_empty(struct scene *s)
{
	s->len = 0;
}

static void
case_short_frame(struct scene *s)
{
	scene_put(s, 0, &s->alice);
	s->len--;
}

static void
case_short_hello(struct scene *s)
{
	memset(s->dgram, 0, CHQ_HELLO_LEN);
	s->dgram[0] = CHQ_TYPE_HELLO;
	s->len = CHQ_HELLO_LEN - 1;
}

static void
case_long(struct scene *s)
{
	scene_put(s, CHQ_PAYLOAD_MAX + 1, &s->alice);
}

static void
case_type(struct scene *s)
{
	scene_put(s, 9, &s->alice);
	s->dgram[0] = 0x40;
}

static void
case_type_retry(struct scene *s)
{
	scene_put(s, 200, &s->alice);
	s->dgram[0] = CHQ_TYPE_RETRY;
}

static void
case_type_welcome(struct scene *s)
{
	scene_put(s, 200, &s->alice);
	s->dgram[0] = CHQ_TYPE_WELCOME;
}

static void
case_type_direct(struct scene *s)
{
	scene_put(s, 9, &s->alice);
	s->dgram[0] = CHQ_TYPE_DIRECT;
}

static void
case_type_trunk(struct scene *s)
{
	scene_put(s, 9, &s->alice);
	s->dgram[0] = CHQ_TYPE_TRUNK;
}

static void
case_unknown_flag(struct scene *s)
{
	s->h.flags |= 0x80;
	scene_put(s, 9, &s->alice);
}

static void
case_notice_from_client(struct scene *s)
{
	s->h.flags = CHQ_F_NOTICE;
	scene_put(s, 0, &s->alice);
}

static void
case_seq_zero(struct scene *s)
{
	s->h.seq = 0;
	scene_put(s, 9, &s->alice);
}

static void
case_unknown_kind(struct scene *s)
{
	s->h.party = CHQ_PARTY(3, 0, BOB);
	scene_put(s, 9, &s->alice);
}

static void
case_ping_with_payload(struct scene *s)
{
	s->h = ping_of(&s->alice, 0);
	scene_put(s, 1, &s->alice);
}

static void
case_open_to_server(struct scene *s)
{
	s->h.party = 0;
	scene_put(s, 40, &s->alice);
}

static void
hello_put(struct scene *s, uint8_t version, const uint8_t cookie[CHQ_COOKIE_LEN])
{
	static const uint8_t noise[32] = { 1 };
	struct chq_hello hello = { .version_min = version, .version_max = version };

	memset(hello.nonce, 3, sizeof(hello.nonce));
	if (cookie) {
		memcpy(hello.cookie, cookie, CHQ_COOKIE_LEN);
		hello.noise = noise;
		hello.noise_len = sizeof(noise);
	}
	assert_int_equal(chq_hello_build(s->dgram, &hello), 0);
	s->len = CHQ_HELLO_LEN;
}

static void
case_hello(struct scene *s)
{
	hello_put(s, 1, NULL);
}

static void
case_hello_without_certificate(struct scene *s)
{
	s->v.t->header->retry_ok = 0;
	hello_put(s, 1, NULL);
}

/* The cookie is taken from a RETRY. */
static void
hello_with_cookie(struct scene *s, uint8_t version)
{
	struct chq_retry retry;

	hello_put(s, 1, NULL);
	world_put(&s->v, 0, s->dgram, s->len, &s->src);
	world_run(&s->v, 1);
	assert_int_equal(chq_retry_parse(s->v.pkt[0].dgram, s->v.pkt[0].dgram_len, &retry), 0);
	hello_put(s, version, retry.cookie);
}

static void
case_hello_cookie(struct scene *s)
{
	hello_with_cookie(s, 1);
}

static void
case_hello_version(struct scene *s)
{
	hello_with_cookie(s, 200);
}

static void
case_hello_cookie_elsewhere(struct scene *s)
{
	hello_with_cookie(s, 1);
	s->src.port++;
}

static void
case_hello_malformed(struct scene *s)
{
	hello_put(s, 1, NULL);
	s->dgram[CHQ_HELLO_LEN - 1] = 1;
}

static void
case_hello_overload(struct scene *s)
{
	case_hello_cookie(s);
	s->v.w->sheds = CHQ_SHED_HELLO;
}

static void
case_hello_too_long(struct scene *s)
{
	hello_put(s, 1, NULL);
	s->len++;
}

const struct verdict_case form_cases[] = {
	{ "empty", case_empty, DROP(CHQ_D_SHORT) },
	{ "short frame", case_short_frame, DROP(CHQ_D_SHORT) },
	{ "short hello", case_short_hello, DROP(CHQ_D_SHORT) },
	{ "too long", case_long, DROP(CHQ_D_LONG) },
	{ "no type of ours", case_type, DROP(CHQ_D_TYPE) },
	{ "RETRY", case_type_retry, DROP(CHQ_D_SERVER_TYPE) },
	{ "WELCOME", case_type_welcome, DROP(CHQ_D_SERVER_TYPE) },
	{ "DIRECT", case_type_direct, DROP(CHQ_D_SERVER_TYPE) },
	{ "TRUNK", case_type_trunk, DROP(CHQ_D_SERVER_TYPE) },
	{ "unknown flag", case_unknown_flag, DROP(CHQ_D_MALFORMED) },
	{ "NOTICE from a client", case_notice_from_client, DROP(CHQ_D_MALFORMED) },
	{ "seq 0", case_seq_zero, DROP(CHQ_D_MALFORMED) },
	{ "unknown kind", case_unknown_kind, DROP(CHQ_D_MALFORMED) },
	{ "PING with payload", case_ping_with_payload, DROP(CHQ_D_MALFORMED) },
	{ "unsealed to the server", case_open_to_server, DROP(CHQ_D_MALFORMED) },
	{ "HELLO", case_hello, CHQ_V_TX, CHQ_C_RETRY, NOTHING, 0, 0, 0 },
	{ "HELLO without certificate", case_hello_without_certificate, DROP(CHQ_D_HELLO_COOKIE) },
	{ "HELLO with its cookie", case_hello_cookie, CHQ_V_UP, CHQ_C_UP_HELLO, NOTHING, 0,
	  CHQ_UP_HELLO, 0 },
	{ "HELLO of another version", case_hello_version, DROP(CHQ_D_VERSION) },
	{ "HELLO with another's cookie", case_hello_cookie_elsewhere, CHQ_V_TX, CHQ_C_RETRY,
	  NOTHING, 0, 0, 0 },
	{ "HELLO with a byte behind", case_hello_malformed, DROP(CHQ_D_MALFORMED) },
	{ "overload, HELLO with its cookie", case_hello_overload, DROP(CHQ_D_SHED_HELLO) },
	{ "HELLO too long", case_hello_too_long, DROP(CHQ_D_MALFORMED) },
	{ 0 },
};
