#include "control/register.h"

#include <sodium.h>
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "base/log.h"
#include "control/book_load.h"
#include "control/control.h"
#include "control/login.h"
#include "control/login_keys.h"
#include "control/write.h"
#include "proto/password.h"
#include "store/account.h"
#include "store/dept.h"
#include "store/invite.h"
#include "store/reader.h"
#include "store/text.h"

enum { PASSWORD_MIN_BYTES = 8 };

/* A registration under way: the password is hashed, then all is written in one job. */
struct registering {
	struct pool_job job;
	struct write_op op;
	struct control *ctl;
	struct chq_dp_ref ref;
	uint64_t request, now_ms;
	struct login_keys keys;
	uint8_t code[STORE_INVITE_HASH_BYTES];
	char login[STORE_LOGIN_RAW_BYTES + 1], name[STORE_NAME_MAX_BYTES + 1];
	char device_name[STORE_DEVICE_NAME_MAX_BYTES + 1];
	char password[CHQ_PASSWORD_MAX + 1], hash[crypto_pwhash_STRBYTES];
	size_t password_len;
	int rc; /* of the hashing */
	uint64_t account;
	struct store_member roles[STORE_ROLES_MAX];
	size_t n_roles;
};

void
register_code_hash(const char *code, uint8_t out[32])
{
	crypto_generichash_state st;

	crypto_generichash_init(&st, NULL, 0, 32);
	for (const char *p = code; *p; p++) {
		uint8_t c = (uint8_t)(*p >= 'A' && *p <= 'Z' ? *p + 32 : *p);

		if (c != '-')
			crypto_generichash_update(&st, &c, 1);
	}
	crypto_generichash_final(&st, out, 32);
}

static void
registering_free(struct registering *g)
{
	sodium_memzero(g, sizeof(*g));
	free(g);
}

/* Refused; @g is freed. */
static void
register_fail(struct registering *g, int rc)
{
	struct session *s = session_find(&g->ctl->sessions, g->ref);

	if (s)
		login_ended(g->ctl, s, g->request, rc);
	registering_free(g);
}

static int
register_job(struct store_txn *txn, struct write_op *op)
{
	struct registering *g = CHQ_CONTAINER_OF(op, struct registering, op);
	struct store_account_new a = {
		.login = g->login,
		.name = g->name[0] ? g->name : g->login,
		.pwhash = g->hash,
		.now_ms = g->now_ms,
	};
	struct store_invite i;
	int rc = store_invite_use(txn, g->code, g->now_ms, &i);

	if (rc)
		return rc == CHQ_ENOENT ? CHQ_EAUTH : rc;
	rc = store_account_add(txn, &a, &g->account);
	if (!rc && i.dept)
		rc = store_member_set(txn, i.dept, g->account, false, g->now_ms);
	if (rc == CHQ_ENOENT) /* the department is no more */
		rc = CHQ_OK;
	return rc ? rc : store_member_roles(txn, g->account, g->roles, &g->n_roles);
}

static void
register_written(struct write_op *op, int rc)
{
	struct registering *g = CHQ_CONTAINER_OF(op, struct registering, op);
	struct control *ctl = g->ctl;
	struct session *s;

	if (!rc && control_book_account(ctl, g->account, false, g->roles, g->n_roles) != 0)
		control_book_renew(ctl);
	if (rc) {
		register_fail(g, rc);
		return;
	}
	CHQ_LOG_INFO("registered", "account=%llu", (unsigned long long)g->account);
	s = session_find(&ctl->sessions, g->ref);
	if (s)
		login_as(ctl, s, g->request, g->account, &g->keys, g->device_name);
	registering_free(g);
}

/* Pool thread. */
static void
register_work(struct pool_job *job)
{
	struct registering *g = CHQ_CONTAINER_OF(job, struct registering, job);

	g->rc = crypto_pwhash_str(g->hash, g->password, g->password_len,
				  g->ctl->conf->passwords.passes,
				  g->ctl->conf->passwords.memory_bytes)
			? CHQ_ENOMEM
			: CHQ_OK;
	sodium_memzero(g->password, sizeof(g->password));
}

static void
register_hashed(struct pool_job *job)
{
	struct registering *g = CHQ_CONTAINER_OF(job, struct registering, job);
	int rc = g->rc;

	if (job->cancelled) {
		registering_free(g);
		return;
	}
	control_count(g->ctl, COUNT_HASHED);
	g->op.job = register_job;
	g->op.done = register_written;
	g->now_ms = chq_wall_ms();
	if (!rc)
		rc = write_submit(g->ctl, &g->op);
	if (rc)
		register_fail(g, rc);
}

/* What can be known before the password is hashed. A code that is not good has one answer. */
static int
register_check(struct registering *g, const Chasqui__RegisterRequest *m)
{
	char normal[STORE_LOGIN_MAX_BYTES + 1];
	struct store_invite i;
	struct store_txn *txn;
	bool taken = false;
	int rc = store_login_normalise(m->login, strlen(m->login), normal), name = rc;

	if (!rc)
		name = store_text_check(m->display_name, strlen(m->display_name),
					STORE_NAME_MAX_BYTES);
	rc = store_read_begin(g->ctl->reader, &txn);
	if (rc)
		return rc;
	rc = store_invite_get(txn, g->code, chq_wall_ms(), &i);
	if (!rc && !name)
		rc = store_login_taken(txn, normal, &taken);
	store_read_end(g->ctl->reader);
	if (rc)
		return rc == CHQ_ENOENT ? CHQ_EAUTH : rc;
	if (name || strlen(m->device_name) > STORE_DEVICE_NAME_MAX_BYTES ||
	    g->password_len < PASSWORD_MIN_BYTES)
		return CHQ_EMALFORMED;
	if (taken)
		return CHQ_EEXIST;
	strcpy(g->login, normal);
	strcpy(g->name, m->display_name);
	strcpy(g->device_name, m->device_name);
	return CHQ_OK;
}

static int
register_begin(struct registering *g, struct session *s, const Chasqui__RegisterRequest *m)
{
	uint64_t wait_ms;
	int rc = chq_password_open(s->login->key, m->attempt, s->login->hash,
				   m->sealed_password.data, m->sealed_password.len, g->password);

	if (rc < 0)
		return CHQ_EMALFORMED;
	g->password_len = (size_t)rc;
	register_code_hash(m->code, g->code);
	login_keys_make(&g->keys, m->login, &s->path);
	if (login_keys_charge(g->ctl, &g->keys, &wait_ms) != 0) {
		control_count(g->ctl, COUNT_LOGIN_LIMITED);
		return CHQ_EBUSY_LATER;
	}
	rc = register_check(g, m);
	return rc ? rc : pool_submit(&g->ctl->hash_pool, &g->job);
}

void
register_request(struct control *ctl, struct session *s, const struct request *r)
{
	const Chasqui__RegisterRequest *m = (const Chasqui__RegisterRequest *)r->body;
	struct registering *g;
	int rc;

	if (!ctl->conf->registration.by_code) {
		request_fail(ctl, s, r->id, CHQ_EDENIED);
		return;
	}
	if (!login_attempt(ctl, s, r, m->attempt, m->login))
		return;
	g = calloc(1, sizeof(*g));
	if (g) {
		g->ctl = ctl;
		g->ref = session_ref(s);
		g->request = r->id;
		g->job.work = register_work;
		g->job.done = register_hashed;
	}
	rc = g ? register_begin(g, s, m) : CHQ_ENOMEM;
	if (!rc)
		return;
	login_ended(ctl, s, r->id, rc);
	if (g)
		registering_free(g);
}
