#include "client/held.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/bytes.h"
#include "base/err.h"
#include "proto/siphash.h"

#define FILE_NAME "held"

/* Record: party (8), message (8), app (2), flags (1), 0 (1), length (2), 0 (2), check (8), payload. */
#define HEAD_LEN 32

static uint64_t
record_check(const uint8_t *record, uint16_t len)
{
	static const struct chq_sipkey key = { 0x646c6568, 0x31 };

	return chq_siphash(&key, record, 24) ^ chq_siphash(&key, record + HEAD_LEN, len);
}

int
chq_held_open(struct chq_held_file *f, const struct chq_home *home)
{
	off_t end;

	f->home = home;
	f->bytes = 0;
	f->fd = chq_home_append(home, FILE_NAME);
	if (f->fd < 0)
		return f->fd;
	end = lseek(f->fd, 0, SEEK_END);
	if (end < 0)
		return chq_errno();
	f->bytes = (size_t)end;
	return CHQ_OK;
}

void
chq_held_close(struct chq_held_file *f)
{
	if (f->fd >= 0)
		close(f->fd);
	f->fd = -1;
}

int
chq_held_replay(struct chq_held_file *f, chq_held_fn *fn, void *arg)
{
	struct chq_frame_hdr h = { 0 };
	uint8_t *data;
	size_t len;
	int err = chq_home_read(f->home, FILE_NAME, &data, &len);

	if (err)
		return err;
	for (size_t at = 0; at + HEAD_LEN <= len;) {
		const uint8_t *r = data + at;
		uint16_t n = chq_get_le16(r + 20);

		if (n > CHQ_PAYLOAD_MAX || at + HEAD_LEN + n > len ||
		    chq_get_le64(r + 24) != record_check(r, n))
			break; /* the end was not written whole */
		h.party = chq_get_le64(r);
		h.message = chq_get_le64(r + 8);
		h.app = chq_get_le16(r + 16);
		h.flags = r[18];
		fn(arg, &h, r + HEAD_LEN, n);
		at += HEAD_LEN + (size_t)n;
	}
	free(data);
	return CHQ_OK;
}

int
chq_held_add(struct chq_held_file *f, const struct chq_frame_hdr *h, const uint8_t *payload,
	     uint16_t len)
{
	uint8_t record[HEAD_LEN + CHQ_PAYLOAD_MAX] = { 0 };
	size_t n = HEAD_LEN + (size_t)len;

	if (len > CHQ_PAYLOAD_MAX || f->bytes + n > CHQ_HELD_FILE_MAX)
		return CHQ_EFULL;
	chq_put_le64(record, h->party);
	chq_put_le64(record + 8, h->message);
	chq_put_le16(record + 16, h->app);
	record[18] = h->flags;
	chq_put_le16(record + 20, len);
	memcpy(record + HEAD_LEN, payload, len);
	chq_put_le64(record + 24, record_check(record, len));
	if (write(f->fd, record, n) != (ssize_t)n) {
		int err = chq_errno();

		/* Half a record would hide those after it. */
		return ftruncate(f->fd, (off_t)f->bytes) < 0 ? chq_errno() : err;
	}
	f->bytes += n;
	return CHQ_OK;
}

int
chq_held_clear(struct chq_held_file *f)
{
	if (f->bytes == 0)
		return CHQ_OK;
	if (ftruncate(f->fd, 0) < 0)
		return chq_errno();
	f->bytes = 0;
	return CHQ_OK;
}
