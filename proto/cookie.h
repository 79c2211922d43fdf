#pragma once
/*
 * proto/cookie: the stateless proof that a client receives at its address, and the path token.
 * Usable from C and from BPF.
 *
 * cookie (20 bytes) = secret number (u32) || SipHash-2-4(key A; words) || SipHash-2-4(key B; words)
 *   words (40 bytes) = address high, address low, family << 56 | server id << 16 | port,
 *                      secret number, 0
 * An address is 16 bytes; IPv4 is written as ::ffff:a.b.c.d, family is 4 or 6. The two u64 of the address
 * are its bytes 0..7 and 8..15 read as little endian. Port in host order.
 * A secret serves two minutes and is accepted for two more.
 */
#include "proto/frame.h"
#include "proto/siphash.h"

struct chq_cookie_secret {
	uint32_t number; /* 0 = none yet */
	uint32_t pad;
	struct chq_sipkey a, b;
};

struct chq_cookie_words {
	uint64_t addr_hi, addr_lo;
	uint64_t where; /* family << 56 | server id << 16 | port */
};

CHQ_SIP_INLINE void
chq_cookie_make(const struct chq_cookie_secret *s, const struct chq_cookie_words *w,
		uint64_t out[2])
{
	uint64_t m[5] = { w->addr_hi, w->addr_lo, w->where, s->number, 0 };

	out[0] = chq_siphash_words(&s->a, m, 5);
	out[1] = chq_siphash_words(&s->b, m, 5);
}

/* Path token = SipHash-2-4(path secret; slot, address high, address low, epoch << 16 | port), epoch = 16-second
 * count of CLOCK_MONOTONIC; the current and the one before are accepted. */
CHQ_SIP_INLINE uint64_t
chq_path_token(struct chq_sipkey secret, uint32_t slot, uint64_t addr_hi, uint64_t addr_lo,
	       uint16_t port, uint64_t epoch)
{
	uint64_t m[4] = { slot, addr_hi, addr_lo, epoch << 16 | port };
	uint64_t t = chq_siphash_words(&secret, m, 4);

	return t ? t : 1; /* 0 means "no token" in a PING */
}
