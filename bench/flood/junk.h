#pragma once
/*
 * bench/flood/junk: datagrams that nobody with a session has sent, as an attacker makes them.
 */
#include <stdint.h>

#include "proto/frame.h"
#include "proto/hello.h"

enum junk_kind {
	JUNK_HELLO,  /* without a cookie */
	JUNK_COOKIE, /* HELLO with a made-up cookie under a number that is in use */
	JUNK_TAG,    /* frame of a session that is there, its tag made up */
	JUNK_SLOT,   /* frame of no session */
	JUNK_NOISE,  /* of no type of ours */
	JUNK__COUNT
};

extern const char *const junk_name[JUNK__COUNT];

/**
 * junk_make() - write one.
 * @buf:    CHQ_DGRAM_MAX bytes.
 * @slots:  sessions are in slots 0 to @slots - 1.
 * @cookie: number of the cookie secret in use, for JUNK_COOKIE.
 * @rng:    state of the random numbers; each datagram differs.
 * Return: its length.
 */
uint16_t junk_make(uint8_t *buf, enum junk_kind kind, uint32_t slots, uint32_t cookie,
		   uint64_t *rng);

static inline uint64_t
junk_random(uint64_t *rng)
{
	uint64_t x = *rng += UINT64_C(0x9e3779b97f4a7c15);

	x = (x ^ x >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
	x = (x ^ x >> 27) * UINT64_C(0x94d049bb133111eb);
	return x ^ x >> 31;
}
