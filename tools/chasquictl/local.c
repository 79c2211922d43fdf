#include "tools/chasquictl/local.h"

#include <libgen.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/array.h"
#include "base/err.h"
#include "base/site_conf.h"
#include "tools/chasquictl/help.h"
#include "tools/chasquictl/policy_test.h"
#include "tools/chasquictl/secret.h"
#include "tools/chasquictl/shell.h"
#include "tools/chasquictl/watch.h"

#define WORDS_MAX 32 /* of a command line that is made here */

/*
 * The program beside our own, or where daemons are installed, else whichever the PATH has.
 * Return: only if it cannot be started.
 */
static int
become(const char *program, const char **words, struct chq_ctl_error *e)
{
	static const char *const folders[] = { ".", "../sbin" };
	char self[PATH_MAX], path[PATH_MAX + 64];
	ssize_t n = readlink("/proc/self/exe", self, sizeof(self) - 1);

	fflush(NULL);
	self[n > 0 ? n : 0] = '\0';
	dirname(self);
	for (size_t i = 0; n > 0 && i < ARRAY_LEN(folders); i++) {
		snprintf(path, sizeof(path), "%s/%s/%s", self, folders[i], program);
		execv(path, (char **)(uintptr_t)words);
	}
	execvp(program, (char **)(uintptr_t)words);
	return chq_ctl_error_set(e, chq_errno(), NULL, "%s cannot be started: %s", program,
				 chq_strerror(chq_errno()));
}

int
tool_become_dataplane(const struct tool_args *a, const char *verb, struct chq_ctl_error *e)
{
	const char *words[] = { "chasqui-dataplane",
				"-c",
				a->conf ? a->conf : CHQ_SITE_CONF_PATH,
				verb,
				NULL,
				NULL,
				NULL };

	if (a->format == TOOL_JSON && strcmp(verb, "detach") != 0) {
		words[4] = "-o";
		words[5] = "json";
	}
	return become(words[0], words, e);
}

static int
dp_detach(const struct tool_args *a, const struct tool_out *o, struct chq_ctl_error *e)
{
	(void)o;
	if (!a->yes && !isatty(STDIN_FILENO))
		return chq_ctl_error_set(e, CHQ_EUSAGE, NULL, "this ends every session: say --yes");
	if (!a->yes && !tool_ask(STDIN_FILENO, "This ends every session. Go on?"))
		return chq_ctl_error_set(e, CHQ_ECANCELED, NULL, "not done");
	return tool_become_dataplane(a, "detach", e);
}

/* What `store-VERB` of chasqui-control does, as it needs the database's own folder. */
static int
store_verb(const struct tool_args *a, const struct tool_out *o, struct chq_ctl_error *e)
{
	bool restore = strcmp(a->verb->verb, "restore") == 0;
	const char *words[] = { "chasqui-control",
				"-c",
				a->conf ? a->conf : CHQ_SITE_CONF_PATH,
				restore ? "store-restore" : "store-compact",
				restore ? a->args[0] : NULL,
				NULL };

	(void)o;
	if (restore && !a->yes && !isatty(STDIN_FILENO))
		return chq_ctl_error_set(e, CHQ_EUSAGE, NULL,
					 "this takes the database's place: say --yes");
	if (restore && !a->yes &&
	    !tool_ask(STDIN_FILENO, "This takes the database's place. Go on?"))
		return chq_ctl_error_set(e, CHQ_ECANCELED, NULL, "not done");
	return become(words[0], words, e);
}

/* `init` with the same options, for chasqui-control. */
static int
init(const struct tool_args *a, const struct tool_out *o, struct chq_ctl_error *e)
{
	const char *words[WORDS_MAX] = { "chasqui-control", "init" }, *name;
	char dashed[8][CHQ_CTL_FIELD_MAX + 2];
	unsigned n = 2, d = 0;
	json_t *v;

	(void)o;
	for (unsigned i = 0; i < a->argc; i++)
		words[n++] = a->args[i];
	json_object_foreach(a->opts, name, v)
	{
		if (d == ARRAY_LEN(dashed))
			return chq_ctl_error_set(e, CHQ_EUSAGE, NULL, "too many options");
		snprintf(dashed[d], sizeof(dashed[d]), "--%s", name);
		words[n++] = dashed[d++];
		if (json_is_string(v))
			words[n++] = json_string_value(v);
	}
	if (a->conf && !json_object_get(a->opts, "config")) {
		words[n++] = "--config";
		words[n++] = a->conf;
	}
	return become(words[0], words, e);
}

static int
print_conf(const struct tool_out *o, const char *file, const struct chq_site_conf *c)
{
	char *text = NULL;
	size_t len = 0;
	FILE *f = open_memstream(&text, &len);
	json_t *data;

	if (!f)
		return CHQ_ENOMEM;
	chq_conf_print(&chq_site_schema, c, f);
	if (fclose(f) != 0 || !text) {
		free(text);
		return CHQ_ENOMEM;
	}
	data = o->format == TOOL_TABLE ? json_string(text)
				       : json_pack("{s:s, s:s}", "file", file, "yaml", text);
	free(text);
	tool_print_data(o, data, NULL);
	json_decref(data);
	return CHQ_OK;
}

static int
conf_check(const struct tool_args *a, const struct tool_out *o, struct chq_ctl_error *e)
{
	const char *file = a->argc ? a->args[0] : a->conf ? a->conf : CHQ_SITE_CONF_PATH;
	struct chq_conf_error why;
	struct chq_site_conf c;
	int err = chq_site_conf_load_over(file, NULL, &c, &why);

	/* What operators have set is in a folder of chasqui-control's; others check the rest. */
	if (err == CHQ_EACCES &&
	    chq_site_conf_load(file, &c, &(struct chq_conf_error){ "" }) == 0) {
		if (!a->quiet)
			fprintf(stderr, "note: not checked: %s\n", why.text);
		err = CHQ_OK;
	}
	if (err)
		return chq_ctl_error_set(e, err, "file", "%s", why.text);
	if (!a->quiet)
		err = print_conf(o, file, &c);
	chq_site_conf_free(&c);
	return err;
}

static int
completion(const struct tool_args *a, const struct tool_out *o, struct chq_ctl_error *e)
{
	if (tool_completion(o->f, a->args[0]))
		return chq_ctl_error_set(e, CHQ_EARGS, NULL, "there is one for bash, zsh and fish");
	return CHQ_OK;
}

static int
version(const struct tool_args *a, const struct tool_out *o, struct chq_ctl_error *e)
{
	json_t *data = json_pack("{s:s}", "version", TOOL_VERSION);

	(void)a;
	(void)e;
	tool_print_data(o, data, NULL);
	json_decref(data);
	return CHQ_OK;
}

static const struct handler {
	const char *noun, *verb;
	int (*fn)(const struct tool_args *a, const struct tool_out *o, struct chq_ctl_error *e);
} handlers[] = {
	{ "completion", "", completion },
	{ "conf", "check", conf_check },
	{ "dp", "detach", dp_detach },
	{ "init", "", init },
	{ "policy", "test", tool_policy_test },
	{ "store", "restore", store_verb },
	{ "store", "compact", store_verb },
	{ "version", "", version },
	{ "shell", "", tool_shell },
	{ "status", "watch", tool_status_watch },
	{ "status", "check", tool_status_check },
};

static const struct handler *
handler_of(const struct chq_ctl_verb *v)
{
	for (size_t i = 0; i < ARRAY_LEN(handlers); i++) {
		if (!strcmp(handlers[i].noun, v->noun) && !strcmp(handlers[i].verb, v->verb))
			return &handlers[i];
	}
	return NULL;
}

bool
tool_local_has(const struct chq_ctl_verb *v)
{
	return handler_of(v) != NULL;
}

int
tool_local(const struct tool_args *a, const struct tool_out *o, struct chq_ctl_error *e)
{
	const struct handler *h = handler_of(a->verb);

	if (!h)
		return chq_ctl_error_set(e, CHQ_ENOCMD, NULL, "not a command of chasquictl");
	return h->fn(a, o, e);
}
