#include <stdlib.h>
#include <string.h>

#include <sodium.h>

#include "base/err.h"
#include "control/import/import_priv.h"

/*
 * Sixteen bytes a name, at most half of them used. Two names of a file of a million have one hash with
 * a chance of 1 in 10^7, and then a good row is refused: nothing wrong is ever written.
 */

enum { SLOTS_FIRST = 1024, NAME_BYTES = 2048 };

int
names_init(struct names *n)
{
	uint8_t key[16];

	randombytes_buf(key, sizeof(key));
	*n = (struct names){ .key = chq_sipkey_load(key), .slots = SLOTS_FIRST };
	n->slot = calloc(n->slots, sizeof(*n->slot));
	return n->slot ? CHQ_OK : CHQ_ENOMEM;
}

void
names_deinit(struct names *n)
{
	free(n->slot);
	n->slot = NULL;
}

static uint64_t
hash_of(const struct names *n, enum names_kind kind, const char *a, const char *b)
{
	char text[NAME_BYTES];
	size_t len_a = strnlen(a, NAME_BYTES / 2 - 2), len_b = strnlen(b, NAME_BYTES / 2 - 2);
	uint64_t h;

	text[0] = (char)kind;
	memcpy(text + 1, a, len_a);
	text[1 + len_a] = '\0';
	memcpy(text + 2 + len_a, b, len_b);
	h = chq_siphash(&n->key, text, 2 + len_a + len_b);
	return h ? h : 1;
}

/* Its slot, or the free one that it would have. */
static uint64_t *
slot_of(uint64_t *slot, size_t slots, uint64_t h)
{
	size_t i = h & (slots - 1);

	while (slot[i] != 0 && slot[i] != h)
		i = (i + 1) & (slots - 1);
	return &slot[i];
}

static int
grow(struct names *n)
{
	uint64_t *more = calloc(n->slots * 2, sizeof(*more));

	if (!more)
		return CHQ_ENOMEM;
	for (size_t i = 0; i < n->slots; i++)
		if (n->slot[i])
			*slot_of(more, n->slots * 2, n->slot[i]) = n->slot[i];
	free(n->slot);
	n->slot = more;
	n->slots *= 2;
	return CHQ_OK;
}

int
names_add(struct names *n, enum names_kind kind, const char *a, const char *b)
{
	uint64_t h = hash_of(n, kind, a, b), *slot;

	if (n->used * 2 >= n->slots && grow(n) != 0)
		return CHQ_ENOMEM;
	slot = slot_of(n->slot, n->slots, h);
	if (*slot)
		return CHQ_EEXIST;
	*slot = h;
	n->used++;
	return CHQ_OK;
}

bool
names_have(const struct names *n, enum names_kind kind, const char *a, const char *b)
{
	return *slot_of(n->slot, n->slots, hash_of(n, kind, a, b)) != 0;
}
