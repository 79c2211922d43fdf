#pragma once

/*
 * The sessions that control knows, by slot and by account. Data alone: what happens at a session's
 * confirmation or end is told in life.h. Everything here is on the loop's thread. Never a session key:
 * only the login key, until login.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/list.h"
#include "base/map.h"
#include "proto/dpcmd.h"

enum session_state {
	SESSION_PRELOGIN, /* no account yet */
	SESSION_NEW, /* its account is known by the device's key; not confirmed, not announced */
	SESSION_OPEN,
	SESSION_REPLACED, /* a newer one of the same device has taken over; ends soon */
};

const char *session_state_name(enum session_state state);

/* What a session needs to log in by password; wiped when it has. */
struct session_login {
	uint8_t key[32];	/* chq_session_keys.login */
	uint8_t hash[32];	/* handshake hash */
	uint8_t static_key[32]; /* of the client */
	uint32_t attempt;	/* highest one seen */
	bool busy;		/* a password is being checked */
	uint64_t request;	/* id of the last request that was taken up */
	uint8_t code;		/* and its answer */
	uint32_t retry_after_s;
};

struct mail_window;
/* What the dataplane checks grants by, of an account. */
struct grant_epochs {
	uint32_t grant;	 /* of those towards it; 0: unknown */
	uint16_t sender; /* of those that it sends by */
};

struct session {
	struct chq_list of_all;
	struct chq_list of_account;
	struct chq_list of_ending; /* PRELOGIN, REPLACED: by the time of their end */
	struct chq_list of_pushing;
	uint32_t slot;
	uint16_t gen;
	uint8_t device, kind;
	enum session_state state;
	struct grant_epochs epochs; /* as the dataplane was told */
	uint32_t dump;		    /* last dump that showed it */
	uint8_t status; /* enum Chasqui__Status of this device; 0: it has said nothing */
	uint64_t account;
	struct chq_dp_path path;
	uint8_t static_hash[16];
	uint64_t opened_ms, expires_ms; /* wall clock; a new handshake is due before the latter */
	uint64_t ends_ms;		/* monotonic: PRELOGIN, REPLACED */
	uint64_t search_ms;		/* when a query of one letter costs nothing any more */
	uint64_t weighty_ms;		/* the same of a request that is work for many, request.h */
	uint64_t list_version;		/* of the contact list that it reads, page by page */
	struct session_login *login;	/* NULL once logged in */

	/* push.h's */
	struct chq_list pushes; /* by rising number */
	uint64_t push_last;	/* number given last */
	unsigned pushes_used;
	bool changed_waits;   /* a "contacts changed" is queued that was not sent yet */
	bool changed_for_all; /* … instead of all presence until then */
	uint64_t changed_due_ms, changed_sent_ms;

	/* group.h's */
	struct chq_list seats; /* in groups, while OPEN */
	struct chq_list of_regroup;
	uint64_t groups_version; /* of what it was told; 0: nothing yet */

	/* mail.h's */
	struct chq_list of_mail;
	struct mail_window *mail; /* frames under way; NULL: none */
	uint64_t mail_last;	  /* number taken up last */
};

/* An account that has sessions. */
struct online {
	uint64_t account;
	struct chq_list sessions; /* of all states but PRELOGIN, oldest first */
	uint64_t copies_us;	  /* theoretical time of its next frame to a group */
};

struct sessions {
	struct chq_map by_slot;
	struct chq_map by_account; /* struct online */
	struct chq_list all;
	struct chq_list ending;
	unsigned used;
};

void sessions_init(struct sessions *t);
void sessions_deinit(struct sessions *t);

/**
 * session_add() - a session of no account.
 * Return: the session; NULL without memory, or if its slot is taken by another one.
 */
struct session *session_add(struct sessions *t, struct chq_dp_ref ref);

/* Forget a session; what it holds is wiped and freed. An account without sessions is forgotten too. */
void session_free(struct sessions *t, struct session *s);

/* By slot and generation, or NULL. */
struct session *session_find(const struct sessions *t, struct chq_dp_ref ref);

/* By slot alone, or NULL. */
struct session *session_at(const struct sessions *t, uint32_t slot);

/* It belongs to this account now. Return: 0; CHQ_ENOMEM. */
int session_bind(struct sessions *t, struct session *s, uint64_t account, uint8_t device);

/* It is to end then (monotonic ms), if nothing happens. */
void session_end_at(struct sessions *t, struct session *s, uint64_t ends_ms);
void session_end_never(struct session *s);

/* Wipe the login key. */
void session_login_wipe(struct session *s);

/* An account's entry, or NULL if it has no session. */
struct online *online_find(const struct sessions *t, uint64_t account);

/* Sessions of an account in SESSION_OPEN. @o may be NULL. */
unsigned online_open(const struct online *o);

static inline struct chq_dp_ref
session_ref(const struct session *s)
{
	return (struct chq_dp_ref){ .slot = s->slot, .gen = s->gen };
}

/* Walk the sessions of a struct online; the body must not free one. */
#define ONLINE_FOREACH(s, o)                                                  \
	for (struct chq_list *it_ = (o)->sessions.next;                       \
	     it_ != &(o)->sessions &&                                         \
	     ((s) = CHQ_LIST_ENTRY(it_, struct session, of_account)) != NULL; \
	     it_ = it_->next)
