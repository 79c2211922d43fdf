#pragma once
/*
 * proto/grant: the 64-bit capability that lets one account write to another, and the path token.
 * Usable from C and from BPF.
 */
#include "proto/frame.h"
#include "proto/siphash.h"

/*
 * grant = expiry day << 48 | low 48 bits of SipHash-2-4(receiver's grant key;
 *         kind << 56 | sender's account id, expiry day << 48 | receiver's id).
 * Days count from 2020-01-01 UTC; a grant is good through its day.
 */
CHQ_SIP_INLINE uint64_t
chq_grant_make(struct chq_sipkey key, uint8_t kind, uint64_t sender, uint64_t receiver,
	       uint16_t day)
{
	uint64_t mac = chq_siphash_words2(&key, (uint64_t)kind << 56 | (sender & CHQ_ID_MASK),
					  (uint64_t)day << 48 | (receiver & CHQ_ID_MASK));

	return (uint64_t)day << 48 | (mac & CHQ_ID_MASK);
}

/* One compare of whole words: no early exit to time. */
CHQ_SIP_INLINE int
chq_grant_ok(uint64_t grant, struct chq_sipkey key, uint8_t kind, uint64_t sender,
	     uint64_t receiver, uint16_t today)
{
	uint16_t day = (uint16_t)(grant >> 48);

	return (day >= today) & (chq_grant_make(key, kind, sender, receiver, day) == grant);
}

#ifndef __bpf__
/**
 * chq_grant_key() - a receiver's grant key.
 * = first 16 bytes of HMAC-SHA256(master; "chasqui-grant" || kind (1) || id (8, LE) || epoch (4, LE)).
 */
void chq_grant_key(const uint8_t master[32], uint8_t kind, uint64_t id, uint32_t epoch,
		   uint8_t out[16]);
#endif
