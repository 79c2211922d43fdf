#include <sodium.h>
#include <stdio.h>
#include <string.h>

#include "base/err.h"
#include "control/changes.h"
#include "control/control.h"
#include "control/ctl_common.h"
#include "control/ctl_user.h"
#include "control/ctl_verbs.h"
#include "store/account.h"

/* Operators change names and profiles. */

static struct store_profile
profile_of(const struct ctl_change *c)
{
	const struct chq_ctl_request *r = &c->call->req;

	return (struct store_profile){
		.name = chq_ctl_opt(r, "name"),
		.title = chq_ctl_opt(r, "title"),
		.phone = chq_ctl_opt(r, "phone"),
		.mail = chq_ctl_opt(r, "mail"),
		.avatar = chq_ctl_opt(r, "avatar"),
		.number = chq_ctl_opt(r, "number"),
	};
}

static bool
profile_empty(const struct store_profile *p)
{
	return !p->name && !p->title && !p->phone && !p->mail && !p->avatar && !p->number;
}

/* What was, of the fields that are to change. */
static void
note_old(struct ctl_change *c, const struct store_account *a, const struct store_profile *p)
{
	const struct {
		const char *field, *given, *was;
	} f[] = {
		{ "login", c->login, a->login },    { "name", p->name, a->name },
		{ "title", p->title, a->title },    { "phone", p->phone, a->phone },
		{ "mail", p->mail, a->mail },	    { "avatar", p->avatar, a->avatar },
		{ "number", p->number, a->number },
	};
	char text[2048];
	size_t len = 0;

	text[0] = '\0';
	for (size_t i = 0; i < sizeof(f) / sizeof(f[0]); i++)
		if (f[i].given)
			len += (size_t)snprintf(text + len, sizeof(text) - len, "%s%s=%s",
						len ? " " : "", f[i].field, f[i].was);
	store_audit_text(c->audit_old, STORE_AUDIT_TEXT_MAX_BYTES, text);
}

static int
set_job(struct store_txn *txn, struct ctl_change *c)
{
	struct store_profile p = profile_of(c);
	struct store_account a;
	const char *field;
	int rc = store_account_get(txn, c->account, &a);

	if (!rc)
		note_old(c, &a, &p);
	sodium_memzero(&a, sizeof(a));
	if (!rc && c->login)
		rc = store_account_rename(txn, c->account, c->login, c->now_ms);
	if (rc)
		return chq_ctl_error_set(&c->fault, rc, "login", "%s", chq_strerror(rc));
	rc = store_profile_check(&p, &field);
	if (rc)
		return chq_ctl_error_set(&c->fault, rc, field, "%s", chq_strerror(rc));
	return profile_empty(&p) ? CHQ_OK
				 : store_account_set_profile(txn, c->account, &p, c->now_ms);
}

/* Contact lists show these. */
static void
set_done(struct ctl_change *c)
{
	struct store_profile p = profile_of(c);

	if (c->login || p.name || p.title)
		changes_renamed(c->call->ctl, c->account);
	ctl_user_answer(c);
}

void
ctl_user_set(struct ctl_call *call)
{
	struct ctl_change *c = ctl_change_new(call);
	struct store_profile p;

	if (!c)
		return;
	c->login = chq_ctl_opt(&call->req, "login");
	p = profile_of(c);
	if (!c->login && profile_empty(&p)) {
		ctl_refuse(call, CHQ_EARGS, NULL, "nothing to change was given");
		ctl_change_free(c);
		return;
	}
	c->job = set_job;
	c->done = set_done;
	ctl_change_submit(c);
}
