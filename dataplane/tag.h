#pragma once
/*
 * dataplane/tag: the tag of a FRAME, by the keys of a record that the manager may be changing.
 * Usable from BPF.
 */
#include "dataplane/atomic.h"
#include "proto/frame.h"
#include "proto/siphash.h"

/* Tag of a header with @payload_len bytes behind it. A struct's fields are not words to the
 * compiler: hence the copy. */
CHQ_SIP_INLINE uint64_t
chq_hdr_tag(const struct chq_frame_hdr *h, struct chq_sipkey key, uint16_t payload_len)
{
	uint64_t words[5];

	__builtin_memcpy(words, h, sizeof(words));
	return chq_siphash_frame(&key, words, payload_len);
}

CHQ_SIP_INLINE struct chq_sipkey
chq_sipkey_read(const struct chq_sipkey *k)
{
	return (struct chq_sipkey){ CHQ_LOAD_RELAXED(&k->k0), CHQ_LOAD_RELAXED(&k->k1) };
}
