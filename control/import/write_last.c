#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "control/book/book.h"
#include "control/book_load.h"
#include "control/ctl_policy.h"
#include "control/import/write_priv.h"
#include "store/account.h"
#include "store/dept.h"
#include "store/friend.h"
#include "store/import.h"
#include "store/rule.h"
#include "store/writer.h"

/* The end of the second pass: departments, rules, who was there before; then all of it is there. */

static int
make_departments(struct store_txn *t, struct writing *w)
{
	int rc = CHQ_OK;

	for (size_t i = 0; i < w->depts.n && !rc; i++) {
		const struct dept *d = w->depts.item[i];
		const char *slash = strrchr(d->path, '/');
		struct store_dept was;

		w->failed_line = d->line;
		w->failed = "path";
		if (!d->old)
			rc = store_dept_add_as(t, d->id, d->parent, slash ? slash + 1 : d->path,
					       w->im->now_ms);
		else if (store_dept_get(t, d->id, &was) != 0)
			rc = CHQ_ESTALE;
	}
	return rc;
}

static int
make_friends(struct store_txn *t, const struct later *l, uint64_t now_ms)
{
	enum store_friend_asked asked;
	int rc = store_friend_ask(t, l->account, l->peer, now_ms, &asked);

	if (rc || l->flag || asked == STORE_FRIEND_ASKED_ACCEPTED)
		return rc;
	return store_friend_confirm(t, l->peer, l->account, now_ms);
}

static int
make_later(struct store_txn *t, struct writing *w)
{
	int rc = CHQ_OK;

	for (size_t i = 0; i < w->laters && !rc; i++) {
		const struct later *l = &w->later[i];

		w->failed_line = l->line;
		w->failed = "login";
		rc = l->dept ? store_member_set(t, l->dept, l->account, l->flag, w->im->now_ms)
			     : make_friends(t, l, w->im->now_ms);
	}
	return rc;
}

static int
rule_set(struct store_txn *t, const char *text, struct store_atom *atoms, uint16_t *n)
{
	struct book_names names = ctl_policy_names(t);
	struct book_set set;
	char why[IMPORT_WHY_MAX];
	int rc = book_set_parse(&set, text, &names, why, sizeof(why));

	if (rc)
		return rc == CHQ_ENOMEM ? rc : CHQ_ESTALE;
	*n = (uint16_t)set.n;
	for (unsigned i = 0; i < set.n; i++)
		atoms[i] = (struct store_atom){ .kind = set.atoms[i].kind,
						.except = set.atoms[i].except,
						.id = set.atoms[i].id };
	book_set_free(&set);
	return CHQ_OK;
}

static int
make_rules(struct store_txn *t, struct writing *w)
{
	struct store_rule *r = calloc(1, sizeof(*r));
	int rc = r ? CHQ_OK : CHQ_ENOMEM;

	for (size_t i = 0; i < w->rules.n && !rc; i++) {
		const struct rule *from = w->rules.item[i];
		const char *note = from->field[IMPORT_NOTE];

		w->failed_line = from->line;
		w->failed = "subjects";
		*r = (struct store_rule){ .deny = strcmp(from->field[IMPORT_EFFECT], "deny") == 0,
					  .rights = import_rights(from->field[IMPORT_RIGHTS]),
					  .changed_ms = w->im->now_ms };
		if (note)
			memcpy(r->note, note, strlen(note) + 1);
		rc = rule_set(t, from->field[IMPORT_SUBJECTS], r->subjects, &r->n_subjects);
		if (!rc)
			rc = rule_set(t, from->field[IMPORT_OBJECTS], r->objects, &r->n_objects);
		if (!rc)
			rc = store_rule_set(t, r);
	}
	free(r);
	return rc;
}

static int
last_job(struct store_txn *t, void *arg)
{
	struct writing *w = arg;
	int rc = store_import_finish(t);

	if (!rc)
		rc = make_departments(t, w);
	if (!rc)
		rc = make_later(t, w);
	if (!rc)
		rc = make_rules(t, w);
	book_free(w->im->book); /* of a run that was undone */
	w->im->book = NULL;
	return rc ? rc : book_load(t, &w->im->book);
}

/* The import's thread waits for its last job. */
static void
last_done(void *arg, int rc)
{
	struct writing *w = arg;
	struct import *im = w->im;

	if (rc) {
		book_free(im->book);
		im->book = NULL;
	}
	if (rc == CHQ_OK || rc == CHQ_EIO)
		im->ended(im, rc);
	pthread_mutex_lock(&w->lock);
	w->last_rc = rc;
	w->last_ended = true;
	pthread_cond_signal(&w->last);
	pthread_mutex_unlock(&w->lock);
}

int
import_write_last(struct writing *w)
{
	int rc = store_write(w->im->store, last_job, last_done, w);

	if (rc)
		return rc;
	pthread_mutex_lock(&w->lock);
	while (!w->last_ended)
		pthread_cond_wait(&w->last, &w->lock);
	pthread_mutex_unlock(&w->lock);
	return w->last_rc;
}
