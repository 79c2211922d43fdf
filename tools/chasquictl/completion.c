#include <string.h>

#include "base/err.h"
#include "tools/chasquictl/args.h"
#include "tools/chasquictl/help.h"

static bool
first_of_noun(size_t i)
{
	for (size_t j = 0; j < i; j++) {
		if (!strcmp(chq_ctl_verb_at(j)->noun, chq_ctl_verb_at(i)->noun))
			return false;
	}
	return true;
}

static void
print_nouns(FILE *f)
{
	for (size_t i = 0; i < chq_ctl_verb_count(); i++) {
		if (first_of_noun(i))
			fprintf(f, "%s ", chq_ctl_verb_at(i)->noun);
	}
	fputs("help", f);
}

static void
print_verbs(FILE *f, const char *noun)
{
	const char *gap = "";

	for (size_t i = 0; i < chq_ctl_verb_count(); i++) {
		const struct chq_ctl_verb *v = chq_ctl_verb_at(i);

		if (!strcmp(v->noun, noun) && *v->verb) {
			fprintf(f, "%s%s", gap, v->verb);
			gap = " ";
		}
	}
}

static void
print_globals(FILE *f)
{
	const char *gap = "";

	for (const struct tool_global *g = tool_globals; g->name; g++) {
		if (g->letter)
			fprintf(f, "%s-%c --%s", gap, g->letter, g->name);
		else
			fprintf(f, "%s--%s", gap, g->name);
		gap = " ";
	}
}

/* "-c|--config|-s|--socket": what is followed by a value, so that the value is no noun. */
static void
print_with_value(FILE *f)
{
	const char *gap = "";

	for (const struct tool_global *g = tool_globals; g->name; g++) {
		if (!g->value)
			continue;
		if (g->letter)
			fprintf(f, "%s-%c", gap, g->letter);
		fprintf(f, "%s--%s", g->letter ? "|" : gap, g->name);
		gap = "|";
	}
}

/* Shell functions' case branches: the verbs of each noun, the options of each verb. */
static void
print_cases(FILE *f)
{
	fputs("\tcase \"$noun $verb\" in\n", f);
	for (size_t i = 0; i < chq_ctl_verb_count(); i++) {
		const struct chq_ctl_verb *v = chq_ctl_verb_at(i);

		if (!v->opts->name)
			continue;
		fprintf(f, "\t\"%s %s\") opts=\"", v->noun, v->verb);
		for (const struct chq_ctl_opt *o = v->opts; o->name; o++) {
			if (!(o->flags & CHQ_CTL_OPT_SECRET))
				fprintf(f, "--%s ", o->name);
		}
		fputs("\" ;;\n", f);
	}
	fputs("\tesac\n\tcase \"$noun\" in\n", f);
	for (size_t i = 0; i < chq_ctl_verb_count(); i++) {
		if (!first_of_noun(i) || !*chq_ctl_verb_at(i)->verb)
			continue;
		fprintf(f, "\t%s) verbs=\"", chq_ctl_verb_at(i)->noun);
		print_verbs(f, chq_ctl_verb_at(i)->noun);
		fputs("\" ;;\n", f);
	}
	fputs("\thelp) verbs=\"", f);
	print_nouns(f);
	fputs("\" ;;\n\tcompletion) verbs=\"bash zsh fish\" ;;\n\tesac\n", f);
}

static void
bash(FILE *f)
{
	fputs("# completion of chasquictl for bash; made by: chasquictl completion bash\n"
	      "_chasquictl()\n{\n"
	      "\tlocal cur=${COMP_WORDS[COMP_CWORD]} noun= verb= verbs= opts= i words\n"
	      "\tcase \"${COMP_WORDS[COMP_CWORD-1]}\" in\n"
	      "\t-o|--output) COMPREPLY=($(compgen -W 'table json jsonl tsv' -- \"$cur\")); return "
	      ";;\n"
	      "\t-c|--config|-s|--socket) COMPREPLY=($(compgen -f -- \"$cur\")); return ;;\n"
	      "\tesac\n"
	      "\tfor ((i = 1; i < COMP_CWORD; i++)); do\n"
	      "\t\tcase \"${COMP_WORDS[i]}\" in\n\t\t",
	      f);
	print_with_value(f);
	fputs(") i=$((i + 1)) ;;\n"
	      "\t\t-*) ;;\n"
	      "\t\t*) if [ -z \"$noun\" ]; then noun=${COMP_WORDS[i]}; "
	      "elif [ -z \"$verb\" ]; then verb=${COMP_WORDS[i]}; fi ;;\n"
	      "\t\tesac\n\tdone\n",
	      f);
	print_cases(f);
	fputs("\tif [[ $cur == -* ]]; then words=\"$opts ", f);
	print_globals(f);
	fputs("\"\n\telif [ -z \"$noun\" ]; then words=\"", f);
	print_nouns(f);
	fputs("\"\n\telif [ -z \"$verb\" ]; then words=$verbs\n\tfi\n"
	      "\tCOMPREPLY=($(compgen -W \"$words\" -- \"$cur\"))\n"
	      "}\n"
	      "complete -o default -F _chasquictl chasquictl\n",
	      f);
}

static void
zsh(FILE *f)
{
	fputs("#compdef chasquictl\n"
	      "# completion of chasquictl for zsh; made by: chasquictl completion zsh\n"
	      "autoload -U +X bashcompinit && bashcompinit\n",
	      f);
	bash(f);
}

/* Inside single quotes, fish takes \ and ' as special. */
static void
fish_text(FILE *f, const char *s)
{
	for (; *s; s++)
		fprintf(f, "%s%c", *s == '\'' || *s == '\\' ? "\\" : "", *s);
}

static void
fish_line(FILE *f, const char *condition, const char *what, const char *word, const char *help)
{
	fprintf(f, "complete -c chasquictl -f -n '%s' %s '%s' -d '", condition, what, word);
	fish_text(f, help);
	fputs("'\n", f);
}

static void
fish(FILE *f)
{
	char condition[160];

	fputs("# completion of chasquictl for fish; made by: chasquictl completion fish\n", f);
	for (size_t i = 0; i < chq_ctl_verb_count(); i++) {
		const struct chq_ctl_verb *v = chq_ctl_verb_at(i);

		if (first_of_noun(i))
			fish_line(f, "__fish_use_subcommand", "-a", v->noun,
				  *v->verb ? "" : v->help);
		snprintf(condition, sizeof(condition), "__fish_seen_subcommand_from %s", v->noun);
		if (*v->verb)
			fish_line(f, condition, "-a", v->verb, v->help);
		if (*v->verb)
			snprintf(condition, sizeof(condition),
				 "__fish_seen_subcommand_from %s; and __fish_seen_subcommand_from "
				 "%s",
				 v->noun, v->verb);
		for (const struct chq_ctl_opt *o = v->opts; o->name; o++) {
			if (!(o->flags & CHQ_CTL_OPT_SECRET))
				fish_line(f, condition, o->value ? "-r -l" : "-l", o->name,
					  o->help);
		}
	}
	for (const struct tool_global *g = tool_globals; g->name; g++)
		fish_line(f, "true", g->value ? "-r -l" : "-l", g->name, g->help);
}

int
tool_completion(FILE *f, const char *shell)
{
	if (!strcmp(shell, "bash"))
		bash(f);
	else if (!strcmp(shell, "zsh"))
		zsh(f);
	else if (!strcmp(shell, "fish"))
		fish(f);
	else
		return CHQ_EARGS;
	return CHQ_OK;
}
