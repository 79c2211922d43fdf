#pragma once

/*
 * Integers in wire and file formats: unaligned, of stated byte order. chq_get_* read, chq_put_* write
 * exactly the bytes that their name says. Little endian on our wire; big endian for keys that a
 * cursor walks in order, and for the Internet's headers.
 */

#include <endian.h>
#include <stdint.h>
#include <string.h>

#define CHQ_BYTES_DEFINE(order, bits)                                         \
	static inline uint##bits##_t chq_get_##order##bits(const void *src)   \
	{                                                                     \
		uint##bits##_t v;                                             \
                                                                              \
		memcpy(&v, src, sizeof(v));                                   \
		return order##bits##toh(v);                                   \
	}                                                                     \
	static inline void chq_put_##order##bits(void *dst, uint##bits##_t v) \
	{                                                                     \
		v = hto##order##bits(v);                                      \
		memcpy(dst, &v, sizeof(v));                                   \
	}

CHQ_BYTES_DEFINE(le, 16)
CHQ_BYTES_DEFINE(le, 32)
CHQ_BYTES_DEFINE(le, 64)
CHQ_BYTES_DEFINE(be, 16)
CHQ_BYTES_DEFINE(be, 32)
CHQ_BYTES_DEFINE(be, 64)

#undef CHQ_BYTES_DEFINE

/* 48-bit little-endian account ids. The upper 16 bits of @v are dropped on writing. */
static inline uint64_t
chq_get_le48(const void *src)
{
	uint8_t b[8] = { 0 };

	memcpy(b, src, 6);
	return chq_get_le64(b);
}

static inline void
chq_put_le48(void *dst, uint64_t v)
{
	uint8_t b[8];

	chq_put_le64(b, v);
	memcpy(dst, b, 6);
}
