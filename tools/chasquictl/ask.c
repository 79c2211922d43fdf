#include "tools/chasquictl/ask.h"

#include <string.h>
#include <unistd.h>

#include <sodium.h>

#include "base/err.h"
#include "tools/chasquictl/hand.h"
#include "tools/chasquictl/local.h"
#include "tools/chasquictl/progress.h"
#include "tools/chasquictl/remote.h"
#include "tools/chasquictl/secret.h"
#include "tools/chasquictl/site.h"

/* Is there an option that stands in for a secret? */
static bool
secret_is_spared(const struct tool_args *a)
{
	for (const struct chq_ctl_opt *o = a->verb->opts; o->name; o++) {
		if ((o->flags & CHQ_CTL_OPT_INSTEAD) && json_object_get(a->opts, o->name))
			return true;
	}
	return false;
}

static int
read_secrets(const struct tool_args *a, struct chq_ctl_error *e)
{
	char secret[TOOL_SECRET_ROOM];
	int err = CHQ_OK;

	for (const struct chq_ctl_opt *o = a->verb->opts; o->name && !err; o++) {
		if (!(o->flags & CHQ_CTL_OPT_SECRET) || secret_is_spared(a))
			continue;
		err = tool_secret_read(STDIN_FILENO, o->name, secret, e);
		if (!err && json_object_set_new(a->opts, o->name, json_string(secret)) != 0)
			err = chq_ctl_error_set(e, CHQ_ENOMEM, NULL, "out of memory");
		sodium_memzero(secret, sizeof(secret));
	}
	return err;
}

static void
wipe_secrets(const struct tool_args *a)
{
	for (const struct chq_ctl_opt *o = a->verb->opts; o->name; o++) {
		json_t *v = o->flags & CHQ_CTL_OPT_SECRET ? json_object_get(a->opts, o->name)
							  : NULL;

		if (v)
			sodium_memzero((void *)(uintptr_t)json_string_value(v),
				       json_string_length(v));
	}
}

/* @o: for what a refusal has to say besides; with TOOL_JSON it goes into the error's object. */
static int
call(const struct tool_args *a, const struct tool_out *o, struct tool_remote *r,
     struct chq_ctl_answer *answer, struct chq_ctl_error *e)
{
	char *line = chq_ctl_request_make(1, a->verb, a->argc, a->args, a->opts);
	int err;

	memset(answer, 0, sizeof(*answer));
	if (!line)
		return chq_ctl_error_set(e, CHQ_ETOOBIG, NULL, "request is too long");
	err = tool_remote_call(r, line, a->timeout_s, a->verb->class == CHQ_CTL_WRITE, answer, e);
	chq_ctl_line_free(line);
	if (!err && answer->error.err) {
		*e = answer->error;
		err = e->err;
		if (answer->data && o->refused)
			*o->refused = json_incref((json_t *)(uintptr_t)answer->data);
	}
	return err;
}

static bool
one_page(const struct tool_args *a)
{
	return a->format == TOOL_JSON || json_object_get(a->opts, "limit") ||
	       json_object_get(a->opts, "cursor");
}

/* Aligned columns need to know all rows; @all collects them. */
static int
take_page(const struct tool_out *o, const struct chq_ctl_answer *answer, bool more, json_t **all)
{
	json_t *data = (json_t *)(uintptr_t)answer->data;

	if (json_is_string(data) && o->format != TOOL_JSON) {
		/* A file in pieces, as it is. */
		fwrite(json_string_value(data), 1, json_string_length(data), o->f);
		return CHQ_OK;
	}
	if (o->format == TOOL_JSONL || o->format == TOOL_JSON || (!more && !*all)) {
		tool_print_data(o, data, answer->cursor);
		return CHQ_OK;
	}
	if (!*all)
		*all = json_array();
	if (json_is_array(data) && json_array_extend(*all, data) == 0)
		return CHQ_OK;
	return CHQ_EMALFORMED;
}

static int
pages(const struct tool_args *a, const struct tool_out *o, struct tool_remote *r, json_t **all,
      struct chq_ctl_error *e)
{
	bool all_pages = !one_page(a), more = true;
	struct chq_ctl_answer answer;
	int err = CHQ_OK;

	while (more && !err) {
		err = call(a, o, r, &answer, e);
		more = !err && answer.cursor && all_pages;
		if (!err && !(a->quiet && a->verb->class == CHQ_CTL_WRITE))
			err = take_page(o, &answer, more, all);
		if (err && !e->err)
			chq_ctl_error_set(e, err, NULL, "a page that is no list");
		if (!err && answer.cursor && !more && o->format != TOOL_JSON && !a->quiet)
			fputs("there is more: add --cursor with the cursor that -o json shows\n",
			      stderr);
		if (more && json_object_set_new(a->opts, "cursor", json_string(answer.cursor)))
			err = chq_ctl_error_set(e, CHQ_ENOMEM, NULL, "out of memory");
		chq_ctl_answer_free(&answer);
	}
	return err;
}

static int
ask_at(const struct tool_args *a, const struct tool_out *o, const char *path, int hand,
       struct chq_ctl_error *e)
{
	struct tool_progress *progress;
	struct tool_remote r;
	json_t *all = NULL;
	int err = tool_remote_open(&r, path, a->timeout_s, e);

	/* Pinned tables can be looked at without the process that made them. */
	if (err == CHQ_EUNAVAIL && !strcmp(a->verb->noun, "dp") &&
	    (!strcmp(a->verb->verb, "status") || !strcmp(a->verb->verb, "stats")))
		return tool_become_dataplane(a, a->verb->verb, e);
	if (err)
		return err;
	progress = a->takes_long && !a->quiet ? tool_progress_start(path) : NULL;
	r.hand = hand;
	err = pages(a, o, &r, &all, e);
	tool_progress_stop(progress);
	if (all && !err)
		tool_print_data(o, all, NULL);
	json_decref(all);
	tool_remote_close(&r);
	return err;
}

int
tool_ask_daemon(const struct tool_args *a, const struct tool_out *o, struct chq_ctl_error *e)
{
	const char *path = a->socket;
	struct tool_site site;
	int err, hand = -1;

	if (!path) {
		err = tool_site_read(a->conf, &site, e);
		if (err)
			return err;
		path = a->verb->server == CHQ_CTL_DATAPLANE ? site.status : site.control;
	}
	err = tool_hand_open(a, &hand, e);
	if (!err)
		err = read_secrets(a, e);
	if (!err)
		err = ask_at(a, o, path, hand, e);
	if (err == CHQ_EACCES && !a->socket && path == site.control && *site.read &&
	    a->verb->class == CHQ_CTL_READ) {
		memset(e, 0, sizeof(*e));
		err = ask_at(a, o, site.read, hand, e);
	}
	if (hand >= 0)
		close(hand);
	wipe_secrets(a);
	return err;
}
