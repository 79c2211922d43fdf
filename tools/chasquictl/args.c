#include "tools/chasquictl/args.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/err.h"

const char *const tool_formats[TOOL_FORMAT__COUNT] = { "table", "json", "jsonl", "tsv" };

/* clang-format off */
const struct tool_global tool_globals[] = {
	{ 's', "socket",   "PATH", "socket of the daemon that is asked (default: as configured)" },
	{ 'c', "config",   "FILE", "configuration (default /etc/chasqui/chasqui.yaml)" },
	{ 'o', "output",   "FORM", "table, json (one object), jsonl (a line for each entry), tsv" },
	{ 0,   "no-color", NULL,   "no bold headings on a terminal" },
	{ 'q', "quiet",    NULL,   "say nothing but errors when something was done" },
	{ 0,   "timeout",  "S",    "seconds to wait for an answer (default 10)" },
	{ 'y', "yes",      NULL,   "do not ask back" },
	{ 'f', "file",     "FILE", "run the commands of a file, one a line; - is standard input" },
	{ 'e', "stop",     NULL,   "with -f: end after the first command that fails" },
	{ 'h', "help",     NULL,   "help for what stands before it" },
	{ 0, NULL, NULL, NULL },
};
/* clang-format on */

/* The command line while it is read. */
struct reading {
	int argc, at;
	char **argv;
	struct tool_args *a;
	struct chq_ctl_error *e;
	const char *noun, *word; /* word: the verb */
	bool only_words;	 /* "--" was there */
	bool form_said;		 /* -o was there */
	bool time_said;		 /* --timeout was there */
};

static int
unknown_command(struct reading *r)
{
	const char *meant = chq_ctl_verb_suggest(r->noun, r->word);
	bool noun_known = false;

	for (size_t i = 0; i < chq_ctl_verb_count(); i++)
		noun_known |= !strcmp(chq_ctl_verb_at(i)->noun, r->noun);
	if (noun_known && !r->word)
		return chq_ctl_error_set(r->e, CHQ_EUSAGE, NULL,
					 "%s needs a verb (see chasquictl help %s)", r->noun,
					 r->noun);
	return chq_ctl_error_set(r->e, CHQ_ENOCMD, NULL, "no such %s: %.40s%s%s%s",
				 noun_known ? "verb" : "noun", noun_known ? r->word : r->noun,
				 meant ? " (did you mean " : "", meant ? meant : "",
				 meant ? "?)" : "");
}

/* Known as soon as possible, since its options follow it. */
static void
look_up_verb(struct reading *r)
{
	int i = r->noun ? chq_ctl_verb_find(r->noun, r->word) : CHQ_ENOCMD;

	if (i >= 0)
		r->a->verb = chq_ctl_verb_at(i);
}

static int
take_word(struct reading *r, const char *word)
{
	json_t *utf8;

	if (!r->noun || (!r->word && !r->a->verb)) {
		*(r->noun ? &r->word : &r->noun) = word;
		look_up_verb(r);
		return CHQ_OK;
	}
	if (!r->a->verb && r->a->act == TOOL_ACT_VERB && strcmp(r->noun, "help") != 0)
		return unknown_command(r);
	if (r->a->argc == CHQ_CTL_ARGS_MAX)
		return chq_ctl_error_set(r->e, CHQ_EUSAGE, NULL, "too many arguments");
	utf8 = json_string(word);
	if (!utf8)
		return chq_ctl_error_set(r->e, CHQ_EARGS, NULL, "an argument is no UTF-8");
	json_decref(utf8);
	r->a->args[r->a->argc++] = word;
	return CHQ_OK;
}

/* An option's value: behind "=" or its letter, or the next word. NULL if there is none. */
static const char *
take_value(struct reading *r, const char *attached)
{
	if (attached)
		return attached;
	return r->at + 1 < r->argc ? r->argv[++r->at] : NULL;
}

static int
set_format(struct reading *r, const char *value)
{
	for (int i = 0; i < TOOL_FORMAT__COUNT; i++) {
		if (!strcmp(value, tool_formats[i])) {
			r->a->format = (enum tool_format)i;
			r->form_said = true;
			return CHQ_OK;
		}
	}
	return chq_ctl_error_set(r->e, CHQ_EUSAGE, "output",
				 "-o takes table, json, jsonl or tsv, not %.20s", value);
}

static int
set_timeout(struct reading *r, const char *value)
{
	char *end;
	unsigned long n = strtoul(value, &end, 10);

	if (value[0] < '0' || value[0] > '9' || *end || n < 1 || n > TOOL_TIMEOUT_S_MAX)
		return chq_ctl_error_set(r->e, CHQ_EUSAGE, "timeout",
					 "--timeout takes seconds from 1 to %d",
					 TOOL_TIMEOUT_S_MAX);
	r->a->timeout_s = (unsigned)n;
	r->time_said = true;
	return CHQ_OK;
}

static int
set_global(struct reading *r, const struct tool_global *g, const char *value)
{
	struct tool_args *a = r->a;

	if (!strcmp(g->name, "output"))
		return set_format(r, value);
	if (!strcmp(g->name, "timeout"))
		return set_timeout(r, value);
	if (!strcmp(g->name, "socket"))
		a->socket = value;
	else if (!strcmp(g->name, "config"))
		a->conf = value;
	else if (!strcmp(g->name, "no-color"))
		a->no_color = true;
	else if (!strcmp(g->name, "quiet"))
		a->quiet = true;
	else if (!strcmp(g->name, "yes"))
		a->yes = true;
	else if (!strcmp(g->name, "file"))
		a->file = value;
	else if (!strcmp(g->name, "stop"))
		a->stop = true;
	else
		a->act = TOOL_ACT_HELP;
	return CHQ_OK;
}

static int
take_global(struct reading *r, const struct tool_global *g, const char *attached)
{
	const char *value = NULL;

	if (!g->value && attached)
		return chq_ctl_error_set(r->e, CHQ_EUSAGE, g->name, "--%s takes no value", g->name);
	if (g->value && !(value = take_value(r, attached)))
		return chq_ctl_error_set(r->e, CHQ_EUSAGE, g->name, "--%s needs a value: %s",
					 g->name, g->value);
	return set_global(r, g, value);
}

static int
take_verb_opt(struct reading *r, const struct chq_ctl_opt *o, const char *attached)
{
	const char *value = NULL;
	json_t *json;

	if (o->flags & CHQ_CTL_OPT_SECRET)
		return chq_ctl_error_set(r->e, CHQ_EUSAGE, o->name,
					 "others can see arguments: the %s is read from standard "
					 "input, or asked for",
					 o->name);
	if (!(o->flags & CHQ_CTL_OPT_VALUE) && attached)
		return chq_ctl_error_set(r->e, CHQ_EUSAGE, o->name, "--%s takes no value", o->name);
	if ((o->flags & CHQ_CTL_OPT_VALUE) && !(value = take_value(r, attached)))
		return chq_ctl_error_set(r->e, CHQ_EUSAGE, o->name, "--%s needs a value: %s",
					 o->name, o->value);
	if (json_object_get(r->a->opts, o->name))
		return chq_ctl_error_set(r->e, CHQ_EUSAGE, o->name, "--%s is there twice", o->name);
	json = value ? json_string(value) : json_true();
	if (!json)
		return chq_ctl_error_set(r->e, CHQ_EARGS, o->name, "--%s is no UTF-8", o->name);
	return json_object_set_new(r->a->opts, o->name, json) ? CHQ_ENOMEM : CHQ_OK;
}

static int
unknown_option(struct reading *r, const char *word, size_t len)
{
	char name[41];
	const char *meant;

	snprintf(name, sizeof(name), "%.*s", (int)(len < sizeof(name) ? len : sizeof(name) - 1),
		 word);
	meant = r->a->verb ? chq_ctl_opt_suggest(r->a->verb, name) : NULL;
	return chq_ctl_error_set(r->e, CHQ_EUSAGE, NULL, "unknown option --%s%s%s%s%s", name,
				 r->noun && !r->a->verb ? " before the verb" : "",
				 meant ? " (did you mean --" : "", meant ? meant : "",
				 meant ? "?)" : "");
}

static int
take_long(struct reading *r, const char *word)
{
	const char *value = strchr(word, '=');
	size_t len = value ? (size_t)(value - word) : strlen(word);
	const struct chq_ctl_opt *o = r->a->verb ? r->a->verb->opts : NULL;

	value = value ? value + 1 : NULL;
	for (; o && o->name; o++) {
		if (strlen(o->name) == len && !memcmp(o->name, word, len))
			return take_verb_opt(r, o, value);
	}
	for (const struct tool_global *g = tool_globals; g->name; g++) {
		if (strlen(g->name) == len && !memcmp(g->name, word, len))
			return take_global(r, g, value);
	}
	return unknown_option(r, word, len);
}

/* -q, -ojson, and several flags in one word. */
static int
take_letters(struct reading *r, const char *word)
{
	for (; *word; word++) {
		const struct tool_global *g = tool_globals;
		int err;

		while (g->name && g->letter != *word)
			g++;
		if (!g->name)
			return chq_ctl_error_set(r->e, CHQ_EUSAGE, NULL, "unknown option -%c",
						 *word > ' ' && *word <= '~' ? *word : '?');
		err = take_global(r, g, g->value && word[1] ? word + 1 : NULL);
		if (err || g->value)
			return err;
	}
	return CHQ_OK;
}

static int
take(struct reading *r, const char *word)
{
	if (r->only_words || word[0] != '-' || !word[1])
		return take_word(r, word);
	if (!strcmp(word, "--")) {
		r->only_words = true;
		return CHQ_OK;
	}
	return word[1] == '-' ? take_long(r, word + 2) : take_letters(r, word + 1);
}

/* "chasquictl status": a noun whose verbs all just show something needs none, if one is called so. */
static void
guess_verb(struct reading *r)
{
	const struct chq_ctl_verb *only = NULL;

	for (size_t i = 0; i < chq_ctl_verb_count(); i++) {
		const struct chq_ctl_verb *v = chq_ctl_verb_at(i);

		if (strcmp(v->noun, r->noun) != 0)
			continue;
		if (v->class != CHQ_CTL_READ || v->argc_min)
			return;
		only = !strcmp(v->verb, "show") ? v : only;
	}
	r->a->verb = only;
}

static int
finish_help(struct reading *r)
{
	bool help_noun = r->noun && !strcmp(r->noun, "help");

	r->a->act = TOOL_ACT_HELP;
	r->a->help_noun = help_noun ? r->word : r->noun;
	r->a->help_verb = help_noun ? (r->a->argc ? r->a->args[0] : NULL) : r->word;
	if (!r->a->help_noun)
		return CHQ_OK;
	r->noun = r->a->help_noun;
	r->word = r->a->help_verb;
	for (size_t i = 0; i < chq_ctl_verb_count(); i++) {
		const struct chq_ctl_verb *v = chq_ctl_verb_at(i);

		if (!strcmp(v->noun, r->noun) && (!r->word || !strcmp(v->verb, r->word)))
			return CHQ_OK;
	}
	return unknown_command(r);
}

static int
finish(struct reading *r)
{
	struct tool_args *a = r->a;

	if (a->act == TOOL_ACT_HELP || (r->noun && !strcmp(r->noun, "help")))
		return finish_help(r);
	if (a->file && r->noun)
		return chq_ctl_error_set(r->e, CHQ_EUSAGE, "file",
					 "-f takes its commands from the file alone");
	if (a->file) {
		a->act = TOOL_ACT_BATCH;
		return CHQ_OK;
	}
	if (!r->noun)
		return chq_ctl_error_set(r->e, CHQ_EUSAGE, NULL,
					 "nothing to do (see chasquictl help)");
	if (!a->verb && !r->word)
		guess_verb(r);
	if (!a->verb)
		return unknown_command(r);
	a->takes_long = !strcmp(a->verb->noun, "store") && strcmp(a->verb->verb, "progress") != 0;
	a->takes_long |= !strcmp(a->verb->noun, "audit");
	a->takes_long |= !strcmp(a->verb->noun, "user") &&
			 (!strcmp(a->verb->verb, "import") || !strcmp(a->verb->verb, "export"));
	if (a->takes_long && !r->time_said)
		a->timeout_s = TOOL_TIMEOUT_S_MAX;
	if (!r->form_said && !strcmp(a->verb->noun, "audit") && !strcmp(a->verb->verb, "export"))
		a->format = TOOL_JSONL;
	if (a->argc < a->verb->argc_min || a->argc > a->verb->argc_max)
		return chq_ctl_error_set(r->e, CHQ_EUSAGE, NULL, "usage: chasquictl %s%s%s%s%s",
					 a->verb->noun, *a->verb->verb ? " " : "", a->verb->verb,
					 *a->verb->args ? " " : "", a->verb->args);
	return CHQ_OK;
}

int
tool_args_parse(int argc, char **argv, struct tool_args *a, struct chq_ctl_error *e)
{
	struct reading r = { .argc = argc, .at = 1, .argv = argv, .a = a, .e = e };
	int err = CHQ_OK;

	memset(e, 0, sizeof(*e));
	*a = (struct tool_args){ .timeout_s = TOOL_TIMEOUT_S, .opts = json_object() };
	if (!a->opts)
		return chq_ctl_error_set(e, CHQ_ENOMEM, NULL, "out of memory");
	for (; !err && r.at < argc; r.at++)
		err = take(&r, argv[r.at]);
	return err ? err : finish(&r);
}

void
tool_args_free(struct tool_args *a)
{
	json_decref(a->opts);
	memset(a, 0, sizeof(*a));
}
