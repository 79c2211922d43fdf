#pragma once
/*
 * tools/chasquictl/args: the command line, read by the operators' verb table alone.
 */
#include <stdbool.h>

#include <jansson.h>

#include "proto/ctl.h"

#define TOOL_TIMEOUT_S	   10
#define TOOL_TIMEOUT_S_MAX 86400

enum tool_format { TOOL_TABLE, TOOL_JSON, TOOL_JSONL, TOOL_TSV, TOOL_FORMAT__COUNT };

/* Names of the formats, in the order of the enum. */
extern const char *const tool_formats[TOOL_FORMAT__COUNT];

enum tool_act {
	TOOL_ACT_VERB,	/* verb, argc, args, opts */
	TOOL_ACT_BATCH, /* file, stop */
	TOOL_ACT_HELP,	/* help_noun, help_verb: either may be NULL */
};

struct tool_args {
	const char *socket; /* NULL: as configured */
	const char *conf;   /* NULL: none was named */
	enum tool_format format;
	bool no_color, quiet, yes;
	const char *file; /* of commands, or NULL */
	bool stop;	  /* after the first of them that fails */
	unsigned timeout_s;
	bool takes_long; /* the verb is one that reports its progress */
	enum tool_act act;
	const char *help_noun, *help_verb;
	const struct chq_ctl_verb *verb;
	unsigned argc;
	const char *args[CHQ_CTL_ARGS_MAX];
	json_t *opts; /* object, as chq_ctl_request_make() takes it */
};

/* An option that every verb has. */
struct tool_global {
	char letter;	   /* 0: none */
	const char *name;  /* without the dashes; NULL closes the list */
	const char *value; /* what help shows for its value, NULL if it takes none */
	const char *help;
};
extern const struct tool_global tool_globals[];

/**
 * tool_args_parse() - read a command line.
 * @argc, @argv: as main() has them; @a points into them.
 * @a:           out; to be freed by tool_args_free() whatever is returned. Its format and quietness are
 *               valid even then, as far as they were read.
 * @e:           filled when it fails; names what may have been meant.
 *
 * Options may stand before or behind noun and verb; "--" ends them. Where a verb has an option of the
 * same name as a common one, behind the verb it is the verb's. Secrets are refused here.
 * Return: 0; CHQ_EUSAGE; CHQ_ENOCMD; CHQ_EARGS; CHQ_ENOMEM.
 */
int tool_args_parse(int argc, char **argv, struct tool_args *a, struct chq_ctl_error *e);

void tool_args_free(struct tool_args *a);
