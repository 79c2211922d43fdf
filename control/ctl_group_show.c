#include <stdlib.h>

#include "base/err.h"
#include "control/control.h"
#include "control/ctl_common.h"
#include "control/ctl_verbs.h"
#include "control/group.h"
#include "control/group_priv.h"
#include "store/account.h"
#include "store/dept.h"
#include "store/reader.h"

/* What operators are shown of groups. */

enum { PAGE = 64, PAGE_DEFAULT = 100, PAGE_MAX = 1000 };

static json_t *
group_json(struct ctl_call *call, struct store_txn *t, const struct store_group *g)
{
	const struct group *there = group_find(call->ctl->groups, g->id);
	char title[STORE_PATH_MAX_BYTES + 1], members[CTL_GROUP_RIGHTS_LEN],
		managers[CTL_GROUP_RIGHTS_LEN];
	bool hand = store_group_by_hand(g->id), conf = g->history == STORE_GROUP_HISTORY_CONF;
	uint32_t history = conf ? call->ctl->conf->groups.history : g->history, first = 0;
	bool off = !hand && (g->off || !call->ctl->conf->groups.departments);

	if (store_group_title(t, g, title, sizeof(title)) != CHQ_OK)
		return NULL;
	(void)store_group_first(t, g, &first);
	return json_pack("{s:I, s:s, s:s, s:b, s:b, s:I, s:I, s:s, s:s, s:I, s:I, s:I, s:I}",
			 "group", (json_int_t)g->id, "name", title, "of",
			 hand ? "hand" : "department", "on", !off, "subdepartments", g->subdepts,
			 "members", (json_int_t)group_members_count(call->ctl, t, g), "sessions",
			 (json_int_t)(there ? there->n : 0), "member_rights",
			 ctl_group_rights(g->member_rights, members), "manager_rights",
			 ctl_group_rights(hand ? 0 : g->manager_rights, managers), "history",
			 (json_int_t)history, "epoch", (json_int_t)g->epoch, "order",
			 (json_int_t)g->order, "kept", (json_int_t)(g->order + 1 - first));
}

void
ctl_group_show(struct ctl_call *call)
{
	struct store_txn *t = ctl_read(call);
	struct store_group g;
	json_t *row;
	int rc;

	if (!t)
		return;
	rc = store_group_find(t, call->req.args[0], &g);
	row = rc ? NULL : group_json(call, t, &g);
	store_read_end(call->ctl->reader);
	if (rc == CHQ_ENOENT)
		ctl_refuse(call, rc, "group", "no such group: %s", call->req.args[0]);
	else if (!row)
		ctl_refuse_code(call, rc ? rc : CHQ_ENOMEM, NULL);
	else
		ctl_answer(call, row, NULL);
}

/* Those of departments, whether they have a record or not. Return: 0; codes of reading. */
static int
list_depts(struct ctl_call *call, struct store_txn *t, uint64_t limit, uint64_t *after,
	   json_t *rows)
{
	struct store_dept d[PAGE];
	struct store_group g;
	size_t n;
	int rc;

	do {
		uint64_t left = limit - json_array_size(rows);

		rc = store_dept_list(t, (uint32_t)*after, d, left < PAGE ? left : PAGE, &n);
		for (size_t i = 0; i < n && !rc; i++) {
			*after = d[i].id;
			rc = store_group_get(t, d[i].id, &g);
			if (!rc)
				json_array_append_new(rows, group_json(call, t, &g));
		}
	} while (!rc && n == PAGE && json_array_size(rows) < limit);
	return rc;
}

static int
list_hand(struct ctl_call *call, struct store_txn *t, uint64_t limit, uint64_t *after, json_t *rows)
{
	struct store_group g[PAGE];
	size_t n;
	int rc;

	if (*after < STORE_GROUP_BY_HAND)
		*after = STORE_GROUP_BY_HAND - 1;
	do {
		uint64_t left = limit - json_array_size(rows);

		rc = store_group_list(t, (uint32_t)*after, g, left < PAGE ? left : PAGE, &n);
		for (size_t i = 0; i < n && !rc; i++) {
			*after = g[i].id;
			json_array_append_new(rows, group_json(call, t, &g[i]));
		}
	} while (!rc && n == PAGE && json_array_size(rows) < limit);
	return rc;
}

static void
answer_rows(struct ctl_call *call, int rc, json_t *rows, uint64_t limit, uint64_t after)
{
	if (!rc) {
		ctl_answer_page(call, rows, json_array_size(rows) == limit ? after : 0);
		return;
	}
	json_decref(rows);
	ctl_refuse_code(call, rc, NULL);
}

void
ctl_group_list(struct ctl_call *call)
{
	json_t *rows = json_array();
	uint64_t limit, after;
	struct store_txn *t;
	int rc = CHQ_OK;

	if (!ctl_page(call, &limit, &after) || !(t = ctl_read(call))) {
		json_decref(rows);
		return;
	}
	if (after > UINT32_MAX)
		after = UINT32_MAX;
	if (after < STORE_GROUP_BY_HAND)
		rc = list_depts(call, t, limit, &after, rows);
	if (!rc && json_array_size(rows) < limit)
		rc = list_hand(call, t, limit, &after, rows);
	store_read_end(call->ctl->reader);
	answer_rows(call, rc, rows, limit, after);
}

struct members {
	struct store_txn *t;
	json_t *rows;
	uint64_t limit, after;
};

static int
members_add(void *arg, uint64_t account, uint8_t rights, uint64_t cursor)
{
	char text[CTL_GROUP_RIGHTS_LEN];
	struct members *m = arg;
	struct store_account a;
	int rc = store_account_get(m->t, account, &a);

	if (json_array_size(m->rows) == m->limit)
		return 1;
	m->after = cursor;
	if (!rc)
		json_array_append_new(m->rows, json_pack("{s:I, s:s, s:s, s:b, s:s}", "account",
							 (json_int_t)account, "login", a.login,
							 "name", a.name, "disabled", a.disabled,
							 "rights", ctl_group_rights(rights, text)));
	return rc == CHQ_ENOENT ? CHQ_ECORRUPT : rc;
}

void
ctl_group_members(struct ctl_call *call)
{
	struct members m = { .limit = PAGE_DEFAULT };
	struct chq_ctl_error e;
	struct store_group g;
	int rc = chq_ctl_opt_number(&call->req, "limit", 1, PAGE_MAX, &m.limit, &e);

	/* Of departments below each other a cursor is longer than an account's number. */
	if (!rc)
		rc = chq_ctl_opt_number(&call->req, "cursor", 0, UINT64_MAX, &m.after, &e);
	if (rc) {
		ctl_refuse(call, e.err, e.field, "%s", e.message);
		return;
	}
	m.t = ctl_read(call);
	if (!m.t)
		return;
	m.rows = json_array();
	rc = store_group_find(m.t, call->req.args[0], &g);
	if (!rc)
		rc = group_members_walk(m.t, &g, m.after, members_add, &m);
	store_read_end(call->ctl->reader);
	if (rc == CHQ_ENOENT) {
		json_decref(m.rows);
		ctl_refuse(call, rc, "group", "no such group: %s", call->req.args[0]);
		return;
	}
	answer_rows(call, rc > 0 ? 0 : rc, m.rows, rc > 0 ? m.limit : UINT64_MAX, m.after);
}
