#pragma once
/*
 * proto/grant: the 64-bit capability that lets one account write to another, and the path token.
 * Usable from C and from BPF.
 */
#include "proto/frame.h"
#include "proto/siphash.h"

#define CHQ_SENDER_EPOCH_MASK 0x3fff

/*
 * grant = expiry day << 48 | low 48 bits of SipHash-2-4(receiver's grant key;
 *         kind << 62 | sender epoch << 48 | sender's account id, expiry day << 48 | receiver's id).
 * Days count from 2020-01-01 UTC; a grant is good through its day. With a new sender epoch all that
 * an account has been given before is void, whoever the receivers are.
 */
CHQ_SIP_INLINE uint64_t
chq_grant_word0(uint8_t kind, uint16_t sender_epoch, uint64_t sender)
{
	return (uint64_t)kind << 62 | (uint64_t)(sender_epoch & CHQ_SENDER_EPOCH_MASK) << 48 |
	       (sender & CHQ_ID_MASK);
}

CHQ_SIP_INLINE uint64_t
chq_grant_word1(uint64_t receiver, uint16_t day)
{
	return (uint64_t)day << 48 | (receiver & CHQ_ID_MASK);
}

CHQ_SIP_INLINE uint64_t
chq_grant_of_mac(uint64_t mac, uint16_t day)
{
	return (uint64_t)day << 48 | (mac & CHQ_ID_MASK);
}

CHQ_SIP_INLINE uint64_t
chq_grant_make(struct chq_sipkey key, uint8_t kind, uint64_t sender, uint16_t sender_epoch,
	       uint64_t receiver, uint16_t day)
{
	return chq_grant_of_mac(chq_siphash_words2(&key,
						   chq_grant_word0(kind, sender_epoch, sender),
						   chq_grant_word1(receiver, day)),
				day);
}

#define CHQ_GRANT_DAY(grant) ((uint16_t)((grant) >> 48))

/* Is it the grant that @mac makes of its own day, and is that not over? One compare of whole words:
 * no early exit to time. */
CHQ_SIP_INLINE int
chq_grant_good(uint64_t grant, uint64_t mac, uint16_t today)
{
	uint16_t day = CHQ_GRANT_DAY(grant);

	return (day >= today) & (chq_grant_of_mac(mac, day) == grant);
}

CHQ_SIP_INLINE int
chq_grant_ok(uint64_t grant, struct chq_sipkey key, uint8_t kind, uint64_t sender,
	     uint16_t sender_epoch, uint64_t receiver, uint16_t today)
{
	return chq_grant_good(grant,
			      chq_siphash_words2(&key, chq_grant_word0(kind, sender_epoch, sender),
						 chq_grant_word1(receiver, CHQ_GRANT_DAY(grant))),
			      today);
}

#ifndef __bpf__
/**
 * chq_grant_key() - a receiver's grant key.
 * = first 16 bytes of HMAC-SHA256(master; "chasqui-grant" || kind (1) || id (8, LE) || epoch (4, LE)).
 */
void chq_grant_key(const uint8_t master[32], uint8_t kind, uint64_t id, uint32_t epoch,
		   uint8_t out[16]);
#endif
