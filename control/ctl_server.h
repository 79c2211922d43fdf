#pragma once

/*
 * The operators' socket: JSON lines as proto/ctl.h says. A client has one request at a time, answered
 * in order. Clients are bounded in number; those that send half a line or do not read are cut off.
 * Who may connect is what the socket's mode and group say; who did is in the record of every
 * change (audit.h).
 */

#include <stdbool.h>
#include <stdint.h>

#include "proto/ctl.h"
#include "store/audit.h"

struct control;
struct control_error;
struct ctl_client;
struct ctl_server;
struct write_op;

/*
 * One request under way. It outlives its client: what was begun is done. Ended by ctl_answer() or
 * ctl_refuse(), exactly once.
 */
struct ctl_call {
	struct control *ctl;
	struct ctl_client *client; /* NULL once it has gone */
	struct chq_ctl_request req;
	uint32_t uid;
	int32_t pid;
	int handed;		/* a descriptor that came with it, or -1; closed at its end */
	const char *partial;	/* ctl_answer() is to be a refusal by CHQ_EPARTIAL that says this */
	uint64_t account, peer; /* whom it concerns, for the audit record; 0: nobody */
	struct store_audit_head audit; /* its record; number 0: none yet */
	/* For the record of a verb that is no ctl_change: what was, what is; may stay empty. */
	char audit_old[STORE_AUDIT_TEXT_MAX_BYTES + 1], audit_new[STORE_AUDIT_TEXT_MAX_BYTES + 1];
};

/* Take up a request; its arguments were counted. */
typedef void ctl_handler_fn(struct ctl_call *call);

/**
 * ctl_server_init() - listen on the configured sockets, mode 0660, their groups as configured; on the
 * second one requests that change something are refused.
 * Return: 0; CHQ_EADDRINUSE if somebody serves it; CHQ_EEXIST if the path is no socket; CHQ_ENOMEM; a negated errno. @err says why.
 */
int ctl_server_init(struct ctl_server **out, struct control *ctl, struct control_error *err);

/* Listen no more and drop the clients; calls under way go on. */
void ctl_server_quiet(struct ctl_server *srv);

/* ctl_server_quiet() and free; no call is under way. */
void ctl_server_free(struct ctl_server *srv);

/* Cut off who is too slow. */
void ctl_server_tick(struct ctl_server *srv, uint64_t now_ms);

/* End with a good answer. @data: reference is taken, NULL stands for null. @cursor: NULL: that is all. */
void ctl_answer(struct ctl_call *call, json_t *data, const char *cursor);

/* End with a refusal, and what there is to say besides. @data: reference is taken. */
void ctl_refuse_with(struct ctl_call *call, int err, json_t *data, const char *fmt, ...)
	__attribute__((format(printf, 4, 5)));

/* End with a refusal. @field: argument or option concerned, or NULL. */
void ctl_refuse(struct ctl_call *call, int err, const char *field, const char *fmt, ...)
	__attribute__((format(printf, 4, 5)));

/* The same with the code's own text. */
void ctl_refuse_code(struct ctl_call *call, int err, const char *field);
