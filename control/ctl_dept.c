#include <string.h>

#include "base/err.h"
#include "control/book/book.h"
#include "control/book_load.h"
#include "control/control.h"
#include "control/ctl_common.h"
#include "control/ctl_verbs.h"
#include "control/group.h"
#include "store/account.h"
#include "store/dept.h"

/* What operators change of departments. Paths are resolved within the change, as it finds them. */

static const char *
opt(const struct ctl_change *c, const char *name)
{
	return chq_ctl_opt(&c->call->req, name);
}

static bool
name_fault(int rc)
{
	return rc <= CHQ_ENAMEEMPTY && rc >= CHQ_ENAMEBIDI;
}

/* The department of a path. Return: 0; a code, with the fault set. */
static int
find_dept(struct store_txn *txn, struct ctl_change *c, const char *path, const char *field,
	  struct store_dept *d)
{
	int rc = store_dept_find(txn, path, d);

	if (rc == CHQ_ENOENT || name_fault(rc))
		rc = chq_ctl_error_set(&c->fault, CHQ_ENOENT, field, "no such department: %s",
				       path);
	return rc;
}

/* Say why a department cannot stand where it should. */
static int
place_fault(struct ctl_change *c, int rc, const char *field)
{
	if (name_fault(rc))
		return chq_ctl_error_set(&c->fault, rc, field, "%s", chq_strerror(rc));
	switch (rc) {
	case CHQ_EEXIST:
		return chq_ctl_error_set(&c->fault, rc, field,
					 "a department of this name is there already");
	case CHQ_ELOOP:
		return chq_ctl_error_set(&c->fault, rc, field,
					 "a department cannot lie below itself");
	case CHQ_EFULL:
		return chq_ctl_error_set(&c->fault, rc, field, "too deep: at most %d levels",
					 STORE_DEPTH_MAX);
	case CHQ_ETOOBIG:
		return chq_ctl_error_set(&c->fault, CHQ_ENAMELONG, field,
					 "the path is too long: at most %d bytes",
					 STORE_PATH_MAX_BYTES);
	default: return rc;
	}
}

static void
dept_answer(struct ctl_change *c)
{
	ctl_answer(c->call,
		   json_pack("{s:I, s:s}", "department", (json_int_t)c->dept, "path", c->path),
		   NULL);
}

static void
dept_change(struct ctl_call *call, int (*job)(struct store_txn *, struct ctl_change *),
	    int (*follow)(struct ctl_change *), void (*done)(struct ctl_change *))
{
	struct ctl_change *c = ctl_change_blank(call);

	if (!c)
		return;
	c->job = job;
	c->follow = follow;
	c->done = done;
	ctl_change_submit(c);
}

/* --- the tree --- */

static void
note_path(char out[STORE_AUDIT_TEXT_MAX_BYTES + 1], const char *path)
{
	store_audit_text(out, STORE_AUDIT_TEXT_MAX_BYTES, path);
}

static int
add_job(struct store_txn *txn, struct ctl_change *c)
{
	const char *path = c->call->req.args[0], *slash = strrchr(path, '/');
	char above[STORE_PATH_MAX_BYTES + 1];
	struct store_dept d = { .id = 0 };
	int rc = CHQ_OK;

	if (strlen(path) > STORE_PATH_MAX_BYTES)
		return place_fault(c, CHQ_ETOOBIG, "path");
	if (slash) {
		memcpy(above, path, (size_t)(slash - path));
		above[slash - path] = '\0';
		rc = find_dept(txn, c, above, "path", &d);
	}
	if (rc)
		return rc;
	c->parent = d.id;
	rc = store_dept_add(txn, c->parent, slash ? slash + 1 : path, c->now_ms, &c->dept);
	if (!rc)
		rc = store_dept_path(txn, c->dept, c->path, sizeof(c->path));
	return place_fault(c, rc, "path");
}

static int
add_follow(struct ctl_change *c)
{
	return book_dept_add(c->call->ctl->book, c->dept, c->parent);
}

void
ctl_dept_add(struct ctl_call *call)
{
	dept_change(call, add_job, add_follow, dept_answer);
}

static int
rename_job(struct store_txn *txn, struct ctl_change *c)
{
	struct store_dept d;
	int rc = find_dept(txn, c, c->call->req.args[0], "path", &d);

	if (rc)
		return rc;
	c->dept = d.id;
	note_path(c->audit_old, c->call->req.args[0]);
	rc = store_dept_rename(txn, d.id, c->call->req.args[1], c->now_ms);
	if (!rc)
		rc = store_dept_path(txn, d.id, c->path, sizeof(c->path));
	note_path(c->audit_new, c->path);
	return place_fault(c, rc, "name");
}

static int
rename_follow(struct ctl_change *c)
{
	groups_all_changed(c->call->ctl); /* they are called after it */
	return CHQ_OK;
}

void
ctl_dept_rename(struct ctl_call *call)
{
	dept_change(call, rename_job, rename_follow, dept_answer); /* the book knows no names */
}

static int
move_job(struct store_txn *txn, struct ctl_change *c)
{
	const char *to = c->call->req.args[1];
	struct store_dept d, above = { .id = 0 };
	int rc = find_dept(txn, c, c->call->req.args[0], "path", &d);

	if (!rc && strcmp(to, "/") != 0)
		rc = find_dept(txn, c, to, "parent", &above);
	if (rc)
		return rc;
	c->dept = d.id;
	c->parent = above.id;
	note_path(c->audit_old, c->call->req.args[0]);
	rc = store_dept_move(txn, d.id, above.id, c->now_ms);
	if (!rc)
		rc = store_dept_path(txn, d.id, c->path, sizeof(c->path));
	note_path(c->audit_new, c->path);
	return place_fault(c, rc, "parent");
}

static int
move_follow(struct ctl_change *c)
{
	int rc = book_dept_move(c->call->ctl->book, c->dept, c->parent);

	groups_all_changed(c->call->ctl);
	return rc;
}

void
ctl_dept_move(struct ctl_call *call)
{
	dept_change(call, move_job, move_follow, dept_answer);
}

static int
remove_job(struct store_txn *txn, struct ctl_change *c)
{
	struct store_dept d;
	int rc = find_dept(txn, c, c->call->req.args[0], "path", &d);

	if (rc)
		return rc;
	c->dept = d.id;
	rc = store_dept_path(txn, d.id, c->path, sizeof(c->path));
	if (!rc)
		rc = store_dept_remove(txn, d.id);
	if (rc == CHQ_EBUSY)
		rc = chq_ctl_error_set(
			&c->fault, rc, "path",
			"it has members or departments below it, or a rule names it");
	return rc;
}

static int
remove_follow(struct ctl_change *c)
{
	return book_dept_remove(c->call->ctl->book, c->dept);
}

void
ctl_dept_remove(struct ctl_call *call)
{
	dept_change(call, remove_job, remove_follow, dept_answer);
}

/* --- members --- */

/* The department and the account that two arguments name. */
static int
find_both(struct store_txn *txn, struct ctl_change *c, const char *path, const char *login,
	  struct store_account *a)
{
	struct store_dept d;
	int rc = find_dept(txn, c, path, "path", &d);

	if (!rc)
		rc = store_account_find(txn, login, strlen(login), a);
	else
		return rc;
	if (rc == CHQ_ENOENT || name_fault(rc))
		return chq_ctl_error_set(&c->fault, CHQ_ENOENT, "login", "no such user: %s", login);
	if (rc)
		return rc;
	c->dept = d.id;
	c->account = a->id;
	c->disabled = a->disabled;
	return store_dept_path(txn, d.id, c->path, sizeof(c->path));
}

/* What the account belongs to now. */
static int
note_roles(struct store_txn *txn, struct ctl_change *c)
{
	return store_member_roles(txn, c->account, c->roles, &c->n_roles);
}

static int
join_job(struct store_txn *txn, struct ctl_change *c)
{
	struct store_account a;
	struct store_member m;
	int rc = find_both(txn, c, c->call->req.args[0], c->call->req.args[1], &a);

	if (rc)
		return rc;
	rc = store_member_get(txn, c->dept, c->account, &m);
	c->outcome = rc ? "joined" : "was a member";
	/* Joining takes nothing from who manages it already. */
	c->manager = opt(c, "manager") || (!rc && m.manager);
	note_path(c->audit_old, rc ? "" : m.manager ? "manager" : "member");
	note_path(c->audit_new, c->manager ? "manager" : "member");
	rc = store_member_set(txn, c->dept, c->account, c->manager, c->now_ms);
	if (rc == CHQ_EFULL)
		return chq_ctl_error_set(&c->fault, rc, "login", "in %d departments already",
					 STORE_ROLES_MAX);
	return rc ? rc : note_roles(txn, c);
}

/* What he was in the department, for the audit record. */
static void
note_role(struct store_txn *txn, struct ctl_change *c)
{
	struct store_member m;

	if (store_member_get(txn, c->dept, c->account, &m) == CHQ_OK)
		note_path(c->audit_old, m.manager ? "manager" : "member");
}

static int
leave_job(struct store_txn *txn, struct ctl_change *c)
{
	struct store_account a;
	int rc = find_both(txn, c, c->call->req.args[0], c->call->req.args[1], &a);

	if (rc)
		return rc;
	note_role(txn, c);
	rc = store_member_remove(txn, c->dept, c->account);
	if (rc == CHQ_ENOENT)
		return chq_ctl_error_set(&c->fault, rc, "login", "not a member of %s", c->path);
	c->outcome = "left";
	c->manager = false;
	return rc ? rc : note_roles(txn, c);
}

static int
manager_job(struct store_txn *txn, struct ctl_change *c)
{
	struct store_account a;
	struct store_member m;
	int rc = find_both(txn, c, c->call->req.args[1], c->call->req.args[2], &a);

	if (rc)
		return rc;
	rc = store_member_get(txn, c->dept, c->account, &m);
	if (rc == CHQ_ENOENT)
		return chq_ctl_error_set(&c->fault, rc, "login", "not a member of %s", c->path);
	c->manager = strcmp(c->call->req.args[0], "set") == 0;
	note_role(txn, c);
	note_path(c->audit_new, c->manager ? "manager" : "member");
	c->outcome = c->manager ? "manages it" : "does not manage it";
	if (!rc)
		rc = store_member_set(txn, c->dept, c->account, c->manager, c->now_ms);
	return rc ? rc : note_roles(txn, c);
}

static int
member_follow(struct ctl_change *c)
{
	return control_book_account(c->call->ctl, c->account, c->disabled, c->roles, c->n_roles);
}

static void
member_done(struct ctl_change *c)
{
	c->call->account = c->account;
	ctl_answer(c->call,
		   json_pack("{s:I, s:s, s:I, s:b, s:s}", "department", (json_int_t)c->dept, "path",
			     c->path, "account", (json_int_t)c->account, "manager", c->manager,
			     "outcome", c->outcome),
		   NULL);
}

void
ctl_dept_join(struct ctl_call *call)
{
	dept_change(call, join_job, member_follow, member_done);
}

void
ctl_dept_leave(struct ctl_call *call)
{
	dept_change(call, leave_job, member_follow, member_done);
}

void
ctl_dept_manager(struct ctl_call *call)
{
	const char *what = call->req.args[0];

	if (strcmp(what, "set") != 0 && strcmp(what, "unset") != 0) {
		ctl_refuse(call, CHQ_EARGS, "set", "\"set\" or \"unset\" is expected");
		return;
	}
	dept_change(call, manager_job, member_follow, member_done);
}

const struct ctl_verb ctl_verbs_dept[] = {
	{ "dept", "add", ctl_dept_add },	 { "dept", "list", ctl_dept_list },
	{ "dept", "tree", ctl_dept_tree },	 { "dept", "show", ctl_dept_show },
	{ "dept", "rename", ctl_dept_rename },	 { "dept", "move", ctl_dept_move },
	{ "dept", "remove", ctl_dept_remove },	 { "dept", "members", ctl_dept_members },
	{ "dept", "join", ctl_dept_join },	 { "dept", "leave", ctl_dept_leave },
	{ "dept", "manager", ctl_dept_manager }, { NULL, NULL, NULL },
};
