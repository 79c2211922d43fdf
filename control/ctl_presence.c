#include "base/err.h"
#include "control/control.h"
#include "control/ctl_common.h"
#include "control/ctl_verbs.h"
#include "control/presence.h"
#include "store/account.h"
#include "store/reader.h"

static json_t *
devices_json(const struct control *ctl, uint64_t account)
{
	const struct online *o = online_find(&ctl->sessions, account);
	json_t *rows = json_array();
	struct session *s;

	if (!o)
		return rows;
	ONLINE_FOREACH(s, o) {
		Chasqui__Status status = s->status ? (Chasqui__Status)s->status
						   : CHASQUI__STATUS__STATUS_ONLINE;

		if (s->state == SESSION_OPEN)
			json_array_append_new(rows,
					      json_pack("{s:i, s:s, s:o}", "device", (int)s->device,
							"status", presence_name(status), "since",
							ctl_time(s->opened_ms)));
	}
	return rows;
}

static void
ctl_presence_show(struct ctl_call *call)
{
	struct control *ctl = call->ctl;
	struct store_txn *txn = ctl_read(call);
	struct store_account a;
	int rc;

	if (!txn)
		return;
	rc = ctl_account(call, txn, 0, &a);
	store_read_end(ctl->reader);
	if (rc)
		ctl_refuse_account(call, rc, 0);
	else
		ctl_answer(call,
			   json_pack("{s:I, s:s, s:s, s:s, s:o}", "account", (json_int_t)a.id,
				     "login", a.login, "status",
				     presence_name(presence_own(ctl, a.id)), "seen_as",
				     presence_name(presence_status(ctl, a.id)), "devices",
				     devices_json(ctl, a.id)),
			   NULL);
	sodium_memzero(&a, sizeof(a));
}

const struct ctl_verb ctl_verbs_presence[] = {
	{ "presence", "show", ctl_presence_show },
	{ NULL, NULL, NULL },
};
