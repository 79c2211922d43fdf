#include "control/mail.h"

#include <stdlib.h>
#include <string.h>
#include <sys/statvfs.h>

#include "base/err.h"
#include "base/log.h"
#include "control/app.h"
#include "control/control.h"
#include "control/dp_send.h"
#include "control/mail_priv.h"
#include "control/session.h"
#include "store/reader.h"

enum { RESEND_BUDGET = 2000 }; /* frames sent again in one round of the loop */

#define DISK_RESERVE_BYTES (UINT64_C(64) << 20)
#define DISK_RESERVE_PART  20 /* of a small disk */

/* A frame that was sent and not acknowledged. */
struct mail_sent {
	uint64_t number, due_ms;
	unsigned wait_ms; /* until it is sent again after that */
	unsigned tries;
};

struct mail_window {
	bool more; /* there may be entries behind the session's mail_last */
	unsigned used;
	struct mail_sent sent[MAIL_OUTSTANDING_MAX]; /* by rising number */
};

void
mail_init(struct control *ctl)
{
	chq_list_init(&ctl->mail.queue);
	chq_list_init(&ctl->mail.delivering);
}

void
mail_deinit(struct control *ctl)
{
	mail_write_forget(ctl);
}

struct store_mail_limits
mail_limits(const struct control *ctl)
{
	return (struct store_mail_limits){
		.messages = ctl->conf->mailbox.messages,
		.bytes = ctl->conf->mailbox.bytes,
		.sender_messages = ctl->conf->mailbox.sender_messages,
		.total_bytes = ctl->conf->mailbox.total_bytes,
	};
}

struct session *
mail_session(const struct control *ctl, uint64_t account, uint8_t device)
{
	const struct online *o = online_find(&ctl->sessions, account);
	struct session *s;

	if (!o)
		return NULL;
	ONLINE_FOREACH(s, o)
		if (s->state == SESSION_OPEN && s->device == device)
			return s;
	return NULL;
}

/* --- what comes --- */

static void
hand_on(struct control *ctl, const struct session *to, const struct chq_dp_frame_rx *rx)
{
	struct dp_frame f = {
		.party = rx->from, .message = rx->message, .app = rx->app, .flags = rx->flags
	};

	control_count(ctl, COUNT_MAIL_HANDED);
	dp_send_frame(ctl, to, &f, rx->payload, rx->payload_len);
}

/* May messages of its application wait, and may he send them? Receipts always may. */
static bool
app_allows(struct control *ctl, const struct session *s, const struct chq_dp_frame_rx *rx)
{
	return (rx->flags & CHQ_F_RECEIPT) ||
	       (app_may_store(ctl, rx->app) && app_may_post(ctl, rx->app, s->account) == CHQ_OK);
}

enum chq_notice
mail_frame(struct control *ctl, const struct session *s, const struct chq_dp_frame_rx *rx)
{
	const struct session *to = mail_session(ctl, CHQ_PARTY_ID(rx->to),
						CHQ_PARTY_DEVICE(rx->to));

	/* Sealed for the relay, nobody else could open it. */
	if (rx->flags & CHQ_F_HOP)
		return CHQ_NOTICE_OFFLINE;
	if (to) {
		hand_on(ctl, to, rx);
		return 0;
	}
	if (!(rx->flags & CHQ_F_STORE) || CHQ_PARTY_DEVICE(rx->to) == 0 || !app_allows(ctl, s, rx))
		return CHQ_NOTICE_OFFLINE;
	if (ctl->mail.disk_low) {
		control_count(ctl, COUNT_MAIL_DISK_FULL);
		return CHQ_NOTICE_OFFLINE;
	}
	/* Its sender repeats what is not answered. */
	if (mail_write_put(ctl, s, rx) != 0)
		control_count(ctl, COUNT_MAIL_BUSY);
	return 0;
}

/* --- what goes --- */

static void
send_text(struct control *ctl, const struct session *s, const struct store_mail *m)
{
	Chasqui__FromServer whole = CHASQUI__FROM_SERVER__INIT;
	Chasqui__ServerMessage body = CHASQUI__SERVER_MESSAGE__INIT;
	char text[STORE_MAIL_PAYLOAD_MAX_BYTES + 1];
	uint8_t buf[CHQ_HOP_BODY_MAX];
	int len;

	memcpy(text, m->payload, m->len);
	text[m->len] = '\0';
	body.number = m->number;
	body.message = m->message;
	body.time_ms = m->stored_ms;
	body.text = text;
	whole.body_case = CHASQUI__FROM_SERVER__BODY_SERVER_MESSAGE;
	whole.server_message = &body;
	len = chq_ctrl_pack(&whole.base, buf, sizeof(buf));
	if (len > 0)
		dp_send_message(ctl, s, buf, (size_t)len);
}

static void
send_mail(struct control *ctl, const struct session *s, const struct store_mail *m)
{
	struct dp_frame f = { .party = m->party,
			      .message = m->message,
			      .extra = m->number,
			      .app = m->app,
			      .flags = m->flags };

	if (m->party == 0)
		send_text(ctl, s, m);
	else
		dp_send_frame(ctl, s, &f, m->payload, m->len);
}

static void
window_free(struct session *s)
{
	free(s->mail);
	s->mail = NULL;
	chq_list_del(&s->of_mail);
}

void
mail_forget(struct session *s)
{
	if (s->mail)
		window_free(s);
}

static struct mail_window *
window_of(struct control *ctl, struct session *s)
{
	if (s->mail)
		return s->mail;
	s->mail = calloc(1, sizeof(*s->mail));
	if (s->mail)
		chq_list_add_tail(&ctl->mail.delivering, &s->of_mail);
	return s->mail;
}

static void
window_drop(struct mail_window *w, unsigned i)
{
	w->used--;
	memmove(&w->sent[i], &w->sent[i + 1], (w->used - i) * sizeof(w->sent[0]));
}

/*
 * May one more go? What is not acknowledged for long, as its client cannot open it yet, does not count;
 * the oldest of it is left to the next session when there is no place for more.
 */
static bool
window_open(struct mail_window *w)
{
	unsigned waiting = 0, patient = MAIL_OUTSTANDING_MAX;

	for (unsigned i = 0; i < w->used; i++) {
		if (w->sent[i].tries < MAIL_PATIENCE)
			waiting++;
		else if (patient == MAIL_OUTSTANDING_MAX)
			patient = i;
	}
	if (waiting >= MAIL_WINDOW)
		return false;
	if (w->used < MAIL_OUTSTANDING_MAX)
		return true;
	window_drop(w, patient);
	return true;
}

/* Take up entries behind the last one until the window is full. Return: codes of reading. */
static int
window_fill_in(struct control *ctl, struct session *s, struct store_txn *txn)
{
	struct mail_window *w = s->mail;
	struct store_mail m;
	int rc = CHQ_OK;

	while (w->more && window_open(w)) {
		rc = store_mail_next(txn, s->account, s->device, s->mail_last, &m);
		if (rc)
			break;
		w->sent[w->used++] = (struct mail_sent){
			.number = m.number,
			.due_ms = control_now_ms() + ctl->timing.push_first_ms,
			.wait_ms = ctl->timing.push_first_ms * 2,
			.tries = 1,
		};
		s->mail_last = m.number;
		control_count(ctl, COUNT_MAIL_SENT);
		send_mail(ctl, s, &m);
	}
	if (rc == CHQ_ENOENT) {
		w->more = false;
		rc = CHQ_OK;
	}
	return rc;
}

static void
window_fill(struct control *ctl, struct session *s)
{
	struct store_txn *txn;
	int rc = CHQ_OK;

	if (s->mail->more) {
		rc = store_read_begin(ctl->reader, &txn);
		if (!rc) {
			rc = window_fill_in(ctl, s, txn);
			store_read_end(ctl->reader);
		}
	}
	if (rc)
		control_count(ctl, COUNT_STORE_FAILED);
	else if (s->mail->used == 0 && !s->mail->more)
		window_free(s);
}

void
mail_open(struct control *ctl, struct session *s)
{
	struct mail_window *w = window_of(ctl, s);

	if (!w)
		return;
	w->more = true;
	window_fill(ctl, s);
}

void
mail_arrived(struct control *ctl, uint64_t account, uint8_t device)
{
	const struct online *o = online_find(&ctl->sessions, account);
	struct session *s;

	if (!o)
		return;
	ONLINE_FOREACH(s, o)
		if (s->state == SESSION_OPEN && (device == 0 || s->device == device))
			mail_open(ctl, s);
}

static void
acked(struct control *ctl, struct session *s, uint64_t number)
{
	struct mail_window *w = s->mail;

	for (unsigned i = 0; w && i < w->used; i++) {
		if (w->sent[i].number != number)
			continue;
		mail_write_del(ctl, s->account, s->device, number);
		window_drop(w, i);
		return;
	}
}

void
mail_acked(struct control *ctl, const struct session *s, const Chasqui__MailAck *ack)
{
	/* It may come by a session that another one has taken over from. */
	struct session *open = mail_session(ctl, s->account, s->device);

	if (!open)
		return;
	for (size_t i = 0; i < ack->n_number; i++)
		acked(ctl, open, ack->number[i]);
	if (open->mail)
		window_fill(ctl, open);
}

int
mail_waiting(struct control *ctl, uint64_t account, uint8_t device, uint64_t *last)
{
	struct store_mail_box box = { .messages = 0 };
	struct store_txn *txn;
	int rc = store_read_begin(ctl->reader, &txn);

	if (rc)
		return rc;
	rc = store_mail_box(txn, account, device, &box);
	store_read_end(ctl->reader);
	*last = box.messages ? box.next - 1 : 0;
	return rc;
}

/* --- time --- */

/* Send one entry again. Return: false: it waits no more. */
static bool
resend(struct control *ctl, const struct session *s, struct mail_sent *e, uint64_t now_ms)
{
	struct store_txn *txn;
	struct store_mail m;
	int rc = store_read_begin(ctl->reader, &txn);

	if (!rc) {
		rc = store_mail_get(txn, s->account, s->device, e->number, &m);
		if (!rc)
			send_mail(ctl, s, &m);
		store_read_end(ctl->reader);
	}
	if (rc == CHQ_ENOENT)
		return false;
	control_count(ctl, rc ? COUNT_STORE_FAILED : COUNT_MAIL_SENT_AGAIN);
	e->tries++;
	e->due_ms = now_ms + e->wait_ms;
	e->wait_ms = e->wait_ms * 2 > ctl->timing.push_max_ms ? ctl->timing.push_max_ms
							      : e->wait_ms * 2;
	return true;
}

/* Return: how many were sent. */
static unsigned
resend_due(struct control *ctl, struct session *s, uint64_t now_ms)
{
	struct mail_window *w = s->mail;
	unsigned n = 0;

	for (unsigned i = 0; i < w->used; i++) {
		if (w->sent[i].due_ms > now_ms)
			continue;
		n++;
		if (!resend(ctl, s, &w->sent[i], now_ms))
			window_drop(w, i--);
	}
	return n;
}

/* Mail leaves room for what keeps the server working. */
static void
disk_look(struct control *ctl)
{
	struct statvfs fs;
	uint64_t reserve, whole;
	bool low;

	if (statvfs(ctl->conf->paths.store, &fs) < 0)
		return;
	whole = (uint64_t)fs.f_blocks * fs.f_frsize;
	reserve = whole / DISK_RESERVE_PART < DISK_RESERVE_BYTES ? whole / DISK_RESERVE_PART
								 : DISK_RESERVE_BYTES;
	low = (uint64_t)fs.f_bavail * fs.f_frsize < reserve;
	if (low != ctl->mail.disk_low)
		CHQ_LOG_WARN(low ? "mailboxes-disk-full" : "mailboxes-disk-again", "free=%llu",
			     (unsigned long long)fs.f_bavail * fs.f_frsize);
	ctl->mail.disk_low = low;
}

void
mail_tick(struct control *ctl, uint64_t now_ms)
{
	unsigned sent = 0;

	disk_look(ctl);
	mail_write_tick(ctl);
	CHQ_LIST_FOREACH_SAFE(it, after, &ctl->mail.delivering) {
		struct session *s = CHQ_LIST_ENTRY(it, struct session, of_mail);

		if (sent >= RESEND_BUDGET)
			break;
		sent += resend_due(ctl, s, now_ms);
		window_fill(ctl, s);
	}
	mail_age_tick(ctl, now_ms);
}
