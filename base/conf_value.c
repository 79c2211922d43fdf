#include "base/conf_value.h"

#include <ctype.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/array.h"
#include "base/err.h"
#include "base/log.h"

/* Of a type, largest last, closed by a NULL name. */
struct unit {
	const char *name;
	uint64_t factor;
};

static const struct unit byte_units[] = {
	{ "B", 1 },
	{ "KiB", UINT64_C(1) << 10 },
	{ "MiB", UINT64_C(1) << 20 },
	{ "GiB", UINT64_C(1) << 30 },
	{ "TiB", UINT64_C(1) << 40 },
	{ NULL, 0 },
};
static const struct unit time_units[] = {
	{ "ms", 1 },	  { "s", 1000 },     { "min", 60000 },
	{ "h", 3600000 }, { "d", 86400000 }, { NULL, 0 },
};
static const struct unit rate_units[] = {
	{ "/s", 1000 }, { "/min", 60000 }, { "/h", 3600000 }, { "/d", 86400000 }, { NULL, 0 },
};

static const struct type_info {
	const char *name;
	const struct unit *units;
} types[CHQ_CONF__COUNT] = {
	[CHQ_CONF_BOOL] = { "true or false", NULL },
	[CHQ_CONF_U32] = { "a whole number", NULL },
	[CHQ_CONF_U32_AUTO] = { "a whole number or auto", NULL },
	[CHQ_CONF_BYTES] = { "a size such as 64MiB", byte_units },
	[CHQ_CONF_TIME] = { "a time such as 2s", time_units },
	[CHQ_CONF_RATE] = { "a rate such as 5/min", rate_units },
	[CHQ_CONF_WORD] = { "a word", NULL },
	[CHQ_CONF_STRING] = { "a text", NULL },
	[CHQ_CONF_STRINGS] = { "a list of texts", NULL },
	[CHQ_CONF_NUMBERS] = { "a list of whole numbers", NULL },
};

const char *
chq_conf_type_name(enum chq_conf_type type)
{
	return types[type].name;
}

bool
chq_conf_type_is_list(enum chq_conf_type type)
{
	return type == CHQ_CONF_STRINGS || type == CHQ_CONF_NUMBERS;
}

static int __attribute__((format(printf, 2, 3)))
refuse(struct chq_conf_why *why, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(why->text, sizeof(why->text), fmt, ap);
	va_end(ap);
	return CHQ_ECONF;
}

/* The decimal number that @text starts with; *@rest is what follows. */
static int
parse_digits(const char *text, uint64_t *n, const char **rest, struct chq_conf_why *why)
{
	const char *p = text;

	if (*p == '0' && isdigit((unsigned char)p[1]))
		return refuse(why, "%s: a number has no leading zero", CHQ_Q(text));
	for (*n = 0; isdigit((unsigned char)*p); p++) {
		uint64_t d = (uint64_t)(*p - '0');

		if (*n > (UINT64_MAX - d) / 10)
			return refuse(why, "%s: the number is too large", CHQ_Q(text));
		*n = *n * 10 + d;
	}
	*rest = p;
	return p > text ? 0 : refuse(why, "%s: a number is expected", CHQ_Q(text));
}

static int
parse_u32(const struct chq_conf_key *key, const char *text, uint32_t *out, struct chq_conf_why *why)
{
	uint64_t max = key->max < UINT32_MAX ? key->max : UINT32_MAX - 1;
	const char *rest;
	uint64_t n;

	if (parse_digits(text, &n, &rest, why))
		return CHQ_ECONF;
	if (*rest)
		return refuse(why, "%s: a whole number without a unit is expected", CHQ_Q(text));
	if (n < key->min || n > max)
		return refuse(why, "%s: must be %" PRIu64 " to %" PRIu64, CHQ_Q(text), key->min,
			      max);
	*out = (uint32_t)n;
	return 0;
}

static const struct unit *
find_unit(const struct unit *units, const char *name)
{
	for (; units->name; units++) {
		if (strcmp(units->name, name) == 0)
			return units;
	}
	return NULL;
}

static void
put_quantity(char *out, size_t size, const struct unit *units, uint64_t n)
{
	const struct unit *best = units;

	for (const struct unit *u = units; u->name && n; u++) {
		if (n % u->factor == 0)
			best = u;
	}
	snprintf(out, size, "%" PRIu64 "%s", n / best->factor, best->name);
}

static int
refuse_unit(const struct unit *units, const char *text, const char *unit, struct chq_conf_why *why)
{
	char list[64] = "";
	size_t n = 0;

	for (; units->name; units++)
		n += (size_t)snprintf(list + n, sizeof(list) - n, "%s%s", n ? ", " : "",
				      units->name);
	return refuse(why, "%s: %s; one of %s is expected", CHQ_Q(text),
		      *unit ? "unknown unit" : "the unit is missing", list);
}

static int
parse_quantity(const struct chq_conf_key *key, const char *text, uint64_t *out,
	       struct chq_conf_why *why)
{
	const struct unit *units = types[key->type].units, *unit;
	const char *rest;
	uint64_t n;

	if (parse_digits(text, &n, &rest, why))
		return CHQ_ECONF;
	unit = find_unit(units, rest);
	if (!unit)
		return refuse_unit(units, text, rest, why);
	if (n > UINT64_MAX / unit->factor)
		return refuse(why, "%s: too large", CHQ_Q(text));
	n *= unit->factor;
	if (n < key->min || n > key->max) {
		char low[32], high[32];

		put_quantity(low, sizeof(low), units, key->min);
		put_quantity(high, sizeof(high), units, key->max);
		return refuse(why, "%s: must be %s to %s", CHQ_Q(text), low, high);
	}
	*out = n;
	return 0;
}

static int
parse_rate(const struct chq_conf_key *key, const char *text, struct chq_conf_rate *out,
	   struct chq_conf_why *why)
{
	const struct unit *unit;
	const char *rest;
	uint64_t n;

	if (parse_digits(text, &n, &rest, why))
		return CHQ_ECONF;
	unit = find_unit(rate_units, rest);
	if (!unit)
		return refuse_unit(rate_units, text, rest, why);
	if (n < key->min || n > key->max || n > UINT32_MAX)
		return refuse(why, "%s: must be %" PRIu64 " to %" PRIu64 " in that time",
			      CHQ_Q(text), key->min, key->max);
	out->count = (uint32_t)n;
	out->per_ms = unit->factor;
	return 0;
}

static int
parse_word(const struct chq_conf_key *key, const char *text, uint32_t *out,
	   struct chq_conf_why *why)
{
	char list[256] = "";
	size_t n = 0;

	for (uint32_t i = 0; key->words[i]; i++) {
		if (strcmp(key->words[i], text) == 0) {
			*out = i;
			return 0;
		}
		if (n < sizeof(list))
			n += (size_t)snprintf(list + n, sizeof(list) - n, "%s%s", n ? ", " : "",
					      key->words[i]);
	}
	return refuse(why, "%s: one of %s is expected", CHQ_Q(text), list);
}

static int
parse_bool(const char *text, bool *out, struct chq_conf_why *why)
{
	*out = strcmp(text, "true") == 0;
	if (!*out && strcmp(text, "false") != 0)
		return refuse(why, "%s: true or false is expected", CHQ_Q(text));
	return 0;
}

static int
parse_string(const struct chq_conf_key *key, const char *text, char **out, struct chq_conf_why *why)
{
	uint64_t max = key->max && key->max < CHQ_CONF_TEXT_MAX ? key->max : CHQ_CONF_TEXT_MAX;
	const char *fault = NULL;
	size_t len = strlen(text);

	for (const char *p = text; *p; p++) {
		if ((unsigned char)*p < 0x20 || *p == 0x7f)
			return refuse(why, "%s: a control character in a text", CHQ_Q(text));
	}
	if (len < key->min || len > max)
		return refuse(why, "%s: must be %" PRIu64 " to %" PRIu64 " bytes long", CHQ_Q(text),
			      key->min, max);
	if (key->check)
		fault = key->check(text);
	if (fault)
		return refuse(why, "%s: %s", CHQ_Q(text), fault);
	*out = strdup(text);
	return *out ? 0 : CHQ_ENOMEM;
}

/* Room for one more item of @size bytes; *@items and @count are a list field's. */
static int
list_grow(void *items, size_t count, size_t size, struct chq_conf_why *why)
{
	void *old, *bigger;

	if (count >= CHQ_CONF_ITEMS_MAX)
		return refuse(why, "more than %d items", CHQ_CONF_ITEMS_MAX);
	memcpy(&old, items, sizeof(old));
	bigger = reallocarray(old, count + 1, size);
	if (!bigger)
		return CHQ_ENOMEM;
	memcpy(items, &bigger, sizeof(bigger));
	return 0;
}

static int
add_string(const struct chq_conf_key *key, const char *text, struct chq_conf_strings *list,
	   struct chq_conf_why *why)
{
	int rc = list_grow(&list->items, list->count, sizeof(*list->items), why);

	if (!rc)
		rc = parse_string(key, text, &list->items[list->count], why);
	if (!rc)
		list->count++;
	return rc;
}

static int
add_number(const struct chq_conf_key *key, const char *text, struct chq_conf_numbers *list,
	   struct chq_conf_why *why)
{
	int rc = list_grow(&list->items, list->count, sizeof(*list->items), why);

	if (!rc)
		rc = parse_u32(key, text, &list->items[list->count], why);
	if (!rc)
		list->count++;
	return rc;
}

static int
set_string(const struct chq_conf_key *key, const char *text, char **field, struct chq_conf_why *why)
{
	char *copy;
	int rc = parse_string(key, text, &copy, why);

	if (rc)
		return rc;
	free(*field);
	*field = copy;
	return 0;
}

int
chq_conf_value_add(const struct chq_conf_key *key, void *conf, const char *text, bool quoted,
		   struct chq_conf_why *why)
{
	void *field = (char *)conf + key->offset;
	bool textual = key->type == CHQ_CONF_STRING || key->type == CHQ_CONF_STRINGS;

	if (quoted && !textual)
		return refuse(why, "%s stands in quotes; %s is expected", CHQ_Q(text),
			      types[key->type].name);
	if (!quoted && (!*text || strcmp(text, "~") == 0 || strcmp(text, "null") == 0))
		return refuse(why, "the value is missing; %s is expected", types[key->type].name);

	switch (key->type) {
	case CHQ_CONF_BOOL: return parse_bool(text, field, why);
	case CHQ_CONF_U32: return parse_u32(key, text, field, why);
	case CHQ_CONF_U32_AUTO:
		if (strcmp(text, "auto") != 0)
			return parse_u32(key, text, field, why);
		*(uint32_t *)field = CHQ_CONF_AUTO;
		return 0;
	case CHQ_CONF_BYTES:
	case CHQ_CONF_TIME: return parse_quantity(key, text, field, why);
	case CHQ_CONF_RATE: return parse_rate(key, text, field, why);
	case CHQ_CONF_WORD: return parse_word(key, text, field, why);
	case CHQ_CONF_STRING: return set_string(key, text, field, why);
	case CHQ_CONF_STRINGS: return add_string(key, text, field, why);
	case CHQ_CONF_NUMBERS: return add_number(key, text, field, why);
	case CHQ_CONF__COUNT: break;
	}
	return refuse(why, "the key's type is unknown");
}

void
chq_conf_value_clear(const struct chq_conf_key *key, void *conf)
{
	void *field = (char *)conf + key->offset;

	if (key->type == CHQ_CONF_STRING) {
		char **s = field;

		free(*s);
		*s = NULL;
	} else if (key->type == CHQ_CONF_STRINGS) {
		struct chq_conf_strings *l = field;

		for (size_t i = 0; i < l->count; i++)
			free(l->items[i]);
		free(l->items);
		memset(l, 0, sizeof(*l));
	} else if (key->type == CHQ_CONF_NUMBERS) {
		struct chq_conf_numbers *l = field;

		free(l->items);
		memset(l, 0, sizeof(*l));
	}
}

/* Texts hold no control character, so only quotes and backslashes need care. */
static void
print_string(const char *s, FILE *out)
{
	fputc('"', out);
	for (; *s; s++) {
		if (*s == '"' || *s == '\\')
			fputc('\\', out);
		fputc(*s, out);
	}
	fputc('"', out);
}

static void
print_list(const struct chq_conf_key *key, const void *field, FILE *out)
{
	const struct chq_conf_strings *s = field;
	const struct chq_conf_numbers *n = field;
	bool texts = key->type == CHQ_CONF_STRINGS;
	size_t count = texts ? s->count : n->count;

	fputc('[', out);
	for (size_t i = 0; i < count; i++) {
		if (i)
			fputs(", ", out);
		if (texts)
			print_string(s->items[i], out);
		else
			fprintf(out, "%" PRIu32, n->items[i]);
	}
	fputc(']', out);
}

static void
print_rate(const struct chq_conf_rate *rate, FILE *out)
{
	for (const struct unit *u = rate_units; u->name; u++) {
		if (u->factor == rate->per_ms)
			fprintf(out, "%" PRIu32 "%s", rate->count, u->name);
	}
}

void
chq_conf_value_print(const struct chq_conf_key *key, const void *conf, FILE *out)
{
	const void *field = (const char *)conf + key->offset;
	char text[32];

	switch (key->type) {
	case CHQ_CONF_BOOL: fputs(*(const bool *)field ? "true" : "false", out); break;
	case CHQ_CONF_U32:
	case CHQ_CONF_U32_AUTO:
		if (key->type == CHQ_CONF_U32_AUTO && *(const uint32_t *)field == CHQ_CONF_AUTO)
			fputs("auto", out);
		else
			fprintf(out, "%" PRIu32, *(const uint32_t *)field);
		break;
	case CHQ_CONF_BYTES:
	case CHQ_CONF_TIME:
		put_quantity(text, sizeof(text), types[key->type].units, *(const uint64_t *)field);
		fputs(text, out);
		break;
	case CHQ_CONF_RATE: print_rate(field, out); break;
	case CHQ_CONF_WORD: fputs(key->words[*(const uint32_t *)field], out); break;
	case CHQ_CONF_STRING: print_string(*(char *const *)field, out); break;
	case CHQ_CONF_STRINGS:
	case CHQ_CONF_NUMBERS: print_list(key, field, out); break;
	case CHQ_CONF__COUNT: break;
	}
}

char *
chq_conf_value_text(const struct chq_conf_key *key, const void *conf)
{
	char *text = NULL;
	size_t len;
	FILE *f = open_memstream(&text, &len);

	if (!f)
		return NULL;
	chq_conf_value_print(key, conf, f);
	if (fclose(f) == 0)
		return text;
	free(text);
	return NULL;
}
