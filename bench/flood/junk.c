#include "bench/flood/junk.h"

#include <stdbool.h>
#include <string.h>

#include "base/bytes.h"

#define PAYLOAD 64
/* Where the parts of a HELLO begin: PROTOCOL.md, section 3. */
#define NONCE_OFF  4
#define COOKIE_OFF (NONCE_OFF + CHQ_NONCE_LEN)
#define NOISE_LEN  96

const char *const junk_name[JUNK__COUNT] = { "hello", "cookie", "tag", "slot", "noise" };

static void
random_fill(uint8_t *at, size_t len, uint64_t *rng)
{
	for (size_t i = 0; i < len; i++)
		at[i] = (uint8_t)junk_random(rng);
}

static uint16_t
hello(uint8_t *buf, bool with_cookie, uint32_t cookie, uint64_t *rng)
{
	struct chq_hello h = { .version_min = CHQ_VERSION_MIN, .version_max = CHQ_VERSION_MAX };
	uint8_t noise[NOISE_LEN];

	random_fill(h.nonce, sizeof(h.nonce), rng);
	if (with_cookie) {
		random_fill(h.cookie, sizeof(h.cookie), rng);
		chq_put_le32(h.cookie, cookie);
		random_fill(noise, sizeof(noise), rng);
		h.noise = noise;
		h.noise_len = sizeof(noise);
	}
	(void)chq_hello_build(buf, &h);
	return CHQ_HELLO_LEN;
}

static uint16_t
frame(uint8_t *buf, uint32_t slot, uint64_t *rng)
{
	struct chq_frame_hdr h = { .slot = slot,
				   .seq = 1 + junk_random(rng) % 1000000,
				   .party = CHQ_PARTY(CHQ_KIND_ACCOUNT, 1,
						      1 + junk_random(rng) % 1000000),
				   .message = junk_random(rng),
				   .grant = junk_random(rng) };
	uint8_t key[16];

	random_fill(key, sizeof(key), rng);
	chq_frame_build(buf, &h, PAYLOAD, key);
	return CHQ_FRAME_HDR_LEN + PAYLOAD;
}

uint16_t
junk_make(uint8_t *buf, enum junk_kind kind, uint32_t slots, uint32_t cookie, uint64_t *rng)
{
	switch (kind) {
	case JUNK_HELLO: return hello(buf, false, 0, rng);
	case JUNK_COOKIE: return hello(buf, true, cookie, rng);
	case JUNK_TAG: return frame(buf, (uint32_t)(junk_random(rng) % slots), rng);
	case JUNK_SLOT: return frame(buf, slots + (uint32_t)(junk_random(rng) % 100000), rng);
	default:
		random_fill(buf, PAYLOAD, rng);
		buf[0] = 0xee;
		return PAYLOAD;
	}
}
