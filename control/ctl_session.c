#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "control/control.h"
#include "control/ctl_common.h"
#include "control/ctl_verbs.h"
#include "control/dp_send.h"
#include "control/life.h"
#include "store/account.h"
#include "store/reader.h"

static int
by_slot(const void *a, const void *b)
{
	const struct session *const *x = a, *const *y = b;

	return (*x)->slot < (*y)->slot ? -1 : (*x)->slot > (*y)->slot;
}

/* Sessions behind slot @after - 1, of @account or of all (0), sorted. Return: NULL without memory. */
static const struct session **
sessions_collect(const struct control *ctl, uint64_t account, uint64_t after, size_t *n)
{
	const struct session **list = calloc(ctl->sessions.used + 1,
					     sizeof(const struct session *));

	*n = 0;
	if (!list)
		return NULL;
	CHQ_LIST_FOREACH(it, &ctl->sessions.all) {
		const struct session *s = CHQ_LIST_ENTRY(it, struct session, of_all);

		if (s->slot >= after && (!account || s->account == account))
			list[(*n)++] = s;
	}
	qsort(list, *n, sizeof(*list), by_slot);
	return list;
}

/* The cursor is the slot after the last one shown. */
static void
sessions_answer(struct ctl_call *call, uint64_t account)
{
	uint64_t limit, after;
	const struct session **list;
	char cursor[24];
	json_t *rows;
	size_t n;

	if (!ctl_page(call, &limit, &after))
		return;
	list = sessions_collect(call->ctl, account, after, &n);
	if (!list) {
		ctl_refuse_code(call, CHQ_ENOMEM, NULL);
		return;
	}
	rows = json_array();
	for (size_t i = 0; i < n && i < limit; i++)
		json_array_append_new(rows, ctl_session_json(list[i]));
	if (n > limit)
		snprintf(cursor, sizeof(cursor), "%" PRIu64, (uint64_t)list[limit - 1]->slot + 1);
	free(list);
	ctl_answer(call, rows, n > limit ? cursor : NULL);
}

/* Of the user with this login name. Return: false if the call was refused. */
static bool
sessions_user(struct ctl_call *call, const char *login)
{
	struct store_account a;
	struct store_txn *txn = ctl_read(call);
	int rc;

	if (!txn)
		return false;
	rc = store_account_find(txn, login, strlen(login), &a);
	store_read_end(call->ctl->reader);
	if (!rc) {
		call->account = a.id;
		return true;
	}
	ctl_refuse_account(call, rc, 0);
	return false;
}

void
ctl_session_list(struct ctl_call *call)
{
	const char *user = chq_ctl_opt(&call->req, "user");

	if (!user || sessions_user(call, user))
		sessions_answer(call, call->account);
}

void
ctl_user_sessions(struct ctl_call *call)
{
	if (sessions_user(call, call->req.args[0]))
		sessions_answer(call, call->account);
}

/* Return: what follows the number that @text begins with; NULL if there is none up to @max. */
static const char *
session_number(const char *text, unsigned long long max, unsigned long long *out)
{
	char *end;

	if (*text < '0' || *text > '9')
		return NULL;
	*out = strtoull(text, &end, 10);
	return *out <= max ? end : NULL;
}

/*
 * The session that argument 0 names: by its slot, or slot:generation as lists show it, so that one that
 * has taken the slot since is not meant. NULL: the call was refused.
 */
static struct session *
session_named(struct ctl_call *call)
{
	unsigned long long slot = 0, gen = 0;
	const char *end = session_number(call->req.args[0], CHQ_SLOT_NONE - 1, &slot);
	bool any = end && *end == '\0';
	struct session *s;

	if (end && *end == ':')
		end = session_number(end + 1, UINT16_MAX, &gen);
	if (!end || *end) {
		ctl_refuse(call, CHQ_EARGS, "session",
			   "a session is a slot's number, or slot:generation");
		return NULL;
	}
	s = session_at(&call->ctl->sessions, (uint32_t)slot);
	if (!s)
		ctl_refuse(call, CHQ_ENOENT, "session", "no such session");
	else if (!any && s->gen != gen)
		ctl_refuse(call, CHQ_ENOENT, "session",
			   "it is over: its slot is another session's");
	return s && (any || s->gen == gen) ? s : NULL;
}

static json_t *
quota_row(uint64_t frames, uint64_t bytes, uint64_t frames_used, uint64_t bytes_used)
{
	return json_pack("{s:I, s:I, s:I, s:I}", "frames_per_second", (json_int_t)frames,
			 "bytes_per_second", (json_int_t)bytes, "frames_used",
			 (json_int_t)frames_used, "bytes_used", (json_int_t)bytes_used);
}

/* The session's limits, and what it has spent of them. */
static json_t *
quota_json(const struct chq_conf_limits *l, bool login, const struct chq_dp_quota_info *i)
{
	json_t *o = login ? quota_row(l->frames_per_second, l->bytes_per_second, i->frames_used,
				      i->bytes_used)
			  : quota_row(l->prelogin_frames_per_second, l->prelogin_bytes_per_second,
				      i->frames_used, i->bytes_used);

	json_object_set_new(o, "class", json_string(login ? "ordinary" : "prelogin"));
	json_object_set_new(o, "over_quota", json_integer((json_int_t)i->over_quota));
	json_object_set_new(o, "sessions_of_account", json_integer((json_int_t)i->sessions));
	if (i->sessions > 1)
		json_object_set_new(o, "account",
				    quota_row(l->account_frames_per_second > l->frames_per_second
						      ? l->account_frames_per_second
						      : l->frames_per_second,
					      l->account_bytes_per_second > l->bytes_per_second
						      ? l->account_bytes_per_second
						      : l->bytes_per_second,
					      i->account_frames_used, i->account_bytes_used));
	return o;
}

static void
show_quota(void *arg, const struct chq_dp_hdr *answer)
{
	const struct chq_dp_quota_info *i = (const void *)answer;
	struct ctl_call *call = arg;
	struct session *s;
	json_t *o;

	s = session_named(call); /* it may have ended meanwhile */
	if (!s)
		return;
	o = ctl_session_json(s);
	json_object_set_new(o, "quota",
			    answer && i->err == 0
				    ? quota_json(&call->ctl->limits, s->account != 0, i)
				    : json_null());
	ctl_answer(call, o, NULL);
}

void
ctl_session_show(struct ctl_call *call)
{
	const struct session *s = session_named(call);

	if (s && dp_call_quota(call->ctl, s, show_quota, call) != 0)
		show_quota(call, NULL);
}

static void
kicked(void *arg, const struct chq_dp_hdr *answer)
{
	struct ctl_call *call = arg;

	if (answer)
		ctl_answer(call, NULL, NULL);
	else
		ctl_refuse(call, CHQ_EUNKNOWNRESULT, NULL, "the dataplane went away meanwhile");
}

void
ctl_session_kick(struct ctl_call *call)
{
	struct session *s = session_named(call);

	if (!s)
		return;
	call->account = s->account;
	if (!dp_link_up(&call->ctl->link)) {
		ctl_refuse(call, CHQ_EUNAVAIL, NULL, "the dataplane is away");
		return;
	}
	if (life_close(call->ctl, s, CHQ_NOTICE_CLOSED, kicked, call) != 0)
		ctl_refuse_code(call, CHQ_EUNAVAIL, NULL);
}

const struct ctl_verb ctl_verbs_session[] = {
	{ "session", "list", ctl_session_list },
	{ "session", "show", ctl_session_show },
	{ "session", "kick", ctl_session_kick },
	{ NULL, NULL, NULL },
};
