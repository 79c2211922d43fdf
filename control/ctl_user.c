#include <sodium.h>
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "base/hex.h"
#include "control/book_load.h"
#include "control/control.h"
#include "control/ctl_common.h"
#include "control/ctl_verbs.h"
#include "control/life.h"
#include "proto/password.h"
#include "store/account.h"
#include "store/dept.h"
#include "store/device.h"
#include "store/reader.h"
#include "store/text.h"

enum {
	PASSWORD_MIN_BYTES = 8,
	LIST_PAGE = 64,
	DEVICES_SHOWN = 64,
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

/* The account is in the book as the change has left it. */
static int
account_follow(struct ctl_change *c)
{
	return control_book_account(c->call->ctl, c->account, c->disabled, c->roles, c->n_roles);
}

static void
answer_account(struct ctl_change *c)
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
	c->follow = account_follow;
	c->done = answer_account;
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
	c->done = answer_account;
	hashing_begin(c);
}

static int
disabled_job(struct store_txn *txn, struct ctl_change *c)
{
	int rc = store_account_set_disabled(txn, c->account, c->disabled, c->now_ms);

	return rc ? rc : store_member_roles(txn, c->account, c->roles, &c->n_roles);
}

void
ctl_user_enable(struct ctl_call *call)
{
	struct ctl_change *c = ctl_change_new(call);

	if (!c)
		return;
	c->job = disabled_job;
	c->follow = account_follow;
	c->done = answer_account;
	ctl_change_submit(c);
}

/* All sessions are closed, or will be as soon as the dataplane is back. */
static void
disable_answer(struct ctl_change *c)
{
	if (c->failed)
		ctl_refuse(c->call, CHQ_EPARTIAL, NULL,
			   "disabled, but the dataplane is away: sessions end when it is back");
	else
		ctl_answer(c->call,
			   json_pack("{s:I, s:i}", "account", (json_int_t)c->account,
				     "sessions_closed", (int)c->closed),
			   NULL);
}

static void
disable_closed(void *arg, const struct chq_dp_hdr *answer)
{
	struct ctl_change *c = arg;

	c->failed += answer == NULL;
	if (--c->waiting > 0)
		return;
	disable_answer(c);
	ctl_change_free(c);
}

static void
disable_done(struct ctl_change *c)
{
	struct control *ctl = c->call->ctl;

	c->waiting = life_close_account(ctl, c->account, 0, disable_closed, c);
	c->closed = c->waiting;
	c->failed = !ctl->dp.ready;
	if (c->waiting == 0)
		disable_answer(c);
}

void
ctl_user_disable(struct ctl_call *call)
{
	struct ctl_change *c = ctl_change_new(call);

	if (!c)
		return;
	c->disabled = true;
	c->job = disabled_job;
	c->follow = account_follow;
	c->done = disable_done;
	ctl_change_submit(c);
}

static int
list_fill(struct ctl_call *call, struct store_txn *txn, uint64_t limit, uint64_t *after,
	  json_t *rows)
{
	struct store_account page[LIST_PAGE];
	size_t n = 0, want;
	int rc = CHQ_OK;

	do {
		want = limit < LIST_PAGE ? (size_t)limit : LIST_PAGE;
		rc = store_account_list(txn, *after, page, want, &n);
		for (size_t i = 0; i < n && !rc; i++)
			json_array_append_new(rows, ctl_account_json(call, &page[i]));
		if (n && !rc)
			*after = page[n - 1].id;
		limit -= n;
	} while (!rc && n == want && limit > 0);
	if (n < want)
		*after = 0; /* that is all */
	sodium_memzero(page, sizeof(page));
	return rc;
}

void
ctl_user_list(struct ctl_call *call)
{
	uint64_t limit, after;
	struct store_txn *txn;
	json_t *rows;
	int rc;

	if (!ctl_page(call, &limit, &after))
		return;
	txn = ctl_read(call);
	if (!txn)
		return;
	rows = json_array();
	rc = list_fill(call, txn, limit, &after, rows);
	store_read_end(call->ctl->reader);
	if (rc) {
		json_decref(rows);
		ctl_refuse_code(call, rc, NULL);
		return;
	}
	ctl_answer_page(call, rows, after);
}

static json_t *
device_json(const struct store_device *d)
{
	static const char *const kinds[STORE_DEVICE__COUNT] = { "other", "android", "ios", "pc" };

	return json_pack("{s:i, s:s, s:s, s:b, s:o, s:o}", "device", (int)d->number, "name",
			 d->name, "kind", kinds[d->kind], "revoked", d->revoked, "enrolled",
			 ctl_time(d->enrolled_ms), "last_seen",
			 d->last_seen_ms ? ctl_time(d->last_seen_ms) : json_null());
}

/* What the account belongs to. Return: 0; codes of reading. */
static int
departments_json(struct store_txn *txn, uint64_t account, json_t **out)
{
	struct store_member role[STORE_ROLES_MAX];
	size_t n;
	int rc = store_member_roles(txn, account, role, &n);

	if (rc)
		return rc;
	*out = json_array();
	for (size_t i = 0; i < n; i++)
		json_array_append_new(*out, json_pack("{s:o, s:b, s:o}", "path",
						      ctl_dept_path_json(txn, role[i].dept),
						      "manager", role[i].manager, "since",
						      ctl_time(role[i].since_ms)));
	return CHQ_OK;
}

static int
show_fill(struct ctl_call *call, struct store_txn *txn, json_t **out)
{
	struct store_device device[DEVICES_SHOWN];
	struct store_account a;
	json_t *devices, *depts;
	size_t n = 0;
	int rc = ctl_account(call, txn, 0, &a);

	if (rc)
		return rc;
	rc = store_device_list(txn, a.id, 0, device, DEVICES_SHOWN, &n);
	if (!rc)
		rc = departments_json(txn, a.id, &depts);
	if (rc)
		return rc;
	devices = json_array();
	for (size_t i = 0; i < n; i++)
		json_array_append_new(devices, device_json(&device[i]));
	*out = ctl_account_json(call, &a);
	json_object_set_new(*out, "password", json_boolean(a.pwhash[0] != '\0'));
	json_object_set_new(*out, "contacts_version", json_integer((json_int_t)a.contacts_version));
	json_object_set_new(*out, "sessions",
			    json_integer(online_open(online_find(&call->ctl->sessions, a.id))));
	json_object_set_new(*out, "departments", depts);
	json_object_set_new(*out, "devices", devices);
	sodium_memzero(&a, sizeof(a));
	return CHQ_OK;
}

void
ctl_user_show(struct ctl_call *call)
{
	struct store_txn *txn = ctl_read(call);
	json_t *data = NULL;
	int rc;

	if (!txn)
		return;
	rc = show_fill(call, txn, &data);
	store_read_end(call->ctl->reader);
	if (rc)
		ctl_refuse_account(call, rc, 0);
	else
		ctl_answer(call, data, NULL);
}

const struct ctl_verb ctl_verbs_user[] = {
	{ "user", "add", ctl_user_add },
	{ "user", "list", ctl_user_list },
	{ "user", "show", ctl_user_show },
	{ "user", "disable", ctl_user_disable },
	{ "user", "enable", ctl_user_enable },
	{ "user", "passwd", ctl_user_passwd },
	{ "user", "friends", ctl_friend_list },
	{ "user", "sessions", ctl_user_sessions },
	{ NULL, NULL, NULL },
};
