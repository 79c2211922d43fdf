#include <ctype.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/conf.h"
#include "base/conf_value.h"
#include "base/err.h"

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

/* A field as printed, to be freed; NULL without memory. */
static char *
value_text(const struct chq_conf_key *key, const void *conf)
{
	char *text = NULL;
	size_t len;
	FILE *f = open_memstream(&text, &len);

	if (!f)
		return NULL;
	chq_conf_value_print(key, conf, f);
	if (fclose(f) != 0) {
		free(text);
		return NULL;
	}
	return text;
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
	now = value_text(key, conf);
	then = value_text(&alone, &field);
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

static void
print_json_string(const char *s, FILE *out)
{
	fputc('"', out);
	for (; *s; s++) {
		if (*s == '"' || *s == '\\')
			fputc('\\', out);
		fputc(*s, out);
	}
	fputc('"', out);
}

/* Quantities: digits and one of the type's units. */
static void
print_json_pattern(const struct chq_conf_unit *units, FILE *out)
{
	fputs("\"type\": \"string\", \"pattern\": \"^(0|[1-9][0-9]*)(", out);
	for (const struct chq_conf_unit *u = units; u->name; u++)
		fprintf(out, "%s%s", u > units ? "|" : "", u->name);
	fputs(")$\"", out);
}

static void
print_json_type(const struct chq_conf_key *key, FILE *out)
{
	switch (key->type) {
	case CHQ_CONF_BOOL: fputs("\"type\": \"boolean\"", out); break;
	case CHQ_CONF_U32:
		fprintf(out,
			"\"type\": \"integer\", \"minimum\": %" PRIu64 ", \"maximum\": %" PRIu64,
			key->min, key->max);
		break;
	case CHQ_CONF_U32_AUTO:
		fprintf(out,
			"\"anyOf\": [{\"const\": \"auto\"}, {\"type\": \"integer\", "
			"\"minimum\": %" PRIu64 ", \"maximum\": %" PRIu64 "}]",
			key->min, key->max);
		break;
	case CHQ_CONF_BYTES:
	case CHQ_CONF_TIME:
	case CHQ_CONF_RATE: print_json_pattern(chq_conf_type_units(key->type), out); break;
	case CHQ_CONF_WORD:
		fputs("\"enum\": [", out);
		for (size_t w = 0; key->words[w]; w++) {
			fputs(w ? ", " : "", out);
			print_json_string(key->words[w], out);
		}
		fputc(']', out);
		break;
	case CHQ_CONF_STRING: fputs("\"type\": \"string\"", out); break;
	case CHQ_CONF_STRINGS:
		fputs("\"type\": \"array\", \"items\": {\"type\": \"string\"}", out);
		break;
	case CHQ_CONF_NUMBERS:
		fprintf(out,
			"\"type\": \"array\", \"items\": {\"type\": \"integer\", \"minimum\": "
			"%" PRIu64 ", \"maximum\": %" PRIu64 "}",
			key->min, key->max);
		break;
	case CHQ_CONF__COUNT: break;
	}
}

/* The object of the section that keys[i..] start in; returns the first key behind it. */
static size_t
print_json_object(const struct chq_conf_schema *schema, size_t i, size_t prefix_len, FILE *out)
{
	const char *prefix = schema->keys[i].path;
	const char *comma = "";

	fputs("\"type\": \"object\", \"additionalProperties\": false, \"properties\": {", out);
	while (i < schema->count && strncmp(schema->keys[i].path, prefix, prefix_len) == 0) {
		const struct chq_conf_key *key = &schema->keys[i];
		const char *word = key->path + prefix_len;
		size_t len = strcspn(word, ".");

		fprintf(out, "%s\n%*s\"%.*s\": {", comma, 2 + depth_of(key->path, prefix_len) * 2,
			"", (int)len, word);
		if (word[len] == '.') {
			i = print_json_object(schema, i, prefix_len + len + 1, out);
		} else {
			fputs("\"description\": ", out);
			print_json_string(key->doc, out);
			fputs(", ", out);
			print_json_type(key, out);
			i++;
		}
		fputc('}', out);
		comma = ",";
	}
	fputc('}', out);
	return i;
}

void
chq_conf_print_json_schema(const struct chq_conf_schema *schema, FILE *out)
{
	fputs("{\"$schema\": \"https://json-schema.org/draft/2020-12/schema\", ", out);
	if (schema->title) {
		fputs("\"title\": ", out);
		print_json_string(schema->title, out);
		fputs(", ", out);
	}
	print_json_object(schema, 0, 0, out);
	fputs("}\n", out);
}
