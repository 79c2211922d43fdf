#include "tools/chasquictl/help.h"

#include <stdbool.h>
#include <string.h>

#include "tools/chasquictl/args.h"

#define USAGE_COLUMN 34

static void
print_usage_line(FILE *f, const struct chq_ctl_verb *v)
{
	char usage[128];

	snprintf(usage, sizeof(usage), "%s%s%s%s%s", v->noun, *v->verb ? " " : "", v->verb,
		 *v->args ? " " : "", v->args);
	fprintf(f, "  %-*s  %s\n", USAGE_COLUMN, usage, v->help);
}

static void
print_option(FILE *f, const char *name, const char *value, const char *help)
{
	char usage[64];

	snprintf(usage, sizeof(usage), "%s%s%s", name, value ? " " : "", value ? value : "");
	fprintf(f, "  %-*s  %s\n", USAGE_COLUMN, usage, help);
}

static void
print_verb_options(FILE *f, const struct chq_ctl_verb *v)
{
	char name[48];

	if (v->opts->name)
		fputs("\nOptions of this verb:\n", f);
	for (const struct chq_ctl_opt *o = v->opts; o->name; o++) {
		snprintf(name, sizeof(name), "%s%s", o->flags & CHQ_CTL_OPT_SECRET ? "" : "--",
			 o->name);
		print_option(f, name, o->value, o->help);
	}
}

static void
print_common_options(FILE *f)
{
	char name[48];

	fputs("\nOptions of every verb:\n", f);
	for (const struct tool_global *g = tool_globals; g->name; g++) {
		if (g->letter)
			snprintf(name, sizeof(name), "-%c, --%s", g->letter, g->name);
		else
			snprintf(name, sizeof(name), "    --%s", g->name);
		print_option(f, name, g->value, g->help);
	}
}

static void
print_overview(FILE *f)
{
	fputs("usage: chasquictl [OPTIONS] NOUN VERB [ARGUMENTS] [OPTIONS]\n", f);
	for (size_t i = 0; i < chq_ctl_verb_count(); i++) {
		const struct chq_ctl_verb *v = chq_ctl_verb_at(i);

		if (i == 0 || strcmp(v->noun, chq_ctl_verb_at(i - 1)->noun) != 0)
			fputc('\n', f);
		print_usage_line(f, v);
	}
	print_common_options(f);
	fputs("\nExit status: 0 done, 1 refused or failed, 2 wrong usage, 3 no daemon answers, 4 "
	      "not "
	      "found,\n5 exists already or in use, 6 denied, 7 no answer in time (it may still "
	      "happen), 8 done in part.\nMore: chasquictl help NOUN [VERB]\n",
	      f);
}

void
tool_help(FILE *f, const char *noun, const char *verb)
{
	size_t shown = 0, last = 0;

	if (!noun) {
		print_overview(f);
		return;
	}
	fputs("usage: chasquictl [OPTIONS] ...\n\n", f);
	for (size_t i = 0; i < chq_ctl_verb_count(); i++) {
		const struct chq_ctl_verb *v = chq_ctl_verb_at(i);

		if (strcmp(v->noun, noun) != 0 || (verb && strcmp(v->verb, verb) != 0))
			continue;
		print_usage_line(f, v);
		last = i;
		shown++;
	}
	if (shown == 1) {
		print_verb_options(f, chq_ctl_verb_at(last));
		print_common_options(f);
	}
}
