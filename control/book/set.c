#include "control/book/set.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/array.h"
#include "base/err.h"

enum { NAME_MAX_BYTES = 1024 };

static const struct {
	const char *word;
	uint8_t kind;	  /* enum book_atom_kind */
	uint8_t all_kind; /* with "*" in the place of a name; the same as kind where that is no kind */
} atom_words[] = {
	{ "members", BOOK_ATOM_MEMBERS, BOOK_ATOM_MEMBERS },
	{ "tree", BOOK_ATOM_TREE, BOOK_ATOM_EVERYBODY },
	{ "managers", BOOK_ATOM_MANAGERS, BOOK_ATOM_MANAGERS_ALL },
	{ "account", BOOK_ATOM_ACCOUNT, BOOK_ATOM_ACCOUNT },
};

int
book_set_copy(struct book_set *to, const struct book_set *from)
{
	to->n = 0;
	to->atoms = calloc(from->n + 1, sizeof(*to->atoms));
	if (!to->atoms)
		return CHQ_ENOMEM;
	if (from->n)
		memcpy(to->atoms, from->atoms, from->n * sizeof(*to->atoms));
	to->n = from->n;
	return 0;
}

void
book_set_free(struct book_set *s)
{
	free(s->atoms);
	s->atoms = NULL;
	s->n = 0;
}

/* --- reading --- */

struct parser {
	const char *text, *at;
	const struct book_names *names;
	struct book_atom atoms[BOOK_ATOMS_MAX];
	unsigned n;
	char name[NAME_MAX_BYTES];
	bool quoted;
	char *err;
	size_t err_size;
};

static int
parse_fail(struct parser *p, int rc, const char *what)
{
	snprintf(p->err, p->err_size, "column %zu: %s", (size_t)(p->at - p->text) + 1, what);
	return rc;
}

static void
skip_space(struct parser *p)
{
	p->at += strspn(p->at, " \t");
}

static int
name_put(struct parser *p, size_t *len, char c)
{
	if (*len + 1 >= sizeof(p->name))
		return parse_fail(p, CHQ_EMALFORMED, "name is too long");
	p->name[(*len)++] = c;
	p->name[*len] = 0;
	return 0;
}

static int
parse_quoted(struct parser *p)
{
	size_t len = 0;
	int rc = 0;

	for (p->at++; !rc && *p->at != '"'; p->at++) {
		if (*p->at == '\\' && (p->at[1] == '"' || p->at[1] == '\\'))
			p->at++;
		else if (*p->at == 0 || *p->at == '\\')
			return parse_fail(p, CHQ_EMALFORMED, "quote does not end");
		rc = name_put(p, &len, *p->at);
	}
	p->at += rc ? 0 : 1;
	return rc;
}

/* What stands in parentheses: into p->name. */
static int
parse_name(struct parser *p)
{
	size_t len = 0;
	int rc = 0;

	p->name[0] = 0;
	skip_space(p);
	p->quoted = *p->at == '"';
	if (p->quoted)
		return parse_quoted(p);
	while (!rc && *p->at && !strchr("()\"\\ \t", *p->at))
		rc = name_put(p, &len, *p->at++);
	return rc;
}

static int
atom_resolve(struct parser *p, unsigned word, struct book_atom *a)
{
	const struct book_names *names = p->names;
	bool all = !p->quoted && strcmp(p->name, "*") == 0;
	int rc;

	a->kind = all ? atom_words[word].all_kind : atom_words[word].kind;
	if (all && a->kind == atom_words[word].kind)
		return parse_fail(p, CHQ_EMALFORMED, "\"*\" stands only in tree() and managers()");
	if (all)
		return 0;
	if (p->name[0] == 0)
		return parse_fail(p, CHQ_EMALFORMED, "a name is missing");
	rc = a->kind == BOOK_ATOM_ACCOUNT ? names->account_id(names->arg, p->name, &a->id)
					  : names->dept_id(names->arg, p->name, &a->id);
	if (rc)
		snprintf(p->err, p->err_size, "column %zu: %s \"%s\": %s",
			 (size_t)(p->at - p->text) + 1,
			 a->kind == BOOK_ATOM_ACCOUNT ? "account" : "department", p->name,
			 chq_strerror(rc));
	return rc;
}

static int
parse_atom(struct parser *p, bool except)
{
	struct book_atom a = { .except = except };
	size_t len = strcspn(p->at, " \t()+-\"");
	unsigned word = 0;
	int rc;

	while (word < ARRAY_LEN(atom_words) && (strlen(atom_words[word].word) != len ||
						memcmp(atom_words[word].word, p->at, len) != 0))
		word++;
	if (word == ARRAY_LEN(atom_words))
		return parse_fail(p, CHQ_EMALFORMED,
				  "members(…), tree(…), managers(…) or account(…) is expected");
	p->at += len;
	skip_space(p);
	if (*p->at != '(')
		return parse_fail(p, CHQ_EMALFORMED, "\"(\" is expected");
	p->at++;
	rc = parse_name(p);
	if (rc)
		return rc;
	skip_space(p);
	if (*p->at != ')')
		return parse_fail(p, CHQ_EMALFORMED, "\")\" is expected");
	rc = atom_resolve(p, word, &a);
	p->at++;
	if (!rc && p->n == BOOK_ATOMS_MAX)
		rc = parse_fail(p, CHQ_EFULL, "too many parts");
	if (!rc)
		p->atoms[p->n++] = a;
	return rc;
}

static int
parse_all(struct parser *p)
{
	bool except = false;

	for (;;) {
		int rc;

		skip_space(p);
		rc = parse_atom(p, except);
		if (rc)
			return rc;
		skip_space(p);
		if (*p->at == 0)
			return 0;
		if (*p->at != '+' && *p->at != '-')
			return parse_fail(p, CHQ_EMALFORMED, "\"+\" or \"-\" is expected");
		except = *p->at++ == '-';
	}
}

int
book_set_parse(struct book_set *out, const char *text, const struct book_names *names, char *err,
	       size_t err_size)
{
	struct parser *p = calloc(1, sizeof(*p));
	int rc;

	if (!p)
		return CHQ_ENOMEM;
	p->text = p->at = text;
	p->names = names;
	p->err = err;
	p->err_size = err_size;
	rc = parse_all(p);
	if (!rc)
		rc = book_set_copy(out, &(struct book_set){ p->atoms, p->n });
	free(p);
	return rc;
}

/* --- writing --- */

struct printer {
	char *at;
	size_t room; /* with the NUL */
	bool full;
};

static void
print_text(struct printer *w, const char *text)
{
	size_t len = strlen(text);

	if (len >= w->room) {
		w->full = true;
		return;
	}
	memcpy(w->at, text, len + 1);
	w->at += len;
	w->room -= len;
}

static void
print_name(struct printer *w, const char *name)
{
	if (name[0] && !strpbrk(name, "()\"\\ \t") && strcmp(name, "*") != 0) {
		print_text(w, name);
		return;
	}
	print_text(w, "\"");
	for (; *name; name++) {
		char c[3] = { '\\', *name, 0 };

		print_text(w, *name == '"' || *name == '\\' ? c : c + 1);
	}
	print_text(w, "\"");
}

static int
print_atom(struct printer *w, const struct book_atom *a, const struct book_names *names)
{
	char name[NAME_MAX_BYTES];
	unsigned word = 0;
	int rc = 0;

	while (atom_words[word].kind != a->kind && atom_words[word].all_kind != a->kind)
		word++;
	print_text(w, atom_words[word].word);
	print_text(w, "(");
	if (atom_words[word].kind != a->kind) {
		print_text(w, "*");
	} else {
		rc = a->kind == BOOK_ATOM_ACCOUNT
			     ? names->account_name(names->arg, a->id, name, sizeof(name))
			     : names->dept_name(names->arg, a->id, name, sizeof(name));
		if (!rc)
			print_name(w, name);
	}
	print_text(w, ")");
	return rc;
}

int
book_set_print(const struct book_set *s, const struct book_names *names, char *out, size_t size)
{
	struct printer w = { out, size, false };

	if (size == 0)
		return CHQ_ETOOBIG;
	out[0] = 0;
	for (unsigned i = 0; i < s->n; i++) {
		int rc;

		if (i > 0)
			print_text(&w, s->atoms[i].except ? " - " : " + ");
		rc = print_atom(&w, &s->atoms[i], names);
		if (rc)
			return rc;
	}
	return w.full ? CHQ_ETOOBIG : 0;
}
