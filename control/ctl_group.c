#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/array.h"
#include "base/err.h"
#include "control/control.h"
#include "control/ctl_common.h"
#include "control/ctl_verbs.h"
#include "control/group.h"
#include "store/account.h"
#include "store/group.h"

/* What operators change of groups. */

static const struct {
	const char *name;
	uint8_t right;
} right_names[] = {
	{ "post", STORE_GROUP_POST },
	{ "announce", STORE_GROUP_ANNOUNCE },
	{ "manage", STORE_GROUP_MANAGE },
};

/* Return: 0; CHQ_EINVAL. */
static int
rights_parse(const char *text, uint8_t *out)
{
	*out = 0;
	if (!strcmp(text, "none"))
		return CHQ_OK;
	do {
		size_t len = strcspn(text, ","), i = 0;

		while (i < ARRAY_LEN(right_names) && (strlen(right_names[i].name) != len ||
						      memcmp(right_names[i].name, text, len) != 0))
			i++;
		if (i == ARRAY_LEN(right_names))
			return CHQ_EINVAL;
		*out |= right_names[i].right;
		text += len;
	} while (*text++ == ',');
	return CHQ_OK;
}

const char *
ctl_group_rights(uint8_t rights, char out[CTL_GROUP_RIGHTS_LEN])
{
	out[0] = '\0';
	for (size_t i = 0; i < ARRAY_LEN(right_names); i++)
		if (rights & right_names[i].right) {
			strcat(out, out[0] ? "," : "");
			strcat(out, right_names[i].name);
		}
	return out[0] ? out : "none";
}

static int
find_group(struct store_txn *txn, struct ctl_change *c, struct store_group *g)
{
	const char *name = c->call->req.args[0];
	int rc = store_group_find(txn, name, g);

	if (rc == CHQ_ENOENT)
		return chq_ctl_error_set(&c->fault, rc, "group", "no such group: %s", name);
	if (!rc)
		c->dept = g->id;
	return rc;
}

static int
find_login(struct store_txn *txn, struct ctl_change *c)
{
	const char *login = c->call->req.args[1];
	struct store_account a;
	int rc = store_account_find(txn, login, strlen(login), &a);

	if (rc == CHQ_ENOENT || (rc <= CHQ_ENAMEEMPTY && rc >= CHQ_ENAMEBIDI))
		return chq_ctl_error_set(&c->fault, CHQ_ENOENT, "login", "no such user: %s", login);
	if (!rc)
		c->account = a.id;
	return rc;
}

static int
name_fault(struct ctl_change *c, int rc)
{
	if (rc == CHQ_EEXIST)
		return chq_ctl_error_set(&c->fault, rc, "name",
					 "a group or a department has this name already");
	if (rc == CHQ_ENAMECHAR)
		return chq_ctl_error_set(&c->fault, rc, "name",
					 "a name has no / and is not of digits alone");
	if (rc <= CHQ_ENAMEEMPTY && rc >= CHQ_ENAMEBIDI)
		return chq_ctl_error_set(&c->fault, rc, "name", "%s", chq_strerror(rc));
	return rc;
}

/* Only a group made by hand has members of its own. */
static int
hand_fault(struct ctl_change *c)
{
	return chq_ctl_error_set(&c->fault, CHQ_EINVAL, "group",
				 "a department's group follows its department: use dept join, dept "
				 "leave, dept manager and group set");
}

static void
group_done(struct ctl_change *c)
{
	c->call->account = c->account;
	ctl_answer(c->call,
		   json_pack("{s:I, s:s}", "group", (json_int_t)c->dept, "outcome", c->outcome),
		   NULL);
}

static void
group_change(struct ctl_call *call, int (*job)(struct store_txn *, struct ctl_change *),
	     int (*follow)(struct ctl_change *))
{
	struct ctl_change *c = ctl_change_blank(call);

	if (!c)
		return;
	c->job = job;
	c->follow = follow;
	c->done = group_done;
	ctl_change_submit(c);
}

/* --- groups --- */

static int
create_job(struct store_txn *txn, struct ctl_change *c)
{
	c->outcome = "made";
	return name_fault(c, store_group_add(txn, c->call->req.args[0], c->now_ms, &c->dept));
}

static void
ctl_group_create(struct ctl_call *call)
{
	group_change(call, create_job, NULL);
}

static int
remove_job(struct store_txn *txn, struct ctl_change *c)
{
	struct store_group g;
	int rc = find_group(txn, c, &g);

	if (rc)
		return rc;
	if (!store_group_by_hand(g.id))
		return chq_ctl_error_set(&c->fault, CHQ_EINVAL, "group",
					 "a department has a group as long as it is there: use "
					 "group set --group=off");
	c->outcome = "removed";
	return store_group_remove(txn, g.id);
}

static int
all_follow(struct ctl_change *c)
{
	groups_group_changed(c->call->ctl, c->dept, true);
	return CHQ_OK;
}

static void
ctl_group_remove(struct ctl_call *call)
{
	group_change(call, remove_job, all_follow);
}

/* --- members --- */

static int
add_job(struct store_txn *txn, struct ctl_change *c)
{
	const char *rights = chq_ctl_opt(&c->call->req, "rights");
	struct store_group_member is;
	struct store_group g;
	uint8_t wanted;
	int rc = find_group(txn, c, &g);

	if (!rc)
		rc = find_login(txn, c);
	if (rc)
		return rc;
	if (!store_group_by_hand(g.id))
		return hand_fault(c);
	wanted = g.member_rights;
	if (rights && rights_parse(rights, &wanted))
		return chq_ctl_error_set(&c->fault, CHQ_EARGS, "rights",
					 "of post, announce, manage, joined by commas");
	rc = store_group_member_get(txn, g.id, c->account, &is);
	c->outcome = rc ? "added" : "was a member";
	if (!rc && !rights)
		return CHQ_OK;
	rc = store_group_member_set(txn, g.id, c->account, wanted, c->now_ms);
	if (rc == CHQ_EFULL)
		return chq_ctl_error_set(&c->fault, rc, "login",
					 "the group is full, or he is in %d groups already",
					 STORE_GROUP_OF_MAX);
	return rc;
}

static int
leave_job(struct store_txn *txn, struct ctl_change *c)
{
	struct store_group g;
	int rc = find_group(txn, c, &g);

	if (!rc)
		rc = find_login(txn, c);
	if (rc)
		return rc;
	if (!store_group_by_hand(g.id))
		return hand_fault(c);
	c->outcome = "left";
	rc = store_group_member_remove(txn, g.id, c->account);
	if (rc == CHQ_ENOENT)
		return chq_ctl_error_set(&c->fault, rc, "login", "not a member");
	return rc;
}

static int
perms_job(struct store_txn *txn, struct ctl_change *c)
{
	struct store_group_member is;
	struct store_group g;
	uint8_t rights;
	int rc = find_group(txn, c, &g);

	if (!rc)
		rc = find_login(txn, c);
	if (rc)
		return rc;
	if (!store_group_by_hand(g.id))
		return hand_fault(c);
	if (rights_parse(c->call->req.args[2], &rights))
		return chq_ctl_error_set(&c->fault, CHQ_EARGS, "rights",
					 "of post, announce, manage, joined by commas, or none");
	if (store_group_member_get(txn, g.id, c->account, &is) == CHQ_ENOENT)
		return chq_ctl_error_set(&c->fault, CHQ_ENOENT, "login", "not a member");
	c->outcome = "set";
	return store_group_member_set(txn, g.id, c->account, rights, c->now_ms);
}

static int
member_follow(struct ctl_change *c)
{
	groups_group_changed(c->call->ctl, c->dept, false);
	groups_account_changed(c->call->ctl, c->account, NULL, 0);
	return CHQ_OK;
}

static void
ctl_group_add(struct ctl_call *call)
{
	group_change(call, add_job, member_follow);
}

static void
ctl_group_leave(struct ctl_call *call)
{
	group_change(call, leave_job, member_follow);
}

static void
ctl_group_perms(struct ctl_call *call)
{
	group_change(call, perms_job, member_follow);
}

/* --- settings --- */

/* An option that is on or off. Return: 0; a code, with the fault set. */
static int
opt_switch(struct ctl_change *c, const char *name, bool *out)
{
	const char *v = chq_ctl_opt(&c->call->req, name);

	if (!v)
		return CHQ_OK;
	if (strcmp(v, "on") != 0 && strcmp(v, "off") != 0)
		return chq_ctl_error_set(&c->fault, CHQ_EARGS, name, "on or off is expected");
	*out = strcmp(v, "on") == 0;
	return CHQ_OK;
}

static int
opt_rights(struct ctl_change *c, const char *name, uint8_t *out)
{
	const char *v = chq_ctl_opt(&c->call->req, name);

	if (v && rights_parse(v, out))
		return chq_ctl_error_set(&c->fault, CHQ_EARGS, name,
					 "of post, announce, manage, joined by commas, or none");
	return CHQ_OK;
}

static int
opt_history(struct ctl_change *c, uint32_t *out)
{
	const char *v = chq_ctl_opt(&c->call->req, "history");
	uint64_t n = *out;
	int rc;

	if (v && !strcmp(v, "default")) {
		*out = STORE_GROUP_HISTORY_CONF;
		return CHQ_OK;
	}
	rc = chq_ctl_opt_number(&c->call->req, "history", 0, 1000, &n, &c->fault);
	*out = (uint32_t)n;
	return rc;
}

static int
opt_name(struct ctl_change *c, char out[STORE_DEPT_MAX_BYTES + 1])
{
	const char *v = chq_ctl_opt(&c->call->req, "name");

	if (v && strlen(v) > STORE_DEPT_MAX_BYTES)
		return name_fault(c, CHQ_ENAMELONG);
	if (v)
		memcpy(out, v, strlen(v) + 1);
	return CHQ_OK;
}

static int
set_job(struct store_txn *txn, struct ctl_change *c)
{
	struct store_group g;
	bool on;
	int rc = find_group(txn, c, &g);

	if (rc)
		return rc;
	on = !g.off;
	rc = opt_switch(c, "group", &on);
	g.off = !on;
	if (!rc)
		rc = opt_switch(c, "subdepartments", &g.subdepts);
	if (!rc)
		rc = opt_rights(c, "member-rights", &g.member_rights);
	if (!rc)
		rc = opt_rights(c, "manager-rights", &g.manager_rights);
	if (!rc)
		rc = opt_history(c, &g.history);
	if (!rc)
		rc = opt_name(c, g.name);
	if (rc)
		return rc;
	c->outcome = "set";
	rc = store_group_set(txn, &g, c->now_ms);
	if (rc == CHQ_EINVAL)
		return chq_ctl_error_set(&c->fault, rc, "group",
					 "only a department's group can be switched off or include "
					 "departments below it");
	return name_fault(c, rc);
}

/* With departments below it, or switched on, it has members that it had not. */
static int
set_follow(struct ctl_change *c)
{
	groups_all_changed(c->call->ctl);
	return CHQ_OK;
}

static void
ctl_group_set(struct ctl_call *call)
{
	group_change(call, set_job, set_follow);
}

const struct ctl_verb ctl_verbs_group[] = {
	{ "group", "list", ctl_group_list },	   { "group", "show", ctl_group_show },
	{ "group", "create", ctl_group_create },   { "group", "remove", ctl_group_remove },
	{ "group", "members", ctl_group_members }, { "group", "add", ctl_group_add },
	{ "group", "leave", ctl_group_leave },	   { "group", "perms", ctl_group_perms },
	{ "group", "set", ctl_group_set },	   { NULL, NULL, NULL },
};
