#include "base/conf_yaml.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "base/conf_value.h"
#include "base/err.h"
#include "base/log.h"

#define DEPTH_MAX 8
#define PATH_MAX_ 128

static int __attribute__((format(printf, 3, 4)))
refuse(struct chq_conf_reader *r, const yaml_mark_t *at, const char *fmt, ...)
{
	char why[768];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(why, sizeof(why), fmt, ap);
	va_end(ap);
	snprintf(r->err->text, sizeof(r->err->text), "%.200s:%zu:%zu: %s", r->name, at->line + 1,
		 at->column + 1, why);
	return CHQ_ECONF;
}

static int
no_memory(struct chq_conf_reader *r)
{
	snprintf(r->err->text, sizeof(r->err->text), "%.200s: out of memory", r->name);
	return CHQ_ENOMEM;
}

/* libyaml's own errors. Those of its reader have an offset in bytes only. */
static int
refuse_parser(struct chq_conf_reader *r, const yaml_parser_t *p, const char *text)
{
	yaml_mark_t at = p->problem_mark;

	if (p->error == YAML_MEMORY_ERROR)
		return no_memory(r);
	if (p->error == YAML_READER_ERROR) {
		at.line = at.column = 0;
		for (size_t i = 0; i < p->problem_offset; i++) {
			at.column = text[i] == '\n' ? 0 : at.column + 1;
			at.line += text[i] == '\n';
		}
	}
	return refuse(r, &at, "%s%s%s", p->problem ? p->problem : "not YAML",
		      p->context ? ", " : "", p->context ? p->context : "");
}

static const char *
forbidden(yaml_token_type_t type)
{
	switch (type) {
	case YAML_ANCHOR_TOKEN: return "anchors (&name) are not supported";
	case YAML_ALIAS_TOKEN: return "aliases (*name) are not supported";
	case YAML_TAG_TOKEN: return "tags (!name) are not supported";
	case YAML_VERSION_DIRECTIVE_TOKEN:
	case YAML_TAG_DIRECTIVE_TOKEN: return "directives (%NAME) are not supported";
	default: return NULL;
	}
}

static int
nesting(yaml_token_type_t type)
{
	switch (type) {
	case YAML_BLOCK_SEQUENCE_START_TOKEN:
	case YAML_BLOCK_MAPPING_START_TOKEN:
	case YAML_FLOW_SEQUENCE_START_TOKEN:
	case YAML_FLOW_MAPPING_START_TOKEN: return 1;
	case YAML_BLOCK_END_TOKEN:
	case YAML_FLOW_SEQUENCE_END_TOKEN:
	case YAML_FLOW_MAPPING_END_TOKEN: return -1;
	default: return 0;
	}
}

/* The document API no longer shows anchors and tags, so the tokens are looked at first. */
static int
check_tokens(struct chq_conf_reader *r, const char *text, size_t len)
{
	bool end = false;
	yaml_parser_t p;
	yaml_token_t t;
	int depth = 0;
	int rc = 0;

	if (!yaml_parser_initialize(&p))
		return no_memory(r);
	yaml_parser_set_input_string(&p, (const unsigned char *)text, len);
	while (!rc && !end) {
		const char *why;

		if (!yaml_parser_scan(&p, &t)) {
			rc = refuse_parser(r, &p, text);
			break;
		}
		why = forbidden(t.type);
		depth += nesting(t.type);
		if (!why && depth > DEPTH_MAX)
			why = "nested too deeply";
		if (why)
			rc = refuse(r, &t.start_mark, "%s", why);
		end = t.type == YAML_STREAM_END_TOKEN;
		yaml_token_delete(&t);
	}
	yaml_parser_delete(&p);
	return rc;
}

static int
refuse_value(struct chq_conf_reader *r, const yaml_node_t *node, const char *path, int rc,
	     const struct chq_conf_why *why)
{
	return rc == CHQ_ENOMEM ? no_memory(r)
				: refuse(r, &node->start_mark, "%s: %s", path, why->text);
}

static int
apply_scalar(struct chq_conf_reader *r, const struct chq_conf_key *key, const yaml_node_t *node)
{
	struct chq_conf_why why;
	const char *text;
	int rc;

	if (node->type != YAML_SCALAR_NODE)
		return refuse(r, &node->start_mark, "%s: %s is expected", key->path,
			      chq_conf_type_name(key->type));
	text = (const char *)node->data.scalar.value;
	if (strlen(text) != node->data.scalar.length)
		return refuse(r, &node->start_mark, "%s: a NUL in a text", key->path);
	rc = chq_conf_value_add(key, r->conf, text,
				node->data.scalar.style != YAML_PLAIN_SCALAR_STYLE, &why);
	return rc ? refuse_value(r, node, key->path, rc, &why) : 0;
}

static int
apply_value(struct chq_conf_reader *r, yaml_document_t *doc, size_t i, const yaml_node_t *node)
{
	const struct chq_conf_key *key = &r->schema->keys[i];
	const yaml_node_item_t *item;
	int rc = 0;

	if (!chq_conf_type_is_list(key->type))
		return apply_scalar(r, key, node);
	if (node->type != YAML_SEQUENCE_NODE)
		return refuse(r, &node->start_mark, "%s: %s in brackets is expected", key->path,
			      chq_conf_type_name(key->type));
	chq_conf_value_clear(key, r->conf);
	for (item = node->data.sequence.items.start; !rc && item < node->data.sequence.items.top;
	     item++)
		rc = apply_scalar(r, key, yaml_document_get_node(doc, *item));
	return rc;
}

static bool
is_section(const struct chq_conf_schema *schema, const char *path)
{
	size_t len = strlen(path);

	for (size_t i = 0; i < schema->count; i++) {
		if (strncmp(schema->keys[i].path, path, len) == 0 &&
		    schema->keys[i].path[len] == '.')
			return true;
	}
	return false;
}

static int
find_key(const struct chq_conf_schema *schema, const char *path)
{
	for (size_t i = 0; i < schema->count; i++) {
		if (strcmp(schema->keys[i].path, path) == 0)
			return (int)i;
	}
	return -1;
}

static unsigned
min3(unsigned a, unsigned b, unsigned c)
{
	unsigned ab = a < b ? a : b;

	return ab < c ? ab : c;
}

/* Levenshtein's distance; texts of up to 63 bytes. */
static unsigned
distance(const char *a, const char *b, size_t b_len)
{
	unsigned row[64];

	for (size_t j = 0; j <= b_len; j++)
		row[j] = (unsigned)j;
	for (size_t i = 1; *a; i++, a++) {
		unsigned diagonal = row[0];

		row[0] = (unsigned)i;
		for (size_t j = 1; j <= b_len; j++) {
			unsigned above = row[j];

			row[j] = min3(above + 1, row[j - 1] + 1, diagonal + (*a != b[j - 1]));
			diagonal = above;
		}
	}
	return row[b_len];
}

/*
 * The known path nearest to a misspelt one: its last word is at most a third wrong within the same
 * section, or the very word in another section. 0 characters if there is none.
 */
static int
nearest(const struct chq_conf_schema *schema, const char *section, const char *word,
	const char **path)
{
	unsigned best = (unsigned)strlen(word) / 3 + 2;
	size_t in = strlen(section);
	int found = 0;

	for (size_t i = 0; i < schema->count; i++) {
		const char *p = schema->keys[i].path, *last = strrchr(p, '.');
		size_t len;
		unsigned d;

		if (!found && strcmp(last ? last + 1 : p, word) == 0) {
			*path = p;
			found = (int)strlen(p);
		}
		if (strncmp(p, section, in) != 0)
			continue;
		len = strcspn(p + in, ".");
		d = len < 64 ? distance(word, p + in, len) : best;
		if (d >= best)
			continue;
		best = d;
		*path = p;
		found = (int)(in + len);
	}
	return found;
}

static int
refuse_unknown(struct chq_conf_reader *r, const yaml_node_t *key, const char *section,
	       const char *word)
{
	const char *path = "";
	int len = strlen(word) < 64 ? nearest(r->schema, section, word, &path) : 0;

	if (strcmp(word, "<<") == 0)
		return refuse(r, &key->start_mark, "merge keys (<<) are not supported");
	if (len)
		return refuse(r, &key->start_mark, "unknown key %s; did you mean %.*s?",
			      CHQ_Q(word), len, path);
	return refuse(r, &key->start_mark, "unknown key %s", CHQ_Q(word));
}

static int apply_section(struct chq_conf_reader *r, yaml_document_t *doc, const yaml_node_t *node,
			 const char *section);

static int
apply_key(struct chq_conf_reader *r, yaml_document_t *doc, const yaml_node_t *key,
	  const yaml_node_t *value, size_t i)
{
	struct chq_conf_place *place = &r->places[i];

	if (place->file == r->file)
		return refuse(r, &key->start_mark, "%s stands here twice, first in line %zu",
			      r->schema->keys[i].path, place->line);
	place->file = r->file;
	place->line = key->start_mark.line + 1;
	place->column = key->start_mark.column + 1;
	return apply_value(r, doc, i, value);
}

/* Whether an earlier key of the same mapping is the same word. */
static bool
stands_before(yaml_document_t *doc, const yaml_node_t *map, const yaml_node_pair_t *pair,
	      const char *word)
{
	const yaml_node_pair_t *p;

	for (p = map->data.mapping.pairs.start; p < pair; p++) {
		const yaml_node_t *key = yaml_document_get_node(doc, p->key);

		if (strcmp((const char *)key->data.scalar.value, word) == 0)
			return true;
	}
	return false;
}

static int
apply_pair(struct chq_conf_reader *r, yaml_document_t *doc, const yaml_node_t *map,
	   const yaml_node_pair_t *pair, const char *section)
{
	const yaml_node_t *key = yaml_document_get_node(doc, pair->key);
	const yaml_node_t *value = yaml_document_get_node(doc, pair->value);
	char path[PATH_MAX_];
	const char *word;
	int i;

	if (key->type != YAML_SCALAR_NODE ||
	    strlen((const char *)key->data.scalar.value) != key->data.scalar.length)
		return refuse(r, &key->start_mark, "a key is expected");
	word = (const char *)key->data.scalar.value;
	if (strchr(word, '.') ||
	    (size_t)snprintf(path, sizeof(path), "%s%s", section, word) >= sizeof(path))
		return refuse_unknown(r, key, section, word);

	i = find_key(r->schema, path);
	if (i >= 0)
		return apply_key(r, doc, key, value, (size_t)i);
	if (!is_section(r->schema, path) || strlen(path) + 1 == sizeof(path))
		return refuse_unknown(r, key, section, word);
	if (stands_before(doc, map, pair, word))
		return refuse(r, &key->start_mark, "the section %s stands here twice", path);
	strcat(path, ".");
	return apply_section(r, doc, value, path);
}

/* A section may be empty: all its keys may be commented out. */
static bool
is_nothing(const yaml_node_t *node)
{
	return node->type == YAML_SCALAR_NODE && node->data.scalar.length == 0 &&
	       node->data.scalar.style == YAML_PLAIN_SCALAR_STYLE;
}

static int
apply_section(struct chq_conf_reader *r, yaml_document_t *doc, const yaml_node_t *node,
	      const char *section)
{
	const yaml_node_pair_t *pair;
	int rc = 0;

	if (is_nothing(node))
		return 0;
	if (node->type != YAML_MAPPING_NODE)
		return refuse(r, &node->start_mark,
			      *section ? "%.*s: keys and values are expected"
				       : "%.*skeys and values are expected",
			      *section ? (int)strlen(section) - 1 : 0, section);
	for (pair = node->data.mapping.pairs.start; !rc && pair < node->data.mapping.pairs.top;
	     pair++)
		rc = apply_pair(r, doc, node, pair, section);
	return rc;
}

/* Call on the root node of the one document in @text; an empty text has none. */
static int
with_root(struct chq_conf_reader *r, const char *text, size_t len,
	  int (*apply)(struct chq_conf_reader *r, yaml_document_t *doc, const yaml_node_t *root,
		       const void *ctx),
	  const void *ctx)
{
	yaml_document_t doc, second;
	const yaml_node_t *root;
	yaml_parser_t p;
	int rc = check_tokens(r, text, len);

	if (rc)
		return rc;
	if (!yaml_parser_initialize(&p))
		return no_memory(r);
	yaml_parser_set_input_string(&p, (const unsigned char *)text, len);
	if (!yaml_parser_load(&p, &doc)) {
		rc = refuse_parser(r, &p, text);
		goto out;
	}
	root = yaml_document_get_root_node(&doc);
	if (root)
		rc = apply(r, &doc, root, ctx);
	yaml_document_delete(&doc);
	if (rc || !root)
		goto out;
	if (!yaml_parser_load(&p, &second)) {
		rc = refuse_parser(r, &p, text);
		goto out;
	}
	root = yaml_document_get_root_node(&second);
	if (root)
		rc = refuse(r, &root->start_mark, "a second document in the file");
	yaml_document_delete(&second);
out:
	yaml_parser_delete(&p);
	return rc;
}

static int
apply_root(struct chq_conf_reader *r, yaml_document_t *doc, const yaml_node_t *root,
	   const void *ctx)
{
	return apply_section(r, doc, root, ctx);
}

static int
apply_one(struct chq_conf_reader *r, yaml_document_t *doc, const yaml_node_t *root, const void *ctx)
{
	return apply_value(r, doc, *(const size_t *)ctx, root);
}

int
chq_conf_yaml_file(struct chq_conf_reader *r, const char *text, size_t len)
{
	return with_root(r, text, len, apply_root, "");
}

int
chq_conf_yaml_value(struct chq_conf_reader *r, size_t key, const char *text)
{
	return with_root(r, text, strlen(text), apply_one, &key);
}
