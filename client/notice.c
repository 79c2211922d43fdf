/* What the server says about frames that it did not forward, and about the session itself. */

#include "base/err.h"
#include "client/client.h"

#define AGAIN_MS \
	500 /* before a handshake that a NOTICE asks for; doubles while sessions do not last */

static void
session_ended(struct chq_client *c, struct chq_session *s, int err)
{
	int n = c->hs.failures < 6 ? c->hs.failures : 6;
	uint64_t delay = c->hs.failures ? (uint64_t)AGAIN_MS << n : 0;

	if (s != &c->cur) {
		chq_session_drop(s);
		return;
	}
	chq_session_drop(&c->cur);
	c->hs.failures++;
	chq_client_set_connection(c, CHQ_CONN_NONE, err);
	chq_handshake_begin(c, delay);
}

void
chq_notice(struct chq_client *c, struct chq_session *s, const struct chq_frame_hdr *h)
{
	switch (h->app) {
	case CHQ_NOTICE_UNKNOWN:
	case CHQ_NOTICE_OFFLINE:
	case CHQ_NOTICE_TOO_FAST:
	case CHQ_NOTICE_SEAL:
	case CHQ_NOTICE_MOVED:
	case CHQ_NOTICE_STORED: chq_send_notice(c, h->party, h->message, h->app); break;
	case CHQ_NOTICE_PATH: chq_path_challenge(c, s, h->grant); break;
	case CHQ_NOTICE_EXPIRED:
	case CHQ_NOTICE_CLOSED: session_ended(c, s, CHQ_ENOSESSION); break;
	case CHQ_NOTICE_REPLACED:
		/* Of an older session: it was we ourselves. */
		if (s != &c->cur) {
			chq_session_drop(s);
			break;
		}
		chq_client_event(c, &(struct chq_event){ .type = CHQ_EV_REPLACED });
		chq_client_stop(c, CHQ_ECANCELED);
		break;
	default: chq_count(c, CHQ_STAT_DROP_NOTICE);
	}
}
