#include <sodium.h>
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "base/hex.h"
#include "control/book_load.h"
#include "control/control.h"
#include "control/ctl_common.h"
#include "control/ctl_user.h"
#include "control/ctl_verbs.h"
#include "proto/password.h"
#include "store/account.h"
#include "store/device.h"
#include "store/text.h"

enum {
	PASSWORD_MIN_BYTES = 8,
};

/* A password being hashed in the pool, for the change that is to keep it. */
struct hashing {
	struct pool_job job;
	struct ctl_change *change;
	char password[CHQ_PASSWORD_MAX];
	size_t len, memory_bytes;
	unsigned long long passes;
	int rc;
};

static void
hashing_work(struct pool_job *job)
{
	struct hashing *h = CHQ_CONTAINER_OF(job, struct hashing, job);

	h->rc = crypto_pwhash_str(h->change->hash, h->password, h->len, h->passes, h->memory_bytes)
			? CHQ_ENOMEM
			: CHQ_OK;
}

static void
hashing_done(struct pool_job *job)
{
	struct hashing *h = CHQ_CONTAINER_OF(job, struct hashing, job);
	struct ctl_change *c = h->change;
	int rc = job->cancelled ? CHQ_ECANCELED : h->rc;

	sodium_memzero(h, sizeof(*h));
	free(h);
	if (!rc) {
		control_count(c->call->ctl, COUNT_HASHED);
		ctl_change_submit(c);
		return;
	}
	ctl_refuse_code(c->call, rc, NULL);
	ctl_change_free(c);
}

/* Why a password is not taken; NULL if it is. */
static const char *
password_fault(const char *password)
{
	size_t len = strlen(password);

	if (len < PASSWORD_MIN_BYTES)
		return "password is too short: at least 8 bytes";
	if (len > CHQ_PASSWORD_MAX)
		return "password is too long: at most 128 bytes";
	return NULL;
}

/* Hash the call's password, then submit @c. */
static void
hashing_begin(struct ctl_change *c)
{
	struct control *ctl = c->call->ctl;
	const char *password = chq_ctl_opt(&c->call->req, "password");
	const char *fault = password_fault(password);
	struct hashing *h = NULL;

	if (fault) {
		ctl_refuse(c->call, CHQ_EARGS, "password", "%s", fault);
		ctl_change_free(c);
		return;
	}
	h = calloc(1, sizeof(*h));
	if (h) {
		h->job.work = hashing_work;
		h->job.done = hashing_done;
		h->change = c;
		h->len = strlen(password);
		h->passes = ctl->conf->passwords.passes;
		h->memory_bytes = ctl->conf->passwords.memory_bytes;
		memcpy(h->password, password, h->len);
		if (pool_submit(&ctl->hash_pool, &h->job) == 0)
			return;
		sodium_memzero(h, sizeof(*h));
		free(h);
	}
	ctl_refuse_code(c->call, CHQ_EBUSY_LATER, NULL);
	ctl_change_free(c);
}

static int
add_job(struct store_txn *txn, struct ctl_change *c)
{
	struct store_account_new a = {
		.login = c->login,
		.name = c->name,
		.pwhash = c->hash[0] ? c->hash : NULL,
		.now_ms = c->now_ms,
	};
	struct store_device_new d = {
		.kind = STORE_DEVICE_OTHER,
		.noise_key = c->device_key,
		.now_ms = c->now_ms,
	};
	uint8_t number;
	int rc = store_account_add(txn, &a, &c->account);

	if (rc || !c->with_device)
		return rc;
	d.account = c->account;
	return store_device_enroll(txn, &d, &number);
}

/* The key of a device that belongs to the account from the start. Return: false if the call was refused. */
static bool
take_device_key(struct ctl_call *call, struct ctl_change *c)
{
	const char *hex = chq_ctl_opt(&call->req, "device-key");

	c->with_device = hex != NULL;
	if (!hex || chq_hex_decode(c->device_key, sizeof(c->device_key), hex, strlen(hex)) ==
			    sizeof(c->device_key))
		return true;
	ctl_refuse(call, CHQ_EARGS, "device-key",
		   "64 hexadecimal digits in lower case are expected");
	return false;
}

int
ctl_user_follow(struct ctl_change *c)
{
	return control_book_account(c->call->ctl, c->account, c->disabled, c->roles, c->n_roles);
}

void
ctl_user_answer(struct ctl_change *c)
{
	c->call->account = c->account;
	ctl_answer(c->call, json_pack("{s:I}", "account", (json_int_t)c->account), NULL);
}

void
ctl_user_add(struct ctl_call *call)
{
	char normal[STORE_LOGIN_MAX_BYTES + 1];
	const char *login = call->req.args[0];
	const char *name = chq_ctl_opt(&call->req, "name");
	int rc = store_login_normalise(login, strlen(login), normal);
	struct ctl_change *c;

	if (rc) {
		ctl_refuse_code(call, rc, "login");
		return;
	}
	rc = name ? store_text_check(name, strlen(name), STORE_NAME_MAX_BYTES) : CHQ_OK;
	if (rc) {
		ctl_refuse_code(call, rc, "name");
		return;
	}
	c = ctl_change_blank(call);
	if (!c)
		return;
	c->login = login;
	c->name = name ? name : login;
	c->job = add_job;
	c->follow = ctl_user_follow;
	c->done = ctl_user_answer;
	c->field = "login";
	if (!take_device_key(call, c))
		ctl_change_free(c);
	else if (c->with_device && !chq_ctl_opt(&call->req, "password"))
		ctl_change_submit(c);
	else
		hashing_begin(c);
}

static int
passwd_job(struct store_txn *txn, struct ctl_change *c)
{
	return store_account_set_pwhash(txn, c->account, c->hash, c->now_ms);
}

void
ctl_user_passwd(struct ctl_call *call)
{
	struct ctl_change *c = ctl_change_new(call);

	if (!c)
		return;
	c->job = passwd_job;
	c->done = ctl_user_answer;
	hashing_begin(c);
}

const struct ctl_verb ctl_verbs_user[] = {
	{ "user", "add", ctl_user_add },	   { "user", "list", ctl_user_list },
	{ "user", "show", ctl_user_show },	   { "user", "set", ctl_user_set },
	{ "user", "remove", ctl_user_remove },	   { "user", "import", ctl_user_import },
	{ "user", "export", ctl_user_export },	   { "user", "invite", ctl_user_invite },
	{ "user", "invites", ctl_user_invites },   { "user", "uninvite", ctl_user_uninvite },
	{ "user", "disable", ctl_user_disable },   { "user", "enable", ctl_user_enable },
	{ "user", "passwd", ctl_user_passwd },	   { "user", "friends", ctl_friend_list },
	{ "user", "sessions", ctl_user_sessions }, { NULL, NULL, NULL },
};
