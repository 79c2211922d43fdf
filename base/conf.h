#pragma once

/*
 * Configuration: a strict subset of YAML against the caller's table of keys.
 *
 * Refused, with file, line and column: unknown keys (with the nearest known one), a key twice in one
 * file, anchors, aliases, tags, merge keys, directives, a second document, numbers such as 010 or 4s,
 * quantities without or with a wrong unit, values out of range. A file may set only some keys; those of
 * later files win. Lists are replaced as a whole.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

enum chq_conf_type {
	CHQ_CONF_BOOL,	   /* bool: true or false */
	CHQ_CONF_U32,	   /* uint32_t: 200 */
	CHQ_CONF_U32_AUTO, /* uint32_t: 200, or auto, which is CHQ_CONF_AUTO */
	CHQ_CONF_BYTES,	   /* uint64_t, bytes: 512B, 64KiB, 64MiB, 4GiB, 1TiB */
	CHQ_CONF_TIME,	   /* uint64_t, ms: 90ms, 2s, 5min, 24h, 30d */
	CHQ_CONF_RATE,	   /* struct chq_conf_rate: 200/s, 5/min, 10/h, 3/d */
	CHQ_CONF_WORD,	   /* uint32_t, index into the key's words */
	CHQ_CONF_STRING,   /* char *, never NULL: text without control characters */
	CHQ_CONF_STRINGS,  /* struct chq_conf_strings: [a, b] */
	CHQ_CONF_NUMBERS,  /* struct chq_conf_numbers: [1, 2] */
	CHQ_CONF__COUNT
};

#define CHQ_CONF_AUTO	   UINT32_MAX
#define CHQ_CONF_ITEMS_MAX 256		/* items of a list */
#define CHQ_CONF_TEXT_MAX  1024		/* bytes of a string, unless the key says less */
#define CHQ_CONF_FILE_MAX  (256u << 10) /* bytes of a file */
#define CHQ_CONF_FILES_MAX 64		/* files beside the main one */

struct chq_conf_rate {
	uint32_t count;
	uint64_t per_ms; /* of this time: 1,000 for /s */
};

struct chq_conf_strings {
	char **items;
	size_t count;
};

struct chq_conf_numbers {
	uint32_t *items;
	size_t count;
};

/* One key. A table lists the keys of a section one after another, in the order of printing. */
struct chq_conf_key {
	const char *path; /* "limits.burst"; its sections need no entries of their own */
	enum chq_conf_type type;
	size_t offset; /* of the field of @type in the caller's structure */

	/* Inclusive, in the field's unit; a rate's count; bytes of a string; a list's each item. */
	uint64_t min, max;

	const char *fallback; /* default, as written in a file; NULL: the key is required */
	const char *doc;      /* one line */

	const char *const *words; /* CHQ_CONF_WORD: closed by NULL */

	/* Strings, each one: NULL, or why the text is refused. May be NULL. */
	const char *(*check)(const char *text);
};

struct chq_conf_schema {
	const struct chq_conf_key *keys;
	size_t count;
	const char *title; /* first line of a printed file */

	/* Whole configuration: NULL, or why it is refused; *@path then names the key at fault. */
	const char *(*check)(const void *conf, const char **path);
};

/* Why loading failed: "FILE:LINE:COLUMN: text", or "FILE: text". */
struct chq_conf_error {
	char text[1024];
};

/**
 * chq_conf_load() - read a file, then the *.yaml beside it in its folder of drop-ins, in name order.
 * @path: such as /etc/chasqui/chasqui.yaml, whose drop-ins are /etc/chasqui/chasqui.d/NAME.yaml;
 *        their folder may be absent.
 * @conf: the caller's structure; overwritten without a look. Freed by chq_conf_free().
 * @err:  filled when it fails.
 *
 * Return: 0; CHQ_ECONF for a file that is refused; CHQ_ENOMEM; else the errno of reading. On failure
 * @conf holds nothing.
 */
int chq_conf_load(const struct chq_conf_schema *schema, const char *path, void *conf,
		  struct chq_conf_error *err);

/**
 * chq_conf_parse() - the same from one text in memory.
 * @name: stands for the file in errors.
 *
 * Return: 0; CHQ_ECONF; CHQ_ENOMEM. On failure @conf holds nothing.
 */
int chq_conf_parse(const struct chq_conf_schema *schema, const char *name, const char *text,
		   size_t len, void *conf, struct chq_conf_error *err);

/* What is read behind all files: a file whose place they say, of those keys that it may set. */
struct chq_conf_over {
	/* Its path; false: there is none. */
	bool (*path)(const void *conf, char *out, size_t size);
	bool (*may)(const char *key);
	const char *
		text; /* stands for its content, closed by NUL; NULL: it is read, and may be absent */
};

/**
 * chq_conf_load_over() - chq_conf_load(), and @over behind all of it.
 * Return: as there; @err names the file at fault.
 */
int chq_conf_load_over(const struct chq_conf_schema *schema, const char *path,
		       const struct chq_conf_over *over, void *conf, struct chq_conf_error *err);

/**
 * chq_conf_parse_part() - chq_conf_parse() without the checks of the whole: a file that sets some keys.
 * @set: one a key: whether the text sets it; the others have their defaults.
 */
int chq_conf_parse_part(const struct chq_conf_schema *schema, const char *name, const char *text,
			size_t len, void *conf, bool *set, struct chq_conf_error *err);

/**
 * chq_conf_read_text() - a regular file of at most CHQ_CONF_FILE_MAX bytes.
 * @text: closed by NUL, to be freed.
 * Return: 0; the errno of reading; CHQ_EINVAL, CHQ_EFBIG; with @err filled.
 */
int chq_conf_read_text(const char *path, char **text, size_t *len, struct chq_conf_error *err);

/* Free the strings and lists of a loaded @conf; a second call is harmless. */
void chq_conf_free(const struct chq_conf_schema *schema, void *conf);

/* Print @conf as a file that loads to the same: the effective configuration. */
void chq_conf_print(const struct chq_conf_schema *schema, const void *conf, FILE *out);

/**
 * chq_conf_print_commented() - print @conf as a file for people: each key under its explanation,
 * those that have their default commented out.
 */
void chq_conf_print_commented(const struct chq_conf_schema *schema, const void *conf, FILE *out);

/* Print a file of those keys that have a value in @values, one a key, as chq_conf_value_text() gives it. */
void chq_conf_print_values(const struct chq_conf_schema *schema, char *const *values, FILE *out);
