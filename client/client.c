/* A client as a whole: opened, driven, closed. */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <sodium.h>

#include "base/err.h"
#include "client/client.h"
#include "proto/aead.h"

#define DATAGRAMS_A_CALL 256

void
chq_client_now(struct chq_client *c)
{
	c->now_ms = chq_transport_mono_ms(&c->net);
	c->wall_ms = chq_transport_wall_ms(&c->net);
}

void
chq_client_wake(struct chq_client *c)
{
	c->next_ms = c->now_ms;
	chq_transport_arm(&c->net, 0);
}

void
chq_client_event(struct chq_client *c, const struct chq_event *ev)
{
	if (!chq_events_add(&c->events, ev, NULL, 0))
		c->no_memory = true;
}

void
chq_client_set_connection(struct chq_client *c, enum chq_connection state, int err)
{
	struct chq_event ev = { .type = CHQ_EV_CONNECTION, .connection = state, .err = err };

	if (c->connection == state && !err)
		return;
	c->connection = state;
	chq_client_event(c, &ev);
}

void
chq_client_stop(struct chq_client *c, int err)
{
	if (c->stopped)
		return;
	c->stopped = true;
	chq_handshake_stop(c);
	chq_request_cancel_all(c);
	chq_send_fail_all(c, err ? err : CHQ_ECANCELED);
	chq_groups_fail_all(c, err ? err : CHQ_ECANCELED);
	chq_session_drop(&c->cur);
	chq_session_drop(&c->old);
	chq_login_wipe(c);
	chq_client_set_connection(c, CHQ_CONN_STOPPED, err);
}

static void
input(struct chq_client *c, uint8_t *buf, size_t len)
{
	chq_count(c, CHQ_STAT_DATAGRAMS_IN);
	if (len == 0 || len > CHQ_DGRAM_MAX) {
		chq_count(c, CHQ_STAT_DROP_MALFORMED);
		return;
	}
	switch (buf[0]) {
	case CHQ_TYPE_RETRY: chq_handshake_retry(c, buf, len); break;
	case CHQ_TYPE_WELCOME: chq_handshake_welcome(c, buf, len); break;
	case CHQ_TYPE_FRAME: chq_session_frame(c, buf, len); break;
	default: chq_count(c, CHQ_STAT_DROP_TYPE);
	}
}

static bool
read_all(struct chq_client *c)
{
	uint8_t buf[CHQ_DGRAM_MAX + 1];

	for (int i = 0; i < DATAGRAMS_A_CALL; i++) {
		ssize_t n;

		if (c->stopped || c->events.count >= CHQ_EVENTS_MAX)
			return false;
		n = chq_transport_recv(&c->net, buf, sizeof(buf));
		if (n == CHQ_EAGAIN)
			return false;
		if (n < 0) {
			c->path.send_failed = true;
			return false;
		}
		input(c, buf, (size_t)n);
	}
	return true;
}

static uint64_t
run_all(struct chq_client *c)
{
	uint64_t due = CHQ_NEVER;

	due = chq_min64(due, chq_handshake_run(c));
	due = chq_min64(due, chq_session_run(c));
	due = chq_min64(due, chq_login_run(c));
	due = chq_min64(due, chq_contacts_run(c));
	due = chq_min64(due, chq_groups_run(c));
	due = chq_min64(due, chq_own_run(c));
	due = chq_min64(due, chq_publish_run(c));
	due = chq_min64(due, chq_receive_run(c));
	due = chq_min64(due, chq_send_run(c));
	due = chq_min64(due, chq_receipt_flush(c));
	chq_mail_flush(c);
	due = chq_min64(due, chq_request_run(c));
	return chq_min64(due, chq_path_run(c));
}

int
chq_client_process(struct chq_client *c)
{
	bool more;
	uint64_t due;

	chq_client_now(c);
	c->no_memory = false;
	more = read_all(c);
	c->next_ms = CHQ_NEVER;
	due = run_all(c);
	/* Something done last may have made something else due. */
	if (c->next_ms == c->now_ms) {
		c->next_ms = CHQ_NEVER;
		due = run_all(c);
	}
	c->next_ms = more ? c->now_ms : chq_min64(due, c->next_ms);
	chq_transport_arm(&c->net, c->next_ms == CHQ_NEVER   ? -1
				   : c->next_ms <= c->now_ms ? 0
							     : (int64_t)(c->next_ms - c->now_ms));
	return c->no_memory ? CHQ_ENOMEM : CHQ_OK;
}

int
chq_client_fd(const struct chq_client *c)
{
	return c->net.epfd;
}

int
chq_client_timeout_ms(const struct chq_client *c)
{
	uint64_t now = chq_transport_mono_ms(&c->net);

	if (c->next_ms == CHQ_NEVER)
		return -1;
	if (c->next_ms <= now)
		return 0;
	return c->next_ms - now > 3600000 ? 3600000 : (int)(c->next_ms - now);
}

static void
handled(struct chq_client *c)
{
	struct chq_queued *e = c->events.taken;

	if (e && e->ev.type == CHQ_EV_MESSAGE && e->ev.group)
		chq_group_handled(c, e);
	else if (e && (e->ev.type == CHQ_EV_MESSAGE || e->ev.type == CHQ_EV_SERVER_MESSAGE))
		chq_order_handled(c, e);
	chq_queued_free(e);
	c->events.taken = NULL;
}

int
chq_client_next_event(struct chq_client *c, struct chq_event *ev)
{
	bool was_full = c->events.count >= CHQ_EVENTS_MAX;

	do {
		handled(c);
		c->events.taken = chq_events_pop(&c->events, !c->leave_messages);
		if (was_full)
			chq_client_wake(c);
		if (!c->events.taken) {
			chq_receipt_flush(c);
			chq_mail_flush(c);
			return 0;
		}
		*ev = c->events.taken->ev;
	} while (ev->type == CHQ_EV_MESSAGE && chq_apps_dispatch(c, ev));
	return 1;
}

void
chq_client_take_messages(struct chq_client *c, bool wanted)
{
	c->leave_messages = !wanted;
}

/* The key file, or a new one if there is enough to make it from. */
static int
load_identity(struct chq_client *c, const struct chq_client_opts *o)
{
	int err = chq_identity_load(&c->id, &c->home);

	if (err == CHQ_ENOENT && o->invitation && o->login) {
		err = chq_identity_make(&c->id, o->invitation, o->login);
		return err ? err : chq_identity_save(&c->id, &c->home);
	}
	if (err)
		return err;
	if (o->login && strcmp(o->login, c->id.login) != 0)
		return CHQ_EEXIST;
	if (!o->invitation)
		return CHQ_OK;
	if (strcmp(o->invitation->fingerprint, c->id.invitation.fingerprint) != 0)
		return CHQ_EEXIST;
	if (strcmp(o->invitation->host, c->id.invitation.host) == 0 &&
	    o->invitation->port == c->id.invitation.port)
		return CHQ_OK;
	c->id.invitation = *o->invitation;
	return chq_identity_save(&c->id, &c->home);
}

static int
load(struct chq_client *c, const struct chq_client_opts *o)
{
	int err = load_identity(c, o);

	if (!err)
		err = chq_pins_load(&c->pins, &c->home);
	if (!err)
		err = chq_seen_load(&c->seen, &c->home);
	if (!err)
		err = chq_held_open(&c->held_file, &c->home);
	if (!err)
		err = chq_apps_load(c);
	return err ? err : chq_msgid_load(c);
}

static struct chq_client *
blank(const struct chq_client_opts *o)
{
	struct chq_client *c = calloc(1, sizeof(*c));

	if (!c)
		return NULL;
	c->home.dirfd = c->home.lockfd = -1;
	c->held_file.fd = c->seen.fd = -1;
	c->net.fd = c->net.epfd = c->net.timerfd = -1;
	chq_events_init(&c->events);
	chq_map_init(&c->pins.by_account);
	chq_map_init(&c->pins.by_name);
	chq_map_init(&c->seen.by_party);
	chq_map_init(&c->contacts.now);
	chq_groups_init(c);
	chq_map_init(&c->contacts.coming);
	chq_mail_init(c);
	chq_map_init(&c->peers.by_account);
	chq_list_init(&c->peers.all);
	c->info.kind = (uint8_t)o->kind;
	c->login.enroll = o->enroll;
	snprintf(c->info.software, sizeof(c->info.software), "%s",
		 o->software ? o->software : "libchasqui");
	snprintf(c->login.device_name, sizeof(c->login.device_name), "%s",
		 o->device_name ? o->device_name : "");
	return c;
}

/* Memory and keys; nothing is said to anybody. */
static void
destroy(struct chq_client *c)
{
	chq_peers_free(c);
	chq_contacts_free(c);
	chq_groups_free(c);
	chq_answers_free(c);
	chq_apps_free(c);
	chq_events_free(&c->events);
	chq_mail_free(c);
	chq_login_wipe(c);
	chq_held_close(&c->held_file);
	chq_seen_free(&c->seen);
	chq_pins_free(&c->pins);
	if (c->net.ops)
		chq_transport_deinit(&c->net);
	chq_identity_wipe(&c->id);
	chq_home_close(&c->home);
	free(c->devices);
	sodium_memzero(c, sizeof(*c));
	free(c);
}

int
chq_client_open(struct chq_client **out, const struct chq_client_opts *o)
{
	struct chq_client *c;
	int err = chq_crypto_init();

	if (err)
		return err;
	c = blank(o);
	if (!c)
		return CHQ_ENOMEM;
	err = chq_home_open(&c->home, o->home, o->invitation != NULL, o->holder);
	if (!err)
		err = load(c, o);
	if (!err)
		err = chq_transport_init(&c->net, o->ops, o->ops_ctx);
	if (err) {
		destroy(c);
		return err;
	}
	chq_client_now(c);
	chq_handshake_begin(c, 0);
	*out = c;
	return CHQ_OK;
}

void
chq_client_close(struct chq_client *c)
{
	if (!c)
		return;
	chq_client_now(c);
	handled(c);
	chq_receipt_flush(c);
	chq_mail_flush(c);
	chq_request_cancel_all(c);
	chq_groups_flush(c);
	chq_send_fail_all(c, CHQ_ECANCELED);
	chq_groups_fail_all(c, CHQ_ECANCELED);
	chq_msgid_save(c);
	destroy(c);
}

enum chq_connection
chq_client_connection(const struct chq_client *c)
{
	return c->connection;
}

void
chq_client_self(const struct chq_client *c, struct chq_self *out)
{
	*out = (struct chq_self){
		.account = c->id.account,
		.device = c->id.device,
		.login = c->id.login,
		.name = c->login.display_name,
		.fingerprint = c->id.invitation.fingerprint,
		.host = c->id.invitation.host,
		.port = c->id.invitation.port,
		.server_id = c->cur.server_id,
		.account_key = c->id.account_key.public,
	};
}

const uint64_t *
chq_client_stats(const struct chq_client *c)
{
	return c->stat;
}

const char *
chq_stat_name(enum chq_stat stat)
{
	static const char *const names[] = {
#define X(name, text) text,
		CHQ_STATS(X)
#undef X
	};

	return stat < CHQ_STAT__COUNT ? names[stat] : "unknown";
}
