#pragma once

/* What several handlers need. */

#include "control/audit.h"
#include "control/ctl_server.h"
#include "control/write.h"
#include "store/types.h"

struct session;
struct store_account;
struct store_txn;

/* Wall clock in ms as text, such as "2026-01-31T12:00:00.123Z". */
json_t *ctl_time(uint64_t wall_ms);

/* A session as an object; no key, no hash. */
json_t *ctl_session_json(const struct session *s);

/* An account as an object; no hash. */
json_t *ctl_account_json(struct ctl_call *call, const struct store_account *a);

/* The path of a department as a text. */
json_t *ctl_dept_path_json(struct store_txn *txn, uint32_t id);

/* Options "limit" and "cursor". Return: false if the call was refused. */
bool ctl_page(struct ctl_call *call, uint64_t *limit, uint64_t *after);

/* End a page: its rows, and where to go on; @after is 0 at the end of the list. */
void ctl_answer_page(struct ctl_call *call, json_t *rows, uint64_t after);

/**
 * ctl_read() - begin to read. Return: the transaction, to be ended by store_read_end(); NULL if the
 * call was refused.
 */
struct store_txn *ctl_read(struct ctl_call *call);

/**
 * ctl_account() - the account that argument @i names, noted in call->account (@i 0) or call->peer.
 * Return: 0; CHQ_ENOENT and codes of reading: the call is to be refused with ctl_refuse_account().
 */
int ctl_account(struct ctl_call *call, struct store_txn *txn, unsigned i, struct store_account *a);
void ctl_refuse_account(struct ctl_call *call, int rc, unsigned i);

/* Accounts, with the new versions of their contact lists. */
struct ctl_left_peer {
	uint64_t account, version;
};

struct ctl_left {
	size_t n, cap;
	struct ctl_left_peer *peer; /* on the heap */
};

/* A change of an operator. Made by ctl_change_begin(), freed by it or after done(). */
struct ctl_change {
	struct write_op op;
	struct ctl_call *call;
	/* Writer thread: as write_op.job. */
	int (*job)(struct store_txn *txn, struct ctl_change *c);
	/* Loop's thread, after the commit: ends the call, now or later. */
	void (*done)(struct ctl_change *c);
	/* Loop's thread, after the commit and before done(): the address book follows. A code makes it
	 * be made anew. NULL: the change does not concern it. */
	int (*follow)(struct ctl_change *c);
	const char *field; /* that a refusal names, or NULL */
	uint64_t number;   /* of a change that the book follows, for revoke_followed() */
	struct chq_ctl_error
		fault; /* of a job, when it knows better: its code says whether it is set */

	/* What was and what is, for the audit record: a job may say it. Else the new is the request's
	 * options. */
	char audit_old[STORE_AUDIT_TEXT_MAX_BYTES + 1], audit_new[STORE_AUDIT_TEXT_MAX_BYTES + 1];
	struct store_audit audit; /* made by ctl_change_submit(), completed behind the job */

	/* Input and results of the jobs. */
	uint64_t account, peer, now_ms;
	const char *login, *name; /* of the request */
	char hash[128];		  /* of a password; empty: none */
	uint8_t device_key[32];	  /* to enrol with the account */
	bool with_device;
	bool disabled;
	uint64_t version, peer_version;
	bool ended; /* a friendship was */
	const char *outcome;
	uint32_t dept, parent; /* a department, and what it lies under */
	bool manager;
	char path[STORE_PATH_MAX_BYTES + 1];	    /* of the department, after the change */
	struct store_member roles[STORE_ROLES_MAX]; /* of the account, after the change */
	size_t n_roles;
	uint32_t rule_id;		  /* or an invitation's number */
	struct store_rule *rule;	  /* freed with the change */
	struct store_app *app;		  /* the same */
	void *invite;			  /* ctl_user_invite.c's; freed with the change */
	struct ctl_left left;		  /* whose contact lists it has changed; freed with it */
	unsigned mails;			  /* put into mailboxes, or taken out */
	unsigned waiting, closed, failed; /* sessions being closed */
};

/* A change that concerns nobody yet. NULL: the call was refused. */
struct ctl_change *ctl_change_blank(struct ctl_call *call);

/* A change about the account that argument 0 names, and that of argument 1 if there is one. NULL: the
 * call was refused. */
struct ctl_change *ctl_change_new(struct ctl_call *call);

/*
 * Submit it; a failure of any kind refuses the call. It is freed after done(), unless that has set
 * @waiting: then by whoever takes that to 0.
 */
void ctl_change_submit(struct ctl_change *c);

/* A revoke_done_fn: @arg is a change whose done() is due now. */
void ctl_change_settled(void *arg, int rc);

/* Wipe and free; the call is ended already. */
void ctl_change_free(struct ctl_change *c);
