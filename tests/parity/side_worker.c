#include "tests/parity/side.h"

#include <stdlib.h>
#include <string.h>

#include "base/err.h"

const char *const fate_name[] = { "dropped", "sent", "up", "kernel" };

int
side_worker_init(struct side_worker *s)
{
	memset(s, 0, sizeof(*s));
	s->w = aligned_alloc(64, (sizeof(*s->w) + 63) / 64 * 64);
	if (!s->w)
		return CHQ_ENOMEM;
	memset(s->w, 0, sizeof(*s->w));
	return chq_ring_init(&s->w->notes, 4, sizeof(struct chq_note));
}

void
side_worker_deinit(struct side_worker *s)
{
	if (s->w)
		chq_ring_deinit(&s->w->notes);
	free(s->w);
	s->w = NULL;
}

void
side_worker_bind(struct side_worker *s, struct chq_tables *t, uint8_t ifidx)
{
	chq_worker_bind(s->w, 0, t);
	s->rx = (struct chq_eth_rx){ .header = t->header, .ifidx = ifidx };
}

/* As a driver sends a packet that the stages have answered in place. */
static void
send_in_place(struct side_worker *s, struct side_packet *out)
{
	struct chq_pkt *p = &s->p;

	if (chq_eth_build(p, s->w->header, (size_t)(p->l2 - s->buf)) < 0) {
		chq_count(s->w, CHQ_D_NO_ROUTE);
		return;
	}
	chq_count(s->w, CHQ_C_TX);
	chq_count_add(s->w, CHQ_C_TX_BYTES, p->dgram_len);
	out->ifidx = p->out.ifidx;
	out->len = p->l2_len;
	memcpy(out->bytes, p->l2, p->l2_len);
}

static void
send_notice(struct side_worker *s)
{
	const struct chq_extra *x = &s->w->extra[0];
	int made = chq_eth_make(s->notice.bytes, sizeof(s->notice.bytes), s->w->header, &x->to,
				x->dgram, sizeof(x->dgram));

	s->has_notice = true;
	if (made < 0) {
		chq_count(s->w, CHQ_D_NO_ROUTE);
		return;
	}
	chq_count(s->w, CHQ_C_TX);
	chq_count_add(s->w, CHQ_C_TX_BYTES, sizeof(x->dgram));
	s->notice.ifidx = x->to.ifidx;
	s->notice.len = (uint16_t)made;
}

static void
judge(struct side_worker *s, struct outcome *out)
{
	struct chq_pkt *p = &s->p;

	if (p->dgram_len >= CHQ_FRAME_HDR_LEN && p->dgram[0] == CHQ_TYPE_FRAME)
		chq_frame_get(p->dgram, &s->came);
	chq_pipeline(s->w, &p, 1);
	s->judged = true;
	switch (s->p.verdict) {
	case CHQ_V_TX:
		send_in_place(s, &out->sent);
		out->fate = out->sent.len ? FATE_SENT : FATE_DROPPED;
		break;
	case CHQ_V_UP: out->fate = FATE_UP; break;
	default: break;
	}
	if (s->w->extra_n)
		send_notice(s);
}

void
side_worker_run(struct side_worker *s, const struct gen_frame *f, struct outcome *out)
{
	enum chq_counter c;

	for (int i = 0; i < CHQ_C__COUNT; i++)
		atomic_store_explicit(&s->w->counts[i], 0, memory_order_relaxed);
	memset(&s->p, 0, sizeof(s->p));
	memset(&s->came, 0, sizeof(s->came));
	memcpy(s->buf + SIDE_ROOM, f->bytes, f->len);
	s->p.l2 = s->buf + SIDE_ROOM;
	s->p.l2_len = f->len;
	s->judged = s->has_notice = false;
	s->notice.len = out->sent.len = 0;
	out->fate = FATE_DROPPED;
	chq_worker_set_clock(s->w, f->now_ns);
	c = chq_eth_parse(&s->rx, &s->p);
	if (c == CHQ_C_RX && s->p.dgram + s->p.dgram_len > s->p.l2 + SIDE_PIECE_MAX)
		c = CHQ_D_SEGMENTS;
	if (c == CHQ_C_RX) {
		judge(s, out);
	} else if (c == CHQ_C_KERNEL) {
		chq_count(s->w, c);
		out->fate = FATE_KERNEL;
	} else {
		chq_count_refused(s->w, c, c == CHQ_D_SEGMENTS ? 0 : s->p.dgram_len);
	}
	for (int i = 0; i < CHQ_C__COUNT; i++)
		out->rise[i] = atomic_load_explicit(&s->w->counts[i], memory_order_relaxed);
}
