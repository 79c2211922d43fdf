#include "control/control.h"

#include <event2/event.h>
#include <stdio.h>
#include <string.h>

#include "base/err.h"
#include "base/log.h"
#include "control/app.h"
#include "control/book_load.h"
#include "control/ctl_conf.h"
#include "control/ctl_server.h"
#include "control/ctl_task.h"
#include "control/dp.h"
#include "control/group.h"
#include "control/life.h"
#include "control/login.h"
#include "control/mail.h"
#include "control/metrics.h"
#include "control/push.h"
#include "control/store_open.h"
#include "proto/aead.h"
#include "store/reader.h"
#include "store/store.h"

enum {
	HELLO_QUEUE_MAX = 1024,
	HASH_QUEUE_MAX =
		64, /* beyond it clients are told to come again: at 20 ms each, they would wait long */
	TASK_THREADS = 2,
	TASK_QUEUE_MAX = 16,
	HELLO_CACHE_MAX = 16384,
	LIMIT_KEYS_MAX = 65536,
	CERT_WARN_DAYS = 30,
};

const struct control_timing control_timing_default = {
	.push_first_ms = 1000,
	.push_max_ms = 32000,
	.changed_ms = 1000,
	.presence_ms = 500,
	.status_ms = 5000,
	.resync_ms = 3000,
	.linger_ms = 30000,
	.confirm_ms = 30000,
	.hello_keep_ms = 10000,
	.enroll_ms = 1500, /* with all else, the client has its answer within 2 s */
	.mail_age_ms = 3600000,
	.tick_ms = 250,
};

static int
control_fail(struct control_error *err, int rc, const char *what)
{
	snprintf(err->text, sizeof(err->text), "%s: %s", what, chq_strerror(rc));
	return rc;
}

uint64_t
control_message_id(struct control *ctl)
{
	uint64_t now = chq_ms2020() << 22;

	ctl->message_last = now > ctl->message_last ? now : ctl->message_last + 1;
	return ctl->message_last;
}

static void
control_tick(evutil_socket_t fd, short what, void *arg)
{
	struct control *ctl = arg;
	uint64_t now_ms = control_now_ms();

	(void)fd;
	(void)what;
	push_tick(ctl, now_ms);
	groups_tick(ctl, now_ms);
	revoke_tick(ctl, now_ms);
	life_tick(ctl, now_ms);
	login_tick(ctl, now_ms);
	mail_tick(ctl, now_ms);
	apps_tick(ctl);
	ctl_server_tick(ctl->ctl, now_ms);
	ctl_store_tick(ctl, now_ms);
	ctl_conf_tick(ctl, now_ms);
	metrics_tick(ctl->metrics, now_ms);
	control_book_tick(ctl, now_ms);
}

/* The hash that names which are nobody's are compared with: of a random password that is kept nowhere. */
static int
control_dummy_hash(struct control *ctl)
{
	char password[32];
	int rc;

	randombytes_buf(password, sizeof(password));
	rc = crypto_pwhash_str(ctl->dummy_hash, password, sizeof(password),
			       ctl->conf->passwords.passes, ctl->conf->passwords.memory_bytes);
	sodium_memzero(password, sizeof(password));
	return rc ? CHQ_ENOMEM : CHQ_OK;
}

static int
control_keys(struct control *ctl, struct control_error *err)
{
	struct keys_error why;
	uint64_t now = chq_wall_ms();
	int rc = control_keys_load(&ctl->keys, ctl->conf->paths.keys, ctl->conf->server.id, &why);

	if (rc) {
		snprintf(err->text, sizeof(err->text), "%s", why.text);
		return rc;
	}
	if (ctl->keys.cert.not_after_ms < now || ctl->keys.cert.not_before_ms > now)
		CHQ_LOG_ERROR("certificate-not-valid",
			      "why=\"clients refuse this server until it has a new one\"");
	else if (ctl->keys.cert.not_after_ms - now < CERT_WARN_DAYS * CHQ_MS_PER_DAY)
		CHQ_LOG_WARN(
			"certificate-ends", "days=%llu",
			(unsigned long long)((ctl->keys.cert.not_after_ms - now) / CHQ_MS_PER_DAY));
	return CHQ_OK;
}

/* Return: 0; CHQ_ENOMEM. What was made is to be unmade in both cases. */
static int
control_tables_init(struct control *ctl)
{
	const struct chq_conf_rate *account = &ctl->conf->limits.login_failures_per_account;
	const struct chq_conf_rate *address = &ctl->conf->limits.login_failures_per_address;

	sessions_init(&ctl->sessions);
	mail_init(ctl);
	chq_list_init(&ctl->tasks);
	chq_list_init(&ctl->pushing);
	chq_list_init(&ctl->enrolling);
	hello_cache_init(&ctl->hellos, HELLO_CACHE_MAX, ctl->timing.hello_keep_ms);
	limits_init(&ctl->fail_account, account->count, account->per_ms, LIMIT_KEYS_MAX);
	limits_init(&ctl->fail_address, address->count, address->per_ms, LIMIT_KEYS_MAX);
	chq_list_init(&ctl->spread.jobs);
	chq_map_init(&ctl->presence.persons);
	return views_init(&ctl->views, ctl->epoch);
}

static void
control_tables_deinit(struct control *ctl)
{
	limits_deinit(&ctl->fail_address);
	limits_deinit(&ctl->fail_account);
	hello_cache_deinit(&ctl->hellos);
	presence_deinit(&ctl->presence);
	spread_deinit(ctl);
	views_deinit(&ctl->views);
	sessions_deinit(&ctl->sessions);
	mail_deinit(ctl);
}

static int
control_pools_init(struct control *ctl)
{
	unsigned threads = ctl->conf->passwords.threads;
	int rc = pool_init(&ctl->hello_pool, &ctl->inbox, "chq-hello", threads, HELLO_QUEUE_MAX);

	if (rc)
		return rc;
	rc = pool_init(&ctl->hash_pool, &ctl->inbox, "chq-hash", threads, HASH_QUEUE_MAX);
	if (rc)
		goto hello;
	rc = pool_init(&ctl->task_pool, &ctl->inbox, "chq-task", TASK_THREADS, TASK_QUEUE_MAX);
	if (!rc)
		return CHQ_OK;
	pool_deinit(&ctl->hash_pool);
hello:
	pool_deinit(&ctl->hello_pool);
	return rc;
}

static int
control_tick_init(struct control *ctl)
{
	struct timeval tv = { .tv_sec = ctl->timing.tick_ms / 1000,
			      .tv_usec = ctl->timing.tick_ms % 1000 * 1000 };

	ctl->tick = event_new(ctl->base, -1, EV_PERSIST, control_tick, ctl);
	if (!ctl->tick)
		return CHQ_ENOMEM;
	if (event_add(ctl->tick, &tv) == 0)
		return CHQ_OK;
	event_free(ctl->tick);
	return CHQ_ENOMEM;
}

/* Keys and store. On failure nothing is held. */
static int
control_files_open(struct control *ctl, struct control_error *err)
{
	int rc = control_keys(ctl, err);

	if (rc)
		return rc;
	rc = control_store_open(ctl->conf, true, &ctl->store, err);
	if (rc)
		goto wipe;
	ctl->epoch = (uint32_t)store_epoch(ctl->store);
	rc = store_reader_open(ctl->store, &ctl->reader);
	if (!rc)
		rc = control_dummy_hash(ctl);
	if (rc) {
		control_fail(err, rc, "memory");
		goto store;
	}
	rc = apps_open(ctl);
	if (rc) {
		control_fail(err, rc, "applications");
		goto store;
	}
	rc = revokes_open(ctl);
	if (!rc)
		rc = control_book_open(ctl);
	if (!rc)
		return CHQ_OK;
	control_fail(err, rc, "address book");
	apps_close(ctl);
store:
	store_reader_close(ctl->reader);
	store_close(ctl->store);
wipe:
	control_keys_wipe(&ctl->keys);
	return rc;
}

static void
control_files_close(struct control *ctl)
{
	control_book_close(ctl);
	apps_close(ctl);
	store_reader_close(ctl->reader);
	store_close(ctl->store);
	control_keys_wipe(&ctl->keys);
}

/* Who is served: operators and, by the link, the dataplane. On failure nothing is held. */
static int
control_serve(struct control *ctl, struct control_error *err)
{
	int rc = groups_init(ctl);

	if (rc)
		return control_fail(err, rc, "memory");
	rc = ctl_server_init(&ctl->ctl, ctl, err);
	if (rc)
		goto groups;
	rc = control_tick_init(ctl);
	if (rc) {
		control_fail(err, rc, "timer");
		goto server;
	}
	snprintf(ctl->dp_path, sizeof(ctl->dp_path), "%s/dataplane-%s.sock", ctl->conf->paths.run,
		 ctl->conf->dataplane.instance);
	rc = dp_link_init(&ctl->link, ctl->base, ctl->dp_path, &dp_ops, ctl);
	if (!rc) {
		ctl->metrics = metrics_start(ctl);
		return CHQ_OK;
	}
	control_fail(err, rc, "dataplane link");
	event_free(ctl->tick);
server:
	ctl_server_free(ctl->ctl);
groups:
	groups_deinit(ctl);
	return rc;
}

int
control_start(struct control *ctl, struct event_base *base, const struct chq_site_conf *conf,
	      const struct control_timing *timing, struct control_error *err)
{
	int rc;

	*ctl = (struct control){ .conf = conf, .base = base, .started_ms = chq_wall_ms() };
	ctl->limits = conf->limits;
	ctl->timing = timing ? *timing : control_timing_default;
	rc = chq_crypto_init();
	if (rc)
		return control_fail(err, rc, "cryptography");
	rc = control_files_open(ctl, err);
	if (rc)
		return rc;
	rc = control_tables_init(ctl);
	if (!rc)
		rc = spread_init(ctl);
	if (!rc)
		rc = presence_init(ctl);
	if (!rc)
		rc = loop_inbox_init(&ctl->inbox, base);
	if (rc) {
		control_fail(err, rc, "event loop");
		goto tables;
	}
	rc = control_pools_init(ctl);
	if (rc) {
		control_fail(err, rc, "threads");
		goto inbox;
	}
	rc = control_serve(ctl, err);
	if (!rc)
		return CHQ_OK;
	pool_deinit(&ctl->task_pool);
	pool_deinit(&ctl->hash_pool);
	pool_deinit(&ctl->hello_pool);
inbox:
	loop_inbox_deinit(&ctl->inbox);
tables:
	control_tables_deinit(ctl);
	control_files_close(ctl);
	return rc;
}

/*
 * The order matters: first nobody brings new work, then the threads end, then what they and the
 * store's writer have finished is taken up, which finds no session and no connection any more.
 */
void
control_stop(struct control *ctl)
{
	event_free(ctl->tick);
	dp_link_deinit(&ctl->link);
	ctl_server_quiet(ctl->ctl);
	metrics_stop(ctl->metrics);
	atomic_store_explicit(&ctl->ending, true, memory_order_relaxed);
	pool_deinit(&ctl->task_pool);
	pool_deinit(&ctl->hash_pool);
	pool_deinit(&ctl->hello_pool);
	loop_inbox_run(&ctl->inbox);
	groups_stop(ctl);
	store_reader_close(ctl->reader);
	ctl->reader = NULL;
	store_close(ctl->store);
	control_tables_deinit(ctl);
	sessions_init(&ctl->sessions);
	loop_inbox_run(&ctl->inbox);
	control_book_close(ctl);
	revokes_close(ctl);
	apps_close(ctl);
	groups_deinit(ctl);
	ctl_server_free(ctl->ctl);
	ctl_conf_forget(ctl);
	views_deinit(&ctl->views);
	loop_inbox_deinit(&ctl->inbox);
	control_keys_wipe(&ctl->keys);
}
