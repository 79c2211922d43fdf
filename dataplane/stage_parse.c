#include <string.h>

#include "dataplane/stage.h"

/* What to drop a datagram under, or CHQ_C_RX to go on. */
static enum chq_counter
frame_check(struct chq_pkt *p)
{
	if (p->dgram_len < CHQ_FRAME_HDR_LEN)
		return CHQ_D_SHORT;
	memcpy(&p->hdr, p->dgram,
	       sizeof(p->hdr)); /* little endian, as the wire is: see siphash.h */
	if (!chq_frame_form_ok(&p->hdr, p->dgram_len - CHQ_FRAME_HDR_LEN, 1))
		return CHQ_D_MALFORMED;
	return CHQ_C_RX;
}

static enum chq_counter
dgram_check(struct chq_pkt *p)
{
	if (p->dgram_len == 0)
		return CHQ_D_SHORT;
	if (p->dgram_len > CHQ_DGRAM_MAX)
		return CHQ_D_LONG;
	p->hdr.type = p->dgram[0];
	switch (p->hdr.type) {
	case CHQ_TYPE_FRAME: return frame_check(p);
	case CHQ_TYPE_HELLO: return p->dgram_len < CHQ_HELLO_LEN ? CHQ_D_SHORT : CHQ_C_RX;
	case CHQ_TYPE_RETRY:
	case CHQ_TYPE_WELCOME:
	case CHQ_TYPE_DIRECT:
	case CHQ_TYPE_TRUNK: return CHQ_D_SERVER_TYPE;
	default: return CHQ_D_TYPE;
	}
}

uint16_t
chq_stage_parse(struct chq_worker *w, struct chq_pkt **live, uint16_t n)
{
	uint16_t kept = 0;
	uint64_t bytes = 0;

	for (uint16_t i = 0; i < n; i++) {
		struct chq_pkt *p = live[i];
		enum chq_counter why = dgram_check(p);

		if (w->sheds && why == CHQ_C_RX)
			why = chq_shed_why(w->sheds, &p->hdr);
		bytes += p->dgram_len;
		p->refuse = 0;
		p->moved = 0;
		if (why == CHQ_C_RX)
			live[kept++] = p;
		else
			chq_drop(w, p, why);
	}
	chq_count_add(w, CHQ_C_RX, n);
	chq_count_add(w, CHQ_C_RX_BYTES, bytes);
	return kept;
}
