#include <stdlib.h>
#include <string.h>

#include "base/array.h"
#include "base/err.h"
#include "control/book/book.h"
#include "control/book_load.h"
#include "control/control.h"
#include "control/ctl_common.h"
#include "control/ctl_policy.h"
#include "control/ctl_verbs.h"
#include "store/account.h"
#include "store/dept.h"
#include "store/rule.h"
#include "store/text.h"

/* What operators change of rules. Names in sets are resolved within the change, as it finds them. */

static const char *const right_names[BOOK_RIGHTS] = { "see", "presence", "search", "message",
						      "p2p" };

const char *
ctl_policy_right(unsigned i)
{
	return right_names[i];
}

/* --- names in the texts of sets --- */

/* What can be nobody's name is nobody's. */
static int
not_there(int rc)
{
	return rc <= CHQ_ENAMEEMPTY && rc >= CHQ_ENAMEBIDI ? CHQ_ENOENT : rc;
}

static int
dept_id(void *arg, const char *path, uint64_t *id)
{
	struct store_dept d;
	int rc = store_dept_find(arg, path, &d);

	if (!rc)
		*id = d.id;
	return not_there(rc);
}

static int
account_id(void *arg, const char *login, uint64_t *id)
{
	struct store_account a;
	int rc = store_account_find(arg, login, strlen(login), &a);

	if (!rc)
		*id = a.id;
	return not_there(rc);
}

static int
dept_name(void *arg, uint64_t id, char *out, size_t size)
{
	int rc = store_dept_path(arg, (uint32_t)id, out, size);

	if (rc != CHQ_ETOOBIG)
		return rc;
	/* Below a department that was moved or renamed. */
	snprintf(out, size, "(department %llu)", (unsigned long long)id);
	return CHQ_OK;
}

static int
account_name(void *arg, uint64_t id, char *out, size_t size)
{
	struct store_account a;
	int rc = store_account_get(arg, id, &a);

	if (!rc)
		snprintf(out, size, "%s", a.login);
	return rc;
}

struct book_names
ctl_policy_names(struct store_txn *txn)
{
	return (struct book_names){ .dept_id = dept_id,
				    .account_id = account_id,
				    .dept_name = dept_name,
				    .account_name = account_name,
				    .arg = txn };
}

/* --- what a request says --- */

/* "see,presence" or "all". Return: the bits; 0 if it is neither. */
static uint8_t
rights_of(const char *text)
{
	unsigned rights = 0;

	if (strcmp(text, "all") == 0)
		return BOOK_ALL;
	for (;;) {
		size_t len = strcspn(text, ","), i = 0;

		while (i < ARRAY_LEN(right_names) &&
		       (strlen(right_names[i]) != len || memcmp(right_names[i], text, len) != 0))
			i++;
		if (i == ARRAY_LEN(right_names))
			return 0;
		rights |= 1U << i;
		if (text[len] == '\0')
			return (uint8_t)rights;
		text += len + 1;
	}
}

/* Options that need no database. Return: false if the call was refused. */
static bool
options_check(struct ctl_call *call)
{
	const char *rights = chq_ctl_opt(&call->req, "rights");
	const char *note = chq_ctl_opt(&call->req, "note");
	int rc = note ? store_text_check(note, strlen(note), STORE_NAME_MAX_BYTES) : CHQ_OK;

	if (rc)
		ctl_refuse_code(call, rc, "note");
	else if (rights && !rights_of(rights))
		ctl_refuse(call, CHQ_EARGS, "rights",
			   "see, presence, search, message, p2p, joined by commas, or all");
	else if (chq_ctl_opt(&call->req, "allow") && chq_ctl_opt(&call->req, "deny"))
		ctl_refuse(call, CHQ_EARGS, "deny", "a rule allows or denies, not both");
	else
		return true;
	return false;
}

/* Put a set into a rule. Return: 0; a code, with the fault set. */
static int
take_set(struct store_txn *txn, struct ctl_change *c, const char *field, struct store_atom *atoms,
	 uint16_t *n)
{
	const char *text = chq_ctl_opt(&c->call->req, field);
	struct book_names names = ctl_policy_names(txn);
	char why[CHQ_CTL_TEXT_MAX] = "";
	struct book_set set;
	int rc;

	if (!text)
		return CHQ_OK;
	rc = book_set_parse(&set, text, &names, why, sizeof(why));
	if (rc)
		return chq_ctl_error_set(&c->fault, rc == CHQ_EMALFORMED ? CHQ_EARGS : rc, field,
					 "%s", why[0] ? why : chq_strerror(rc));
	for (unsigned i = 0; i < set.n; i++)
		atoms[i] = (struct store_atom){ .kind = set.atoms[i].kind,
						.except = set.atoms[i].except,
						.id = set.atoms[i].id };
	*n = (uint16_t)set.n;
	book_set_free(&set);
	return CHQ_OK;
}

/* Change what the options say, and write it. */
static int
write_rule(struct store_txn *txn, struct ctl_change *c)
{
	const struct chq_ctl_request *req = &c->call->req;
	const char *rights = chq_ctl_opt(req, "rights"), *note = chq_ctl_opt(req, "note");
	struct store_rule *r = c->rule;
	int rc = take_set(txn, c, "subjects", r->subjects, &r->n_subjects);

	if (!rc)
		rc = take_set(txn, c, "objects", r->objects, &r->n_objects);
	if (rc)
		return rc;
	if (rights)
		r->rights = rights_of(rights);
	if (note)
		snprintf(r->note, sizeof(r->note), "%s", note);
	if (chq_ctl_opt(req, "deny"))
		r->deny = true;
	else if (chq_ctl_opt(req, "allow"))
		r->deny = false;
	r->changed_ms = c->now_ms;
	rc = store_rule_set(txn, r);
	if (rc == CHQ_EFULL)
		return chq_ctl_error_set(&c->fault, rc, NULL, "at most %d rules", STORE_RULES_MAX);
	if (!rc)
		ctl_policy_audit(txn, r, c->audit_new);
	return rc;
}

static int
no_rule(struct ctl_change *c)
{
	return chq_ctl_error_set(&c->fault, CHQ_ENOENT, "rule", "no such rule: %s",
				 c->call->req.args[0]);
}

/* --- changes --- */

static int
add_job(struct store_txn *txn, struct ctl_change *c)
{
	*c->rule = (struct store_rule){ .id = 0 };
	return write_rule(txn, c);
}

static int
set_job(struct store_txn *txn, struct ctl_change *c)
{
	int rc = store_rule_get(txn, c->rule_id, c->rule);

	if (rc)
		return rc == CHQ_ENOENT ? no_rule(c) : rc;
	ctl_policy_audit(txn, c->rule, c->audit_old);
	return write_rule(txn, c);
}

static int
remove_job(struct store_txn *txn, struct ctl_change *c)
{
	struct store_rule *r = malloc(sizeof(*r));
	int rc = r ? store_rule_get(txn, c->rule_id, r) : CHQ_ENOMEM;

	if (!rc)
		ctl_policy_audit(txn, r, c->audit_old);
	free(r);
	if (!rc)
		rc = store_rule_remove(txn, c->rule_id);
	return rc == CHQ_ENOENT ? no_rule(c) : rc;
}

static int
write_follow(struct ctl_change *c)
{
	struct book_rule r;
	int rc = book_rule_of(c->rule, &r);

	if (rc)
		return rc;
	rc = book_rule_put(c->call->ctl->book, &r);
	book_set_free(&r.subjects);
	book_set_free(&r.objects);
	return rc;
}

static int
remove_follow(struct ctl_change *c)
{
	return book_rule_drop(c->call->ctl->book, c->rule_id);
}

/* How many it is about says at once when it is not what was meant. */
static void
write_done(struct ctl_change *c)
{
	size_t subjects = 0, objects = 0;

	(void)book_rule_reach(c->call->ctl->book, c->rule->id, &subjects, &objects);
	ctl_answer(c->call,
		   json_pack("{s:I, s:I, s:I}", "rule", (json_int_t)c->rule->id, "subjects",
			     (json_int_t)subjects, "objects", (json_int_t)objects),
		   NULL);
}

static void
remove_done(struct ctl_change *c)
{
	ctl_answer(c->call, json_pack("{s:I}", "rule", (json_int_t)c->rule_id), NULL);
}

static bool
rule_number(const char *text, unsigned long *id)
{
	size_t len = strspn(text, "0123456789");

	*id = len && len <= 10 && !text[len] ? strtoul(text, NULL, 10) : 0;
	return *id && *id <= UINT32_MAX;
}

/* A change of the rule that argument 0 names, or of a new one. NULL: the call was refused. */
static struct ctl_change *
rule_change(struct ctl_call *call)
{
	struct ctl_change *c;
	unsigned long id = 0;

	if (!options_check(call))
		return NULL;
	if (call->req.argc && !rule_number(call->req.args[0], &id)) {
		ctl_refuse(call, CHQ_EARGS, "rule", "the number of a rule is expected");
		return NULL;
	}
	c = ctl_change_blank(call);
	if (!c)
		return NULL;
	c->rule_id = (uint32_t)id;
	c->rule = calloc(1, sizeof(*c->rule));
	if (c->rule)
		return c;
	ctl_refuse_code(call, CHQ_ENOMEM, NULL);
	ctl_change_free(c);
	return NULL;
}

static void
rule_submit(struct ctl_change *c, int (*job)(struct store_txn *, struct ctl_change *),
	    int (*follow)(struct ctl_change *), void (*done)(struct ctl_change *))
{
	if (!c)
		return;
	c->job = job;
	c->follow = follow;
	c->done = done;
	ctl_change_submit(c);
}

void
ctl_policy_add(struct ctl_call *call)
{
	rule_submit(rule_change(call), add_job, write_follow, write_done);
}

void
ctl_policy_set(struct ctl_call *call)
{
	if (!call->req.opts || json_object_size(call->req.opts) == 0)
		ctl_refuse(call, CHQ_EARGS, NULL, "nothing to change");
	else
		rule_submit(rule_change(call), set_job, write_follow, write_done);
}

void
ctl_policy_remove(struct ctl_call *call)
{
	rule_submit(rule_change(call), remove_job, remove_follow, remove_done);
}

const struct ctl_verb ctl_verbs_policy[] = {
	{ "policy", "list", ctl_policy_list },
	{ "policy", "add", ctl_policy_add },
	{ "policy", "set", ctl_policy_set },
	{ "policy", "remove", ctl_policy_remove },
	{ "policy", "check", ctl_policy_check },
	{ "policy", "explain", ctl_policy_explain },
	{ NULL, NULL, NULL },
};
