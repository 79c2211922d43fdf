#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "control/book/book.h"
#include "control/control.h"
#include "control/ctl_common.h"
#include "control/ctl_policy.h"
#include "control/ctl_verbs.h"
#include "control/rights.h"
#include "store/account.h"
#include "store/dept.h"
#include "store/reader.h"
#include "store/rule.h"

/* What operators are shown of rules, and of what they mean. */

enum {
	SET_TEXT_MAX = 320 * 1024, /* any set that is stored */
	LIST_BYTES = 512 * 1024,   /* an answer's share for texts of sets; at least one rule */
	DEPTS_PAGE = 64,
	WARNINGS_MAX = 2000,
};

/* While the book does not follow the store, nothing is said of what it holds. */
static bool
book_refused(struct ctl_call *call)
{
	if (call->ctl->book_stale)
		ctl_refuse(call, CHQ_EUNAVAIL, NULL, "the address book is being made anew");
	return call->ctl->book_stale;
}

/* --- list --- */

static json_t *
rights_json(uint8_t rights)
{
	char text[64] = "";
	size_t n = 0;

	if (rights == BOOK_ALL)
		return json_string("all");
	for (unsigned i = 0; i < BOOK_RIGHTS; i++)
		if (rights >> i & 1)
			n += (size_t)snprintf(text + n, sizeof(text) - n, "%s%s", n ? "," : "",
					      ctl_policy_right(i));
	return json_string(text);
}

/* The text of a set, in @text. Return: 0; codes of reading. */
static int
set_text(struct store_txn *txn, const struct store_atom *atoms, unsigned n, char *text)
{
	struct book_names names = ctl_policy_names(txn);
	struct book_atom of[BOOK_ATOMS_MAX];

	for (unsigned i = 0; i < n; i++)
		of[i] = (struct book_atom){ .kind = atoms[i].kind,
					    .except = atoms[i].except,
					    .id = atoms[i].id };
	return book_set_print(&(struct book_set){ of, n }, &names, text, SET_TEXT_MAX);
}

/* @bytes: grows by what it takes. Return: 0 with a new row; codes of reading. */
static int
rule_json(struct store_txn *txn, const struct store_rule *r, char *text, size_t *bytes,
	  json_t **out)
{
	int rc = set_text(txn, r->subjects, r->n_subjects, text);

	if (rc)
		return rc;
	*out = json_pack("{s:I, s:s, s:s}", "rule", (json_int_t)r->id, "effect",
			 r->deny ? "deny" : "allow", "subjects", text);
	*bytes += strlen(text);
	rc = set_text(txn, r->objects, r->n_objects, text);
	if (rc) {
		json_decref(*out);
		return rc;
	}
	*bytes += strlen(text);
	json_object_set_new(*out, "objects", json_string(text));
	json_object_set_new(*out, "rights", rights_json(r->rights));
	json_object_set_new(*out, "note", json_string(r->note));
	json_object_set_new(*out, "changed", ctl_time(r->changed_ms));
	return CHQ_OK;
}

void
ctl_policy_audit(struct store_txn *txn, const struct store_rule *r,
		 char out[STORE_AUDIT_TEXT_MAX_BYTES + 1])
{
	char *text = malloc(2 * SET_TEXT_MAX), *objects = text + SET_TEXT_MAX, *line = NULL;
	json_t *rights = rights_json(r->rights);

	*out = '\0';
	if (text && set_text(txn, r->subjects, r->n_subjects, text) == CHQ_OK &&
	    set_text(txn, r->objects, r->n_objects, objects) == CHQ_OK &&
	    asprintf(&line, "%s %s: %s towards %s", r->deny ? "deny" : "allow",
		     json_string_value(rights), text, objects) >= 0)
		store_audit_text(out, STORE_AUDIT_TEXT_MAX_BYTES, line);
	free(line);
	free(text);
	json_decref(rights);
}

static int
list_fill(struct store_txn *txn, uint64_t limit, uint64_t *after, json_t *rows)
{
	char *text = malloc(SET_TEXT_MAX);
	struct store_rule r = { .id = (uint32_t)*after };
	size_t bytes = 0;
	int rc = text ? CHQ_OK : CHQ_ENOMEM;

	for (; !rc && limit > 0 && bytes < LIST_BYTES; limit--) {
		json_t *row;

		rc = store_rule_next(txn, r.id, &r);
		if (!rc)
			rc = rule_json(txn, &r, text, &bytes, &row);
		if (!rc)
			json_array_append_new(rows, row);
	}
	*after = rc ? 0 : r.id;
	free(text);
	return rc == CHQ_ENOENT ? CHQ_OK : rc;
}

void
ctl_policy_list(struct ctl_call *call)
{
	uint64_t limit, after;
	struct store_txn *txn;
	json_t *rows;
	int rc;

	if (!ctl_page(call, &limit, &after))
		return;
	if (after > UINT32_MAX) {
		ctl_refuse(call, CHQ_EARGS, "cursor", "not a cursor of this list");
		return;
	}
	txn = ctl_read(call);
	if (!txn)
		return;
	rows = json_array();
	rc = list_fill(txn, limit, &after, rows);
	store_read_end(call->ctl->reader);
	if (rc) {
		json_decref(rows);
		ctl_refuse_code(call, rc, NULL);
		return;
	}
	ctl_answer_page(call, rows, after);
}

/* --- check --- */

struct check {
	struct ctl_call *call;
	struct store_txn *txn;
	const struct book *b;
	json_t *rows;
	uint32_t names_all_managers; /* the first rule that does */
};

/* A department may stand in both sets of a rule. */
static bool
warned_last(const struct check *k, uint32_t rule, const char *text)
{
	for (size_t i = json_array_size(k->rows); i-- > 0;) {
		const json_t *row = json_array_get(k->rows, i);

		if (json_integer_value(json_object_get(row, "rule")) != rule)
			return false;
		if (!strcmp(json_string_value(json_object_get(row, "warning")), text))
			return true;
	}
	return false;
}

static void __attribute__((format(printf, 3, 4)))
warn(struct check *k, uint32_t rule, const char *fmt, ...)
{
	char text[STORE_PATH_MAX_BYTES + 256];
	va_list ap;

	if (json_array_size(k->rows) >= WARNINGS_MAX)
		return;
	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	if (warned_last(k, rule, text))
		return;
	json_array_append_new(k->rows,
			      json_pack("{s:I, s:s}", "rule", (json_int_t)rule, "warning", text));
}

static const char *
path_of(const struct check *k, uint64_t dept, char path[STORE_PATH_MAX_BYTES + 1])
{
	if (store_dept_path(k->txn, (uint32_t)dept, path, STORE_PATH_MAX_BYTES + 1) != 0)
		snprintf(path, STORE_PATH_MAX_BYTES + 1, "%llu", (unsigned long long)dept);
	return path;
}

static void
check_atom(struct check *k, uint32_t rule, const struct store_atom *a)
{
	char path[STORE_PATH_MAX_BYTES + 1];
	struct store_account who;

	if (a->kind == STORE_ATOM_MANAGERS_ALL && !k->names_all_managers)
		k->names_all_managers = rule;
	if (a->kind == STORE_ATOM_MANAGERS && book_dept_managers(k->b, (uint32_t)a->id) == 0)
		warn(k, rule, "department %s has no manager", path_of(k, a->id, path));
	if (a->kind == STORE_ATOM_MEMBERS && book_dept_members(k->b, (uint32_t)a->id) == 0)
		warn(k, rule, "department %s has no members", path_of(k, a->id, path));
	if (a->kind == STORE_ATOM_ACCOUNT && !book_account_known(k->b, a->id) &&
	    store_account_get(k->txn, a->id, &who) == 0)
		warn(k, rule, "account %s is disabled", who.login);
}

static void
check_rule(struct check *k, const struct store_rule *r)
{
	size_t all = book_accounts(k->b), subjects = 0, objects = 0;

	for (unsigned i = 0; i < r->n_subjects; i++)
		check_atom(k, r->id, &r->subjects[i]);
	for (unsigned i = 0; i < r->n_objects; i++)
		check_atom(k, r->id, &r->objects[i]);
	(void)book_rule_reach(k->b, r->id, &subjects, &objects);
	if (subjects == 0)
		warn(k, r->id, "nobody is among its subjects");
	if (objects == 0)
		warn(k, r->id, "nobody is among its objects");
	if (r->deny && (r->rights & BOOK_SEE) && all > 0 && subjects == all && objects == all)
		warn(k, r->id, "it hides everybody from everybody");
}

/* Rules about all managers miss the departments that have none. */
static int
check_managers(struct check *k)
{
	char path[STORE_PATH_MAX_BYTES + 1];
	struct store_dept page[DEPTS_PAGE];
	size_t n = 0;
	uint32_t after = 0;
	int rc;

	do {
		rc = store_dept_list(k->txn, after, page, DEPTS_PAGE, &n);
		for (size_t i = 0; i < n && !rc; i++)
			if (book_dept_members(k->b, page[i].id) &&
			    !book_dept_managers(k->b, page[i].id))
				warn(k, k->names_all_managers,
				     "department %s has members and no manager",
				     path_of(k, page[i].id, path));
		after = n ? page[n - 1].id : after;
	} while (!rc && n == DEPTS_PAGE);
	return rc;
}

/* Rules that others come before, whoever they are about. */
static int
check_idle(struct check *k)
{
	uint32_t *idle = calloc(BOOK_RULES_MAX, sizeof(*idle));
	size_t subjects, objects;
	unsigned n = 0;
	int rc = idle ? book_rules_idle(k->b, idle, &n) : CHQ_ENOMEM;

	for (unsigned i = 0; i < n && !rc; i++)
		if (book_rule_reach(k->b, idle[i], &subjects, &objects) == 0 && subjects && objects)
			warn(k, idle[i], "it decides nothing: other rules speak before it");
	if (rc == CHQ_ETOOBIG)
		warn(k, 0, "too many kinds of people to tell which rules decide nothing");
	free(idle);
	return rc == CHQ_ETOOBIG ? CHQ_OK : rc;
}

static int
check_all(struct check *k)
{
	struct store_rule r = { .id = 0 };
	int rc;

	while ((rc = store_rule_next(k->txn, r.id, &r)) == 0)
		check_rule(k, &r);
	if (rc == CHQ_ENOENT)
		rc = check_idle(k);
	return !rc && k->names_all_managers ? check_managers(k) : rc;
}

void
ctl_policy_check(struct ctl_call *call)
{
	struct check k = { .call = call, .b = call->ctl->book };
	int rc;

	if (book_refused(call))
		return;
	k.txn = ctl_read(call);
	if (!k.txn)
		return;
	k.rows = json_array();
	rc = check_all(&k);
	store_read_end(call->ctl->reader);
	if (!rc) {
		ctl_answer(call, k.rows, NULL);
		return;
	}
	json_decref(k.rows);
	ctl_refuse_code(call, rc, NULL);
}

/* --- explain --- */

struct explain {
	struct store_txn *txn;
	const struct book *b;
	struct store_account a, o; /* who asks, and about whom */
	unsigned rights;	   /* by rules and friendship */
	char *text;
};

/* Why no rule decides. */
static const char *
explain_without(const struct explain *x, bool allowed)
{
	if (allowed)
		return "they are friends, and no rule speaks of them";
	if (x->a.id == x->o.id)
		return "both are the same user";
	if (!book_account_known(x->b, x->a.id))
		return "the first is disabled";
	if (!book_account_known(x->b, x->o.id))
		return "the second is disabled";
	return "no rule speaks of them";
}

static int
explain_right(struct explain *x, unsigned i, json_t *rows)
{
	bool by_rule, allowed = (x->rights & 1U << i) != 0;
	uint32_t id = book_explain(x->b, x->a.id, x->o.id, 1U << i, &by_rule);
	json_t *row = json_pack("{s:s, s:b}", "right", ctl_policy_right(i), "allowed", allowed);
	struct store_rule r;
	size_t bytes = 0;
	int rc = CHQ_OK;

	json_array_append_new(rows, row);
	if (id) {
		json_t *rule;

		rc = store_rule_get(x->txn, id, &r);
		if (!rc)
			rc = rule_json(x->txn, &r, x->text, &bytes, &rule);
		if (rc)
			return rc;
		json_object_del(rule, "rights");
		json_object_del(rule, "changed");
		json_object_update_new(row, rule);
	} else {
		json_object_set_new(row, "rule", json_null());
		json_object_set_new(row, "note", json_string(explain_without(x, allowed)));
	}
	return rc;
}

static int
explain_fill(struct ctl_call *call, struct explain *x, json_t *rows, unsigned *arg)
{
	int rc = ctl_account(call, x->txn, 0, &x->a);

	*arg = 0;
	if (rc)
		return rc;
	*arg = 1;
	rc = ctl_account(call, x->txn, 1, &x->o);
	if (rc)
		return rc;
	*arg = 2;
	rc = people_rights(call->ctl, x->txn, x->a.id, x->o.id, &x->rights);
	if (rc)
		return rc;
	x->text = malloc(SET_TEXT_MAX);
	if (!x->text)
		return CHQ_ENOMEM;
	for (unsigned i = 0; i < BOOK_RIGHTS && !rc; i++)
		rc = explain_right(x, i, rows);
	free(x->text);
	/* A rule that is removed in this moment. */
	return rc == CHQ_ENOENT ? CHQ_ESTALE : rc;
}

void
ctl_policy_explain(struct ctl_call *call)
{
	struct explain x = { .b = call->ctl->book };
	unsigned arg;
	json_t *rows;
	int rc;

	if (book_refused(call))
		return;
	x.txn = ctl_read(call);
	if (!x.txn)
		return;
	rows = json_array();
	rc = explain_fill(call, &x, rows, &arg);
	store_read_end(call->ctl->reader);
	if (!rc) {
		ctl_answer(call, rows, NULL);
		return;
	}
	json_decref(rows);
	if (arg < 2)
		ctl_refuse_account(call, rc, arg);
	else
		ctl_refuse_code(call, rc, NULL);
}
