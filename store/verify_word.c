#include <string.h>

#include "store/account.h"
#include "store/pack.h"
#include "store/verify_priv.h"
#include "store/word.h"

/* Does the account have the word of this entry, as that what the entry says? */
static bool
entry_fits(const struct store_account *a, const struct store_iter *it, size_t len)
{
	struct store_word set[STORE_WORDS_MAX + 2];
	unsigned n = store_word_of_account(a, set);

	for (unsigned i = 0; i < n; i++) {
		if (set[i].len == len && memcmp(set[i].text, it->key.p, len) == 0)
			return set[i].of == it->val.p[1];
	}
	return false;
}

void
check_word(struct check *c, const struct store_iter *it)
{
	struct store_account a;
	size_t len = it->key.len;
	uint64_t id;

	c->out->words++;
	if (len < 1 + 1 + STORE_ACCOUNT_KEY_BYTES ||
	    it->key.p[len - 1 - STORE_ACCOUNT_KEY_BYTES] != 0) {
		check_fault(c, "key of a wrong form", 0);
		return;
	}
	len -= 1 + STORE_ACCOUNT_KEY_BYTES;
	id = store_key_get_account(it->key.p + len + 1);
	if (it->val.len != 2 || it->val.p[0] != RECORD_VERSION)
		check_fault(c, "damaged record", id);
	else if (store_account_get(c->t, id, &a) != 0)
		check_fault(c, "leads to no account", id);
	else if (!entry_fits(&a, it, len))
		check_fault(c, "leads to an account without that word", id);
}

void
check_words_of(struct check *c, const struct store_account *a)
{
	struct store_word set[STORE_WORDS_MAX + 2];
	unsigned n = store_word_of_account(a, set);
	uint8_t key[STORE_WORD_MAX_BYTES + 1 + STORE_ACCOUNT_KEY_BYTES];
	struct store_view v;

	for (unsigned i = 0; i < n; i++) {
		memcpy(key, set[i].text, set[i].len);
		key[set[i].len] = 0;
		store_key_put_account(key + set[i].len + 1, a->id);
		if (store_kv_get(c->t, STORE_TABLE_WORD, key,
				 set[i].len + 1u + STORE_ACCOUNT_KEY_BYTES, &v) != 0) {
			check_fault(c, "search word is not in the table", a->id);
			return;
		}
	}
}
