#pragma once

/* The replay window of PROTOCOL.md, section 4: eight blocks of 32 numbers. */

#include <stdbool.h>
#include <stdint.h>

struct chq_replay {
	struct {
		uint64_t block;
		uint32_t bits;
	} word[8];
};

/**
 * chq_replay_take() - accept a sequence number once. Only after its frame's tag was verified.
 * @w: all zero at first.
 * @seq: not 0.
 *
 * Return: true if it is new and not too old.
 */
static inline bool
chq_replay_take(struct chq_replay *w, uint64_t seq)
{
	uint64_t block = seq >> 5;
	uint32_t bit = UINT32_C(1) << (seq & 31);
	unsigned int i = block & 7;

	if (w->word[i].block > block)
		return false;
	if (w->word[i].block < block) {
		w->word[i].block = block;
		w->word[i].bits = 0;
	}
	if (w->word[i].bits & bit)
		return false;
	w->word[i].bits |= bit;
	return true;
}
