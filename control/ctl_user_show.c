#include <sodium.h>

#include "base/err.h"
#include "control/control.h"
#include "control/ctl_common.h"
#include "control/ctl_verbs.h"
#include "store/account.h"
#include "store/dept.h"
#include "store/device.h"
#include "store/reader.h"

/* What operators see of accounts. */

enum { LIST_PAGE = 64, DEVICES_SHOWN = 64 };

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
			if (page[i].removed_ms == 0)
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

static json_t *
profile_json(const struct store_account *a)
{
	return json_pack("{s:s, s:s, s:s, s:s, s:s}", "title", a->title, "phone", a->phone, "mail",
			 a->mail, "avatar", a->avatar, "number", a->number);
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
	json_object_update_new(*out, profile_json(&a));
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
