#include "tests/bpf/relay_run.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include "base/clock.h"

/* The tables' bytes, copied. */
struct view {
	struct chq_header *header;
	struct chq_session *sessions;
	struct chq_bucket *buckets;
	size_t bytes[3];
};

static struct chq_session *
view_session(const struct view *v, uint32_t slot)
{
	return slot < v->header->sessions ? &v->sessions[slot] : NULL;
}

#define RELAY_HEADER(view)	   (((const struct view *)(view))->header)
#define RELAY_SESSION(view, slot)  view_session(view, slot)
#define RELAY_BUCKET(view, number) (&((const struct view *)(view))->buckets[number])

#include "tests/bpf/relay.h"

#define START_NS (UINT64_C(1000) * CHQ_NS_PER_SEC)
#define CASES	 5000
#define PEERS	 4
#define TODAY	 2000

/* Outcomes that must have been seen, or the frames have shown nothing. */
enum seen {
	SEEN_FORWARD,
	SEEN_FORM,
	SEEN_SLOT,
	SEEN_TAG,
	SEEN_UNKNOWN,
	SEEN_GRANT,
	SEEN_REPLAY,
	SEEN_ASKS,
	SEEN_MOVED,
	SEEN_TOKEN,
	SEEN_QUOTA,
	SEEN__COUNT
};
static const char *const seen_name[SEEN__COUNT] = { "forward", "bad form",  "no slot", "bad tag",
						    "unknown", "bad grant", "replay",  "foreign",
						    "moved",   "bad token", "quota" };

struct run {
	struct chq_tables *t;
	struct view copy;
	struct bpf_object *obj;
	int prog_fd, case_fd, result_fd;
	struct chq_dp_ref peer[PEERS];
	uint64_t seq[PEERS], rnd;
	struct relay_case now;
	unsigned seen[SEEN__COUNT];
	int faults;
};

static uint32_t
rnd(struct run *r, uint32_t below)
{
	r->rnd = r->rnd * UINT64_C(6364136223846793005) + 1442695040888963407u;
	return (uint32_t)(r->rnd >> 33) % below;
}

/* --- the scene --- */

static struct chq_path
path_of(int peer, int place)
{
	return (struct chq_path){ .ip_lo = (uint64_t)(10 + peer) << 32 | UINT32_C(0xffff0000),
				  .port = (uint16_t)(5000 + place) };
}

static void
key_fill(uint8_t *key, size_t len, int peer, int what)
{
	for (size_t i = 0; i < len; i++)
		key[i] = (uint8_t)(peer * 16 + what + (int)i * 7);
}

static int
peer_open(struct run *r, int peer)
{
	struct chq_path at = path_of(peer, 0);
	struct chq_dp_session_open m = { .account = 100 + (uint64_t)peer,
					 .device = 1,
					 .quota_class = CHQ_QUOTA_ORDINARY,
					 .confirm_s = 1000,
					 .lifetime_s = 1000000,
					 .path = { .port = at.port } };
	int rc;

	memcpy(m.path.ip, &at.ip_hi, 8);
	memcpy(m.path.ip + 8, &at.ip_lo, 8);
	key_fill(m.tag_in, sizeof(m.tag_in), peer, 1);
	key_fill(m.tag_out, sizeof(m.tag_out), peer, 2);
	key_fill(m.grant_key, sizeof(m.grant_key), peer, 3);
	rc = chq_session_open(r->t, &m, START_NS, &r->peer[peer]);
	return rc ? rc : chq_session_confirm(r->t, r->peer[peer], START_NS, NULL);
}

static int
scene_make(struct run *r)
{
	struct chq_quota_price *q = &r->t->header->quota[CHQ_QUOTA_ORDINARY].own;
	int rc = 0;

	r->now.now_ns = START_NS;
	r->t->header->today = TODAY;
	r->t->header->server_id = 7;
	q->frame_ticks = (CHQ_NS_PER_SEC / 50) >> CHQ_QUOTA_TICK_SHIFT;
	q->frame_span = (CHQ_NS_PER_SEC / 4) >> CHQ_QUOTA_TICK_SHIFT;
	q->kib_ns = CHQ_NS_PER_SEC / 50;
	q->byte_span = (CHQ_NS_PER_SEC / 2) >> CHQ_QUOTA_TICK_SHIFT;
	for (int i = 0; !rc && i < PEERS; i++)
		rc = peer_open(r, i);
	return rc;
}

/* --- the program --- */

static int
program_load(struct run *r, const char *object)
{
	static const struct {
		const char *map;
		enum chq_table_id table;
	} tables[] = { { "chq_header", CHQ_T_HEADER },
		       { "chq_sessions", CHQ_T_SESSIONS },
		       { "chq_accounts", CHQ_T_ACCOUNTS } };
	int rc = 0;

	r->obj = bpf_object__open(object);
	if (!r->obj)
		return -errno;
	for (size_t i = 0; !rc && i < sizeof(tables) / sizeof(tables[0]); i++)
		rc = bpf_map__reuse_fd(bpf_object__find_map_by_name(r->obj, tables[i].map),
				       r->t->map_fd[tables[i].table]);
	if (!rc)
		rc = bpf_object__load(r->obj);
	if (rc)
		return rc;
	r->prog_fd = bpf_program__fd(bpf_object__find_program_by_name(r->obj, "relay"));
	r->case_fd = bpf_object__find_map_fd_by_name(r->obj, "relay_cases");
	r->result_fd = bpf_object__find_map_fd_by_name(r->obj, "relay_results");
	return r->prog_fd < 0 || r->case_fd < 0 || r->result_fd < 0 ? -ENOENT : 0;
}

static int
program_run(struct run *r, const uint8_t *dgram, uint32_t len, struct relay_result *out)
{
	LIBBPF_OPTS(bpf_test_run_opts, opts, .data_in = dgram, .data_size_in = len);
	uint32_t zero = 0;
	int rc;

	memset(out, 0, sizeof(*out));
	rc = bpf_map_update_elem(r->case_fd, &zero, &r->now, BPF_ANY);
	if (!rc)
		rc = bpf_map_update_elem(r->result_fd, &zero, out, BPF_ANY);
	if (!rc)
		rc = bpf_prog_test_run_opts(r->prog_fd, &opts);
	return rc ? rc : bpf_map_lookup_elem(r->result_fd, &zero, out);
}

/* --- the same in C --- */

static void
view_take(struct run *r)
{
	memcpy(r->copy.header, r->t->header, r->copy.bytes[0]);
	memcpy(r->copy.sessions, r->t->sessions, r->copy.bytes[1]);
	memcpy(r->copy.buckets, r->t->buckets, r->copy.bytes[2]);
}

static int
view_make(struct run *r)
{
	r->copy = (struct view){ .bytes = { r->t->bytes[CHQ_T_HEADER], r->t->bytes[CHQ_T_SESSIONS],
					    r->t->bytes[CHQ_T_ACCOUNTS] } };
	r->copy.header = malloc(r->copy.bytes[0]);
	r->copy.sessions = malloc(r->copy.bytes[1]);
	r->copy.buckets = malloc(r->copy.bytes[2]);
	return r->copy.header && r->copy.sessions && r->copy.buckets ? 0 : -ENOMEM;
}

static void
view_free(struct view *v)
{
	free(v->header);
	free(v->sessions);
	free(v->buckets);
}

static void
text_run(struct run *r, const uint8_t *dgram, uint32_t len, struct relay_result *out)
{
	struct relay_frame f = { .payload_len = (uint16_t)(len - CHQ_FRAME_HDR_LEN) };

	memset(out, 0, sizeof(*out));
	memcpy(&f.hdr, dgram, sizeof(f.hdr));
	view_take(r);
	relay_frame_run(&r->copy, &f, &r->now, out);
}

static bool
view_same(const struct run *r)
{
	return memcmp(r->copy.header, r->t->header, r->copy.bytes[0]) == 0 &&
	       memcmp(r->copy.sessions, r->t->sessions, r->copy.bytes[1]) == 0 &&
	       memcmp(r->copy.buckets, r->t->buckets, r->copy.bytes[2]) == 0;
}

/* --- frames --- */

static uint64_t
grant_make(int from, int to)
{
	uint8_t key[16];

	key_fill(key, sizeof(key), to, 3);
	return chq_grant_make(chq_sipkey_load(key), CHQ_KIND_ACCOUNT, 100 + (uint64_t)from,
			      100 + (uint64_t)to, TODAY + 5);
}

static void
ping_make(struct run *r, struct chq_frame_hdr *h)
{
	h->flags = CHQ_F_PING;
	h->party = 0;
	h->grant = chq_path_token_now(r->t->header->path_secret, h->slot, &r->now.src,
				      r->now.now_ns);
}

/* One field is not as it should be; 0 leaves all as it is. */
static void
header_spoil(struct run *r, struct chq_frame_hdr *h)
{
	switch (rnd(r, 24)) {
	case 1: h->flags |= CHQ_F_NOTICE; break;
	case 2: h->slot = 10 + rnd(r, 1000); break;
	case 3: h->party += 50; break;
	case 4: h->grant ^= UINT64_C(1) << rnd(r, 64); break;
	case 5: h->seq = h->seq > 3 ? h->seq - rnd(r, 3) : h->seq; break;
	case 6: h->seq = h->seq > 400 ? h->seq - 300 : 0; break;
	case 7: h->flags = CHQ_F_HOP; break;
	default: break;
	}
}

/* Return: length of the datagram. */
static uint32_t
frame_make(struct run *r, uint8_t dgram[CHQ_DGRAM_MAX])
{
	int from = (int)rnd(r, PEERS), to = (int)rnd(r, PEERS);
	bool ping = rnd(r, 12) == 0;
	uint16_t payload = ping ? 0 : (uint16_t)rnd(r, rnd(r, 4) ? 64 : CHQ_PAYLOAD_MAX + 1);
	struct chq_frame_hdr h = { .app = 3,
				   .slot = r->peer[from].slot,
				   .seq = ++r->seq[from],
				   .party = CHQ_PARTY(CHQ_KIND_ACCOUNT, 0, 100 + to),
				   .message = r->rnd,
				   .grant = grant_make(from, to) };
	uint8_t key[16];

	r->now.src = path_of(from, rnd(r, 20) ? 0 : (int)rnd(r, 3));
	r->now.now_ns += rnd(r, 4000000);
	if (ping) {
		h.app = 0;
		ping_make(r, &h);
	}
	header_spoil(r, &h);
	key_fill(key, sizeof(key), from, 1);
	memset(dgram + CHQ_FRAME_HDR_LEN, 0x5a, payload);
	chq_frame_build(dgram, &h, payload, key);
	if (rnd(r, 20) == 0)
		dgram[rnd(r, CHQ_FRAME_HDR_LEN)] ^= (uint8_t)(1u << rnd(r, 8));
	return CHQ_FRAME_HDR_LEN + payload;
}

static void
outcome_note(struct run *r, const struct relay_result *o, bool ping)
{
	r->seen[SEEN_FORWARD] += o->out_ok;
	r->seen[SEEN_FORM] += !o->form_ok;
	r->seen[SEEN_SLOT] += o->form_ok && !o->found;
	r->seen[SEEN_TAG] += o->state != 0 && !o->tag_ok;
	r->seen[SEEN_UNKNOWN] += o->tag_ok && o->to_slot == CHQ_SLOT_NONE;
	r->seen[SEEN_GRANT] += o->to_ok && !o->grant_ok;
	r->seen[SEEN_REPLAY] += o->tag_ok && (ping || o->grant_ok) && !o->replay_ok;
	r->seen[SEEN_ASKS] += o->asks;
	r->seen[SEEN_MOVED] += o->moved;
	r->seen[SEEN_TOKEN] += ping && o->replay_ok && !o->token_ok;
	r->seen[SEEN_QUOTA] += o->replay_ok && !o->quota_ok;
}

static void
case_run(struct run *r, int number)
{
	uint8_t dgram[CHQ_DGRAM_MAX];
	struct relay_result in_c, in_bpf;
	uint32_t len = frame_make(r, dgram);
	int rc;

	text_run(r, dgram, len, &in_c);
	rc = program_run(r, dgram, len, &in_bpf);
	if (rc == 0 && memcmp(&in_c, &in_bpf, sizeof(in_c)) == 0 && view_same(r)) {
		outcome_note(r, &in_c, dgram[1] & CHQ_F_PING);
		return;
	}
	printf("FAULT frame %d: %s\n", number,
	       rc	       ? strerror(-rc)
	       : !view_same(r) ? "the tables differ"
			       : "the results differ");
	r->faults++;
}

int
relay_run(const char *object, struct chq_tables *t)
{
	struct run r = { .t = t, .rnd = 1 };
	int rc = view_make(&r);

	if (!rc)
		rc = scene_make(&r);
	if (!rc)
		rc = program_load(&r, object);
	if (rc) {
		printf("FAULT relay: %s\n", strerror(-rc));
		r.faults++;
	}
	for (int i = 0; r.faults == 0 && i < CASES; i++)
		case_run(&r, i);
	for (int i = 0; r.faults == 0 && i < SEEN__COUNT; i++) {
		printf("relay %s: %u\n", seen_name[i], r.seen[i]);
		if (r.seen[i] == 0)
			r.faults++;
	}
	bpf_object__close(r.obj);
	view_free(&r.copy);
	return r.faults;
}
