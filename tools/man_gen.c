/* man_gen PAGE: prints chasquictl(1), made from the table of verbs, or chasqui.yaml(5), from that of keys. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/conf_value.h"
#include "base/site_conf.h"
#include "proto/ctl_verbs.h"
#include "tools/chasquictl/args.h"

/* A character beyond ASCII as roff says it; it is UTF-8 of ours. Return: its last byte. */
static const char *
beyond_ascii(const char *at)
{
	unsigned c = (unsigned char)*at, more = c >= 0xf0 ? 3 : c >= 0xe0 ? 2 : 1;

	c &= 0x3fu >> more;
	for (; more && at[1]; more--)
		c = c << 6 | (*++at & 0x3f);
	printf("\\[u%04X]", c);
	return at;
}

/* Text inside a page: no line begins with a control character, hyphens stay what they are. */
static void
text(const char *s)
{
	for (const char *at = s; *at; at++) {
		if (*at == '\\')
			fputs("\\e", stdout);
		else if (*at == '-')
			fputs("\\-", stdout);
		else if ((*at == '.' || *at == '\'') && (at == s || at[-1] == '\n'))
			printf("\\&%c", *at);
		else if (*at & 0x80)
			at = beyond_ascii(at);
		else
			putchar(*at);
	}
}

static void
title(const char *name, const char *section, const char *what)
{
	printf(".\\\" made at build time; its source is the program's own table\n"
	       ".TH %s %s \"\" \"Chasqui %s\"\n.SH NAME\n%s \\- %s\n",
	       name, section, MAN_VERSION, name, what);
}

/* --- chasquictl(1) --- */

static void
usage(const struct chq_ctl_verb *v)
{
	fputs(".TP\n.B \"", stdout);
	text(v->noun);
	if (*v->verb) {
		putchar(' ');
		text(v->verb);
	}
	if (*v->args) {
		fputs("\" \"", stdout);
		text(v->args);
	}
	fputs("\"\n", stdout);
}

static void
option(const struct chq_ctl_opt *o)
{
	fputs(".RS\n.TP\n.B ", stdout);
	text(o->flags & CHQ_CTL_OPT_SECRET ? "" : "--");
	text(o->name);
	if (o->value) {
		fputs(" \\fI", stdout);
		text(o->value);
		fputs("\\fR", stdout);
	}
	putchar('\n');
	text(o->help);
	fputs("\n.RE\n", stdout);
}

static void
verbs(void)
{
	const char *noun = "";

	fputs(".SH COMMANDS\n", stdout);
	for (size_t i = 0; i < chq_ctl_verb_count(); i++) {
		const struct chq_ctl_verb *v = chq_ctl_verb_at(i);

		if (strcmp(noun, v->noun) != 0)
			printf(".SS %s\n", noun = v->noun);
		usage(v);
		text(v->help);
		fputs(v->server == CHQ_CTL_LOCAL ? ". Needs no daemon of its own.\n" : ".\n",
		      stdout);
		for (const struct chq_ctl_opt *o = v->opts; o->name; o++)
			option(o);
	}
}

static void
globals(void)
{
	fputs(".SH OPTIONS\n", stdout);
	for (const struct tool_global *g = tool_globals; g->name; g++) {
		fputs(".TP\n.B ", stdout);
		if (g->letter)
			printf("\\-%c\\fR, \\fB", g->letter);
		text("--");
		text(g->name);
		if (g->value)
			printf(" \\fI%s\\fR", g->value);
		putchar('\n');
		text(g->help);
		putchar('\n');
	}
}

static const char chasquictl_tail[] =
	".SH EXIT STATUS\n"
	".TP\n.B 0\ndone\n.TP\n.B 1\nrefused or failed\n.TP\n.B 2\nwrong usage\n"
	".TP\n.B 3\nno daemon answers\n.TP\n.B 4\nnot found\n.TP\n.B 5\nexists already, or in use\n"
	".TP\n.B 6\ndenied\n.TP\n.B 7\nno answer in time; what was asked may still happen\n"
	".TP\n.B 8\ndone in part\n.PP\n"
	".B status check \\-\\-format nagios\nends with the plugin's own: 0, 1, 2 or 3.\n"
	".SH FILES\n.TP\n.I /etc/chasqui/chasqui.yaml\nwhere the daemons listen, unless\n"
	".B \\-c\nor\n.B \\-s\nsays it\n"
	".TP\n.I /run/chasqui/control.sock\nfor members of chasqui\\-admin\n"
	".TP\n.I /run/chasqui/read.sock\nfor members of chasqui\\-monitor: nothing can be changed "
	"there\n"
	".SH SEE ALSO\n.BR chasqui (1),\n.BR chasqui.yaml (5),\n.BR chasqui\\-control (8),\n"
	".BR chasqui\\-dataplane (8)\n";

static void
page_chasquictl(void)
{
	title("chasquictl", "1", "operate a Chasqui server");
	fputs(".SH SYNOPSIS\n.B chasquictl\n[\\fIoptions\\fR] \\fInoun verb\\fR "
	      "[\\fIarguments\\fR] "
	      "[\\fIoptions\\fR]\n.SH DESCRIPTION\nAsks the daemons of a server, or changes what "
	      "they keep. Each change is in force when it is answered, and is recorded with who "
	      "made it, when, what was and what is; see\n.BR \"audit tail\" .\nPasswords come "
	      "from standard input or are asked for, never from arguments.\n",
	      stdout);
	globals();
	verbs();
	fputs(chasquictl_tail, stdout);
}

/* --- chasqui.yaml(5) --- */

static const char yaml_head[] =
	".SH DESCRIPTION\n"
	"Both daemons read this file, and after it\n.I chasqui.d/*.yaml\nbeside it in the order of "
	"their names; later ones win. It is a strict subset of YAML: an unknown key, a key twice, "
	"an anchor, a tag or a value out of range is an error with file, line and column, and the "
	"nearest known key. Quantities have units: 90ms, 2s, 5min, 24h, 30d; 512B, 64KiB, 64MiB, "
	"4GiB; 5/min. Secrets are never in it.\n.PP\n"
	".B chasquictl conf check\nprints what a file means,\n.B chasquictl conf diff\nwhat the "
	"running server has otherwise,\n.B chasquictl conf reload\ntakes over what needs no "
	"restart.\n.SH KEYS\nSections are written as nested maps: \\fBlimits.burst\\fR is the key "
	"\\fBburst\\fR below \\fBlimits\\fR.\n";

static void
key(const struct chq_conf_key *k)
{
	fputs(".TP\n.B ", stdout);
	text(k->path);
	putchar('\n');
	text(k->doc);
	putchar('.');
	if (k->type == CHQ_CONF_WORD) {
		fputs(" One of", stdout);
		for (const char *const *w = k->words; *w; w++)
			printf("%s %s", w == k->words ? "" : ",", *w);
		putchar('.');
	}
	if (k->fallback) {
		fputs(" Default: ", stdout);
		text(*k->fallback ? k->fallback : "\"\"");
		putchar('.');
	}
	putchar('\n');
}

static void
page_yaml(void)
{
	title("chasqui.yaml", "5", "configuration of Chasqui's daemons");
	fputs(yaml_head, stdout);
	for (size_t i = 0; i < chq_site_schema.count; i++)
		key(&chq_site_schema.keys[i]);
	fputs(".SH EXAMPLE\n.nf\nlisten: [\"[::]:4700\"]\npublic: [\"im.example.org:4700\"]\n"
	      "dataplane:\n  driver: xdp\n  interfaces: [eth0]\nlimits:\n  frames_per_second: 300\n"
	      ".fi\n.SH SEE ALSO\n.BR chasquictl (1),\n.BR chasqui\\-control (8),\n"
	      ".BR chasqui\\-dataplane (8)\n",
	      stdout);
}

int
main(int argc, char **argv)
{
	if (argc == 2 && !strcmp(argv[1], "chasquictl.1"))
		page_chasquictl();
	else if (argc == 2 && !strcmp(argv[1], "chasqui.yaml.5"))
		page_yaml();
	else
		return EXIT_FAILURE;
	return fflush(stdout) == 0 && !ferror(stdout) ? EXIT_SUCCESS : EXIT_FAILURE;
}
