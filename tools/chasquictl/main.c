/*
 * chasquictl: the operators' command line.
 */
#include <stdlib.h>
#include <unistd.h>

#include "base/err.h"
#include "proto/aead.h"
#include "tools/chasquictl/args.h"
#include "tools/chasquictl/ask.h"
#include "tools/chasquictl/format.h"
#include "tools/chasquictl/help.h"
#include "tools/chasquictl/local.h"
#include "tools/chasquictl/shell.h"
#include "tools/chasquictl/text.h"

static bool
headings_bold(const struct tool_args *a)
{
	const char *no = getenv("NO_COLOR");

	return !a->no_color && !(no && *no) && isatty(STDOUT_FILENO);
}

static int
run(const struct tool_args *a, const struct tool_out *o, struct chq_ctl_error *e)
{
	if (a->act == TOOL_ACT_HELP) {
		tool_help(o->f, a->help_noun, a->help_verb);
		return CHQ_OK;
	}
	if (a->act == TOOL_ACT_BATCH)
		return tool_batch(a, e);
	if (a->verb->server == CHQ_CTL_LOCAL)
		return tool_local(a, o, e);
	return tool_ask_daemon(a, o, e);
}

int
main(int argc, char **argv)
{
	struct chq_ctl_error e = { 0 };
	json_t *refused = NULL;
	struct tool_out o = { .f = stdout, .refused = &refused };
	struct tool_args a;
	int err;

	tool_text_init();
	err = chq_crypto_init();
	if (err)
		return CHQ_CTL_EXIT_FAILED;
	err = tool_args_parse(argc, argv, &a, &e);
	o.format = a.format;
	o.bold = headings_bold(&a);
	if (!err)
		err = run(&a, &o, &e);
	if (!err && tool_print_flush(&o))
		err = chq_ctl_error_set(&e, CHQ_EIO, NULL, "output could not be written");
	if (err) {
		e.err = e.err ? e.err : err;
		tool_print_error(&o, stderr, &e);
		fflush(stdout);
	}
	json_decref(refused);
	tool_args_free(&a);
	return chq_ctl_exit_code(err);
}
