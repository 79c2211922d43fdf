/*
 * Whole packets through the worker's path: Ethernet in, verdict, Ethernet out. The input says which
 * packets the parity test's generator is to make (8 bytes: its seed) and what is done to them before
 * they arrive (4 bytes each: bytes to skip, 2; length to cut to, by a quarter each, and bits to flip).
 * So most get far, and what is odd about them the input decides.
 *
 * Whatever comes, each datagram of ours ends in one verdict, what goes up has changed no table, and
 * what is sent is a packet whose lengths agree, around a datagram no longer than what came.
 */
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "tests/fuzz/fuzz.h"
#include "tests/parity/side.h"

static struct side_worker worker;
static struct gen gen;
static struct chq_session *sessions;
static struct chq_cold *cold;

static void
packet_spoil(struct gen_frame *f, const uint8_t how[4])
{
	uint16_t at = chq_get_le16(how);

	if (how[2] & 3)
		f->len = (uint16_t)(f->len - f->len / 4 * (how[2] & 3));
	if (at < f->len)
		f->bytes[at] ^= how[3];
	if (f->len < CHQ_ETH_HDR_LEN)
		f->len = CHQ_ETH_HDR_LEN;
}

static void
sent_check(const struct side_packet *s, size_t came)
{
	size_t ip = chq_get_be16(s->bytes + 12) == 0x8100 ? 18 : 14;
	bool v6 = s->bytes[ip] >> 4 == 6;
	size_t udp = ip + (v6 ? 40 : 20), dgram = s->len - udp - 8;

	if (s->len < udp + 8 || dgram > came || dgram > CHQ_DGRAM_MAX ||
	    chq_get_be16(s->bytes + udp + 4) != dgram + 8 ||
	    chq_get_be16(s->bytes + ip + (v6 ? 4 : 2)) != s->len - (v6 ? udp : ip))
		abort();
}

static void
outcome_check(const struct outcome *out, const struct chq_tables *t)
{
	uint64_t verdicts = 0;

	for (int c = 0; c < CHQ_C__COUNT; c++)
		if (chq_counter_kind[c] == CHQ_COUNTER_VERDICT)
			verdicts += out->rise[c];
	if (verdicts != out->rise[CHQ_C_RX] || verdicts + out->rise[CHQ_C_KERNEL] != 1)
		abort();
	if (out->fate == FATE_SENT)
		sent_check(&out->sent, out->rise[CHQ_C_RX_BYTES]);
	if (worker.has_notice && worker.notice.len)
		sent_check(&worker.notice, out->rise[CHQ_C_RX_BYTES]);
	if ((out->fate == FATE_UP || out->fate == FATE_KERNEL) &&
	    (memcmp(sessions, t->sessions, GEN_SESSIONS * sizeof(*sessions)) != 0 ||
	     memcmp(cold, t->cold, GEN_SESSIONS * sizeof(*cold)) != 0))
		abort();
}

static void
packet_run(struct chq_tables *t, const uint8_t how[4])
{
	static struct gen_frame f;
	static struct outcome out;
	struct chq_note note;

	gen_next(&gen, &f);
	packet_spoil(&f, how);
	memcpy(sessions, t->sessions, GEN_SESSIONS * sizeof(*sessions));
	memcpy(cold, t->cold, GEN_SESSIONS * sizeof(*cold));
	side_worker_run(&worker, &f, &out);
	outcome_check(&out, t);
	while (chq_ring_pop(&worker.w->notes, &note))
		if (note.kind == CHQ_NOTE_CONFIRM)
			gen_confirm(&gen,
				    (struct chq_dp_ref){ .slot = note.slot, .gen = note.gen });
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	struct chq_tables *t;

	if (len < 8)
		return 0;
	if (!sessions) {
		sessions = calloc(GEN_SESSIONS, sizeof(*sessions));
		cold = calloc(GEN_SESSIONS, sizeof(*cold));
		if (!sessions || !cold || side_worker_init(&worker))
			abort();
	}
	if (gen_tables(&t))
		abort();
	gen_init(&gen, t, chq_get_le64(data));
	side_worker_bind(&worker, t, gen.ifidx);
	for (size_t at = 8; at + 4 <= len; at += 4)
		packet_run(t, data + at);
	chq_tables_close(t);
	return 0;
}
