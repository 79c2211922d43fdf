#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include <sodium.h>

#include "base/err.h"
#include "control/import/import_priv.h"
#include "control/import/reader_priv.h"
#include "control/import/write_priv.h"
#include "store/account.h"
#include "store/dept.h"
#include "store/friend.h"
#include "store/import.h"
#include "store/reader.h"
#include "store/writer.h"

/* The second pass: stage, in short jobs, then make it all be there, in one. */

enum { UNDO_JOB = 500 };

/* --- memory --- */

static int
list_add(struct list *l, void *item)
{
	if (l->n == l->cap) {
		void **more = realloc(l->item, (l->cap * 2 + 64) * sizeof(*more));

		if (!more)
			return CHQ_ENOMEM;
		l->item = more;
		l->cap = l->cap * 2 + 64;
	}
	l->item[l->n++] = item;
	return CHQ_OK;
}

static void
list_free(struct list *l)
{
	for (size_t i = 0; i < l->n; i++)
		free(l->item[i]);
	free(l->item);
}

static int
later_add(struct writing *w, const struct later *what)
{
	if (w->laters == w->later_cap) {
		size_t cap = w->later_cap * 2 + 256;
		struct later *more = realloc(w->later, cap * sizeof(*more));

		if (!more)
			return CHQ_ENOMEM;
		w->later = more;
		w->later_cap = cap;
	}
	w->later[w->laters++] = *what;
	return CHQ_OK;
}

/* --- staging --- */

static int
stage_account(struct store_txn *t, struct writing *w, struct op *op)
{
	struct store_profile p = { op->field[IMPORT_NAME],   op->field[IMPORT_TITLE],
				   op->field[IMPORT_PHONE],  op->field[IMPORT_MAIL],
				   op->field[IMPORT_AVATAR], op->field[IMPORT_NUMBER] };
	const char *hash = op->field[IMPORT_HASH];
	struct store_account_new new = { .login = op->field[IMPORT_LOGIN],
					 .name = op->field[IMPORT_LOGIN],
					 .pwhash = hash && *hash ? hash : NULL,
					 .profile = &p,
					 .disabled = import_flag(op->field[IMPORT_DISABLED]) == 1,
					 .now_ms = w->im->now_ms };

	w->failed = "login";
	return store_import_account(t, op->id, &new);
}

static int
stage_member(struct store_txn *t, struct writing *w, struct op *op)
{
	bool staged;
	int rc = store_import_find(t, op->field[IMPORT_MEMBER_LOGIN], &op->id, &staged);

	w->failed = "login";
	op->later = !rc && !staged;
	if (rc || op->later)
		return rc;
	return store_import_member(t, op->dept, op->id, import_flag(op->field[IMPORT_MANAGER]) == 1,
				   w->im->now_ms);
}

static bool
only_asked(const struct op *op)
{
	return op->field[IMPORT_STATE] && strcmp(op->field[IMPORT_STATE], "asked") == 0;
}

static int
stage_friend(struct store_txn *t, struct writing *w, struct op *op)
{
	bool staged_a, staged_b;
	int rc = store_import_find(t, op->field[IMPORT_FRIEND_LOGIN], &op->id, &staged_a);

	w->failed = "friend";
	if (!rc)
		rc = store_import_find(t, op->field[IMPORT_FRIEND_PEER], &op->peer, &staged_b);
	op->later = !rc && (!staged_a || !staged_b);
	if (rc || op->later)
		return rc;
	return store_import_friend(t, op->id, op->peer,
				   only_asked(op) ? STORE_FRIEND_ASKED : STORE_FRIEND_MUTUAL,
				   w->im->now_ms);
}

static int
stage_job(struct store_txn *t, void *arg)
{
	struct writing *w = arg;
	int rc = CHQ_OK;

	for (unsigned i = 0; i < w->ops && !rc; i++) {
		struct op *op = &w->op[i];

		w->failed_line = op->line;
		switch (op->section) {
		case IMPORT_ACCOUNTS: rc = stage_account(t, w, op); break;
		case IMPORT_MEMBERS: rc = stage_member(t, w, op); break;
		default: rc = stage_friend(t, w, op); break;
		}
	}
	return rc;
}

/* The store is not as it was at the check any more. */
static int
note_failure(struct writing *w, int rc)
{
	struct import_row row = { .line = w->failed_line };

	switch (rc) {
	case CHQ_EEXIST: import_bad(&row, rc, w->failed, "taken, or there already"); break;
	case CHQ_ENOENT:
	case CHQ_ENOUSER: import_bad(&row, rc, w->failed, "no such user or department"); break;
	case CHQ_EFULL: import_bad(&row, rc, w->failed, "too many of one account"); break;
	case CHQ_EINVAL: import_bad(&row, rc, w->failed, "%s", chq_strerror(rc)); break;
	default: return rc;
	}
	import_note(w->im, &row);
	return CHQ_EINVAL;
}

static int
stage(struct writing *w)
{
	int rc = w->ops ? store_write_sync(w->im->store, stage_job, w) : CHQ_OK;

	for (unsigned i = 0; i < w->ops && !rc; i++) {
		const struct op *op = &w->op[i];
		struct later l = { op->line, op->id, op->peer, op->dept, false };

		l.flag = op->section == IMPORT_MEMBERS ? import_flag(op->field[IMPORT_MANAGER]) == 1
						       : only_asked(op);
		if (op->later)
			rc = later_add(w, &l);
	}
	sodium_memzero(w->arena, w->used);
	w->ops = 0;
	w->used = 0;
	return rc ? note_failure(w, rc) : CHQ_OK;
}

/* --- rows --- */

/* The department of a path that was there before; it is remembered. */
static int
dept_of_store(struct writing *w, const char *path, struct dept **out)
{
	struct store_txn *txn;
	struct store_dept d;
	int rc = store_read_begin(w->reader, &txn);

	if (rc)
		return rc;
	rc = store_dept_find(txn, path, &d);
	store_read_end(w->reader);
	if (rc)
		return rc;
	*out = calloc(1, sizeof(**out) + strlen(path) + 1);
	if (!*out)
		return CHQ_ENOMEM;
	(*out)->id = d.id;
	(*out)->old = true;
	memcpy((*out)->path, path, strlen(path));
	rc = list_add(&w->depts, *out);
	if (rc)
		free(*out);
	return rc ? rc : chq_map_put(&w->by_path, path, strlen(path), *out);
}

static int
find_dept(struct writing *w, const char *path, size_t len, uint32_t *id)
{
	struct dept *d = chq_map_get(&w->by_path, path, len);
	char text[STORE_PATH_MAX_BYTES + 1];
	int rc = CHQ_OK;

	if (!d && len <= STORE_PATH_MAX_BYTES) {
		memcpy(text, path, len);
		text[len] = '\0';
		rc = dept_of_store(w, text, &d);
	}
	if (rc || !d)
		return rc ? rc : CHQ_ENOENT;
	*id = d->id;
	return CHQ_OK;
}

static int
take_department(struct writing *w, const struct import_row *row)
{
	const char *path = row->field[IMPORT_PATH], *slash = strrchr(path, '/');
	struct dept *d = calloc(1, sizeof(*d) + strlen(path) + 1);
	int rc = d ? CHQ_OK : CHQ_ENOMEM;

	if (!rc && slash)
		rc = find_dept(w, path, (size_t)(slash - path), &d->parent);
	if (!rc)
		rc = list_add(&w->depts, d);
	if (rc) {
		free(d);
		return rc;
	}
	d->id = w->dept++;
	d->line = row->line;
	memcpy(d->path, path, strlen(path));
	return chq_map_put(&w->by_path, path, strlen(path), d);
}

static int
take_rule(struct writing *w, const struct import_row *row)
{
	size_t len = 0;
	struct rule *r;
	char *at;

	for (unsigned i = 0; i < IMPORT__RULE; i++)
		len += row->field[i] ? strlen(row->field[i]) + 1 : 0;
	r = calloc(1, sizeof(*r) + len);
	if (!r)
		return CHQ_ENOMEM;
	r->line = row->line;
	at = (char *)(r + 1);
	for (unsigned i = 0; i < IMPORT__RULE; i++) {
		if (!row->field[i])
			continue;
		r->field[i] = strcpy(at, row->field[i]);
		at += strlen(at) + 1;
	}
	if (list_add(&w->rules, r) == 0)
		return CHQ_OK;
	free(r);
	return CHQ_ENOMEM;
}

/* One row more for the next job, which goes first if there is no room. */
static int
take_op(struct writing *w, const struct import_row *row)
{
	struct op op = { .line = row->line, .section = row->section };
	size_t len = 0;
	int rc = CHQ_OK;

	for (unsigned i = 0; i < IMPORT_COLUMNS_MAX; i++)
		len += row->field[i] ? strlen(row->field[i]) + 1 : 0;
	if (w->ops == OPS_A_JOB || w->used + len > ARENA_BYTES)
		rc = stage(w);
	if (!rc && row->section == IMPORT_MEMBERS)
		rc = find_dept(w, row->field[IMPORT_MEMBER_PATH],
			       strlen(row->field[IMPORT_MEMBER_PATH]), &op.dept);
	if (rc)
		return rc;
	for (unsigned i = 0; i < IMPORT_COLUMNS_MAX; i++) {
		if (!row->field[i])
			continue;
		op.field[i] = strcpy(w->arena + w->used, row->field[i]);
		w->used += strlen(op.field[i]) + 1;
	}
	if (row->section == IMPORT_ACCOUNTS)
		op.id = w->account++;
	w->op[w->ops++] = op;
	return CHQ_OK;
}

/* Has the row what it had when it was checked? The file may have changed since. */
static bool
row_whole(const struct writing *w, const struct import_row *row)
{
	static const unsigned needed[IMPORT__SECTIONS] = {
		[IMPORT_ACCOUNTS] = 1U << IMPORT_LOGIN,
		[IMPORT_DEPARTMENTS] = 1U << IMPORT_PATH,
		[IMPORT_MEMBERS] = 1U << IMPORT_MEMBER_PATH | 1U << IMPORT_MEMBER_LOGIN,
		[IMPORT_RULES] = 1U << IMPORT_EFFECT | 1U << IMPORT_RIGHTS | 1U << IMPORT_SUBJECTS |
				 1U << IMPORT_OBJECTS,
		[IMPORT_FRIENDS] = 1U << IMPORT_FRIEND_LOGIN | 1U << IMPORT_FRIEND_PEER,
	};
	const char *note = row->section == IMPORT_RULES ? row->field[IMPORT_NOTE] : NULL;

	for (unsigned i = 0; i < IMPORT_COLUMNS_MAX; i++)
		if ((needed[row->section] & 1U << i) != 0 && !row->field[i])
			return false;
	if (note && strlen(note) > STORE_NAME_MAX_BYTES)
		return false;
	return (row->section != IMPORT_ACCOUNTS || w->account < w->account_end) &&
	       (row->section != IMPORT_DEPARTMENTS || w->dept < w->dept_end);
}

static int
take_row(struct writing *w, const struct import_row *row)
{
	if (!row_whole(w, row))
		return CHQ_ESTALE;
	w->failed_line = row->line;
	w->failed = NULL;
	switch (row->section) {
	case IMPORT_DEPARTMENTS: return take_department(w, row);
	case IMPORT_RULES: return take_rule(w, row);
	default: return take_op(w, row);
	}
}

/* --- the whole --- */

static int
begin_job(struct store_txn *t, void *arg)
{
	struct writing *w = arg;
	const uint64_t *rows = w->im->rows;
	int rc = store_import_begin(t, rows[IMPORT_ACCOUNTS], (uint32_t)rows[IMPORT_DEPARTMENTS],
				    &w->account, &w->dept);

	w->account_end = w->account + rows[IMPORT_ACCOUNTS];
	w->dept_end = w->dept + (uint32_t)rows[IMPORT_DEPARTMENTS];
	return rc;
}

static int
undo_job(struct store_txn *t, void *arg)
{
	return store_import_undo(t, UNDO_JOB, arg);
}

/* If this fails too, the next start does it. */
static void
undo(struct writing *w)
{
	bool more = true;

	while (more && store_write_sync(w->im->store, undo_job, &more) == 0)
		;
}

static int
write_rows(struct writing *w)
{
	struct import_row row;
	struct rows rows;
	int rc = rows_open(&rows, w->im, atomic_load(w->im->total) / 2);

	while (!rc) {
		rc = rows_next(&rows, &row);
		if (rc != 1)
			break;
		rc = take_row(w, &row);
		if (rc)
			rc = note_failure(w, rc);
	}
	rows_close(&rows);
	if (!rc && w->im->bad > 0)
		rc = CHQ_EINVAL;
	if (!rc)
		rc = stage(w);
	if (!rc) {
		rc = import_write_last(w);
		rc = rc ? note_failure(w, rc) : CHQ_OK;
	}
	return rc;
}

static void
writing_free(struct writing *w)
{
	store_reader_close(w->reader);
	pthread_cond_destroy(&w->last);
	pthread_mutex_destroy(&w->lock);
	chq_map_deinit(&w->by_path);
	list_free(&w->depts);
	list_free(&w->rules);
	free(w->later);
	sodium_memzero(w->arena, sizeof(w->arena));
	free(w);
}

int
import_write(struct import *im)
{
	struct writing *w = calloc(1, sizeof(*w));
	int rc;

	if (!w)
		return CHQ_ENOMEM;
	w->im = im;
	pthread_mutex_init(&w->lock, NULL);
	pthread_cond_init(&w->last, NULL);
	chq_map_init(&w->by_path);
	rc = store_reader_open(im->store, &w->reader);
	if (!rc)
		rc = store_write_sync(im->store, begin_job, w);
	if (!rc) {
		rc = write_rows(w);
		if (rc)
			undo(w);
	}
	writing_free(w);
	return rc;
}
