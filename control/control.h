#pragma once

/*
 * chasqui-control as one structure: what the files of this folder share. One event loop thread owns it
 * all; pools and the store's writer see only what is handed to them.
 */

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <sodium.h>

#include "base/clock.h"
#include "base/site_conf.h"
#include "control/counters.h"
#include "control/dp_link.h"
#include "control/hello_cache.h"
#include "control/keys.h"
#include "control/limits.h"
#include "control/loop.h"
#include "control/mail.h"
#include "control/pool.h"
#include "control/presence.h"
#include "control/revoke.h"
#include "control/session.h"
#include "control/spread.h"
#include "control/view.h"

struct apps;
struct book;
struct conf_stage;
struct event;
struct event_base;
struct store;
struct store_reader;
struct ctl_server;
struct metrics;

/* Times that are no matter of configuration; tests take shorter ones. */
struct control_timing {
	unsigned push_first_ms; /* until a push is sent again; doubled each time */
	unsigned push_max_ms;
	unsigned changed_ms;  /* between two "contacts changed" to a session */
	unsigned presence_ms; /* between two news of one person */
	unsigned status_ms;   /* … when he has only changed his state */
	unsigned resync_ms;   /* after a restart sessions are told within this time to ask anew */
	unsigned linger_ms;   /* a replaced session still counts so long */
	unsigned confirm_ms; /* a session that is logged in by its device waits so long for a frame */
	unsigned hello_keep_ms;
	unsigned enroll_ms;   /* a login waits so long for the store to write its device */
	unsigned mail_age_ms; /* how often mailboxes are looked through for what is too old */
	unsigned tick_ms;     /* how often what is due is looked for */
};

extern const struct control_timing control_timing_default;

/* The dataplane as it described itself last. */
struct control_dp {
	bool known; /* the rest is set */
	bool ready; /* connected, and its sessions are known */
	uint8_t boot_id[16];
	uint64_t generation;
	uint32_t sessions_max, accounts_max;
	uint16_t port;
	char driver[17];
	uint32_t dump;	    /* number of the last one begun */
	uint64_t rx_missed; /* these from its last CHQ_DP_LOAD */
	uint32_t workers;
	struct chq_dp_worker_load worker[CHQ_DP_WORKERS_MAX];
};

struct control {
	const struct chq_site_conf *conf;
	/* Set after the start by who has them, else NULL: the same configuration and its file, so that
	 * ctl_conf.c can take over what has changed. */
	struct chq_site_conf *conf_live;
	const char *conf_path;
	struct conf_stage *conf_stage; /* ctl_conf_stage.c's; NULL: nothing is staged */
	struct chq_conf_limits limits; /* the configuration's, or what `limit set` made of them */
	struct control_timing timing;
	struct control_keys keys;
	uint32_t epoch;	     /* of the server: rises at each start */
	uint64_t started_ms; /* wall clock */

	struct event_base *base;
	struct event *tick;
	struct loop_inbox inbox;
	struct pool hello_pool;	 /* public-key operations */
	struct pool hash_pool;	 /* Argon2id */
	struct pool task_pool;	 /* operators' long work */
	struct chq_list tasks;	 /* of it, under way */
	uint64_t readers_due_ms; /* monotonic: when the store's reader slots are looked at */
	_Atomic bool ending;	 /* loop's thread sets it, long work gives up; relaxed */
	struct store *store;
	struct store_reader *reader; /* the loop's own */
	struct book *book;	     /* address book; follows the store */
	bool book_stale;	     /* it could not follow, and cannot be made anew yet */
	uint64_t book_retry_ms;	     /* then: when to try again */

	char dp_path[108];
	struct dp_link link;
	struct control_dp dp;

	struct sessions sessions;
	struct chq_list pushing; /* sessions with pushes that are not acknowledged */
	struct mail mail;
	struct views views;
	struct presence presence;
	struct spread spread;
	struct revokes revokes;
	struct apps *apps;     /* app.h */
	struct groups *groups; /* group.h */
	struct hello_cache hellos;
	struct limits fail_account, fail_address;
	struct chq_list enrolling;		 /* login.c's */
	char dummy_hash[crypto_pwhash_STRBYTES]; /* of nobody's password, with the current cost */
	uint64_t message_last;
	struct ctl_server *ctl;
	struct metrics *metrics; /* NULL: not served */

	uint64_t count[COUNT__COUNT];
};

/* Why starting failed, for people. */
struct control_error {
	char text[512];
};

/**
 * control_start() - open the store, load the keys, connect to the dataplane, serve operators.
 * @ctl:    overwritten.
 * @conf:   must live until control_stop().
 * @timing: copied; NULL for the defaults.
 * @err:    filled when it fails.
 *
 * Return: 0; CHQ_ELOCKED if another process has the files; codes of store_open(), control_keys_load()
 * and ctl_server_init(). On failure nothing is held.
 */
int control_start(struct control *ctl, struct event_base *base, const struct chq_site_conf *conf,
		  const struct control_timing *timing, struct control_error *err);

/* End: sessions stay with the dataplane; what the store was given is written first. */
void control_stop(struct control *ctl);

/* Milliseconds of the monotonic clock. */
static inline uint64_t
control_now_ms(void)
{
	return chq_mono_ns() / CHQ_NS_PER_MS;
}

static inline void
control_count(struct control *ctl, enum control_counter what)
{
	ctl->count[what]++;
}

/* A message id of the server, never given twice. */
uint64_t control_message_id(struct control *ctl);
