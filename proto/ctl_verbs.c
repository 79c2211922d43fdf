#include "proto/ctl_verbs.h"

#include <string.h>

#include "base/array.h"
#include "base/err.h"
#include "proto/verbs/tables.h"

#define WORD_MAX 32 /* longer words are like nothing */

static const struct chq_ctl_verb *const tables[] = {
	chq_verbs_group,   chq_verbs_app,   chq_verbs_presence, chq_verbs_server,
	chq_verbs_user,	   chq_verbs_dept,  chq_verbs_friend,	chq_verbs_policy,
	chq_verbs_session, chq_verbs_audit, chq_verbs_store,	chq_verbs_msg,
};

const struct chq_ctl_opt chq_opts_none[] = { { NULL, NULL, NULL, 0 } };

/* clang-format off */
const struct chq_ctl_opt chq_opts_list[] = {
	{ "limit",    "N",      "at most N entries, 1 to 1000 (default 100)", VALUE },
	{ "cursor",   "CURSOR", "go on behind the last page's cursor", VALUE },
	{ NULL, NULL, NULL, 0 },
};
/* clang-format on */

size_t
chq_ctl_verb_count(void)
{
	size_t n = 0;

	for (size_t i = 0; i < ARRAY_LEN(tables); i++)
		for (const struct chq_ctl_verb *v = tables[i]; v->noun; v++)
			n++;
	return n;
}

const struct chq_ctl_verb *
chq_ctl_verb_at(size_t index)
{
	for (size_t i = 0; i < ARRAY_LEN(tables); i++)
		for (const struct chq_ctl_verb *v = tables[i]; v->noun; v++)
			if (index-- == 0)
				return v;
	return NULL;
}

int
chq_ctl_verb_find(const char *noun, const char *verb)
{
	if (!verb)
		verb = "";
	for (size_t i = 0; i < chq_ctl_verb_count(); i++) {
		if (!strcmp(chq_ctl_verb_at(i)->noun, noun) &&
		    !strcmp(chq_ctl_verb_at(i)->verb, verb))
			return (int)i;
	}
	return CHQ_ENOCMD;
}

static unsigned
min3(unsigned a, unsigned b, unsigned c)
{
	unsigned m = a < b ? a : b;

	return m < c ? m : c;
}

/* Optimal string alignment distance, for words of at most WORD_MAX characters. */
static unsigned
distance(const char *a, size_t a_len, const char *b, size_t b_len)
{
	unsigned row[3][WORD_MAX + 1];

	for (unsigned j = 0; j <= b_len; j++)
		row[0][j] = j;
	for (unsigned i = 1; i <= a_len; i++) {
		unsigned *now = row[i % 3], *last = row[(i + 2) % 3], *before = row[(i + 1) % 3];

		now[0] = i;
		for (unsigned j = 1; j <= b_len; j++) {
			unsigned differ = a[i - 1] != b[j - 1];

			now[j] = min3(last[j] + 1, now[j - 1] + 1, last[j - 1] + differ);
			if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] &&
			    before[j - 2] + 1 < now[j])
				now[j] = before[j - 2] + 1;
		}
	}
	return row[a_len % 3][b_len];
}

struct best {
	const char *word;
	unsigned distance;
};

static void
consider(struct best *best, const char *wrong, const char *word)
{
	size_t wrong_len = strlen(wrong), word_len = strlen(word);
	unsigned bound, d;

	if (wrong_len == 0 || wrong_len > WORD_MAX || word_len == 0 || word_len > WORD_MAX)
		return;
	bound = (unsigned)(word_len < 6 ? (word_len < 3 ? 1 : word_len / 3 + 1) : word_len / 3);
	d = distance(wrong, wrong_len, word, word_len);
	if (d <= bound && d < word_len && d < best->distance) {
		best->word = word;
		best->distance = d;
	}
}

static int
noun_known(const char *noun)
{
	for (size_t i = 0; i < chq_ctl_verb_count(); i++) {
		if (!strcmp(chq_ctl_verb_at(i)->noun, noun))
			return 1;
	}
	return 0;
}

const char *
chq_ctl_verb_suggest(const char *noun, const char *verb)
{
	struct best best = { NULL, WORD_MAX + 1 };
	int known = noun_known(noun);

	for (size_t i = 0; i < chq_ctl_verb_count(); i++) {
		const struct chq_ctl_verb *v = chq_ctl_verb_at(i);

		if (!known)
			consider(&best, noun, v->noun);
		else if (verb && !strcmp(v->noun, noun))
			consider(&best, verb, v->verb);
	}
	return best.word;
}

const char *
chq_ctl_opt_suggest(const struct chq_ctl_verb *v, const char *name)
{
	struct best best = { NULL, WORD_MAX + 1 };

	for (const struct chq_ctl_opt *o = v->opts; o->name; o++)
		consider(&best, name, o->name);
	return best.word;
}

const struct chq_ctl_opt *
chq_ctl_opt_find(const struct chq_ctl_verb *v, const char *name)
{
	for (const struct chq_ctl_opt *o = v->opts; o->name; o++) {
		if (!strcmp(o->name, name))
			return o;
	}
	return NULL;
}
