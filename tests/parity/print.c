/* What is said of a packet whose outcomes differ: all that is needed to see it again and to find why. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "tests/parity/parity.h"

/* A field of a record. */
struct field {
	const char *name;
	size_t at, bytes;
};
#define FIELD(type, f)                                                      \
	{                                                                   \
#f, offsetof(struct type, f), sizeof(((struct type *)0)->f) \
	}

static const struct field session_fields[] = {
	FIELD(chq_session, tag_in),	FIELD(chq_session, ident),
	FIELD(chq_session, state),	FIELD(chq_session, quota_class),
	FIELD(chq_session, gen),	FIELD(chq_session, path_fp),
	FIELD(chq_session, quota),	FIELD(chq_session, notice_tat),
	FIELD(chq_session, expires_s),	FIELD(chq_session, heard_s),
	FIELD(chq_session, replay),	FIELD(chq_session, tag_out),
	FIELD(chq_session, grant_key),	FIELD(chq_session, rx_ident),
	FIELD(chq_session, path_word),	FIELD(chq_session, path),
	FIELD(chq_session, seq_out),	FIELD(chq_session, rx_expires_s),
	FIELD(chq_session, rx_heard_s), { "(anything)", 0, sizeof(struct chq_session) },
};

static const struct field cold_fields[] = {
	FIELD(chq_cold, deny),
	FIELD(chq_cold, next_slot),
	FIELD(chq_cold, rested_s),
	FIELD(chq_cold, fast_tat),
	{ "(anything)", 0, sizeof(struct chq_cold) },
};

static const struct field header_fields[] = {
	FIELD(chq_header, cookie),
	FIELD(chq_header, quota),
	FIELD(chq_header, local),
	FIELD(chq_header, heartbeat),
	{ "(anything)", 0, sizeof(struct chq_header) },
};

static void
hex(const char *what, const uint8_t *p, size_t len)
{
	printf("  %s (%zu bytes): ", what, len);
	for (size_t i = 0; i < len; i++)
		printf("%02x", p[i]);
	printf("\n");
}

/* The first field that differs. Return: was there one? */
static bool
record_print(const char *record, uint32_t number, const void *want, const void *got,
	     const struct field *f)
{
	for (;; f++) {
		const uint8_t *a = (const uint8_t *)want + f->at, *b = (const uint8_t *)got + f->at;

		if (memcmp(a, b, f->bytes) != 0) {
			size_t at = 0;

			while (a[at] == b[at])
				at++;
			printf("  table: %s %u, %s, byte %zu of the record\n", record, number,
			       f->name, f->at + at);
			hex("  must be", a, f->bytes < 64 ? f->bytes : 64);
			hex("  is", b, f->bytes < 64 ? f->bytes : 64);
			return true;
		}
		if (f->name[0] == '(')
			return false;
	}
}

static void
tables_print(const struct side_tables *want, const struct side_tables *got)
{
	bool found = record_print("header", 0, want->header, got->header, header_fields);

	for (uint32_t i = 0; !found && i < GEN_SESSIONS; i++)
		found = record_print("session", i, &want->sessions[i], &got->sessions[i],
				     session_fields) ||
			record_print("cold", i, &want->cold[i], &got->cold[i], cold_fields);
	if (!found)
		printf("  table: none differs%s\n",
		       memcmp(want->buckets, got->buckets,
			      want->header->buckets * sizeof(struct chq_bucket)) != 0
			       ? " but the accounts"
			       : "");
}

static void
outcome_print(const char *who, const struct outcome *o)
{
	printf("  %s: %s", who, fate_name[o->fate]);
	if (o->fate == FATE_SENT)
		printf(" by interface %u", o->sent.ifidx);
	for (int c = 0; c < CHQ_C__COUNT; c++)
		if (o->rise[c])
			printf(" %s=%" PRIu64, chq_counter_name[c], o->rise[c]);
	printf("\n");
	if (o->fate == FATE_SENT)
		hex("  sent", o->sent.bytes, o->sent.len);
}

static void
sender_print(const struct parity *p)
{
	const struct chq_pkt *pkt = &p->worker.p;

	if (!p->worker.judged || !pkt->from)
		return;
	printf("  sender: slot %u, state %u before\n", pkt->from_slot,
	       p->before.sessions[pkt->from_slot].state);
	hex("  record before", (const uint8_t *)&p->before.sessions[pkt->from_slot],
	    sizeof(struct chq_session));
}

void
parity_print(const struct parity *p)
{
	static const char *const process[SIDE__COUNT] = { "lives", "is dead", "hangs",
							  "has no socket" };
	const struct gen_frame *f = &p->frame;

	printf("MISMATCH %s: parity --only 0x%" PRIx64 " --until %u\n", p->differs, p->seed,
	       p->number);
	printf("  packet %u: %s, %s, %s; process %s, now %" PRIu64 ", interface %u\n", p->number,
	       gen_what_name[f->what], gen_around_name[f->around], gen_damage_name[f->damage],
	       process[p->process], f->now_ns, p->gen.ifidx);
	hex("in", f->bytes, f->len);
	outcome_print("must be", &p->want);
	outcome_print("is", &p->got);
	sender_print(p);
	tables_print(p->want.fate == FATE_UP ? &p->before : &p->a, &p->b);
	fflush(stdout);
}
