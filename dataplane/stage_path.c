#include "dataplane/notice.h"
#include "dataplane/path.h"
#include "dataplane/stage.h"

static void
path_ask(struct chq_worker *w, const struct chq_pkt *p)
{
	if (chq_path_asks(p->from, &p->src, p->hdr.seq))
		chq_notice(w, p, CHQ_NOTICE_PATH);
}

/* Return: 1 if the session is now where the PING came from. */
static int
ping_token(struct chq_worker *w, struct chq_pkt *p)
{
	struct chq_note note = { p->from_slot, p->from_gen, CHQ_NOTE_MOVED };

	if (!chq_path_move(p->from, &p->src, p->from_gen, p->hdr.seq))
		return 0;
	chq_count(w, CHQ_C_MOVE);
	(void)chq_ring_push(&w->notes, &note);
	p->moved = 0;
	return 1;
}

/*
 * A PING without a token, from an address with the session's fingerprint. Other addresses may have
 * the same one, so the link is only refreshed for the very address that proved itself.
 * Return: 1 if the session is where the PING came from.
 */
static int
ping_home(const struct chq_pkt *p)
{
	struct chq_path now;

	if (!chq_path_read(p->from, &now)) {
		CHQ_STORE_RELAXED(&p->from->path_fp, CHQ_PATH_FP_NONE);
		return 0;
	}
	if (!chq_path_same_addr(&now, &p->src))
		return 0;
	if (!chq_path_same_link(&now, &p->src))
		(void)chq_path_move(p->from, &p->src, p->from_gen, p->hdr.seq);
	return 1;
}

/* Return: 1 if the packet is decided: it gets no answer but perhaps a NOTICE. */
static int
ping_decide(struct chq_worker *w, struct chq_pkt *p)
{
	enum chq_counter count = CHQ_C_PING_AWAY;

	if (p->hdr.grant == 0) {
		if (!p->moved && ping_home(p))
			return 0;
	} else if (chq_path_token_ok(w->header->path_secret, p->from_slot, &p->src, w->now_ns,
				     p->hdr.grant)) {
		if (ping_token(w, p))
			return 0;
	} else {
		count = CHQ_D_TOKEN;
	}
	path_ask(w, p);
	chq_drop(w, p, count);
	return 1;
}

uint16_t
chq_stage_path(struct chq_worker *w, struct chq_pkt **live, uint16_t n)
{
	uint16_t kept = 0;

	for (uint16_t i = 0; i < n; i++) {
		struct chq_pkt *p = live[i];

		if (p->refuse != CHQ_D_EXPIRED) {
			p->moved = (uint8_t)chq_path_foreign(p->from, &p->src);
			if (p->hdr.flags & CHQ_F_PING) {
				if (ping_decide(w, p))
					continue;
			} else if (p->moved) {
				path_ask(w, p);
			}
		}
		live[kept++] = p;
	}
	return kept;
}
