#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "control/book/set.h"
#include "tests/fuzz/fuzz.h"

enum { NAMES_MAX = 2 * BOOK_ATOMS_MAX };

/* Every name gets a number, by which it is found again. */
struct heard {
	char *name[NAMES_MAX];
	unsigned n;
};

static int
id_of(void *arg, const char *name, uint64_t *id)
{
	struct heard *h = arg;

	if (h->n == NAMES_MAX)
		return CHQ_EFULL;
	h->name[h->n] = strdup(name);
	if (!h->name[h->n])
		abort();
	*id = h->n++;
	return 0;
}

static int
name_of(void *arg, uint64_t id, char *out, size_t size)
{
	const struct heard *h = arg;

	if (id >= h->n)
		abort();
	return (size_t)snprintf(out, size, "%s", h->name[id]) < size ? 0 : CHQ_ETOOBIG;
}

/* What is read, written and read again must be the same set. */
static void
round_trip(const struct book_set *s, const struct book_names *names)
{
	static char text[BOOK_ATOMS_MAX * 2100];
	char err[256];
	struct book_set again;

	if (book_set_print(s, names, text, sizeof(text)) != 0)
		abort();
	if (book_set_parse(&again, text, names, err, sizeof(err)) != 0 || again.n != s->n)
		abort();
	for (unsigned i = 0; i < s->n; i++)
		if (again.atoms[i].kind != s->atoms[i].kind ||
		    again.atoms[i].except != s->atoms[i].except)
			abort();
	book_set_free(&again);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	struct heard heard = { { NULL }, 0 };
	struct book_names names = { id_of, id_of, name_of, name_of, &heard };
	char err[256] = "", *text = malloc(len + 1);
	struct book_set s;
	int rc;

	if (!text)
		abort();
	memcpy(text, data, len);
	text[len] = 0;
	rc = book_set_parse(&s, text, &names, err, sizeof(err));
	if (!rc) {
		if (s.n == 0 || s.atoms[0].except)
			abort();
		round_trip(&s, &names);
		book_set_free(&s);
	} else if (err[0] == 0) {
		abort();
	}
	for (unsigned i = 0; i < heard.n; i++)
		free(heard.name[i]);
	free(text);
	return 0;
}
