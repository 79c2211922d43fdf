#include "client/seen.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/bytes.h"
#include "base/err.h"
#include "proto/siphash.h"

#define FILE_NAME "seen"

/* A record: party (8), id (8), kind (4), check (4); all little endian. */
#define RECORD_LEN    24
#define KIND_ID	      1
#define KIND_FLOOR    2
#define SPARE_RECORDS 4096 /* dead ones that are not worth writing the journal anew */

struct sender {
	uint64_t party;
	uint64_t floor; /* this id and all below were shown */
	uint64_t *id;	/* rising */
	size_t count, room;
};

static uint32_t
record_check(const uint8_t record[RECORD_LEN])
{
	static const struct chq_sipkey key = { 0x6e656573, 0x31 };

	return (uint32_t)chq_siphash(&key, record, RECORD_LEN - 4);
}

static void
record_put(uint8_t record[RECORD_LEN], uint64_t party, uint64_t id, uint32_t kind)
{
	chq_put_le64(record, party);
	chq_put_le64(record + 8, id);
	chq_put_le32(record + 16, kind);
	chq_put_le32(record + 20, record_check(record));
}

static struct sender *
sender_of(struct chq_seen *s, uint64_t party)
{
	struct sender *from = chq_map_get_u64(&s->by_party, party);

	if (from)
		return from;
	from = calloc(1, sizeof(*from));
	if (!from)
		return NULL;
	from->party = party;
	if (chq_map_put_u64(&s->by_party, party, from) < 0) {
		free(from);
		return NULL;
	}
	s->live++;
	return from;
}

/* Where @id stands, or belongs. */
static size_t
position(const struct sender *from, uint64_t id)
{
	size_t low = 0, high = from->count;

	while (low < high) {
		size_t mid = (low + high) / 2;

		if (from->id[mid] < id)
			low = mid + 1;
		else
			high = mid;
	}
	return low;
}

static void
raise_floor(struct chq_seen *s, struct sender *from, uint64_t floor)
{
	size_t n;

	if (floor <= from->floor)
		return;
	n = position(from, floor + 1);
	from->floor = floor;
	if (n == 0)
		return;
	memmove(from->id, from->id + n, (from->count - n) * sizeof(*from->id));
	from->count -= n;
	s->live -= n;
}

bool
chq_seen_has(const struct chq_seen *s, uint64_t party, uint64_t id)
{
	const struct sender *from = chq_map_get_u64(&s->by_party, party);
	size_t at;

	if (!from)
		return false;
	if (id <= from->floor)
		return true;
	at = position(from, id);
	return at < from->count && from->id[at] == id;
}

/* How many ids of each device are remembered when old ones are forgotten. */
static size_t
keep(const struct chq_seen *s)
{
	size_t each = CHQ_SEEN_TOTAL / s->by_party.count;

	return each > CHQ_SEEN_KEEP ? CHQ_SEEN_KEEP : each < CHQ_SEEN_LEAST ? CHQ_SEEN_LEAST : each;
}

static void
trim(struct chq_seen *s, struct sender *from)
{
	size_t n = keep(s);

	if (from->count > n)
		raise_floor(s, from, from->id[from->count - n - 1]);
}

static void
trim_all(struct chq_seen *s)
{
	struct sender *from;

	CHQ_MAP_FOREACH(from, &s->by_party)
		trim(s, from);
	s->trim_at = s->live < CHQ_SEEN_TOTAL ? 2 * CHQ_SEEN_TOTAL : 2 * s->live;
}

static int
sender_add(struct chq_seen *s, struct sender *from, uint64_t id)
{
	size_t at = position(from, id);

	if (id <= from->floor || (at < from->count && from->id[at] == id))
		return CHQ_OK;
	if (from->count == from->room) {
		size_t room = from->room ? from->room * 2 : 16;
		uint64_t *bigger = realloc(from->id, room * sizeof(*bigger));

		if (!bigger)
			return CHQ_ENOMEM;
		from->id = bigger;
		from->room = room;
	}
	memmove(from->id + at + 1, from->id + at, (from->count - at) * sizeof(*from->id));
	from->id[at] = id;
	from->count++;
	s->live++;
	if (from->count > CHQ_SEEN_MAX)
		trim(s, from);
	if (s->live > s->trim_at)
		trim_all(s);
	return CHQ_OK;
}

int
chq_seen_add(struct chq_seen *s, uint64_t party, uint64_t id)
{
	struct sender *from = sender_of(s, party);

	return from ? sender_add(s, from, id) : CHQ_ENOMEM;
}

static int
record_load(struct chq_seen *s, const uint8_t record[RECORD_LEN])
{
	uint32_t kind = chq_get_le32(record + 16);
	struct sender *from;

	if (chq_get_le32(record + 20) != record_check(record) ||
	    (kind != KIND_ID && kind != KIND_FLOOR))
		return CHQ_ECORRUPT;
	from = sender_of(s, chq_get_le64(record));
	if (!from)
		return CHQ_ENOMEM;
	if (kind == KIND_ID)
		return sender_add(s, from, chq_get_le64(record + 8));
	raise_floor(s, from, chq_get_le64(record + 8));
	return CHQ_OK;
}

/* The whole of memory as a new journal. */
static int
compact(struct chq_seen *s)
{
	uint8_t *out = malloc((s->live + 1) * RECORD_LEN);
	struct sender *from;
	size_t n = 0;
	int err;

	if (!out)
		return CHQ_ENOMEM;
	CHQ_MAP_FOREACH(from, &s->by_party) {
		record_put(out + RECORD_LEN * n++, from->party, from->floor, KIND_FLOOR);
		for (size_t i = 0; i < from->count; i++)
			record_put(out + RECORD_LEN * n++, from->party, from->id[i], KIND_ID);
	}
	err = chq_home_write(s->home, FILE_NAME, out, n * RECORD_LEN);
	free(out);
	if (err)
		return err;
	if (s->fd >= 0)
		close(s->fd);
	s->records = n;
	s->fd = chq_home_append(s->home, FILE_NAME);
	return s->fd < 0 ? s->fd : CHQ_OK;
}

int
chq_seen_load(struct chq_seen *s, const struct chq_home *home)
{
	uint8_t *data = NULL;
	size_t len = 0;
	int err;

	memset(s, 0, sizeof(*s));
	chq_map_init(&s->by_party);
	s->home = home;
	s->fd = -1;
	s->trim_at = 2 * CHQ_SEEN_TOTAL;
	err = chq_home_read(home, FILE_NAME, &data, &len);
	if (err == CHQ_ENOENT)
		err = CHQ_OK;
	for (size_t at = 0; !err && at + RECORD_LEN <= len; at += RECORD_LEN) {
		err = record_load(s, data + at);
		/* Only the last record can be half of what was meant. */
		if (err == CHQ_ECORRUPT && at && at + 2 * RECORD_LEN > len) {
			err = CHQ_OK;
			break;
		}
	}
	free(data);
	if (!err)
		err = compact(s);
	if (err)
		chq_seen_free(s);
	return err;
}

void
chq_seen_free(struct chq_seen *s)
{
	struct sender *from;

	CHQ_MAP_FOREACH(from, &s->by_party) {
		free(from->id);
		free(from);
	}
	chq_map_deinit(&s->by_party);
	if (s->fd >= 0)
		close(s->fd);
	s->fd = -1;
}

int
chq_seen_log(struct chq_seen *s, uint64_t party, uint64_t id)
{
	uint8_t record[RECORD_LEN];
	int err;

	if (s->fd < 0 || s->records > 2 * s->live + SPARE_RECORDS)
		return compact(s);
	record_put(record, party, id, KIND_ID);
	if (write(s->fd, record, RECORD_LEN) == RECORD_LEN) {
		s->records++;
		return CHQ_OK;
	}
	/* Behind half a record nothing could be read. */
	err = chq_errno();
	return ftruncate(s->fd, (off_t)(s->records * RECORD_LEN)) < 0 ? chq_errno() : err;
}
