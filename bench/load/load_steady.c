/*
 * bench/load: the open loop. Frames leave at a steady rate whatever comes back, every one of them is remembered with
 * the time it was sent and the time it arrived, and every sequence number that a client is sent is looked at. Commands
 * come as lines on standard input, what has happened goes as lines of JSON to standard output.
 *
 *   replay   send the newest frames of each session that have arrived once more, byte for byte
 *   end      stop sending, wait for what is under way, write the record
 */
#include <errno.h>
#include <inttypes.h>
#include <linux/sock_diag.h>
#include <poll.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/err.h"
#include "bench/load/load.h"

#define TICK_NS	    UINT64_C(250000)
#define LATE_NS	    UINT64_C(5000000) /* more than this is not made up for: a stall */
#define DRAIN_NS    UINT64_C(1000000000)
#define COPIES	    4 /* frames of each session that are kept for replays */
#define STALLS_MAX  4096
#define SEQ_BITS    (UINT64_C(1) << 18) /* sequence numbers of one session that can be told apart */
#define SEND_BURST  32
#define RECV_BURST  64
#define LINE_LENGTH 64

/* One frame: what bench/failover reads from the record. */
struct steady_frame {
	uint64_t sent_ns;
	uint64_t recv_ns; /* 0: not arrived */
};

struct steady_copy {
	uint64_t number;
	size_t len; /* 0: none */
	uint8_t dgram[CHQ_DGRAM_MAX];
};

struct steady_session {
	struct steady_copy copy[COPIES];
	unsigned next_copy;
	uint64_t seq_max;
	uint8_t seen[SEQ_BITS / 8];
};

struct steady_stall {
	uint64_t at_ns, ns;
};

struct steady {
	struct load *l;
	const struct load_opts *o;
	struct steady_session *sessions; /* by index of load.sessions */
	struct steady_frame *frames;
	uint64_t *floor; /* highest seq that the receiver had when the frame left */
	uint64_t capacity;
	uint64_t check;
	uint64_t start_ns, skipped_ns; /* of the schedule */
	struct steady_stall stalls[STALLS_MAX];
	unsigned stall_count;
	uint64_t refused; /* sends that the kernel refused at first */
	uint64_t duplicated, seq_repeated, seq_backwards, replayed;
	bool ending;
};

static uint64_t
index_of(const struct steady *st, const struct load_session *s)
{
	return (uint64_t)(s - st->l->sessions);
}

/* An error of an earlier datagram (nobody listened) is told at the next send, which is then not done. */
static bool
dgram_send(struct steady *st, const struct load_session *s, const uint8_t *buf, size_t len)
{
	int fd = load_socket_of(st->l, s)->fd;

	for (unsigned tries = 0; tries < 3; tries++) {
		if (send(fd, buf, len, 0) >= 0)
			return true;
		st->refused++;
	}
	return false;
}

static void
frame_send(struct steady *st)
{
	uint64_t number = st->l->sent;
	struct load_session *s = &st->l->sessions[number % st->l->count];
	struct steady_session *mine = &st->sessions[index_of(st, s)];
	struct steady_copy *c = &mine->copy[mine->next_copy++ % COPIES];
	struct load_stamp stamp = { .number = number, .check = st->check };
	struct chq_frame_hdr h = { .slot = s->slot,
				   .seq = ++s->seq,
				   .party = CHQ_PARTY(CHQ_KIND_ACCOUNT, 0, s->peer->account),
				   .message = load_message_id(s),
				   .grant = s->grant };

	c->number = number;
	c->len = CHQ_FRAME_HDR_LEN + st->o->payload;
	stamp.sent_ns = chq_mono_ns();
	memcpy(c->dgram + CHQ_FRAME_HDR_LEN, &stamp, sizeof(stamp));
	chq_frame_build(c->dgram, &h, (uint16_t)st->o->payload, s->keys.tag_c2s);
	st->floor[number] = st->sessions[index_of(st, s->peer)].seq_max;
	st->frames[number].sent_ns = stamp.sent_ns;
	st->l->sent++;
	if (!dgram_send(st, s, c->dgram, c->len))
		st->l->bad++;
}

static void
stall_note(struct steady *st, uint64_t at_ns, uint64_t ns)
{
	if (st->stall_count < STALLS_MAX)
		st->stalls[st->stall_count++] = (struct steady_stall){ at_ns, ns };
}

/* What is due by now. After a pause of ours the schedule is moved: frames that had to leave then are not sent in one
 * heap. */
static void
send_due(struct steady *st, uint64_t now)
{
	uint64_t per_frame = CHQ_NS_PER_SEC / st->o->rate;
	uint64_t planned = st->start_ns + st->skipped_ns + st->l->sent * per_frame;

	if (now > planned + LATE_NS) {
		stall_note(st, planned, now - planned);
		st->skipped_ns += now - planned;
		planned = now;
	}
	for (unsigned n = 0; n < SEND_BURST && planned <= now && st->l->sent < st->capacity; n++) {
		frame_send(st);
		planned += per_frame;
	}
	if (st->l->sent == st->capacity)
		st->ending = true;
}

/* Every number that the server has ever given to a frame of that session, whatever it is: seen twice is a disaster. */
static void
seq_look(struct steady *st, struct steady_session *to, uint64_t seq)
{
	uint8_t bit = (uint8_t)(1 << (seq & 7));

	if (seq >= SEQ_BITS) {
		st->l->bad++;
		return;
	}
	if (to->seen[seq >> 3] & bit)
		st->seq_repeated++;
	to->seen[seq >> 3] |= bit;
	if (seq > to->seq_max)
		to->seq_max = seq;
}

static void
frame_arrived(struct steady *st, const uint8_t *buf, size_t len, uint64_t now)
{
	struct load *l = st->l;
	struct load_session *s;
	struct load_stamp stamp;
	struct chq_frame_hdr h;

	if (chq_frame_parse(buf, len, 0, &h) || h.slot >= l->slots || !(s = l->by_slot[h.slot]) ||
	    !chq_frame_tag_ok(buf, len, s->keys.tag_s2c)) {
		l->bad++;
		return;
	}
	seq_look(st, &st->sessions[index_of(st, s)], h.seq);
	if (h.flags & CHQ_F_NOTICE)
		l->notices++;
	if (h.flags || len < CHQ_FRAME_HDR_LEN + sizeof(stamp))
		return; /* and control's pushes */
	memcpy(&stamp, buf + CHQ_FRAME_HDR_LEN, sizeof(stamp));
	if (stamp.check != st->check || CHQ_PARTY_ID(h.party) != s->peer->account ||
	    stamp.number >= l->sent || stamp.sent_ns != st->frames[stamp.number].sent_ns) {
		l->bad++;
		return;
	}
	if (st->frames[stamp.number].recv_ns) {
		st->duplicated++;
		return;
	}
	if (h.seq <= st->floor[stamp.number])
		st->seq_backwards++;
	st->frames[stamp.number].recv_ns = now;
	l->delivered++;
}

static void
receive_all(struct steady *st)
{
	uint8_t buf[2048];

	for (unsigned i = 0; i < st->l->socket_count; i++) {
		for (unsigned n = 0; n < RECV_BURST; n++) {
			ssize_t len = recv(st->l->sockets[i].fd, buf, sizeof(buf), MSG_DONTWAIT);

			if (len > 0)
				frame_arrived(st, buf, (size_t)len, chq_mono_ns());
			else if (errno != ECONNREFUSED)
				break;
		}
	}
}

static void
replay(struct steady *st)
{
	uint64_t n = 0;

	for (unsigned i = 0; i < st->l->count; i++) {
		for (unsigned k = 0; k < COPIES; k++) {
			const struct steady_copy *c = &st->sessions[i].copy[k];

			if (!c->len || !st->frames[c->number].recv_ns)
				continue;
			n += dgram_send(st, &st->l->sessions[i], c->dgram, c->len);
		}
		receive_all(st);
	}
	st->replayed += n;
	printf("{\"event\": \"replayed\", \"ns\": %" PRIu64 ", \"frames\": %" PRIu64 "}\n",
	       chq_mono_ns(), n);
}

static void
command_read(struct steady *st)
{
	char line[LINE_LENGTH];
	ssize_t n = read(STDIN_FILENO, line, sizeof(line) - 1);

	line[n > 0 ? n : 0] = '\0';
	if (strcmp(line, "replay\n") == 0)
		replay(st);
	else
		st->ending = true;
}

/* Datagrams that arrived for us and found no room: they are our loss, not the relay's. */
static uint64_t
socket_drops(const struct load *l)
{
	uint64_t drops = 0;

	for (unsigned i = 0; i < l->socket_count; i++) {
		uint32_t mem[SK_MEMINFO_VARS] = { 0 };
		socklen_t len = sizeof(mem);

		if (getsockopt(l->sockets[i].fd, SOL_SOCKET, SO_MEMINFO, mem, &len) == 0)
			drops += mem[SK_MEMINFO_DROPS];
	}
	return drops;
}

static int
record_write(const struct steady *st)
{
	FILE *f = fopen(st->o->record, "we");
	size_t n = st->l->sent;
	bool ok;

	if (!f)
		return -errno;
	ok = fwrite(st->frames, sizeof(*st->frames), n, f) == n;
	return fclose(f) == 0 && ok ? 0 : CHQ_EIO;
}

static void
figures_print(const struct steady *st)
{
	const struct load *l = st->l;

	printf("{\"event\": \"ended\", \"sent\": %" PRIu64 ", \"delivered\": %" PRIu64
	       ", \"duplicated\": %" PRIu64 ", \"replayed\": %" PRIu64
	       ", \"seq_repeated\": %" PRIu64 ", \"seq_backwards\": %" PRIu64
	       ", \"notices\": %" PRIu64 ", \"bad\": %" PRIu64 ", \"refused\": %" PRIu64
	       ", \"socket_drops\": %" PRIu64 ", \"stalls\": [",
	       l->sent, l->delivered, st->duplicated, st->replayed, st->seq_repeated,
	       st->seq_backwards, l->notices, l->bad, st->refused, socket_drops(l));
	for (unsigned i = 0; i < st->stall_count; i++)
		printf("%s[%" PRIu64 ", %" PRIu64 "]", i ? ", " : "", st->stalls[i].at_ns,
		       st->stalls[i].ns);
	printf("]}\n");
}

static void
loop(struct steady *st)
{
	struct pollfd pfd = { .fd = STDIN_FILENO, .events = POLLIN };
	const struct timespec tick = { 0, TICK_NS };
	uint64_t drained;

	st->start_ns = chq_mono_ns();
	printf("{\"event\": \"started\", \"ns\": %" PRIu64 ", \"sessions\": %u}\n", st->start_ns,
	       st->l->count);
	while (!st->ending) {
		send_due(st, chq_mono_ns());
		receive_all(st);
		if (ppoll(&pfd, 1, &tick, NULL) > 0)
			command_read(st);
	}
	for (drained = chq_mono_ns() + DRAIN_NS; chq_mono_ns() < drained;) {
		receive_all(st);
		ppoll(NULL, 0, &tick, NULL);
	}
}

int
load_steady(struct load *l, const struct load_opts *o)
{
	struct steady *st = calloc(1, sizeof(*st));
	int rc = CHQ_ENOMEM;

	if (!st)
		return CHQ_ENOMEM;
	st->l = l;
	st->o = o;
	st->capacity = (uint64_t)o->rate * o->seconds;
	st->sessions = calloc(l->count, sizeof(*st->sessions));
	st->frames = calloc(st->capacity, sizeof(*st->frames));
	st->floor = calloc(st->capacity, sizeof(*st->floor));
	randombytes_buf(&st->check, sizeof(st->check));
	setvbuf(stdout, NULL, _IOLBF, 0);
	if (st->sessions && st->frames && st->floor) {
		loop(st);
		rc = record_write(st);
		figures_print(st);
	}
	free(st->sessions);
	free(st->frames);
	free(st->floor);
	free(st);
	return rc;
}
