#include "tests/parity/rules.h"

#include <string.h>

#include "base/bytes.h"
#include "dataplane/path.h"

#define X(id, name, what) [id] = name,
const char *const hand_up_name[UP__COUNT] = { [UP_NOT] = "not", HAND_UPS(X) };
#undef X
#define X(id, name, what) [id] = what,
const char *const hand_up_what[UP__COUNT] = { [UP_NOT] = "decided by the program", HAND_UPS(X) };
#undef X

/* By the packet's surroundings, before its datagram is looked at. */
static enum hand_up
by_layers(const struct gen_frame *f, const struct outcome *out)
{
	const uint8_t *packet = f->bytes;
	size_t type = chq_get_be16(packet + 12) == 0x8100 ? 16 : 12;

	if (out->rise[CHQ_D_SEGMENTS])
		return UP_PIECES;
	if (out->fate == FATE_KERNEL || chq_get_be16(packet + type) != 0x0800)
		return UP_NOT;
	if (chq_get_be16(packet + type + 8) & 0x2000)
		return UP_FRAGMENT;
	return packet[type + 2] != 0x45 ? UP_OPTIONS : UP_NOT;
}

static enum hand_up
by_verdict(const struct side_worker *w)
{
	static const uint8_t why[] = {
		[CHQ_DP_WHY_UNKNOWN] = UP_UNKNOWN, [CHQ_DP_WHY_GRANT] = UP_GRANT,
		[CHQ_DP_WHY_DENIED] = UP_DENIED,   [CHQ_DP_WHY_SILENT] = UP_SILENT,
		[CHQ_DP_WHY_DEVICE] = UP_DEVICE,   [CHQ_DP_WHY_GROUP] = UP_GROUP,
	};

	switch (w->p.up) {
	case CHQ_UP_HELLO: return UP_HELLO;
	case CHQ_UP_SERVER: return UP_SERVER;
	default: return why[w->p.why];
	}
}

/* A receiver was found, and nothing is against the frame but that it has no next hop. */
static bool
no_next_hop(const struct side_worker *w, const struct side_tables *before)
{
	static const uint8_t none[6];
	struct chq_path at;

	return w->p.to && chq_path_read(&before->sessions[w->p.to_slot], &at) &&
	       memcmp(at.mac, none, sizeof(none)) == 0;
}

static enum hand_up
by_sender(const struct side_worker *w, const struct side_tables *before)
{
	const struct chq_pkt *p = &w->p;
	const struct chq_session *s = &before->sessions[p->from_slot];
	bool ping = w->came.flags & CHQ_F_PING;

	if (p->refuse == CHQ_D_EXPIRED)
		return UP_NOT;
	if (!ping && p->refuse == 0 && no_next_hop(w, before))
		return UP_NEXT_HOP;
	if (s->state == CHQ_SESSION_NEW)
		return UP_NEW;
	if (ping && w->came.grant &&
	    chq_path_token_ok(before->header->path_secret, p->from_slot, &p->src, w->w->now_ns,
			      w->came.grant))
		return UP_MOVE;
	if (!ping && p->refuse == 0 && chq_path_asks(s, &p->src, w->came.seq))
		return UP_NOTICE;
	return UP_NOT;
}

enum hand_up
rules_hand_up(const struct gen_frame *f, const struct side_worker *w, const struct outcome *out,
	      const struct side_tables *before)
{
	enum hand_up why = by_layers(f, out);

	if (why != UP_NOT || !w->judged)
		return why;
	if (w->p.verdict == CHQ_V_UP)
		return by_verdict(w);
	if (w->p.up != 0) /* what would have gone up, but for its number or its quota */
		return UP_NOT;
	if (!w->p.from || out->rise[CHQ_D_SLOT] || out->rise[CHQ_D_TAG] ||
	    out->rise[CHQ_D_PRELOGIN] || out->rise[CHQ_D_REPLAY])
		return UP_NOT;
	return by_sender(w, before);
}

bool
rules_alone(enum hand_up why)
{
	return why == UP_NEW || why == UP_MOVE || why == UP_NOTICE;
}
