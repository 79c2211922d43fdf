#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "control/app.h"
#include "control/control.h"
#include "control/ctl_common.h"
#include "control/ctl_policy.h"
#include "control/ctl_verbs.h"
#include "store/app.h"
#include "store/reader.h"

/* The registry of applications, as operators see and change it. */

enum { SET_TEXT_MAX = 320 * 1024 };

static const char sign_hint[] = "clients go by a list that the organisation has signed: run "
				"`chasqui-control sign-policy` where "
				"org.key is, with the numbers of all inspected applications, put "
				"the file \"policy\" into the "
				"folder of keys, then `chasquictl app sign`";

/* --- show --- */

static json_t *
posters_json(struct store_txn *txn, const struct store_app *a, char *text)
{
	struct book_names names = ctl_policy_names(txn);
	struct book_atom of[BOOK_ATOMS_MAX];

	if (a->post != STORE_APP_POST_SET)
		return json_string(a->post == STORE_APP_POST_ALL ? "all" : "managers");
	for (unsigned i = 0; i < a->n_posters; i++)
		of[i] = (struct book_atom){ .kind = a->poster[i].kind,
					    .except = a->poster[i].except,
					    .id = a->poster[i].id };
	if (book_set_print(&(struct book_set){ of, a->n_posters }, &names, text, SET_TEXT_MAX) != 0)
		return NULL;
	return json_string(text);
}

/* Return: the row; NULL when it could not be made. */
static json_t *
app_json(struct control *ctl, struct store_txn *txn, const struct store_app *a, char *text)
{
	json_t *post = posters_json(txn, a, text);

	if (!post)
		return NULL;
	return json_pack("{s:I, s:s, s:b, s:b, s:s, s:b, s:o, s:o}", "app", (json_int_t)a->id,
			 "name", a->name, "store", a->store, "p2p", a->p2p, "protection",
			 a->inspected ? "inspected" : "sealed", "signed", app_is_signed(ctl, a->id),
			 "post", post, "changed", ctl_time(a->changed_ms));
}

/* Return: 0, with *@after where to go on, 0 at the end; codes of reading. */
static int
list_fill(struct control *ctl, struct store_txn *txn, uint64_t limit, uint64_t *after, json_t *rows)
{
	char *text = malloc(SET_TEXT_MAX);
	uint32_t from = (uint32_t)*after;
	int rc = text ? CHQ_OK : CHQ_ENOMEM;

	for (; !rc && limit > 0; limit--) {
		struct store_app a;
		json_t *row;

		rc = store_app_next(txn, from, &a);
		if (rc)
			break;
		row = app_json(ctl, txn, &a, text);
		if (!row)
			rc = CHQ_ECORRUPT;
		else
			json_array_append_new(rows, row);
		from = a.id + 1u;
	}
	free(text);
	*after = rc ? 0 : from;
	return rc == CHQ_ENOENT ? CHQ_OK : rc;
}

void
ctl_app_list(struct ctl_call *call)
{
	uint64_t limit, after;
	struct store_txn *txn;
	json_t *rows;
	int rc;

	if (!ctl_page(call, &limit, &after))
		return;
	if (after > UINT16_MAX + 1u) {
		ctl_refuse(call, CHQ_EARGS, "cursor", "not a cursor of this list");
		return;
	}
	txn = ctl_read(call);
	if (!txn)
		return;
	rows = json_array();
	rc = list_fill(call->ctl, txn, limit, &after, rows);
	store_read_end(call->ctl->reader);
	if (!rc) {
		ctl_answer_page(call, rows, after);
		return;
	}
	json_decref(rows);
	ctl_refuse_code(call, rc, NULL);
}

/* --- what a request says --- */

/* "yes" or "no"; absent: as it is. Return: false if the call was refused. */
static bool
yes_or_no(struct ctl_call *call, const char *name, const char *yes, const char *no, bool *out)
{
	const char *value = chq_ctl_opt(&call->req, name);

	if (!value)
		return true;
	*out = strcmp(value, yes) == 0;
	if (*out || strcmp(value, no) == 0)
		return true;
	ctl_refuse(call, CHQ_EARGS, name, "%s or %s", yes, no);
	return false;
}

static bool
app_number(const char *text, uint16_t *id)
{
	size_t len = strspn(text, "0123456789");
	unsigned long n = len && len <= 5 && !text[len] ? strtoul(text, NULL, 10) : UINT32_MAX;

	*id = (uint16_t)n;
	return n <= UINT16_MAX;
}

/* All but who may post, which needs the store. Return: false if the call was refused. */
static bool
options_take(struct ctl_call *call, struct store_app *a)
{
	const char *name = chq_ctl_opt(&call->req, "name");

	if (name && strlen(name) > STORE_APP_NAME_MAX_BYTES) {
		ctl_refuse_code(call, CHQ_ENAMELONG, "name");
		return false;
	}
	if (name)
		snprintf(a->name, sizeof(a->name), "%s", name);
	return yes_or_no(call, "store", "yes", "no", &a->store) &&
	       yes_or_no(call, "p2p", "yes", "no", &a->p2p) &&
	       yes_or_no(call, "protection", "inspected", "sealed", &a->inspected);
}

/* Return: 0; a code, with the fault set. */
static int
posters_set(struct store_txn *txn, struct ctl_change *c, const char *text)
{
	struct book_names names = ctl_policy_names(txn);
	char why[CHQ_CTL_TEXT_MAX] = "";
	struct book_set set;
	int rc = book_set_parse(&set, text, &names, why, sizeof(why));

	if (rc)
		return chq_ctl_error_set(&c->fault, rc == CHQ_EMALFORMED ? CHQ_EARGS : rc, "post",
					 "%s", why[0] ? why : chq_strerror(rc));
	for (unsigned i = 0; i < set.n; i++)
		c->app->poster[i] = (struct store_atom){ .kind = set.atoms[i].kind,
							 .except = set.atoms[i].except,
							 .id = set.atoms[i].id };
	c->app->n_posters = (uint16_t)set.n;
	c->app->post = STORE_APP_POST_SET;
	book_set_free(&set);
	return CHQ_OK;
}

static int
posters_take(struct store_txn *txn, struct ctl_change *c)
{
	const char *text = chq_ctl_opt(&c->call->req, "post");
	bool all = text && strcmp(text, "all") == 0;

	if (!text)
		return CHQ_OK;
	if (!all && strcmp(text, "managers") != 0)
		return posters_set(txn, c, text);
	c->app->post = all ? STORE_APP_POST_ALL : STORE_APP_POST_MANAGERS;
	c->app->n_posters = 0;
	return CHQ_OK;
}

/* --- changes --- */

static int
app_write(struct store_txn *txn, struct ctl_change *c, bool fresh)
{
	int rc = posters_take(txn, c);

	if (rc)
		return rc;
	c->app->changed_ms = c->now_ms;
	rc = store_app_set(txn, c->app, fresh);
	if (rc == CHQ_EEXIST)
		return chq_ctl_error_set(&c->fault, rc, NULL,
					 "number or name is registered already");
	if (rc == CHQ_EINVAL)
		return chq_ctl_error_set(&c->fault, CHQ_EARGS, "p2p",
					 "what does not pass the relay cannot be inspected there: "
					 "--p2p no");
	if (rc == CHQ_EFULL)
		return chq_ctl_error_set(&c->fault, rc, NULL, "at most %d applications",
					 STORE_APPS_MAX);
	return rc;
}

static int
register_job(struct store_txn *txn, struct ctl_change *c)
{
	return app_write(txn, c, true);
}

/* The one that argument 0 names, as it is in the store. */
static int
app_named(struct store_txn *txn, struct ctl_change *c)
{
	const char *name = c->call->req.args[0];
	uint32_t from = 0;
	uint16_t id;
	int rc;

	if (app_number(name, &id)) {
		rc = store_app_get(txn, id, c->app);
	} else {
		while ((rc = store_app_next(txn, from, c->app)) == 0 &&
		       strcmp(c->app->name, name) != 0)
			from = c->app->id + 1u;
	}
	if (rc == CHQ_ENOENT)
		return chq_ctl_error_set(&c->fault, rc, "app", "no such application: %s", name);
	return rc;
}

static int
set_job(struct store_txn *txn, struct ctl_change *c)
{
	struct store_app want = *c->app;
	const struct chq_ctl_request *req = &c->call->req;
	int rc = app_named(txn, c);

	if (rc)
		return rc;
	if (chq_ctl_opt(req, "name"))
		memcpy(c->app->name, want.name, sizeof(want.name));
	if (chq_ctl_opt(req, "store"))
		c->app->store = want.store;
	if (chq_ctl_opt(req, "p2p"))
		c->app->p2p = want.p2p;
	if (chq_ctl_opt(req, "protection"))
		c->app->inspected = want.inspected;
	rc = app_write(txn, c, false);
	*c->app = rc ? want : *c->app; /* the job may run again */
	return rc;
}

static int
remove_job(struct store_txn *txn, struct ctl_change *c)
{
	int rc = app_named(txn, c);

	if (!rc)
		rc = store_app_remove(txn, c->app->id);
	if (rc == CHQ_EDENIED)
		return chq_ctl_error_set(&c->fault, rc, "app", "%s cannot be removed",
					 c->app->name);
	return rc;
}

static void
app_done(struct ctl_change *c)
{
	struct control *ctl = c->call->ctl;
	bool hint = c->app->inspected != app_is_signed(ctl, c->app->id);
	int rc = apps_changed(ctl);

	if (rc) {
		ctl_refuse_code(c->call, CHQ_EUNKNOWNRESULT, NULL);
		return;
	}
	ctl_answer(c->call,
		   json_pack("{s:I, s:s, s:s*}", "app", (json_int_t)c->app->id, "name",
			     c->app->name, "next", hint ? sign_hint : NULL),
		   NULL);
}

static void
app_submit(struct ctl_call *call, const struct store_app *a,
	   int (*job)(struct store_txn *, struct ctl_change *))
{
	struct ctl_change *c = ctl_change_blank(call);

	if (!c)
		return;
	c->app = malloc(sizeof(*c->app));
	if (!c->app) {
		ctl_refuse_code(call, CHQ_ENOMEM, NULL);
		ctl_change_free(c);
		return;
	}
	*c->app = *a;
	c->job = job;
	c->done = app_done;
	ctl_change_submit(c);
}

void
ctl_app_register(struct ctl_call *call)
{
	struct store_app a = { .store = true, .p2p = true };
	const char *name = call->req.args[1];
	uint16_t ignored;

	if (!app_number(call->req.args[0], &a.id)) {
		ctl_refuse(call, CHQ_EARGS, "id", "a number of 0 to 65535 is expected");
		return;
	}
	if (strlen(name) > STORE_APP_NAME_MAX_BYTES || app_number(name, &ignored)) {
		ctl_refuse(call, CHQ_EARGS, "name", "a name of at most %d bytes, and no number",
			   STORE_APP_NAME_MAX_BYTES);
		return;
	}
	snprintf(a.name, sizeof(a.name), "%s", name);
	if (chq_ctl_opt(&call->req, "protection") && !chq_ctl_opt(&call->req, "p2p"))
		a.p2p = strcmp(chq_ctl_opt(&call->req, "protection"), "inspected") != 0;
	if (options_take(call, &a))
		app_submit(call, &a, register_job);
}

void
ctl_app_set(struct ctl_call *call)
{
	struct store_app a = { .id = 0 };
	uint16_t ignored;

	if (!call->req.opts || json_object_size(call->req.opts) == 0)
		ctl_refuse(call, CHQ_EARGS, NULL, "nothing to change");
	else if (chq_ctl_opt(&call->req, "name") &&
		 app_number(chq_ctl_opt(&call->req, "name"), &ignored))
		ctl_refuse(call, CHQ_EARGS, "name", "a name that is no number");
	else if (options_take(call, &a))
		app_submit(call, &a, set_job);
}

void
ctl_app_remove(struct ctl_call *call)
{
	app_submit(call, &(struct store_app){ .id = 0 }, remove_job);
}

/* --- the signed list --- */

void
ctl_app_sign(struct ctl_call *call)
{
	struct chq_policy policy;
	int rc = apps_policy_read(call->ctl, &policy);
	json_t *apps;

	if (rc) {
		ctl_refuse(call, rc, NULL, "%s/policy: %s", call->ctl->conf->paths.keys,
			   chq_strerror(rc));
		return;
	}
	apps = json_array();
	for (unsigned i = 0; i < policy.count; i++)
		json_array_append_new(apps, json_integer(policy.app[i]));
	(void)apps_changed(call->ctl);
	ctl_answer(call,
		   json_pack("{s:I, s:o}", "version", (json_int_t)policy.version, "inspected",
			     apps),
		   NULL);
}

const struct ctl_verb ctl_verbs_app[] = {
	{ "app", "list", ctl_app_list }, { "app", "register", ctl_app_register },
	{ "app", "set", ctl_app_set },	 { "app", "remove", ctl_app_remove },
	{ "app", "sign", ctl_app_sign }, { NULL, NULL, NULL },
};
