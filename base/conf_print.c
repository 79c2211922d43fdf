#include <stdlib.h>
#include <string.h>

#include "base/conf.h"
#include "base/conf_value.h"

/* Bytes of the sections, with their dots, that two paths have in common. */
static size_t
common_sections(const char *a, const char *b)
{
	size_t common = 0;

	for (size_t i = 0; a[i] && a[i] == b[i]; i++) {
		if (a[i] == '.')
			common = i + 1;
	}
	return common;
}

static int
depth_of(const char *path, size_t len)
{
	int depth = 0;

	for (size_t i = 0; i < len; i++)
		depth += path[i] == '.';
	return depth;
}

static void
indent(FILE *out, int depth)
{
	fprintf(out, "%*s", depth * 2, "");
}

/* The headings of @path's sections that the key before it does not share. */
static void
print_sections(const char *before, const char *path, bool spaced, FILE *out)
{
	size_t at = common_sections(before, path);
	const char *dot;

	if (spaced && *before && (strchr(path + at, '.') || before[at + strcspn(before + at, ".")]))
		fputc('\n', out);
	for (; (dot = strchr(path + at, '.')) != NULL; at = (size_t)(dot - path) + 1) {
		indent(out, depth_of(path, at));
		fprintf(out, "%.*s:\n", (int)(dot - path - (ptrdiff_t)at), path + at);
	}
}

static const char *
last_word(const char *path)
{
	const char *dot = strrchr(path, '.');

	return dot ? dot + 1 : path;
}

void
chq_conf_print(const struct chq_conf_schema *schema, const void *conf, FILE *out)
{
	const char *before = "";

	for (size_t i = 0; i < schema->count; i++) {
		const struct chq_conf_key *key = &schema->keys[i];

		print_sections(before, key->path, false, out);
		indent(out, depth_of(key->path, strlen(key->path)));
		fprintf(out, "%s: ", last_word(key->path));
		chq_conf_value_print(key, conf, out);
		fputc('\n', out);
		before = key->path;
	}
}

void
chq_conf_print_values(const struct chq_conf_schema *schema, char *const *values, FILE *out)
{
	const char *before = "";

	for (size_t i = 0; i < schema->count; i++) {
		const char *path = schema->keys[i].path;

		if (!values[i])
			continue;
		print_sections(before, path, false, out);
		indent(out, depth_of(path, strlen(path)));
		fprintf(out, "%s: %s\n", last_word(path), values[i]);
		before = path;
	}
}

/* Whether a field has its default: compared as printed, so that 60s and 1min are the same. */
static bool
is_default(const struct chq_conf_key *key, const void *conf)
{
	const struct chq_conf_key alone = { .path = last_word(key->path),
					    .type = key->type,
					    .min = key->min,
					    .max = key->max,
					    .fallback = key->fallback,
					    .words = key->words,
					    .check = key->check };
	const struct chq_conf_schema schema = { .keys = &alone, .count = 1 };
	union {
		uint64_t number;
		char *string;
		struct chq_conf_rate rate;
		struct chq_conf_strings strings;
		struct chq_conf_numbers numbers;
	} field;
	struct chq_conf_error err;
	char *now, *then;
	bool same;

	if (!key->fallback || chq_conf_parse(&schema, "default", "", 0, &field, &err) != 0)
		return false;
	now = chq_conf_value_text(key, conf);
	then = chq_conf_value_text(&alone, &field);
	same = now && then && strcmp(now, then) == 0;
	free(now);
	free(then);
	chq_conf_free(&schema, &field);
	return same;
}

static void
print_commented(const struct chq_conf_key *key, const void *conf, FILE *out)
{
	int depth = depth_of(key->path, strlen(key->path));
	bool same = is_default(key, conf);

	indent(out, depth);
	fprintf(out, "# %s", key->doc);
	for (size_t w = 0; key->type == CHQ_CONF_WORD && key->words[w]; w++)
		fprintf(out, "%s%s", w ? ", " : ": ", key->words[w]);
	fputc('\n', out);
	indent(out, depth);
	fprintf(out, "%s%s: ", same ? "#" : "", last_word(key->path));
	if (same)
		fputs(key->fallback, out);
	else
		chq_conf_value_print(key, conf, out);
	fputc('\n', out);
}

void
chq_conf_print_commented(const struct chq_conf_schema *schema, const void *conf, FILE *out)
{
	const char *before = "";

	if (schema->title)
		fprintf(out, "# %s\n\n", schema->title);
	for (size_t i = 0; i < schema->count; i++) {
		print_sections(before, schema->keys[i].path, true, out);
		print_commented(&schema->keys[i], conf, out);
		before = schema->keys[i].path;
	}
}
