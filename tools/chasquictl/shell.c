#include "tools/chasquictl/shell.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#ifdef CHQ_HAVE_LIBEDIT
#include <editline/readline.h>
#endif

#include "base/err.h"

enum { OWN_WORDS = 12, EXIT_NOT_RUN = 127 };

/* One word at *@at, unquoted in place. Return: false for an open quote. */
static bool
take_word(char **at, char **word)
{
	char *from = *at, *to = *at, quote = '\0';

	*word = to;
	for (; *from && (quote || !strchr(" \t\r\n", *from)); from++) {
		if (quote ? *from == quote : *from == '"' || *from == '\'')
			quote = quote ? '\0' : *from;
		else if (*from == '\\' && from[1] && quote != '\'')
			*to++ = *++from;
		else
			*to++ = *from;
	}
	*at = *from ? from + 1 : from;
	*to = '\0';
	return !quote;
}

int
tool_split(char *line, char *words[TOOL_LINE_WORDS])
{
	int n = 0;

	for (;;) {
		line += strspn(line, " \t\r\n");
		if (!*line || *line == '#')
			break;
		if (n == TOOL_LINE_WORDS - 1)
			return CHQ_EUSAGE;
		if (!take_word(&line, &words[n++]))
			return CHQ_EUSAGE;
	}
	words[n] = NULL;
	return n;
}

/* --- running --- */

/* The options of this chasquictl, for the next one. Return: how many words. */
static int
own_options(const struct tool_args *a, char *words[OWN_WORDS], char timeout[24])
{
	int n = 0;

	words[n++] = (char *)(uintptr_t) "chasquictl";
	if (a->conf) {
		words[n++] = (char *)(uintptr_t) "-c";
		words[n++] = (char *)(uintptr_t)a->conf;
	}
	if (a->socket) {
		words[n++] = (char *)(uintptr_t) "-s";
		words[n++] = (char *)(uintptr_t)a->socket;
	}
	if (a->format != TOOL_TABLE) {
		words[n++] = (char *)(uintptr_t) "-o";
		words[n++] = (char *)(uintptr_t)tool_formats[a->format];
	}
	if (a->timeout_s != TOOL_TIMEOUT_S) {
		snprintf(timeout, 24, "--timeout=%u", a->timeout_s);
		words[n++] = timeout;
	}
	if (a->no_color)
		words[n++] = (char *)(uintptr_t) "--no-color";
	if (a->quiet)
		words[n++] = (char *)(uintptr_t) "-q";
	if (a->yes)
		words[n++] = (char *)(uintptr_t) "-y";
	return n;
}

/* Return: what the command exited with; EXIT_NOT_RUN. */
static int
run_words(const struct tool_args *a, char *const *words, int n, bool with_input)
{
	char *argv[OWN_WORDS + TOOL_LINE_WORDS], timeout[24];
	int own = own_options(a, argv, timeout), status = 0;
	pid_t pid;

	memcpy(argv + own, words, ((size_t)n + 1) * sizeof(*words));
	fflush(NULL);
	pid = fork();
	if (pid == 0) {
		int null = with_input ? -1 : open("/dev/null", O_RDONLY | O_CLOEXEC);

		if (null >= 0)
			dup2(null, STDIN_FILENO);
		execv("/proc/self/exe", argv);
		_exit(EXIT_NOT_RUN);
	}
	if (pid < 0 || waitpid(pid, &status, 0) < 0)
		return EXIT_NOT_RUN;
	return WIFEXITED(status) ? WEXITSTATUS(status) : EXIT_NOT_RUN;
}

/* Return: exit status of the line's command, 0 for none; EXIT_USAGE… of a line that is no command. */
static int
run_line(const struct tool_args *a, char *line, bool with_input)
{
	char *words[TOOL_LINE_WORDS];
	int n = tool_split(line, words);

	if (n == 0)
		return CHQ_CTL_EXIT_OK;
	if (n < 0 || !strcmp(words[0], "shell")) {
		fputs(n < 0 ? "error: EUSAGE a quote is open, or too many words\n"
			    : "error: EUSAGE no shell inside a shell\n",
		      stderr);
		return CHQ_CTL_EXIT_USAGE;
	}
	return run_words(a, words, n, with_input);
}

/* All lines. Return: how many failed; @stop: after the first. */
static unsigned
run_lines(const struct tool_args *a, FILE *in, const char *name, bool stop, unsigned *ran)
{
	char line[TOOL_LINE_MAX];
	unsigned failed = 0;

	*ran = 0;
	for (unsigned number = 1; fgets(line, sizeof(line), in); number++) {
		int status;

		if (!strchr(line, '\n') && !feof(in)) {
			fprintf(stderr, "%s:%u: line is too long\n", name, number);
			return failed + 1; /* where the next one begins is not known */
		}
		*ran += line[strspn(line, " \t\r\n")] != '\0';
		status = run_line(a, line, in != stdin);
		if (!status)
			continue;
		fprintf(stderr, "%s:%u: exit status %d\n", name, number, status);
		failed++;
		if (stop)
			break;
	}
	return failed;
}

int
tool_batch(const struct tool_args *a, struct chq_ctl_error *e)
{
	bool standard = !strcmp(a->file, "-");
	FILE *in = standard ? stdin : fopen(a->file, "re");
	unsigned failed, ran;

	if (!in)
		return chq_ctl_error_set(e, chq_errno(), "file", "%.100s: %s", a->file,
					 chq_strerror(chq_errno()));
	failed = run_lines(a, in, standard ? "input" : a->file, a->stop, &ran);
	if (!standard)
		fclose(in);
	if (failed)
		return chq_ctl_error_set(e, CHQ_EPARTIAL, NULL, "%u of %u commands failed%s",
					 failed, ran,
					 a->stop ? ", those after it were not run" : "");
	return CHQ_OK;
}

/* --- completion --- */

struct finding {
	const char *text;
	unsigned skip;
	char *found;
};

/* Return: whether it is the one that was asked for. */
static bool
offer(struct finding *f, const char *prefix, const char *word)
{
	size_t n = strlen(prefix);
	char *whole;

	if (f->found || !*word || n + strlen(word) < strlen(f->text))
		return false;
	whole = malloc(n + strlen(word) + 1);
	if (!whole)
		return false;
	memcpy(whole, prefix, n);
	memcpy(whole + n, word, strlen(word) + 1);
	if (strncmp(whole, f->text, strlen(f->text)) != 0 || f->skip-- > 0) {
		free(whole);
		return false;
	}
	f->found = whole;
	return true;
}

static void
offer_nouns(struct finding *f)
{
	for (size_t i = 0; i < chq_ctl_verb_count(); i++) {
		const char *noun = chq_ctl_verb_at(i)->noun;
		size_t first = 0;

		while (strcmp(chq_ctl_verb_at(first)->noun, noun) != 0)
			first++;
		if (first == i)
			offer(f, "", noun);
	}
	offer(f, "", "help");
	offer(f, "", "exit");
}

static void
offer_verbs(struct finding *f, const char *noun)
{
	for (size_t i = 0; i < chq_ctl_verb_count(); i++)
		if (!strcmp(chq_ctl_verb_at(i)->noun, noun))
			offer(f, "", chq_ctl_verb_at(i)->verb);
}

static void
offer_options(struct finding *f, const char *noun, const char *verb)
{
	int i = chq_ctl_verb_find(noun, verb);
	const struct chq_ctl_opt *o = i >= 0 ? chq_ctl_verb_at((size_t)i)->opts : NULL;

	for (; o && o->name; o++)
		if (!(o->flags & CHQ_CTL_OPT_SECRET))
			offer(f, "--", o->name);
	for (const struct tool_global *g = tool_globals; g->name; g++)
		offer(f, "--", g->name);
}

char *
tool_complete(const char *before, const char *text, unsigned n)
{
	struct finding f = { text, n, NULL };
	char *line = strdup(before), *words[TOOL_LINE_WORDS];
	int count = line ? tool_split(line, words) : -1;

	if (count > 0 && !strcmp(words[0], "help")) {
		if (count == 1)
			offer_nouns(&f);
		else if (count == 2)
			offer_verbs(&f, words[1]);
	} else if (count >= 0 && text[0] == '-') {
		offer_options(&f, count > 0 ? words[0] : "", count > 1 ? words[1] : NULL);
	} else if (count == 0) {
		offer_nouns(&f);
	} else if (count == 1) {
		offer_verbs(&f, words[0]);
	}
	free(line);
	return f.found;
}

/* --- typed --- */

#ifdef CHQ_HAVE_LIBEDIT
static char *
next_match(const char *text, int state)
{
	static unsigned n;
	char *before, *match;

	n = state ? n + 1 : 0;
	before = strndup(rl_line_buffer, (size_t)(rl_point > 0 ? rl_point : 0));
	if (!before)
		return NULL;
	if (strlen(before) >= strlen(text))
		before[strlen(before) - strlen(text)] = '\0';
	match = tool_complete(before, text, n);
	free(before);
	return match;
}

static char **
matches(const char *text, int start, int end)
{
	(void)start;
	(void)end;
	rl_attempted_completion_over = 1;
	return rl_completion_matches(text, next_match);
}

/* Return: false at the end. */
static bool
typed_line(char line[TOOL_LINE_MAX])
{
	char *text = readline("chasqui> ");

	if (!text)
		return false;
	if (text[strspn(text, " \t")])
		add_history(text);
	snprintf(line, TOOL_LINE_MAX, "%s", text);
	free(text);
	return true;
}

static void
typing_begin(void)
{
	rl_readline_name = (char *)(uintptr_t) "chasquictl";
	rl_attempted_completion_function = matches;
	using_history();
}
#else
static bool
typed_line(char line[TOOL_LINE_MAX])
{
	fputs("chasqui> ", stdout);
	fflush(stdout);
	return fgets(line, TOOL_LINE_MAX, stdin) != NULL;
}

static void
typing_begin(void)
{
}
#endif

int
tool_shell(const struct tool_args *a, const struct tool_out *o, struct chq_ctl_error *e)
{
	char line[TOOL_LINE_MAX], *word;
	unsigned failed, ran;

	(void)o;
	if (!isatty(STDIN_FILENO)) {
		failed = run_lines(a, stdin, "input", a->stop, &ran);
		return failed ? chq_ctl_error_set(e, CHQ_EPARTIAL, NULL, "%u of %u commands failed",
						  failed, ran)
			      : CHQ_OK;
	}
	typing_begin();
	while (typed_line(line)) {
		word = line + strspn(line, " \t");
		word[strcspn(word, "\r\n")] = '\0';
		if (!strcmp(word, "exit") || !strcmp(word, "quit"))
			break;
		run_line(a, line, true);
	}
	return CHQ_OK;
}
