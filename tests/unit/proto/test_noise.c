#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>
#include <sodium.h>

#include "base/err.h"
#include "proto/aead.h"
#include "proto/noise.h"
#include "tests/unit/proto/vectors.h"

#define PROLOGUE "prologue", 8
#define MSG_MAX	 (CHQ_NOISE_MAX_PAYLOAD + CHQ_NOISE_MSG1_OVERHEAD)

/* Both sides of one handshake, and the messages between them. */
struct pair {
	struct chq_keypair ks_i, ks_r;
	struct chq_noise i, r;
	uint8_t m1[MSG_MAX], m2[MSG_MAX], text[CHQ_NOISE_MAX_PAYLOAD], rs[32];
	size_t m1_len, m2_len;
};

static void
pair_init(struct pair *p)
{
	memset(p, 0, sizeof(*p));
	chq_x25519_keypair(&p->ks_i);
	chq_x25519_keypair(&p->ks_r);
	assert_int_equal(chq_noise_init(&p->i, CHQ_NOISE_INITIATOR, PROLOGUE, &p->ks_i,
					p->ks_r.public),
			 CHQ_OK);
	assert_int_equal(chq_noise_init(&p->r, CHQ_NOISE_RESPONDER, PROLOGUE, &p->ks_r, NULL),
			 CHQ_OK);
}

static void
pair_write1(struct pair *p)
{
	int len = chq_noise_write1(&p->i, "hello", 5, p->m1, sizeof(p->m1));

	assert_int_equal(len, 5 + CHQ_NOISE_MSG1_OVERHEAD);
	p->m1_len = (size_t)len;
}

static int
pair_read1(struct pair *p, size_t len)
{
	return chq_noise_read1(&p->r, p->m1, len, p->rs, p->text, sizeof(p->text));
}

static void
pair_write2(struct pair *p)
{
	int len;

	assert_int_equal(chq_noise_write2_keys(&p->r), CHQ_OK);
	len = chq_noise_write2(&p->r, "welcome", 7, p->m2, sizeof(p->m2));
	assert_int_equal(len, 7 + CHQ_NOISE_MSG2_OVERHEAD);
	p->m2_len = (size_t)len;
}

static int
pair_read2(struct pair *p, size_t len)
{
	return chq_noise_read2(&p->i, p->m2, len, p->text, sizeof(p->text));
}

static void
pair_finish(struct pair *p)
{
	pair_write1(p);
	assert_int_equal(pair_read1(p, p->m1_len), 5);
	assert_memory_equal(p->text, "hello", 5);
	assert_memory_equal(p->rs, p->ks_i.public, 32);
	pair_write2(p);
	assert_int_equal(pair_read2(p, p->m2_len), 7);
	assert_memory_equal(p->text, "welcome", 7);
}

/* Message @index of the vector: its payload and its ciphertext. */
struct vector_message {
	uint8_t payload[256], sealed[512];
	size_t len, sealed_len;
};

static void
vector_message(const json_t *root, size_t index, struct vector_message *m)
{
	const json_t *o = json_array_get(json_object_get(root, "messages"), index);

	m->len = vectors_bytes(o, "payload", m->payload, sizeof(m->payload));
	m->sealed_len = vectors_bytes(o, "ciphertext", m->sealed, sizeof(m->sealed));
}

static void
vector_side(const json_t *root, struct chq_noise *n, enum chq_noise_role role)
{
	const bool initiator = role == CHQ_NOISE_INITIATOR;
	uint8_t prologue[64], secret[32], rs[32];
	struct chq_keypair s;
	size_t len = vectors_bytes(root, initiator ? "init_prologue" : "resp_prologue", prologue,
				   sizeof(prologue));

	vectors_key(root, initiator ? "init_static" : "resp_static", secret);
	chq_x25519_from_secret(&s, secret);
	vectors_key(root, "init_remote_static", rs);
	assert_int_equal(chq_noise_init(n, role, prologue, len, &s, initiator ? rs : NULL), CHQ_OK);
	vectors_key(root, initiator ? "init_ephemeral" : "resp_ephemeral", secret);
	chq_noise_fix_ephemeral(n, secret);
}

static void
vector_handshake(const json_t *root, struct chq_noise *i, struct chq_noise *r)
{
	struct vector_message m;
	uint8_t out[512], rs[32];

	vector_message(root, 0, &m);
	assert_int_equal(chq_noise_write1(i, m.payload, m.len, out, sizeof(out)), m.sealed_len);
	assert_memory_equal(out, m.sealed, m.sealed_len);
	assert_int_equal(chq_noise_read1(r, m.sealed, m.sealed_len, rs, out, sizeof(out)), m.len);
	assert_memory_equal(out, m.payload, m.len);

	vector_message(root, 1, &m);
	assert_int_equal(chq_noise_write2_keys(r), CHQ_OK);
	assert_int_equal(chq_noise_write2(r, m.payload, m.len, out, sizeof(out)), m.sealed_len);
	assert_memory_equal(out, m.sealed, m.sealed_len);
	assert_int_equal(chq_noise_read2(i, m.sealed, m.sealed_len, out, sizeof(out)), m.len);
	assert_memory_equal(out, m.payload, m.len);
}

/* The transport messages alternate, the initiator's first; n counts each direction from 0. */
static void
vector_transport(const json_t *root, const struct chq_noise *n)
{
	size_t count = json_array_size(json_object_get(root, "messages"));
	struct vector_message m;
	uint8_t key[2][32], nonce[12] = { 0 }, out[512];

	assert_true(count > 3);
	assert_int_equal(chq_noise_split(n, key[0], key[1]), CHQ_OK);
	for (size_t i = 2; i < count; i++) {
		vector_message(root, i, &m);
		nonce[11] = (uint8_t)((i - 2) / 2);
		assert_int_equal(m.sealed_len, m.len + CHQ_AEAD_TAG_BYTES);
		assert_int_equal(chq_aead_seal(key[i % 2], nonce, NULL, 0, m.payload, m.len, out),
				 CHQ_OK);
		assert_memory_equal(out, m.sealed, m.sealed_len);
	}
}

static void
vector_run(const json_t *root)
{
	struct chq_noise i, r;
	uint8_t hash[32];

	vector_side(root, &i, CHQ_NOISE_INITIATOR);
	vector_side(root, &r, CHQ_NOISE_RESPONDER);
	vector_handshake(root, &i, &r);
	vectors_key(root, "handshake_hash", hash);
	assert_memory_equal(chq_noise_hash(&i), hash, sizeof(hash));
	assert_memory_equal(chq_noise_hash(&r), hash, sizeof(hash));
	vector_transport(root, &i);
	vector_transport(root, &r);
	chq_noise_wipe(&i);
	chq_noise_wipe(&r);
}

static void
handshake_and_transport_give_the_published_vector_on_each_backend(void **state)
{
	json_t *root = vectors_load("tests/vectors/noise_ik_25519_aesgcm_sha256.json");
	const enum chq_aead_backend chosen = chq_aead_backend();

	(void)state;
	vector_run(root);
	assert_int_equal(chq_aead_use(CHQ_AEAD_EVP), CHQ_OK);
	vector_run(root);
	assert_int_equal(chq_aead_use(chosen), CHQ_OK);
	json_decref(root);
}

static void
both_sides_get_the_same_keys_and_hash(void **state)
{
	uint8_t i[3][32], r[3][32];
	struct pair p;

	(void)state;
	pair_init(&p);
	pair_finish(&p);
	assert_int_equal(chq_noise_split(&p.i, i[0], i[1]), CHQ_OK);
	assert_int_equal(chq_noise_split(&p.r, r[0], r[1]), CHQ_OK);
	memcpy(i[2], chq_noise_hash(&p.i), 32);
	memcpy(r[2], chq_noise_hash(&p.r), 32);
	assert_memory_equal(i, r, sizeof(i));
	for (size_t a = 0; a < 3; a++)
		for (size_t b = 0; b < a; b++)
			assert_memory_not_equal(i[a], i[b], 32);
}

static void
responder_has_the_final_keys_before_it_writes_message_2(void **state)
{
	uint8_t before[2][32], after[2][32];
	struct pair p;

	(void)state;
	pair_init(&p);
	pair_write1(&p);
	assert_int_equal(pair_read1(&p, p.m1_len), 5);
	assert_int_equal(chq_noise_write2_keys(&p.r), CHQ_OK);
	assert_int_equal(chq_noise_split(&p.r, before[0], before[1]), CHQ_OK);
	assert_int_equal(chq_noise_write2(&p.r, "welcome", 7, p.m2, sizeof(p.m2)), 55);
	assert_int_equal(pair_read2(&p, 55), 7);
	assert_int_equal(chq_noise_split(&p.i, after[0], after[1]), CHQ_OK);
	assert_memory_equal(before, after, sizeof(before));
}

static void
two_handshakes_of_the_same_parties_share_no_key(void **state)
{
	uint8_t a[2][32], b[2][32];
	struct pair p;

	(void)state;
	pair_init(&p);
	pair_finish(&p);
	assert_int_equal(chq_noise_split(&p.i, a[0], a[1]), CHQ_OK);
	chq_noise_init(&p.i, CHQ_NOISE_INITIATOR, PROLOGUE, &p.ks_i, p.ks_r.public);
	chq_noise_init(&p.r, CHQ_NOISE_RESPONDER, PROLOGUE, &p.ks_r, NULL);
	pair_finish(&p);
	assert_int_equal(chq_noise_split(&p.i, b[0], b[1]), CHQ_OK);
	assert_memory_not_equal(a[0], b[0], 32);
	assert_memory_not_equal(a[1], b[1], 32);
}

static void
any_changed_byte_of_message_1_is_refused_without_harm(void **state)
{
	struct pair p;

	(void)state;
	pair_init(&p);
	pair_write1(&p);
	for (size_t at = 0; at < p.m1_len; at++) {
		p.m1[at] ^= 0x04;
		assert_int_equal(pair_read1(&p, p.m1_len), CHQ_ECRYPTO);
		assert_true(sodium_is_zero(p.rs, sizeof(p.rs)));
		assert_true(sodium_is_zero(p.text, sizeof(p.text)));
		p.m1[at] ^= 0x04;
	}
	assert_int_equal(pair_read1(&p, p.m1_len), 5);
}

static void
any_changed_byte_of_message_2_is_refused_without_harm(void **state)
{
	struct pair p;

	(void)state;
	pair_init(&p);
	pair_write1(&p);
	assert_int_equal(pair_read1(&p, p.m1_len), 5);
	pair_write2(&p);
	memset(p.text, 0, sizeof(p.text));
	for (size_t at = 0; at < p.m2_len; at++) {
		p.m2[at] ^= 0x04;
		assert_int_equal(pair_read2(&p, p.m2_len), CHQ_ECRYPTO);
		assert_true(sodium_is_zero(p.text, sizeof(p.text)));
		p.m2[at] ^= 0x04;
	}
	assert_int_equal(pair_read2(&p, p.m2_len), 7);
	assert_memory_equal(p.text, "welcome", 7);
}

static void
messages_cut_short_or_grown_are_refused_at_every_length(void **state)
{
	struct pair p;

	(void)state;
	pair_init(&p);
	pair_write1(&p);
	for (size_t len = 0; len < p.m1_len; len++)
		assert_int_equal(pair_read1(&p, len), CHQ_ECRYPTO);
	assert_int_equal(pair_read1(&p, p.m1_len + 1), CHQ_ECRYPTO);
	assert_int_equal(pair_read1(&p, p.m1_len), 5);
	pair_write2(&p);
	for (size_t len = 0; len < p.m2_len; len++)
		assert_int_equal(pair_read2(&p, len), CHQ_ECRYPTO);
	assert_int_equal(pair_read2(&p, p.m2_len + 1), CHQ_ECRYPTO);
	assert_int_equal(pair_read2(&p, p.m2_len), 7);
}

static void
wrong_responder_key_and_wrong_prologue_are_refused(void **state)
{
	struct chq_keypair other;
	struct chq_noise n;
	struct pair p;

	(void)state;
	pair_init(&p);
	pair_write1(&p);
	chq_x25519_keypair(&other);
	chq_noise_init(&n, CHQ_NOISE_RESPONDER, PROLOGUE, &other, NULL);
	assert_int_equal(chq_noise_read1(&n, p.m1, p.m1_len, p.rs, p.text, 5), CHQ_ECRYPTO);
	chq_noise_init(&n, CHQ_NOISE_RESPONDER, "prologuE", 8, &p.ks_r, NULL);
	assert_int_equal(chq_noise_read1(&n, p.m1, p.m1_len, p.rs, p.text, 5), CHQ_ECRYPTO);
	chq_noise_init(&n, CHQ_NOISE_RESPONDER, NULL, 0, &p.ks_r, NULL);
	assert_int_equal(chq_noise_read1(&n, p.m1, p.m1_len, p.rs, p.text, 5), CHQ_ECRYPTO);
}

/* Without the secret of the static key it claims, "se" and "ss" come out differently. */
static void
initiator_that_lacks_its_claimed_secret_is_refused(void **state)
{
	struct chq_keypair victim, fake;
	struct pair p;

	(void)state;
	pair_init(&p);
	chq_x25519_keypair(&victim);
	fake = p.ks_i;
	memcpy(fake.public, victim.public, sizeof(fake.public));
	chq_noise_init(&p.i, CHQ_NOISE_INITIATOR, PROLOGUE, &fake, p.ks_r.public);
	pair_write1(&p);
	assert_int_equal(pair_read1(&p, p.m1_len), CHQ_ECRYPTO);
}

static void
answer_of_another_handshake_is_refused(void **state)
{
	struct pair p, q;

	(void)state;
	pair_init(&p);
	pair_write1(&p);
	q = p;
	assert_int_equal(chq_noise_init(&q.i, CHQ_NOISE_INITIATOR, PROLOGUE, &q.ks_i,
					q.ks_r.public),
			 CHQ_OK);
	pair_write1(&q);
	assert_int_equal(pair_read1(&q, q.m1_len), 5);
	pair_write2(&q);
	assert_int_equal(chq_noise_read2(&p.i, q.m2, q.m2_len, p.text, sizeof(p.text)),
			 CHQ_ECRYPTO);
	assert_int_equal(pair_read2(&q, q.m2_len), 7);
}

static void
small_order_points_are_refused_on_both_sides(void **state)
{
	static const uint8_t zero[32];
	struct pair p;

	(void)state;
	pair_init(&p);
	assert_int_equal(chq_noise_init(&p.i, CHQ_NOISE_INITIATOR, PROLOGUE, &p.ks_i, zero),
			 CHQ_OK);
	assert_int_equal(chq_noise_write1(&p.i, NULL, 0, p.m1, sizeof(p.m1)), CHQ_ECRYPTO);
	pair_init(&p);
	pair_write1(&p);
	memset(p.m1, 0, 32);
	assert_int_equal(pair_read1(&p, p.m1_len), CHQ_ECRYPTO);
	memset(p.m2, 0, sizeof(p.m2));
	assert_int_equal(pair_read2(&p, 48), CHQ_ECRYPTO);
}

static void
payloads_of_0_and_of_the_greatest_length_pass_and_one_more_does_not(void **state)
{
	const size_t max = CHQ_NOISE_MAX_PAYLOAD;
	uint8_t big[CHQ_NOISE_MAX_PAYLOAD + 1], m[MSG_MAX + 1];
	struct pair p;

	(void)state;
	randombytes_buf(big, sizeof(big));
	pair_init(&p);
	assert_int_equal(chq_noise_write1(&p.i, big, max + 1, m, sizeof(m)), CHQ_ETOOBIG);
	assert_int_equal(chq_noise_write1(&p.i, big, max, p.m1, MSG_MAX), MSG_MAX);
	assert_int_equal(chq_noise_read1(&p.r, m, MSG_MAX + 1, p.rs, p.text, max), CHQ_ETOOBIG);
	assert_int_equal(pair_read1(&p, MSG_MAX), max);
	assert_memory_equal(p.text, big, max);
	assert_int_equal(chq_noise_write2_keys(&p.r), CHQ_OK);
	assert_int_equal(chq_noise_write2(&p.r, big, max + 1, m, sizeof(m)), CHQ_ETOOBIG);
	assert_int_equal(chq_noise_write2(&p.r, NULL, 0, p.m2, CHQ_NOISE_MSG2_OVERHEAD),
			 CHQ_NOISE_MSG2_OVERHEAD);
	assert_int_equal(chq_noise_read2(&p.i, m, max + 49, p.text, max), CHQ_ETOOBIG);
	assert_int_equal(chq_noise_read2(&p.i, p.m2, CHQ_NOISE_MSG2_OVERHEAD, NULL, 0), 0);
}

static void
buffers_one_byte_too_small_are_refused_without_harm(void **state)
{
	struct pair p;

	(void)state;
	pair_init(&p);
	assert_int_equal(chq_noise_write1(&p.i, "hello", 5, p.m1, 100), CHQ_ENOBUFS);
	pair_write1(&p);
	assert_int_equal(chq_noise_read1(&p.r, p.m1, p.m1_len, p.rs, p.text, 4), CHQ_ENOBUFS);
	assert_int_equal(pair_read1(&p, p.m1_len), 5);
	assert_int_equal(chq_noise_write2_keys(&p.r), CHQ_OK);
	assert_int_equal(chq_noise_write2(&p.r, "welcome", 7, p.m2, 54), CHQ_ENOBUFS);
	assert_int_equal(chq_noise_write2(&p.r, "welcome", 7, p.m2, 55), 55);
	assert_int_equal(chq_noise_read2(&p.i, p.m2, 55, p.text, 6), CHQ_ENOBUFS);
	assert_int_equal(pair_read2(&p, 55), 7);
}

/* Of the six calls, made on copies, those whose bit is not in @allowed are refused as misplaced. */
static void
refuses_all_but(const struct pair *p, const struct chq_noise *n, unsigned int allowed)
{
	struct chq_noise c[5] = { *n, *n, *n, *n, *n };
	uint8_t m[CHQ_NOISE_MSG1_OVERHEAD], text[CHQ_NOISE_MAX_PAYLOAD], a[32], b[32];
	const int got[] = {
		chq_noise_write1(&c[0], NULL, 0, m, sizeof(m)),
		chq_noise_read1(&c[1], p->m1, p->m1_len, a, text, sizeof(text)),
		chq_noise_write2_keys(&c[2]),
		chq_noise_write2(&c[3], NULL, 0, m, sizeof(m)),
		chq_noise_read2(&c[4], p->m2, p->m2_len, text, sizeof(text)),
		chq_noise_split(n, a, b),
	};

	for (size_t i = 0; i < sizeof(got) / sizeof(*got); i++) {
		assert_int_equal(got[i] != CHQ_EINVAL, allowed >> i & 1);
		if (got[i] == CHQ_EINVAL && i < 5)
			assert_memory_equal(&c[i], n, sizeof(*n));
	}
}

enum { WRITE1 = 1, READ1 = 2, KEYS = 4, WRITE2 = 8, READ2 = 16, SPLIT = 32 };

static void
calls_out_of_order_are_refused_in_every_state(void **state)
{
	struct pair p;

	(void)state;
	pair_init(&p);
	refuses_all_but(&p, &p.i, WRITE1);
	refuses_all_but(&p, &p.r, READ1);
	pair_write1(&p);
	refuses_all_but(&p, &p.i, READ2);
	assert_int_equal(pair_read1(&p, p.m1_len), 5);
	refuses_all_but(&p, &p.r, KEYS);
	assert_int_equal(chq_noise_write2_keys(&p.r), CHQ_OK);
	refuses_all_but(&p, &p.r, WRITE2 | SPLIT);
	assert_int_equal(chq_noise_write2(&p.r, "welcome", 7, p.m2, 55), 55);
	refuses_all_but(&p, &p.r, SPLIT);
	assert_int_equal(pair_read2(&p, 55), 7);
	refuses_all_but(&p, &p.i, SPLIT);
	chq_noise_wipe(&p.i);
	chq_noise_wipe(&p.r);
	refuses_all_but(&p, &p.i, 0);
	refuses_all_but(&p, &p.r, 0);
}

static void
init_refuses_a_role_without_its_key(void **state)
{
	struct chq_noise n;
	struct pair p;

	(void)state;
	pair_init(&p);
	assert_int_equal(chq_noise_init(&n, CHQ_NOISE_INITIATOR, NULL, 0, &p.ks_i, NULL),
			 CHQ_EINVAL);
	refuses_all_but(&p, &n, 0);
	assert_int_equal(chq_noise_init(&n, CHQ_NOISE_RESPONDER, NULL, 0, &p.ks_r, p.rs),
			 CHQ_EINVAL);
	refuses_all_but(&p, &n, 0);
}

static void
wiping_leaves_no_byte_of_any_key(void **state)
{
	struct pair p;

	(void)state;
	pair_init(&p);
	pair_finish(&p);
	chq_noise_wipe(&p.i);
	assert_true(sodium_is_zero((const uint8_t *)&p.i, sizeof(p.i)));
}

static int
init(void **state)
{
	(void)state;
	return chq_crypto_init();
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(handshake_and_transport_give_the_published_vector_on_each_backend),
		cmocka_unit_test(both_sides_get_the_same_keys_and_hash),
		cmocka_unit_test(responder_has_the_final_keys_before_it_writes_message_2),
		cmocka_unit_test(two_handshakes_of_the_same_parties_share_no_key),
		cmocka_unit_test(any_changed_byte_of_message_1_is_refused_without_harm),
		cmocka_unit_test(any_changed_byte_of_message_2_is_refused_without_harm),
		cmocka_unit_test(messages_cut_short_or_grown_are_refused_at_every_length),
		cmocka_unit_test(wrong_responder_key_and_wrong_prologue_are_refused),
		cmocka_unit_test(initiator_that_lacks_its_claimed_secret_is_refused),
		cmocka_unit_test(answer_of_another_handshake_is_refused),
		cmocka_unit_test(small_order_points_are_refused_on_both_sides),
		cmocka_unit_test(
			payloads_of_0_and_of_the_greatest_length_pass_and_one_more_does_not),
		cmocka_unit_test(buffers_one_byte_too_small_are_refused_without_harm),
		cmocka_unit_test(calls_out_of_order_are_refused_in_every_state),
		cmocka_unit_test(init_refuses_a_role_without_its_key),
		cmocka_unit_test(wiping_leaves_no_byte_of_any_key),
	};
	return cmocka_run_group_tests_name("proto/noise", tests, init, NULL);
}
