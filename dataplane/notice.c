#include "dataplane/notice.h"

#include <string.h>

#include "dataplane/path.h"
#include "dataplane/stage.h"

int
chq_notice_make(struct chq_session *s, uint32_t slot, const struct chq_header *header,
		uint64_t now_ns, const struct chq_frame_hdr *about, uint16_t code, uint64_t token,
		uint8_t out[CHQ_FRAME_HDR_LEN])
{
	const struct chq_quota_class *q = chq_quota_class_of(header, s);
	struct chq_frame_hdr h = { .type = CHQ_TYPE_FRAME, .flags = CHQ_F_NOTICE };

	if (!chq_quota_take(&s->notice_tat, now_ns, CHQ_LOAD_RELAXED(&q->notice_ns),
			    CHQ_LOAD_RELAXED(&q->notice_span_ns)))
		return 0;
	h.app = code;
	h.slot = slot;
	h.seq = CHQ_FETCH_ADD(&s->seq_out, 1) + 1;
	h.party = about->party;
	h.message = about->message;
	h.grant = token;
	h.tag = chq_hdr_tag(&h, chq_sipkey_read(&s->tag_out), 0);
	memcpy(out, &h, sizeof(h));
	return 1;
}

void
chq_notice(struct chq_worker *w, const struct chq_pkt *p, enum chq_notice code)
{
	static const uint16_t count[] = {
		[CHQ_NOTICE_PATH] = CHQ_C_NOTICE_PATH,
		[CHQ_NOTICE_TOO_FAST] = CHQ_C_NOTICE_TOO_FAST,
		[CHQ_NOTICE_EXPIRED] = CHQ_C_NOTICE_EXPIRED,
		[CHQ_NOTICE_SEAL] = CHQ_C_NOTICE_SEAL,
	};
	struct chq_extra *x = &w->extra[w->extra_n];
	uint64_t token = 0;

	/* An address that has not proved itself got its path NOTICE: two would be more than came. */
	if (p->moved && code != CHQ_NOTICE_PATH)
		return;
	if (code == CHQ_NOTICE_TOO_FAST &&
	    !chq_notice_fast_take(&w->cold[p->from_slot], w->now_ns)) {
		chq_count(w, CHQ_D_NOTICE_LIMIT);
		return;
	}
	if (code == CHQ_NOTICE_PATH)
		token = chq_path_token_now(w->header->path_secret, p->from_slot, &p->src,
					   w->now_ns);
	if (!chq_notice_make(p->from, p->from_slot, w->header, w->now_ns, &p->hdr, (uint16_t)code,
			     token, x->dgram)) {
		chq_count(w, CHQ_D_NOTICE_LIMIT);
		return;
	}
	x->to = p->src;
	w->extra_n++;
	chq_count(w, count[code]);
}
