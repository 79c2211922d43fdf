#include "control/pwhash.h"

#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "base/err.h"
#include "base/log.h"
#include "control/control.h"
#include "control/write.h"
#include "store/account.h"

enum { WALK_MAX = 64 };

/*
 * Which of so many accounts? As accounts are added, a name only ever goes over to a new one: its cost
 * does not go to and fro. Lamping and Veach, "A Fast, Minimal Memory, Consistent Hash Algorithm".
 */
static uint64_t
pwhash_jump(uint64_t key, uint64_t accounts)
{
	uint64_t at = 0, next = 0;

	while (next < accounts) {
		at = next;
		key = key * UINT64_C(2862933555777941757) + 1;
		next = (uint64_t)((double)(at + 1) *
				  ((double)(UINT64_C(1) << 31) / (double)((key >> 33) + 1)));
	}
	return at;
}

/* Not to be told from outside, and the same after a restart. */
static uint64_t
pwhash_name_key(const struct control *ctl, const uint8_t *name, size_t len)
{
	static const uint8_t label[] = "chasqui-stand-in";
	crypto_generichash_state st;
	uint8_t out[crypto_generichash_BYTES_MIN];

	crypto_generichash_init(&st, ctl->keys.grants, sizeof(ctl->keys.grants), sizeof(out));
	crypto_generichash_update(&st, label, sizeof(label));
	crypto_generichash_update(&st, name, len);
	crypto_generichash_final(&st, out, sizeof(out));
	return chq_get_le64(out);
}

/* The hash of the first account after @after that has one. Return: 0; CHQ_ENOENT; codes of reading. */
static int
pwhash_from(struct store_txn *txn, uint64_t after, char out[crypto_pwhash_STRBYTES])
{
	struct store_account a;
	size_t n;
	int rc = CHQ_OK;

	for (unsigned i = 0; i < WALK_MAX; i++) {
		rc = store_account_list(txn, after, &a, 1, &n);
		if (rc || n == 0)
			break;
		after = a.id;
		if (!a.pwhash[0])
			continue;
		memcpy(out, a.pwhash, sizeof(a.pwhash));
		sodium_memzero(&a, sizeof(a));
		return CHQ_OK;
	}
	return rc ? rc : CHQ_ENOENT;
}

int
pwhash_stand_in(const struct control *ctl, struct store_txn *txn, const uint8_t *name, size_t len,
		char out[crypto_pwhash_STRBYTES])
{
	uint64_t accounts;
	int rc = store_account_last(txn, &accounts);

	if (!rc)
		rc = pwhash_from(txn, pwhash_jump(pwhash_name_key(ctl, name, len), accounts), out);
	if (rc != CHQ_ENOENT)
		return rc;
	memcpy(out, ctl->dummy_hash, sizeof(ctl->dummy_hash));
	return CHQ_OK;
}

void
pwhash_fresh(const struct chq_site_conf *conf, const char *hash, const char *password, size_t len,
	     char out[crypto_pwhash_STRBYTES])
{
	unsigned long long passes = conf->passwords.passes;
	size_t memory = conf->passwords.memory_bytes;

	out[0] = '\0';
	if (crypto_pwhash_str_needs_rehash(hash, passes, memory) == 1 &&
	    crypto_pwhash_str(out, password, len, passes, memory) != 0)
		out[0] = '\0';
}

struct replacing {
	struct write_op op;
	uint64_t account;
	char hash[crypto_pwhash_STRBYTES], fresh[crypto_pwhash_STRBYTES];
};

/* A password that was changed in the meantime stays. */
static int
replacing_job(struct store_txn *txn, struct write_op *op)
{
	struct replacing *p = CHQ_CONTAINER_OF(op, struct replacing, op);
	struct store_account a;
	int rc = store_account_get(txn, p->account, &a);

	if (!rc && strcmp(a.pwhash, p->hash) == 0)
		rc = store_account_set_pwhash(txn, p->account, p->fresh, chq_wall_ms());
	sodium_memzero(&a, sizeof(a));
	return rc == CHQ_ENOENT ? CHQ_OK : rc;
}

static void
replacing_free(struct replacing *p)
{
	sodium_memzero(p, sizeof(*p));
	free(p);
}

static void
replacing_done(struct write_op *op, int rc)
{
	struct replacing *p = CHQ_CONTAINER_OF(op, struct replacing, op);

	if (!rc) {
		control_count(op->ctl, COUNT_REHASHED);
		CHQ_LOG_INFO("password-rehashed", "account=%llu", (unsigned long long)p->account);
	}
	replacing_free(p);
}

void
pwhash_replace(struct control *ctl, uint64_t account, const char *hash, const char *fresh)
{
	struct replacing *p = calloc(1, sizeof(*p));

	if (!p)
		return;
	p->op.job = replacing_job;
	p->op.done = replacing_done;
	p->account = account;
	memcpy(p->hash, hash, sizeof(p->hash));
	memcpy(p->fresh, fresh, sizeof(p->fresh));
	if (write_submit(ctl, &p->op) != 0)
		replacing_free(p);
}
