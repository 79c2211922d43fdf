#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>
#include <sodium.h>

#include "base/err.h"
#include "proto/aead.h"
#include "proto/keys.h"
#include "tests/unit/proto/vectors.h"

static void
x25519_gives_the_vector_of_rfc_7748(void **state)
{
	uint8_t secret[32], public_a[32], public_b[32], shared[32], got[32];
	struct chq_keypair a, b;

	(void)state;
	vectors_hex("77076d0a7318a57d3c16c17251b26645df4c2f87ebc0992ab177fba51db92c2a", secret, 32);
	chq_x25519_from_secret(&a, secret);
	vectors_hex("5dab087e624a8a4b79e17f8b83800ee66f3bb1292618b6fd1c2f8b27ff88e0eb", secret, 32);
	chq_x25519_from_secret(&b, secret);
	vectors_hex("8520f0098930a754748b7ddcb43ef75a0dbf3a0d26381af4eba4a98eaa9b4e6a", public_a,
		    32);
	vectors_hex("de9edb7d7b7dc1b4d35b61c2ece435373f8343c85b78674dadfc7e146f882b4f", public_b,
		    32);
	vectors_hex("4a5d9d5ba4ce2de1728e3bf480350f25e07e21c947d19e3376f09b3c1e161742", shared, 32);
	assert_memory_equal(a.public, public_a, 32);
	assert_memory_equal(b.public, public_b, 32);
	assert_int_equal(chq_x25519(got, a.secret, b.public), CHQ_OK);
	assert_memory_equal(got, shared, 32);
	assert_int_equal(chq_x25519(got, b.secret, a.public), CHQ_OK);
	assert_memory_equal(got, shared, 32);
}

/* 0, 1 and a point of order 8 on the curve. */
static void
x25519_refuses_points_of_small_order_and_leaves_zeros(void **state)
{
	static const char *const points[] = {
		"0000000000000000000000000000000000000000000000000000000000000000",
		"0100000000000000000000000000000000000000000000000000000000000000",
		"e0eb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b800",
	};
	uint8_t point[32], shared[32];
	struct chq_keypair kp;

	(void)state;
	for (size_t i = 0; i < sizeof(points) / sizeof(*points); i++) {
		chq_x25519_keypair(&kp);
		vectors_hex(points[i], point, 32);
		memset(shared, 0xaa, sizeof(shared));
		assert_int_equal(chq_x25519(shared, kp.secret, point), CHQ_ECRYPTO);
		assert_true(sodium_is_zero(shared, sizeof(shared)));
	}
}

static void
new_keys_differ_and_agree_with_their_secrets(void **state)
{
	struct chq_keypair a, b, again;
	struct chq_signkey s, t, same;

	(void)state;
	chq_x25519_keypair(&a);
	chq_x25519_keypair(&b);
	chq_x25519_from_secret(&again, a.secret);
	assert_memory_equal(&again, &a, sizeof(a));
	assert_memory_not_equal(&b, &a, sizeof(a));
	chq_ed25519_keypair(&s);
	chq_ed25519_keypair(&t);
	chq_ed25519_from_seed(&same, s.seed);
	assert_memory_equal(&same, &s, sizeof(s));
	assert_memory_not_equal(&t, &s, sizeof(s));
}

/* RFC 8032, 7.1, test 1: the empty message. */
static void
ed25519_gives_the_vector_of_rfc_8032(void **state)
{
	uint8_t seed[32], public[32], want[64], sig[64];
	struct chq_signkey key;

	(void)state;
	vectors_hex("9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60", seed, 32);
	vectors_hex("d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a", public, 32);
	vectors_hex("e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e065224901555fb8821590a3"
		    "3bacc61e39701cf9b46bd25bf5f0595bbe24655141438e7a100b",
		    want, 64);
	chq_ed25519_from_seed(&key, seed);
	assert_memory_equal(key.public, public, 32);
	chq_ed25519_sign(sig, &key, NULL, 0);
	assert_memory_equal(sig, want, 64);
	assert_int_equal(chq_ed25519_verify(sig, public, NULL, 0), CHQ_OK);
}

static void
ed25519_refuses_any_changed_byte_and_other_keys(void **state)
{
	uint8_t msg[20] = "a message to sign", sig[CHQ_ED25519_SIG_BYTES];
	struct chq_signkey key, other;

	(void)state;
	chq_ed25519_keypair(&key);
	chq_ed25519_keypair(&other);
	chq_ed25519_sign(sig, &key, msg, sizeof(msg));
	assert_int_equal(chq_ed25519_verify(sig, key.public, msg, sizeof(msg)), CHQ_OK);
	assert_int_equal(chq_ed25519_verify(sig, other.public, msg, sizeof(msg)), CHQ_ECRYPTO);
	for (size_t i = 0; i < sizeof(sig) + sizeof(msg); i++) {
		uint8_t *byte = i < sizeof(sig) ? sig + i : msg + (i - sizeof(sig));

		*byte ^= 1;
		assert_int_equal(chq_ed25519_verify(sig, key.public, msg, sizeof(msg)),
				 CHQ_ECRYPTO);
		*byte ^= 1;
	}
	assert_int_equal(chq_ed25519_verify(sig, key.public, msg, sizeof(msg) - 1), CHQ_ECRYPTO);
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
		cmocka_unit_test(x25519_gives_the_vector_of_rfc_7748),
		cmocka_unit_test(x25519_refuses_points_of_small_order_and_leaves_zeros),
		cmocka_unit_test(new_keys_differ_and_agree_with_their_secrets),
		cmocka_unit_test(ed25519_gives_the_vector_of_rfc_8032),
		cmocka_unit_test(ed25519_refuses_any_changed_byte_and_other_keys),
	};
	return cmocka_run_group_tests_name("proto/keys", tests, init, NULL);
}
