#include "control/punt.h"

#include "base/err.h"
#include "control/control.h"
#include "control/dp_send.h"
#include "control/grants.h"
#include "control/group.h"
#include "control/mail.h"
#include "control/session.h"
#include "store/account.h"

/* May the sender write to the receiver, who is left in @to? */
static bool
punt_granted(struct control *ctl, const struct session *s, const struct chq_dp_frame_rx *rx,
	     struct store_account *to)
{
	int rc = store_account_read(ctl->reader, CHQ_PARTY_ID(rx->to), to);
	/* The same work whether the account exists or not. */
	bool granted = grants_valid(ctl, rx->grant, s->account, s->epochs.sender,
				    CHQ_PARTY_ID(rx->to), to->grant_epoch);

	return rc == CHQ_OK && granted && !to->disabled && rx->why != CHQ_DP_WHY_DENIED &&
	       CHQ_PARTY_KIND(rx->to) == CHQ_KIND_ACCOUNT;
}

/*
 * Has the dataplane refused a good grant towards somebody who is there? It may have been killed
 * between the two words of the key, or the key of a new epoch was still on its way.
 */
static bool
punt_key_wrong(const struct control *ctl, const struct chq_dp_frame_rx *rx)
{
	return rx->why == CHQ_DP_WHY_GRANT &&
	       online_open(online_find(&ctl->sessions, CHQ_PARTY_ID(rx->to))) > 0;
}

void
punt_frame(struct control *ctl, const struct chq_dp_frame_rx *rx)
{
	struct session *s = session_find(&ctl->sessions, rx->ref);
	struct store_account to = { 0 };
	enum chq_notice code;
	bool granted;

	/* What a session says before anybody knows whose it is was dropped by the stages. */
	if (!s || !s->account || s->account != CHQ_PARTY_ID(rx->from))
		return;
	if (CHQ_PARTY_KIND(rx->to) == CHQ_KIND_GROUP) {
		group_frame(ctl, s, rx);
		return;
	}
	granted = punt_granted(ctl, s, rx, &to);
	if (granted && punt_key_wrong(ctl, rx)) {
		/* The frame counts as lost: its next copy finds the right key. */
		control_count(ctl, COUNT_PUNT_KEY);
		dp_send_grant_key(ctl, to.id, to.grant_epoch);
		(void)dp_call_sender_epoch(ctl, s->account, s->epochs.sender, NULL, NULL);
		return;
	}
	code = granted ? mail_frame(ctl, s, rx) : CHQ_NOTICE_UNKNOWN;
	if (code == 0)
		return;
	control_count(ctl, code == CHQ_NOTICE_OFFLINE ? COUNT_PUNT_OFFLINE : COUNT_PUNT_UNKNOWN);
	dp_send_notice(ctl, s, code, rx->to, rx->message);
}
