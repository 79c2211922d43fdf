#pragma once
#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include "base/bytes.h"
#include "base/err.h"

/*
 * The parts that records are packed of, for record.c and its like alone: see record.h for the form.
 */

enum { RECORD_VERSION = 1 };

struct packer {
	uint8_t *start, *at;
};

/* Once something was missing or wrong, @bad stays set and further reads give zeros. */
struct unpacker {
	const uint8_t *at;
	size_t left;
	bool bad;
	uint8_t version;
};

static inline struct packer
packer_start_version(uint8_t *buf, uint8_t version)
{
	struct packer w = { buf, buf };

	*w.at++ = version;
	return w;
}

static inline struct packer
packer_start(uint8_t *buf)
{
	return packer_start_version(buf, RECORD_VERSION);
}

static inline size_t
packer_len(const struct packer *w)
{
	return (size_t)(w->at - w->start);
}

static inline void
pack_u8(struct packer *w, uint8_t v)
{
	*w->at++ = v;
}

static inline void
pack_u16(struct packer *w, uint16_t v)
{
	chq_put_le16(w->at, v);
	w->at += 2;
}

static inline void
pack_u32(struct packer *w, uint32_t v)
{
	chq_put_le32(w->at, v);
	w->at += 4;
}

static inline void
pack_u64(struct packer *w, uint64_t v)
{
	chq_put_le64(w->at, v);
	w->at += 8;
}

static inline void
pack_bytes(struct packer *w, const void *src, size_t len)
{
	memcpy(w->at, src, len);
	w->at += len;
}

static inline void
pack_text(struct packer *w, const char *text)
{
	size_t len = strlen(text);

	pack_u8(w, (uint8_t)len);
	pack_bytes(w, text, len);
}

static inline void
pack_blob(struct packer *w, const uint8_t *blob, uint16_t len)
{
	chq_put_le16(w->at, len);
	w->at += 2;
	pack_bytes(w, blob, len);
}

static inline const uint8_t *
unpack_view(struct unpacker *r, size_t len)
{
	const uint8_t *p = r->at;

	if (r->bad || r->left < len) {
		r->bad = true;
		return NULL;
	}
	r->at += len;
	r->left -= len;
	return p;
}

static inline uint8_t
unpack_u8(struct unpacker *r)
{
	const uint8_t *p = unpack_view(r, 1);

	return p ? *p : 0;
}

static inline uint16_t
unpack_u16(struct unpacker *r)
{
	const uint8_t *p = unpack_view(r, 2);

	return p ? chq_get_le16(p) : 0;
}

static inline uint32_t
unpack_u32(struct unpacker *r)
{
	const uint8_t *p = unpack_view(r, 4);

	return p ? chq_get_le32(p) : 0;
}

static inline uint64_t
unpack_u64(struct unpacker *r)
{
	const uint8_t *p = unpack_view(r, 8);

	return p ? chq_get_le64(p) : 0;
}

static inline void
unpack_bytes(struct unpacker *r, void *dst, size_t len)
{
	const uint8_t *p = unpack_view(r, len);

	if (p)
		memcpy(dst, p, len);
}

/* @dst: max_bytes + 1. A NUL inside would hide what follows it. */
static inline void
unpack_text(struct unpacker *r, char *dst, size_t max_bytes)
{
	size_t len = unpack_u8(r);
	const uint8_t *p = unpack_view(r, len);

	if (p == NULL || len > max_bytes || memchr(p, '\0', len) != NULL) {
		r->bad = true;
		return;
	}
	memcpy(dst, p, len);
	dst[len] = '\0';
}

static inline uint16_t
unpack_blob(struct unpacker *r, uint8_t *dst, size_t max_bytes)
{
	uint16_t len = unpack_u16(r);
	const uint8_t *p = unpack_view(r, len);

	if (p == NULL || len > max_bytes) {
		r->bad = true;
		return 0;
	}
	memcpy(dst, p, len);
	return len;
}

/* Versions 1 to @latest are read; which one it is, is in r.version. */
static inline struct unpacker
unpacker_start_version(const uint8_t *p, size_t len, uint8_t latest)
{
	struct unpacker r = { p, len, false, 0 };

	r.version = unpack_u8(&r);
	if (r.version == 0 || r.version > latest)
		r.bad = true;
	return r;
}

static inline struct unpacker
unpacker_start(const uint8_t *p, size_t len)
{
	return unpacker_start_version(p, len, RECORD_VERSION);
}

static inline bool
unpack_flag(struct unpacker *r, uint8_t flag)
{
	uint8_t flags = unpack_u8(r);

	if ((flags & ~flag) != 0)
		r->bad = true;
	return flags == flag;
}

static inline int
unpacker_end(const struct unpacker *r)
{
	return r->bad || r->left != 0 ? CHQ_ECORRUPT : 0;
}
