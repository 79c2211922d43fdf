#pragma once
/*
 * bench/numbered: sessions known by their number alone, so that making and judging their frames
 * touches no table. Session n belongs to account n + 1, device 1, at 10.0.0.0 + n, IPv4.
 */
#include "dataplane/tables.h"

enum numbered_key { NUMBERED_IN, NUMBERED_OUT, NUMBERED_GRANT };

/* Next of a row of random numbers (SplitMix64). */
static inline uint64_t
numbered_random(uint64_t *state)
{
	uint64_t x = *state += UINT64_C(0x9e3779b97f4a7c15);

	x = (x ^ x >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
	x = (x ^ x >> 27) * UINT64_C(0x94d049bb133111eb);
	return x ^ x >> 31;
}

/* Host order. */
static inline uint32_t
numbered_ip(uint32_t n)
{
	return UINT32_C(0x0a000000) + n;
}

static inline uint16_t
numbered_port(uint32_t n)
{
	return (uint16_t)(1024 + n % 60000);
}

void numbered_key(uint32_t n, enum numbered_key use, uint8_t key[16]);

/* Where its frames come from; without a next hop. */
struct chq_path numbered_path(uint32_t n);

/* Budgets that are charged and never spent. */
void numbered_limits(struct chq_tables *t, uint32_t silence_s);

/**
 * numbered_open() - open and confirm session @n.
 * @mac: its next hop; NULL where there is no link layer.
 * @ref: receives it. In tables where nothing was opened before, its slot is @n.
 *
 * Return: 0; as chq_session_open() and chq_session_confirm().
 */
int numbered_open(struct chq_tables *t, uint32_t n, const uint8_t mac[6], uint64_t now_ns,
		  struct chq_dp_ref *ref);

/* The header of a valid frame from one session, in the slot of its number, to another; the @payload
 * bytes behind it stay as they are. */
void numbered_frame(uint8_t *buf, uint32_t from, uint32_t to, uint64_t seq, uint64_t message,
		    uint16_t payload);
