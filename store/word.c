#include "store/word.h"

#include <stdlib.h>
#include <string.h>

#include <unicase.h>
#include <unictype.h>
#include <uninorm.h>
#include <unistr.h>

#include "base/err.h"
#include "store/account.h"
#include "store/import_priv.h"
#include "store/kv.h"
#include "store/pack.h"

enum {
	/* Of one account, each once. */
	SET_MAX = STORE_WORDS_MAX + 2,
	KEY_BYTES = STORE_WORD_MAX_BYTES + 1 + STORE_ACCOUNT_KEY_BYTES,
	OF_ALL = STORE_WORD_LOGIN | STORE_WORD_NAME | STORE_WORD_NUMBER,
	MIGRATION_PAGE = 64,
};

struct store_word_walk {
	struct store_txn *t;
	struct store_iter it;
	int at; /* result of the last move: 0 if @it stands on an entry that was not given out yet */
	bool given;
	size_t prefix_len;
	char prefix[STORE_WORD_MAX_BYTES];
};

/* --- texts --- */

/* The longest beginning of at most @max bytes that ends with a whole character. */
static size_t
cut(const char *s, size_t len, size_t max)
{
	if (len <= max)
		return len;
	while (max > 0 && ((uint8_t)s[max] & 0xC0) == 0x80)
		max--;
	return max;
}

/* Return: false if there is more to a text than ASCII. */
static bool
fold_ascii(const char *in, size_t len, char *out)
{
	for (size_t i = 0; i < len; i++) {
		char c = in[i];

		if ((uint8_t)c >= 0x80 || c == '\0')
			return false;
		out[i] = (char)(c >= 'A' && c <= 'Z' ? c + 32 : c);
	}
	out[len] = '\0';
	return true;
}

int
store_word_fold(const char *in, size_t len, char out[STORE_WORD_FOLDED_BYTES + 1])
{
	uint8_t *nfkc, *folded;
	size_t nfkc_len, folded_len;

	if (len > STORE_WORD_RAW_BYTES)
		return CHQ_ENAMELONG;
	if (fold_ascii(in, len, out))
		return 0;
	if (u8_check((const uint8_t *)in, len) != NULL || memchr(in, '\0', len) != NULL)
		return CHQ_ENAMEUTF8;
	nfkc = u8_normalize(UNINORM_NFKC, (const uint8_t *)in, len, NULL, &nfkc_len);
	if (nfkc == NULL)
		return CHQ_ENOMEM;
	folded = u8_casefold(nfkc, nfkc_len, NULL, UNINORM_NFKC, NULL, &folded_len);
	free(nfkc);
	if (folded == NULL)
		return CHQ_ENOMEM;
	folded_len = cut((const char *)folded, folded_len, STORE_WORD_FOLDED_BYTES);
	memcpy(out, folded, folded_len);
	out[folded_len] = '\0';
	free(folded);
	return 0;
}

static bool
is_word_char(ucs4_t uc)
{
	return uc_is_general_category_withtable(uc, UC_CATEGORY_MASK_L | UC_CATEGORY_MASK_M |
							    UC_CATEGORY_MASK_N);
}

/* One word more, or another kind of one that is there. Return: how many there are now. */
static unsigned
set_add(struct store_word *set, unsigned n, unsigned max, const char *s, size_t len, uint8_t of)
{
	struct store_word *w;

	len = cut(s, len, STORE_WORD_MAX_BYTES);
	if (len == 0)
		return n;
	for (unsigned i = 0; i < n; i++) {
		if (set[i].len == len && memcmp(set[i].text, s, len) == 0) {
			set[i].of |= of;
			return n;
		}
	}
	if (n == max)
		return n;
	w = &set[n];
	memcpy(w->text, s, len);
	w->text[len] = '\0';
	w->len = (uint8_t)len;
	w->of = of;
	return n + 1;
}

static unsigned
split_into(const char *folded, struct store_word *out, unsigned n, unsigned max)
{
	const uint8_t *p = (const uint8_t *)folded, *end = p + strlen(folded), *word = p;

	while (p < end) {
		ucs4_t uc;
		int step = u8_mbtouc(&uc, p, (size_t)(end - p));

		if (!is_word_char(uc)) {
			n = set_add(out, n, max, (const char *)word, (size_t)(p - word),
				    STORE_WORD_NAME);
			word = p + step;
		}
		p += step;
	}
	return set_add(out, n, max, (const char *)word, (size_t)(end - word), STORE_WORD_NAME);
}

unsigned
store_word_split(const char *folded, struct store_word *out)
{
	return split_into(folded, out, 0, STORE_WORDS_MAX);
}

unsigned
store_word_of_account(const struct store_account *a, struct store_word *out)
{
	char folded[STORE_WORD_FOLDED_BYTES + 1];
	unsigned n = 0;

	if (a->removed_ms != 0)
		return 0;
	if (store_word_fold(a->login, strlen(a->login), folded) == 0)
		n = set_add(out, n, SET_MAX, folded, strlen(folded), STORE_WORD_LOGIN);
	if (store_word_fold(a->number, strlen(a->number), folded) == 0)
		n = set_add(out, n, SET_MAX, folded, strlen(folded), STORE_WORD_NUMBER);
	if (store_word_fold(a->name, strlen(a->name), folded) == 0)
		n = split_into(folded, out, n, SET_MAX);
	return n;
}

unsigned
store_word_match(const struct store_account *a, const char *prefix, size_t len)
{
	struct store_word set[SET_MAX];
	unsigned n = store_word_of_account(a, set), of = 0;

	len = cut(prefix, len, STORE_WORD_MAX_BYTES);
	for (unsigned i = 0; i < n; i++) {
		if (set[i].len >= len && memcmp(set[i].text, prefix, len) == 0)
			of |= set[i].of;
	}
	return of;
}

/* --- the table --- */

static size_t
put_key(uint8_t key[KEY_BYTES], const char *word, size_t len, uint64_t account)
{
	memcpy(key, word, len);
	key[len] = 0;
	store_key_put_account(key + len + 1, account);
	return len + 1 + STORE_ACCOUNT_KEY_BYTES;
}

static const struct store_word *
set_find(const struct store_word *set, unsigned n, const struct store_word *w)
{
	for (unsigned i = 0; i < n; i++) {
		if (set[i].len == w->len && memcmp(set[i].text, w->text, w->len) == 0)
			return &set[i];
	}
	return NULL;
}

static int
entry_put(struct store_txn *t, const struct store_word *w, uint64_t account)
{
	uint8_t key[KEY_BYTES], val[2];
	size_t key_len = put_key(key, w->text, w->len, account);
	struct packer p = packer_start(val);

	pack_u8(&p, w->of);
	return store_kv_put(t, STORE_TABLE_WORD, key, key_len, val, packer_len(&p));
}

static int
entry_del(struct store_txn *t, const struct store_word *w, uint64_t account)
{
	uint8_t key[KEY_BYTES];
	size_t key_len = put_key(key, w->text, w->len, account);
	int rc = store_kv_del(t, STORE_TABLE_WORD, key, key_len);

	return rc == CHQ_ENOENT ? CHQ_ECORRUPT : rc;
}

int
store_word_follow(struct store_txn *t, const struct store_account *was,
		  const struct store_account *is)
{
	struct store_word old[SET_MAX], new[SET_MAX];
	unsigned n_old = was ? store_word_of_account(was, old) : 0;
	unsigned n_new = is ? store_word_of_account(is, new) : 0;
	int rc = 0;

	for (unsigned i = 0; i < n_old && rc == 0; i++) {
		if (set_find(new, n_new, &old[i]) == NULL)
			rc = entry_del(t, &old[i], was->id);
	}
	for (unsigned i = 0; i < n_new && rc == 0; i++) {
		const struct store_word *before = set_find(old, n_old, &new[i]);

		if (before == NULL || before->of != new[i].of)
			rc = entry_put(t, &new[i], is->id);
	}
	return rc;
}

int
store_word_make_all(struct store_txn *t)
{
	struct store_account *page = calloc(MIGRATION_PAGE, sizeof(*page));
	uint64_t after = 0;
	size_t n = MIGRATION_PAGE;
	int rc = page ? 0 : CHQ_ENOMEM;

	while (rc == 0 && n == MIGRATION_PAGE) {
		rc = store_account_list(t, after, page, MIGRATION_PAGE, &n);
		for (size_t i = 0; i < n && rc == 0; i++)
			rc = store_word_follow(t, NULL, &page[i]);
		if (n > 0)
			after = page[n - 1].id;
	}
	free(page);
	return rc;
}

/* --- walks --- */

int
store_word_walk_open(struct store_txn *t, const char *prefix, size_t len,
		     struct store_word_walk **out)
{
	struct store_word_walk *w = calloc(1, sizeof(*w));
	int rc;

	if (w == NULL)
		return CHQ_ENOMEM;
	w->t = t;
	w->prefix_len = cut(prefix, len, STORE_WORD_MAX_BYTES);
	memcpy(w->prefix, prefix, w->prefix_len);
	rc = store_iter_open(&w->it, t, STORE_TABLE_WORD, w->prefix, w->prefix_len, 0);
	w->at = rc;
	if (rc != 0 && rc != CHQ_ENOENT) {
		store_word_walk_close(w);
		return rc;
	}
	*out = w;
	return 0;
}

/* The entry that the walk stands on. */
static int
walk_read(const struct store_word_walk *w, struct store_word_hit *out)
{
	size_t len = w->it.key.len, at;
	struct unpacker r = unpacker_start(w->it.val.p, w->it.val.len);
	uint8_t of = unpack_u8(&r);

	if (unpacker_end(&r) != 0 || of == 0 || (of & ~OF_ALL) != 0 || len > KEY_BYTES ||
	    len < 1 + 1 + STORE_ACCOUNT_KEY_BYTES)
		return CHQ_ECORRUPT;
	at = len - 1 - STORE_ACCOUNT_KEY_BYTES;
	if (w->it.key.p[at] != 0)
		return CHQ_ECORRUPT;
	memcpy(out->word.text, w->it.key.p, at);
	out->word.text[at] = '\0';
	out->word.len = (uint8_t)at;
	out->word.of = of;
	out->account = store_key_get_account(w->it.key.p + at + 1);
	return 0;
}

static int
walk_step(struct store_word_walk *w, struct store_word_hit *out)
{
	if (w->at == 0 && w->given)
		w->at = store_iter_next(&w->it);
	if (w->at != 0)
		return w->at;
	w->given = true;
	if (w->it.key.len < w->prefix_len || memcmp(w->it.key.p, w->prefix, w->prefix_len) != 0) {
		w->at = CHQ_ENOENT;
		return w->at;
	}
	return walk_read(w, out);
}

int
store_word_walk_next(struct store_word_walk *w, struct store_word_hit *out)
{
	uint64_t behind;
	int rc = walk_step(w, out);

	while (rc == 0 && (behind = store_staged_end(w->t, out->account)) != 0) {
		store_word_walk_seek(w, out->word.text, out->word.len, behind);
		rc = walk_step(w, out);
	}
	return rc;
}

void
store_word_walk_seek(struct store_word_walk *w, const char *word, size_t len, uint64_t account)
{
	uint8_t key[KEY_BYTES];
	size_t key_len = put_key(key, word, cut(word, len, STORE_WORD_MAX_BYTES), account);

	if (memcmp(key, w->prefix, key_len < w->prefix_len ? key_len : w->prefix_len) < 0)
		w->at = store_iter_seek(&w->it, w->prefix, w->prefix_len);
	else
		w->at = store_iter_seek(&w->it, key, key_len);
	w->given = false;
}

void
store_word_walk_close(struct store_word_walk *w)
{
	store_iter_close(&w->it);
	free(w);
}
