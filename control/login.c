#include "control/login.h"

#include <sodium.h>
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "base/log.h"
#include "control/app.h"
#include "control/control.h"
#include "control/dp_send.h"
#include "control/grants.h"
#include "control/life.h"
#include "control/login_keys.h"
#include "control/mail.h"
#include "control/push.h"
#include "control/pwhash.h"
#include "control/write.h"
#include "proto/password.h"
#include "store/account.h"
#include "store/device.h"
#include "store/reader.h"

enum {
	GUEST_DEVICE_FIRST = 255
}; /* numbers of devices that are not enrolled count down from here */

/* A login under way. Each step finds the session anew, by its slot and generation. */
struct login {
	struct pool_job job;
	struct write_op op;
	struct control *ctl;
	struct chq_dp_ref ref;
	uint64_t request;
	struct chq_list of_enrolling; /* while the store writes its device */
	uint64_t waits_ms;	      /* monotonic: until then */
	struct login_keys keys;	      /* of the limits */
	bool known;		      /* the name is an account's that has a password */
	bool right;
	uint64_t account;
	char hash[crypto_pwhash_STRBYTES];
	char fresh[crypto_pwhash_STRBYTES]; /* to take the place of hash; empty if that may stay */
	char password[CHQ_PASSWORD_MAX + 1];
	size_t password_len;

	bool enroll;
	uint8_t static_key[32];
	uint8_t kind;
	char device_name[STORE_DEVICE_NAME_MAX_BYTES + 1];
	uint8_t device;
	bool device_new;	    /* this login has enrolled it */
	struct grant_epochs epochs; /* as the dataplane is told at the login */
};

static void
login_free(struct login *l)
{
	chq_list_del(&l->of_enrolling);
	sodium_memzero(l, sizeof(*l));
	free(l);
}

/* Its session, as long as that still waits for this login; else NULL. */
static struct session *
login_session(const struct login *l)
{
	struct session *s = session_find(&l->ctl->sessions, l->ref);

	if (!s || s->state != SESSION_PRELOGIN || !s->login)
		return NULL;
	return s->login->busy && s->login->request == l->request ? s : NULL;
}

static void
login_refuse(struct control *ctl, struct session *s, Chasqui__Code code, uint32_t retry_after_s)
{
	s->login->busy = false;
	s->login->code = (uint8_t)code;
	s->login->retry_after_s = retry_after_s;
	request_answer(ctl, s, s->login->request, code, retry_after_s, NULL);
}

/* @l is over, refused; it is freed. */
static void
login_fail(struct login *l, int rc)
{
	struct session *s = login_session(l);
	Chasqui__Code code = request_code(rc);

	if (s)
		login_refuse(l->ctl, s, code, code == CHASQUI__CODE__E_BUSY);
	login_free(l);
}

static void
login_answer(struct control *ctl, struct session *s, uint64_t id)
{
	Chasqui__LoginReply reply = CHASQUI__LOGIN_REPLY__INIT;
	Chasqui__Address observed;
	const uint8_t *policy;
	struct store_account a;
	int rc = store_account_read(ctl->reader, s->account, &a);

	if (!rc)
		rc = mail_waiting(ctl, s->account, s->device, &reply.mailbox);
	if (rc) {
		request_fail(ctl, s, id, rc);
		return;
	}
	push_address(&observed, &s->path);
	reply.account = a.id;
	reply.device = s->device;
	reply.login = a.login;
	reply.display_name = a.name;
	reply.session = s->slot | (uint64_t)s->gen << 32;
	reply.server_id = ctl->conf->server.id;
	reply.server_time_ms = chq_wall_ms();
	reply.expiry_ms = s->expires_ms;
	reply.contacts_version = view_version(ctl);
	reply.epoch = ctl->epoch;
	policy = apps_policy(ctl, &reply.policy.len);
	reply.policy.data = (uint8_t *)(uintptr_t)policy; /* only read */
	reply.observed = &observed;
	request_answer(ctl, s, id, CHASQUI__CODE__OK, 0, &reply.base);
}

/*
 * The account's other sessions learn of a new device, whatever becomes of the session that has
 * enrolled it.
 */
static void
login_tell(const struct login *l)
{
	const struct online *o = online_find(&l->ctl->sessions, l->account);
	struct session *other;

	if (!o)
		return;
	ONLINE_FOREACH(other, o)
		if (other->state == SESSION_OPEN)
			push_device_enrolled(l->ctl, other, l->device, l->device_name);
}

/*
 * What was allowed when the password was found right may not be any more: then the session ends, as
 * it would have had it been open already. Return: whether it may stay; else @s is freed.
 */
static bool
login_still_allowed(struct login *l, struct session *s)
{
	struct grant_epochs now;
	int rc = life_allowed(l->ctl, l->account, l->device, &now);

	if (rc != CHQ_EDISABLED && rc != CHQ_ENOENT) {
		if (!rc && (now.grant != l->epochs.grant || now.sender != l->epochs.sender)) {
			s->epochs = now;
			dp_send_epochs(l->ctl, l->account, &now);
		}
		return true;
	}
	control_count(l->ctl, COUNT_LOGIN_DISABLED);
	login_refuse(l->ctl, s, CHASQUI__CODE__E_DENIED, 0);
	life_close(l->ctl, s, CHQ_NOTICE_CLOSED, NULL, NULL);
	return false;
}

/* The session is the account's at the dataplane. */
static void
login_done(struct login *l, struct session *s)
{
	struct control *ctl = l->ctl;

	s->epochs = l->epochs;
	if (!login_still_allowed(l, s))
		return;
	if (session_bind(&ctl->sessions, s, l->account, l->device) != 0) {
		life_close(ctl, s, CHQ_NOTICE_EXPIRED, NULL, NULL);
		return;
	}
	control_count(ctl, COUNT_LOGIN_PASSWORD);
	s->expires_ms = chq_wall_ms() + ctl->conf->sessions.lifetime_ms;
	login_answer(ctl, s, s->login->request);
	life_open(ctl, s);
}

static void
login_opened(void *arg, const struct chq_dp_hdr *answer)
{
	struct login *l = arg;
	const struct chq_dp_done *done = (const void *)answer;
	struct session *s = login_session(l);

	/* Without an answer, the next dump shows what came of it. */
	if (!answer || answer->type != CHQ_DP_DONE) {
		login_fail(l, CHQ_EUNAVAIL);
		return;
	}
	if (done->err == CHQ_EFULL) { /* nothing has changed there */
		login_fail(l, CHQ_EFULL);
		return;
	}
	if (s && done->err)
		life_close(l->ctl, s, CHQ_NOTICE_EXPIRED, NULL, NULL);
	else if (s)
		login_done(l, s);
	login_free(l);
}

static void
login_open(struct login *l)
{
	struct session *s = login_session(l);
	int rc = s ? dp_call_login(l->ctl, s, l->account, l->device, &l->epochs, login_opened, l)
		   : CHQ_ENOSESSION;

	if (rc)
		login_fail(l, rc);
}

/* Return: 0: enrolled, as l->device; CHQ_ENOENT; CHQ_EDENIED: revoked, or somebody else's; codes of reading. */
static int
login_device_find(struct login *l, struct store_txn *txn)
{
	struct store_device d;
	int rc = store_device_find(txn, l->static_key, &d);

	if (rc == CHQ_OK && d.account != l->account)
		return CHQ_EDENIED;
	if (rc == CHQ_OK)
		l->device = d.number;
	return rc;
}

/* An earlier attempt of the same device may have been written since this one looked. */
static int
login_enroll_job(struct store_txn *txn, struct write_op *op)
{
	struct login *l = CHQ_CONTAINER_OF(op, struct login, op);
	int rc = login_device_find(l, txn);
	struct store_device_new d = {
		.account = l->account,
		.kind = l->kind < STORE_DEVICE__COUNT ? l->kind : STORE_DEVICE_OTHER,
		.noise_key = l->static_key,
		.name = l->device_name,
		.now_ms = chq_wall_ms(),
	};

	l->device_new = rc == CHQ_ENOENT;
	return l->device_new ? store_device_enroll(txn, &d, &l->device) : rc;
}

static void
login_enrolled(struct write_op *op, int rc)
{
	struct login *l = CHQ_CONTAINER_OF(op, struct login, op);

	chq_list_del(&l->of_enrolling);
	if (rc) {
		/* That there is no room left is the server's trouble, not that of this account. */
		login_fail(l, rc == CHQ_ENOSPC || rc == CHQ_EFULL ? CHQ_EUNAVAIL : rc);
		return;
	}
	if (l->device_new) {
		CHQ_LOG_INFO("device-enrolled", "account=%llu device=%u",
			     (unsigned long long)l->account, l->device);
		login_tell(l);
	}
	login_open(l);
}

/* Return: codes of write_submit(). */
static int
login_enroll(struct login *l)
{
	int rc;

	l->op.job = login_enroll_job;
	l->op.done = login_enrolled;
	rc = write_submit(l->ctl, &l->op);
	if (rc)
		return rc;
	l->waits_ms = control_now_ms() + l->ctl->timing.enroll_ms;
	chq_list_add_tail(&l->ctl->enrolling, &l->of_enrolling);
	return CHQ_OK;
}

/* What the store writes after all stays written: the client's next attempt finds its device enrolled. */
void
login_tick(struct control *ctl, uint64_t now_ms)
{
	CHQ_LIST_FOREACH_SAFE(it, after, &ctl->enrolling) {
		struct login *l = CHQ_LIST_ENTRY(it, struct login, of_enrolling);
		struct session *s = login_session(l);

		if (l->waits_ms > now_ms)
			break;
		chq_list_del(&l->of_enrolling);
		control_count(ctl, COUNT_STORE_FAILED);
		CHQ_LOG_ERROR("store-write-late", "ms=%u", ctl->timing.enroll_ms);
		if (s)
			login_refuse(ctl, s, CHASQUI__CODE__E_UNAVAIL, 0);
	}
}

static uint8_t
login_guest_device(const struct control *ctl, uint64_t account)
{
	const struct online *o = online_find(&ctl->sessions, account);
	uint8_t number = GUEST_DEVICE_FIRST;
	struct session *s;
	bool taken;

	do {
		taken = false;
		if (o)
			ONLINE_FOREACH(s, o)
				taken |= s->device == number;
	} while (taken && --number > 1);
	return number;
}

/* Under which number? Return: 0; CHQ_ENOENT: it must be enrolled first; CHQ_EDENIED; codes of reading. */
static int
login_device(struct login *l)
{
	struct store_txn *txn;
	int rc = store_read_begin(l->ctl->reader, &txn);

	if (rc)
		return rc;
	rc = login_device_find(l, txn);
	store_read_end(l->ctl->reader);
	if (rc != CHQ_ENOENT || l->enroll)
		return rc;
	l->device = login_guest_device(l->ctl, l->account);
	return CHQ_OK;
}

/* The password is right. */
static void
login_allowed(struct login *l)
{
	struct store_account a;
	int rc = store_account_read(l->ctl->reader, l->account, &a);

	if (!rc && a.disabled) {
		control_count(l->ctl, COUNT_LOGIN_DISABLED);
		rc = CHQ_EDISABLED;
	}
	if (rc) {
		login_fail(l, rc == CHQ_ENOENT ? CHQ_EAUTH : rc);
		return;
	}
	login_keys_refund(l->ctl, &l->keys);
	if (l->fresh[0])
		pwhash_replace(l->ctl, l->account, l->hash, l->fresh);
	l->epochs = grants_epochs(l->ctl, &a);
	rc = login_device(l);
	if (rc == CHQ_OK) {
		login_open(l);
		return;
	}
	if (rc == CHQ_ENOENT)
		rc = login_enroll(l);
	if (rc)
		login_fail(l, rc);
}

/* Pool thread. */
static void
login_work(struct pool_job *job)
{
	struct login *l = CHQ_CONTAINER_OF(job, struct login, job);

	l->right = crypto_pwhash_str_verify(l->hash, l->password, l->password_len) == 0;
	if (l->known && l->right)
		pwhash_fresh(l->ctl->conf, l->hash, l->password, l->password_len, l->fresh);
	sodium_memzero(l->password, sizeof(l->password));
}

static void
login_checked(struct pool_job *job)
{
	struct login *l = CHQ_CONTAINER_OF(job, struct login, job);

	if (job->cancelled) {
		login_free(l);
		return;
	}
	control_count(l->ctl, COUNT_HASHED);
	if (l->known && l->right) {
		login_allowed(l);
		return;
	}
	control_count(l->ctl, COUNT_LOGIN_WRONG);
	login_fail(l, CHQ_EAUTH);
}

/*
 * Whose hash is it to be compared with? A name that is nobody's is compared with a hash of a cost that
 * accounts have, so that neither answer nor time tells it from a wrong password.
 */
static int
login_find(struct login *l, const char *name)
{
	struct store_account a;
	struct store_txn *txn;
	int rc = store_read_begin(l->ctl->reader, &txn);

	if (rc)
		return rc;
	rc = pwhash_stand_in(l->ctl, txn, l->keys.name, l->keys.name_len, l->hash);
	if (!rc)
		rc = store_account_find(txn, name, strlen(name), &a);
	store_read_end(l->ctl->reader);
	if (rc == CHQ_OK && a.pwhash[0]) {
		l->known = true;
		l->account = a.id;
		memcpy(l->hash, a.pwhash, sizeof(a.pwhash));
	}
	sodium_memzero(&a, sizeof(a));
	/* What can be nobody's name is nobody's. All else says that the store cannot tell. */
	return rc == CHQ_ENOENT || (rc <= CHQ_ENAMEEMPTY && rc >= CHQ_ENAMEBIDI) ? CHQ_OK : rc;
}

static struct login *
login_new(struct control *ctl, struct session *s, const Chasqui__LoginRequest *m)
{
	struct login *l = calloc(1, sizeof(*l));

	if (!l)
		return NULL;
	l->ctl = ctl;
	l->ref = session_ref(s);
	l->request = s->login->request;
	chq_list_init(&l->of_enrolling);
	l->enroll = m->enroll;
	l->kind = s->kind;
	l->job.work = login_work;
	l->job.done = login_checked;
	memcpy(l->static_key, s->login->static_key, sizeof(l->static_key));
	snprintf(l->device_name, sizeof(l->device_name), "%s", m->device_name);
	return l;
}

/* Return: 0, the login is under way; a code: it is refused, @l is the caller's. */
static int
login_check(struct login *l, struct session *s, const Chasqui__LoginRequest *m, uint64_t *wait_ms)
{
	int rc = chq_password_open(s->login->key, m->attempt, s->login->hash,
				   m->sealed_password.data, m->sealed_password.len, l->password);

	if (rc < 0 || strlen(m->device_name) > STORE_DEVICE_NAME_MAX_BYTES)
		return CHQ_EMALFORMED;
	l->password_len = (size_t)rc;
	login_keys_make(&l->keys, m->login, &s->path);
	rc = login_keys_charge(l->ctl, &l->keys, wait_ms);
	if (rc) {
		control_count(l->ctl, COUNT_LOGIN_LIMITED);
		return CHQ_EBUSY_LATER;
	}
	rc = login_find(l, m->login);
	if (!rc)
		rc = pool_submit(&l->ctl->hash_pool, &l->job);
	if (!rc)
		return CHQ_OK;
	login_keys_refund(l->ctl, &l->keys);
	control_count(l->ctl, rc == CHQ_EAGAIN ? COUNT_LOGIN_BUSY : COUNT_STORE_FAILED);
	return rc;
}

static void
login_begin(struct control *ctl, struct session *s, const Chasqui__LoginRequest *m)
{
	struct login *l = login_new(ctl, s, m);
	uint64_t wait_ms = 1000;
	int rc = l ? login_check(l, s, m, &wait_ms) : CHQ_ENOMEM;
	Chasqui__Code code = request_code(rc);

	if (!rc)
		return;
	if (l)
		login_free(l);
	login_refuse(ctl, s, code,
		     code == CHASQUI__CODE__E_BUSY ? (uint32_t)((wait_ms + 999) / 1000) : 0);
}

/* A session that is logged in is asked to log in: a repetition whose answer was lost, or a mistake. */
static void
login_again(struct control *ctl, struct session *s, const struct request *r, const char *login)
{
	struct store_account a;
	struct store_txn *txn;
	int rc = store_read_begin(ctl->reader, &txn);

	if (!rc) {
		rc = store_account_find(txn, login, strlen(login), &a);
		store_read_end(ctl->reader);
	}
	if (!rc && a.id == s->account)
		login_answer(ctl, s, r->id);
	else
		request_fail(ctl, s, r->id, CHQ_EDENIED);
}

bool
login_attempt(struct control *ctl, struct session *s, const struct request *r, uint32_t attempt,
	      const char *login)
{
	struct session_login *l = s->login;

	if (s->state != SESSION_PRELOGIN || !l) {
		login_again(ctl, s, r, login);
		return false;
	}
	if (l->busy) {
		if (r->id != l->request)
			request_answer(ctl, s, r->id, CHASQUI__CODE__E_BUSY, 1, NULL);
		return false;
	}
	if (l->request && r->id == l->request) {
		request_answer(ctl, s, r->id, (Chasqui__Code)l->code, l->retry_after_s, NULL);
		return false;
	}
	if (attempt <= l->attempt) {
		request_fail(ctl, s, r->id, CHQ_EREPLAY);
		return false;
	}
	l->attempt = attempt;
	l->request = r->id;
	l->busy = true;
	return true;
}

void
login_request(struct control *ctl, struct session *s, const struct request *r)
{
	const Chasqui__LoginRequest *m = (const Chasqui__LoginRequest *)r->body;

	if (login_attempt(ctl, s, r, m->attempt, m->login))
		login_begin(ctl, s, m);
}

/* Does the session still wait for this attempt? */
static bool
login_waits(const struct session *s, uint64_t request)
{
	return s->state == SESSION_PRELOGIN && s->login && s->login->busy &&
	       s->login->request == request;
}

void
login_ended(struct control *ctl, struct session *s, uint64_t request, int rc)
{
	Chasqui__Code code = request_code(rc);

	if (login_waits(s, request))
		login_refuse(ctl, s, code, code == CHASQUI__CODE__E_BUSY);
}

void
login_as(struct control *ctl, struct session *s, uint64_t request, uint64_t account,
	 const struct login_keys *keys, const char *device_name)
{
	Chasqui__LoginRequest m = CHASQUI__LOGIN_REQUEST__INIT;
	char name[STORE_DEVICE_NAME_MAX_BYTES + 1];
	struct login *l;

	if (!login_waits(s, request))
		return;
	snprintf(name, sizeof(name), "%s", device_name);
	m.device_name = name;
	m.enroll = true;
	l = login_new(ctl, s, &m);
	if (!l) {
		login_ended(ctl, s, request, CHQ_ENOMEM);
		return;
	}
	l->keys = *keys;
	l->account = account;
	login_allowed(l);
}

void
login_whoami(struct control *ctl, struct session *s, const struct request *r)
{
	login_answer(ctl, s, r->id);
}

void
login_logout(struct control *ctl, struct session *s, const struct request *r)
{
	request_answer(ctl, s, r->id, CHASQUI__CODE__OK, 0, NULL);
	life_close(ctl, s, 0, NULL, NULL);
}
