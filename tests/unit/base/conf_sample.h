#pragma once

/* A configuration with one key of each type, for the tests of the reader and the printers. */

#include "base/array.h"
#include "base/conf.h"

struct sample {
	bool flag;
	uint32_t number, core;
	uint64_t size_bytes, wait_ms;
	struct chq_conf_rate rate;
	uint32_t word;
	char *text;
	struct chq_conf_strings names;
	struct chq_conf_numbers cores;
};

enum { SAMPLE_RED, SAMPLE_GREEN };

static inline const char *
sample_check_text(const char *text)
{
	return text[0] == '!' ? "no exclamation mark, please" : NULL;
}

static inline const char *
sample_check(const void *conf, const char **path)
{
	const struct sample *s = conf;

	*path = "deep.er.wait";
	return s->wait_ms == 7 ? "seven is unlucky" : NULL;
}

static const char *const sample_words[] = { "red", "green", NULL };

/* clang-format off */
static const struct chq_conf_key sample_keys[] = {
	{ "flag", CHQ_CONF_BOOL, offsetof(struct sample, flag), 0, 0, "false", "A flag", NULL, NULL },
	{ "number", CHQ_CONF_U32, offsetof(struct sample, number), 1, 1000, "5", "A number", NULL, NULL },
	{ "core", CHQ_CONF_U32_AUTO, offsetof(struct sample, core), 0, 7, "auto", "A core", NULL, NULL },
	{ "deep.size", CHQ_CONF_BYTES, offsetof(struct sample, size_bytes), 1024, 1 << 30, "64KiB", "A size", NULL, NULL },
	{ "deep.er.wait", CHQ_CONF_TIME, offsetof(struct sample, wait_ms), 1, 3600000, "2s", "A time", NULL, NULL },
	{ "deep.er.rate", CHQ_CONF_RATE, offsetof(struct sample, rate), 1, 100, "5/min", "A rate", NULL, NULL },
	{ "words.word", CHQ_CONF_WORD, offsetof(struct sample, word), 0, 0, "red", "A word", sample_words, NULL },
	{ "words.text", CHQ_CONF_STRING, offsetof(struct sample, text), 0, 20, "plain", "A text", NULL, sample_check_text },
	{ "words.names", CHQ_CONF_STRINGS, offsetof(struct sample, names), 1, 8, "[a, b]", "Names", NULL, sample_check_text },
	{ "words.cores", CHQ_CONF_NUMBERS, offsetof(struct sample, cores), 0, 9, "[]", "Cores", NULL, NULL },
};
/* clang-format on */

static const struct chq_conf_schema sample_schema = {
	.keys = sample_keys,
	.count = ARRAY_LEN(sample_keys),
	.title = "A sample",
	.check = sample_check,
};
