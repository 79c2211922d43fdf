#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "control/book_load.h"
#include "control/control.h"
#include "control/ctl_common.h"
#include "control/ctl_task.h"
#include "control/ctl_verbs.h"
#include "control/import/export.h"
#include "control/import/import.h"
#include "store/reader.h"

/* Files of people, in and out. */

/* --- in --- */

static json_t *
counts_json(const struct import *im)
{
	json_t *o = json_object();

	for (unsigned i = 0; i < IMPORT__SECTIONS; i++)
		json_object_set_new(o, import_section_name((enum import_section)i),
				    json_integer((json_int_t)im->rows[i]));
	json_object_set_new(o, "dry_run", json_boolean(im->dry_run));
	return o;
}

static json_t *
faults_json(const struct import *im)
{
	json_t *rows = json_array();

	for (unsigned i = 0; i < im->faults; i++) {
		const struct import_fault *f = &im->fault[i];

		json_array_append_new(rows,
				      json_pack("{s:I, s:s, s:o}", "line", (json_int_t)f->line,
						"column", f->column ? f->column : "", "why",
						json_string(f->why) ?: json_string("not UTF-8")));
	}
	return rows;
}

struct importing {
	struct import im;
	struct loop_item item;
	struct control *ctl;
};

/* Loop's thread, behind all changes before the import and before all behind it. */
static void
import_book(struct loop_item *item)
{
	struct importing *i = CHQ_CONTAINER_OF(item, struct importing, item);

	if (i->im.book)
		control_book_take(i->ctl, i->im.book);
	else
		control_book_renew(i->ctl);
	i->im.book = NULL;
}

static void
import_ended(struct import *im, int rc)
{
	struct importing *i = CHQ_CONTAINER_OF(im, struct importing, im);

	(void)rc;
	i->item.fn = import_book;
	loop_post(&i->ctl->inbox, &i->item);
}

static int
import_work(struct ctl_task *t)
{
	struct importing *i = t->arg;
	struct import *im = &i->im;
	int rc;

	im->store = t->store;
	im->ending = t->ending;
	im->done = &t->done;
	im->total = &t->total;
	im->now_ms = chq_wall_ms();
	im->ended = import_ended;
	rc = import_run(im);
	if (!rc) {
		t->data = counts_json(im);
	} else if (im->bad) {
		t->data = faults_json(im);
		chq_ctl_error_set(&t->fault, rc, NULL, "%llu bad rows%s: nothing was brought in",
				  (unsigned long long)im->bad,
				  im->bad > im->faults ? ", the first of them are shown" : "");
	} else if (rc == CHQ_EBUSY) {
		chq_ctl_error_set(&t->fault, rc, NULL, "another import is under way");
	} else if (rc == CHQ_ESTALE) {
		chq_ctl_error_set(&t->fault, rc, NULL,
				  "file or store changed meanwhile: nothing was brought in");
	}
	return rc;
}

void
ctl_user_import(struct ctl_call *call)
{
	struct importing *i;

	if (call->handed < 0) {
		ctl_refuse(call, CHQ_EARGS, "file", "no open file came with the request");
		return;
	}
	i = calloc(1, sizeof(*i));
	if (!i) {
		ctl_refuse_code(call, CHQ_ENOMEM, NULL);
		return;
	}
	i->ctl = call->ctl;
	i->im.fd = call->handed;
	i->im.dry_run = chq_ctl_opt(&call->req, "dry-run") != NULL;
	ctl_task_begin(call, "import", import_work, i);
}

/* --- out --- */

static int
export_work(struct ctl_task *t)
{
	struct export *e = t->arg;
	struct store_reader *r;
	int rc = store_reader_open(t->store, &r);

	if (rc)
		return rc;
	rc = store_read_begin(r, &e->txn);
	if (!rc) {
		rc = export_page(e);
		store_read_end(r);
	}
	store_reader_close(r);
	if (rc)
		return rc;
	t->data = json_stringn(e->text ? e->text : "", e->len);
	free(e->text);
	if (e->more)
		snprintf(t->cursor, sizeof(t->cursor), "%u:%llx:%llx", e->section,
			 (unsigned long long)e->at, (unsigned long long)e->at2);
	return t->data ? CHQ_OK : CHQ_ECORRUPT;
}

void
ctl_user_export(struct ctl_call *call)
{
	const char *cursor = chq_ctl_opt(&call->req, "cursor");
	const char *format = chq_ctl_opt(&call->req, "format");
	struct export *e = calloc(1, sizeof(*e));
	unsigned long long at = 0, at2 = 0;
	int end = 0;

	if (!e) {
		ctl_refuse_code(call, CHQ_ENOMEM, NULL);
		return;
	}
	e->json = format && strcmp(format, "jsonl") == 0;
	e->hashes = chq_ctl_opt(&call->req, "with-hashes") != NULL;
	if (format && !e->json && strcmp(format, "csv") != 0) {
		ctl_refuse(call, CHQ_EARGS, "format", "csv or jsonl is expected");
		free(e);
		return;
	}
	if (cursor && (sscanf(cursor, "%u:%llx:%llx%n", &e->section, &at, &at2, &end) != 3 ||
		       cursor[end] != '\0')) {
		ctl_refuse(call, CHQ_EARGS, "cursor", "not a cursor of this list");
		free(e);
		return;
	}
	e->at = at;
	e->at2 = at2;
	ctl_task_begin(call, "export", export_work, e);
}
