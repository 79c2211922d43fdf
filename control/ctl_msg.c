#include <limits.h>
#include <string.h>

#include "base/err.h"
#include "control/control.h"
#include "control/ctl_common.h"
#include "control/ctl_verbs.h"
#include "store/account.h"
#include "store/device.h"
#include "store/reader.h"
#include "store/text.h"

enum { TEXT_MAX_BYTES = 1000 }; /* it fits a frame with its number and time */

static json_t *
box_json(const struct store_mail_box *b)
{
	return json_pack("{s:i, s:I, s:I, s:o}", "device", (int)b->device, "messages",
			 (json_int_t)b->messages, "bytes", (json_int_t)b->bytes, "oldest",
			 b->messages ? ctl_time(b->first_ms) : json_null());
}

/* The boxes of @account that hold something. Return: codes of reading. */
static int
boxes_json(struct store_txn *txn, uint64_t account, json_t *rows)
{
	struct store_mail_box b = { .account = account };
	int rc;

	while ((rc = store_mail_boxes(txn, b.account, b.device, &b)) == 0 && b.account == account)
		if (b.messages)
			json_array_append_new(rows, box_json(&b));
	return rc == CHQ_ENOENT ? 0 : rc;
}

void
ctl_msg_pending(struct ctl_call *call)
{
	struct store_txn *txn = ctl_read(call);
	struct store_mail_sum sent = { .messages = 0 };
	json_t *rows = json_array();
	struct store_account a;
	bool known;
	int rc;

	if (!txn) {
		json_decref(rows);
		return;
	}
	rc = ctl_account(call, txn, 0, &a);
	known = rc == 0;
	if (!rc)
		rc = boxes_json(txn, a.id, rows);
	if (!rc)
		rc = store_mail_sent(txn, a.id, &sent);
	store_read_end(call->ctl->reader);
	if (rc) {
		json_decref(rows);
		if (known)
			ctl_refuse_code(call, rc, NULL);
		else
			ctl_refuse_account(call, rc, 0);
		return;
	}
	ctl_answer(call,
		   json_pack("{s:s, s:o, s:I, s:I}", "login", a.login, "mailboxes", rows, "sent",
			     (json_int_t)sent.messages, "sent_bytes", (json_int_t)sent.bytes),
		   NULL);
}

/* Of every device that ever had a box, also of one that is no more. */
static int
purge_job(struct store_txn *txn, struct ctl_change *c)
{
	struct store_mail_box b = { .account = c->account };
	int rc;

	c->mails = 0;
	while ((rc = store_mail_boxes(txn, b.account, b.device, &b)) == 0 &&
	       b.account == c->account) {
		rc = store_mail_clear(txn, b.account, b.device, UINT64_MAX, UINT_MAX, &c->mails);
		if (rc)
			return rc;
	}
	return rc == CHQ_ENOENT ? 0 : rc;
}

static void
purge_done(struct ctl_change *c)
{
	c->call->ctl->count[COUNT_MAIL_DROPPED] += c->mails;
	ctl_answer(c->call, json_pack("{s:i}", "deleted", (int)c->mails), NULL);
}

void
ctl_msg_purge(struct ctl_call *call)
{
	struct ctl_change *c = ctl_change_new(call);

	if (!c)
		return;
	c->job = purge_job;
	c->done = purge_done;
	ctl_change_submit(c);
}

/* One copy for each device that is enrolled. The server's own word has no limit but that of boxes. */
static int
send_job(struct store_txn *txn, struct ctl_change *c)
{
	struct store_mail m = { .account = c->account,
				.message = c->version,
				.stored_ms = c->now_ms,
				.len = (uint16_t)strlen(c->name),
				.payload = (const uint8_t *)c->name };
	const struct store_mail_limits limits = { .messages = c->parent };
	enum store_mail_full full;
	struct store_device d;
	uint8_t after = 0;
	size_t n = 1;
	int rc = 0;

	for (c->mails = 0; !rc; after = d.number) {
		rc = store_device_list(txn, c->account, after, &d, 1, &n);
		if (rc || n == 0)
			break;
		m.device = d.number;
		if (!d.revoked)
			rc = store_mail_put(txn, &m, &limits, &full);
		c->mails += !rc && !d.revoked;
	}
	return !rc && c->mails == 0 ? CHQ_ENOENT : rc;
}

static void
send_done(struct ctl_change *c)
{
	c->call->ctl->count[COUNT_MAIL_STORED] += c->mails;
	mail_arrived(c->call->ctl, c->account, 0);
	ctl_answer(c->call, json_pack("{s:i}", "devices", (int)c->mails), NULL);
}

void
ctl_msg_send(struct ctl_call *call)
{
	const char *text = chq_ctl_opt(&call->req, "text");
	int rc = text && text[0] ? store_text_check(text, strlen(text), TEXT_MAX_BYTES)
				 : CHQ_ENAMEEMPTY;
	struct ctl_change *c;

	if (rc) {
		ctl_refuse_code(call, rc, "text");
		return;
	}
	c = ctl_change_new(call);
	if (!c)
		return;
	c->field = "device";
	c->name = text;
	c->version = control_message_id(call->ctl);
	c->parent = call->ctl->conf->mailbox.messages;
	c->job = send_job;
	c->done = send_done;
	ctl_change_submit(c);
}

const struct ctl_verb ctl_verbs_msg[] = {
	{ "msg", "pending", ctl_msg_pending },
	{ "msg", "purge", ctl_msg_purge },
	{ "msg", "send", ctl_msg_send },
	{ NULL, NULL, NULL },
};
