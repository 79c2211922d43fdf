/*
 * What operators can say: the one table of verbs, by noun in proto/verbs/. chasquictl makes parsing, help and completion from it,
 * both daemons join it with their handlers by index or by name; nothing else lists verbs.
 *
 * Thread: any; constant data.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

enum chq_ctl_class {
	CHQ_CTL_READ,
	CHQ_CTL_WRITE, /* audited, and refused on a read-only socket */
};

enum chq_ctl_server {
	CHQ_CTL_CONTROL,   /* chasqui-control's socket */
	CHQ_CTL_DATAPLANE, /* chasqui-dataplane's socket */
	CHQ_CTL_LOCAL,	   /* chasquictl itself: needs no daemon */
};

enum chq_ctl_opt_flag {
	CHQ_CTL_OPT_VALUE = 1,	 /* takes a value; else present or not */
	CHQ_CTL_OPT_SECRET = 2,	 /* only by stdin, never in argv, never logged or audited */
	CHQ_CTL_OPT_NEEDED = 4,	 /* the request is refused without it */
	CHQ_CTL_OPT_INSTEAD = 8, /* with it, the needed ones may be left out */
	CHQ_CTL_OPT_ACT = 16,	 /* not for those who may only look */
};

struct chq_ctl_opt {
	const char *name;  /* without the dashes; NULL closes a list */
	const char *value; /* what help shows for its value, NULL if it takes none */
	const char *help;
	uint8_t flags; /* enum chq_ctl_opt_flag */
};

struct chq_ctl_verb {
	const char *noun, *verb; /* verb "": the noun alone is the command */
	uint8_t argc_min, argc_max;
	uint8_t class;			/* enum chq_ctl_class */
	uint8_t server;			/* enum chq_ctl_server */
	const char *args;		/* shown by help: "<name>" is needed, "[name]" is not */
	const char *help;		/* one line, no full stop */
	const struct chq_ctl_opt *opts; /* closed by a NULL name; never NULL */
};

/** chq_ctl_verb_count() - how many verbs there are. */
size_t chq_ctl_verb_count(void);

/** chq_ctl_verb_at() - the verb with this index, which is below chq_ctl_verb_count(). */
const struct chq_ctl_verb *chq_ctl_verb_at(size_t index);

/**
 * chq_ctl_verb_find() - index of a verb; @verb may be NULL for "".
 * Return: the index; CHQ_ENOCMD.
 */
int chq_ctl_verb_find(const char *noun, const char *verb);

/**
 * chq_ctl_verb_suggest() - what somebody may have meant who wrote an unknown noun or verb.
 *
 * The nearest by edit distance (insert, delete, replace or swap neighbours), if it is near enough: a
 * third of the word, at least 1. For a known noun its verbs are compared, else the nouns.
 * Return: a noun, or a verb of the noun given; NULL if nothing is near. Static.
 */
const char *chq_ctl_verb_suggest(const char *noun, const char *verb);

/** chq_ctl_opt_suggest() - the same of an unknown option of a verb: the nearest of its own, or NULL. Static. */
const char *chq_ctl_opt_suggest(const struct chq_ctl_verb *v, const char *name);

/**
 * chq_ctl_opt_find() - an option of a verb by its name, or NULL.
 */
const struct chq_ctl_opt *chq_ctl_opt_find(const struct chq_ctl_verb *v, const char *name);
