/*
 * The operators' socket: what chasquictl and the daemons say to each other. One JSON object a line, UTF-8,
 * closed by a newline; one answer for each request, in order.
 *
 *	{"id": 1, "noun": "user", "verb": "show", "args": ["alice"], "opts": {"limit": "10"}}
 *	{"id": 1, "ok": true, "data": ..., "cursor": "..."}
 *	{"id": 1, "ok": false, "error": {"code": "ENOENT", "message": "...", "field": "login"}}
 *
 * "id" (a number or a text of at most 64 bytes) may be left out; the answer has it when the request had.
 * "verb", "args" and "opts" may be left out. Options are texts, or true for those that take no value. A
 * cursor in an answer means that there is more: the same request with opts.cursor goes on.
 *
 * Thread: any; json_t values are the caller's and not shared between threads.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include <jansson.h>

#include "proto/ctl_verbs.h"

#define CHQ_CTL_REQUEST_MAX (64 * 1024)	  /* bytes of a request's line, newline included */
#define CHQ_CTL_ANSWER_MAX  (1024 * 1024) /* bytes of an answer's line, newline included */
#define CHQ_CTL_DEPTH_MAX   16		  /* arrays and objects inside one another */
#define CHQ_CTL_ARGS_MAX    8
#define CHQ_CTL_FIELD_MAX   32
#define CHQ_CTL_TEXT_MAX    160

/* Why something was refused; texts are for people. */
struct chq_ctl_error {
	int err;			/* CHQ_E… */
	char message[CHQ_CTL_TEXT_MAX]; /* empty: chq_strerror(err) */
	char field[CHQ_CTL_FIELD_MAX];	/* argument or option concerned, or empty */
};

struct chq_ctl_request {
	json_t *json;			 /* owns what all below point to */
	const json_t *id;		 /* NULL if there is none */
	const struct chq_ctl_verb *verb; /* in chq_ctl_verbs */
	int index;			 /* of it */
	unsigned argc;
	const char *args[CHQ_CTL_ARGS_MAX];
	const json_t *opts; /* object, or NULL; chq_ctl_opt() reads it */
};

/**
 * chq_ctl_error_set() - fill in an error; the message is printf()'s, cut to fit.
 * @field: may be NULL.
 *
 * Return: @err, so that it can end a function.
 */
int chq_ctl_error_set(struct chq_ctl_error *e, int err, const char *field, const char *fmt, ...)
	__attribute__((format(printf, 4, 5)));

/**
 * chq_ctl_json() - one bounded line as a JSON object: no duplicate key, no NUL, not too deep.
 * @line: @len bytes; a newline at the end is allowed and not needed.
 * @max:  CHQ_CTL_REQUEST_MAX or CHQ_CTL_ANSWER_MAX.
 *
 * Return: 0 and a new reference; CHQ_ETOOBIG; CHQ_EMALFORMED; the error's text never quotes the line.
 */
int chq_ctl_json(const char *line, size_t len, size_t max, json_t **out, struct chq_ctl_error *e);

/**
 * chq_ctl_request_parse() - read a request and check it against the verb table.
 * @readonly: true on the monitoring socket: verbs that change something are refused.
 * @req:      out; to be freed by chq_ctl_request_free() whatever is returned (an id that could be read
 *            is there for the answer even then).
 *
 * Unknown members, unknown options, wrong types and counts are errors.
 * Return: 0; CHQ_ETOOBIG; CHQ_EMALFORMED; CHQ_ENOCMD; CHQ_EARGS; CHQ_EREADONLY; @e says it to people.
 */
int chq_ctl_request_parse(const char *line, size_t len, bool readonly, struct chq_ctl_request *req,
			  struct chq_ctl_error *e);

/**
 * chq_ctl_request_free() - drop it; secrets in it are overwritten first. Safe on a zeroed one.
 */
void chq_ctl_request_free(struct chq_ctl_request *req);

/**
 * chq_ctl_opt() - an option's text; "" for one without a value; NULL if it was not given.
 * Valid until chq_ctl_request_free().
 */
const char *chq_ctl_opt(const struct chq_ctl_request *req, const char *name);

/**
 * chq_ctl_opt_number() - an option as a decimal number from @min to @max; absent: @out is untouched.
 * Return: 0; CHQ_EARGS with @e filled in.
 */
int chq_ctl_opt_number(const struct chq_ctl_request *req, const char *name, uint64_t min,
		       uint64_t max, uint64_t *out, struct chq_ctl_error *e);

/**
 * chq_ctl_request_make() - a request's line for a verb of the table.
 * @id:   0 for none.
 * @opts: object of texts and true, or NULL; the reference stays the caller's.
 *
 * Nothing is checked but the length. The line may hold a secret: see chq_ctl_line_free().
 * Return: a line with its newline, closed by NUL; NULL if it exceeds CHQ_CTL_REQUEST_MAX, if an
 * argument is no UTF-8, or without memory.
 */
char *chq_ctl_request_make(unsigned id, const struct chq_ctl_verb *verb, unsigned argc,
			   const char *const *args, const json_t *opts);

/**
 * chq_ctl_answer_ok() - a good answer's line.
 * @id:     the request's or NULL.
 * @data:   reference is taken, NULL stands for null.
 * @cursor: NULL: this is all.
 *
 * Return: a line with its newline, closed by NUL, for chq_ctl_line_free(); NULL if it exceeds
 * CHQ_CTL_ANSWER_MAX or without memory.
 */
char *chq_ctl_answer_ok(const json_t *id, json_t *data, const char *cursor);

/**
 * chq_ctl_answer_error() - a refusal's line.
 *
 * Return: as chq_ctl_answer_ok().
 */
char *chq_ctl_answer_error(const json_t *id, const struct chq_ctl_error *e);

/**
 * chq_ctl_answer_refused() - the same with data besides, such as what was wrong where.
 * @data: reference is taken; may be NULL.
 *
 * Return: as chq_ctl_answer_ok().
 */
char *chq_ctl_answer_refused(const json_t *id, const struct chq_ctl_error *e, json_t *data);

/**
 * chq_ctl_line_free() - overwrite and free a line made here. NULL is fine.
 */
void chq_ctl_line_free(char *line);

struct chq_ctl_answer {
	json_t *json;		    /* owns what all below point to */
	const json_t *id;	    /* or NULL */
	const json_t *data;	    /* when refused: NULL, or what there is to say besides */
	const char *cursor;	    /* or NULL */
	struct chq_ctl_error error; /* error.err is 0 when it is a good one */
};

/**
 * chq_ctl_answer_parse() - read an answer.
 *
 * Return: 0 for any well-formed answer, also a refusal; CHQ_ETOOBIG; CHQ_EMALFORMED. In any case
 * chq_ctl_answer_free() it.
 */
int chq_ctl_answer_parse(const char *line, size_t len, struct chq_ctl_answer *a);
void chq_ctl_answer_free(struct chq_ctl_answer *a);

/* What chasquictl exits with. */
enum chq_ctl_exit {
	CHQ_CTL_EXIT_OK = 0,
	CHQ_CTL_EXIT_FAILED = 1,
	CHQ_CTL_EXIT_USAGE = 2,
	CHQ_CTL_EXIT_UNREACHED = 3,
	CHQ_CTL_EXIT_NOT_FOUND = 4,
	CHQ_CTL_EXIT_CONFLICT = 5,
	CHQ_CTL_EXIT_DENIED = 6,
	CHQ_CTL_EXIT_TIMED_OUT = 7,
	CHQ_CTL_EXIT_PARTIAL = 8,
};

/** chq_ctl_exit_code() - for an error code, 0 for CHQ_OK. */
enum chq_ctl_exit chq_ctl_exit_code(int err);

/** chq_ctl_code() - an error's name on this socket, such as "ENOENT". Static text. */
const char *chq_ctl_code(int err);

/** chq_ctl_code_err() - the other way round; CHQ_EINTERNAL for a name in no table. */
int chq_ctl_code_err(const char *name);
