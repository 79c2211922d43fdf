#pragma once

/* Login by password, and what a client that is logged in may know of itself. */

#include "control/request.h"

request_fn login_request; /* LoginRequest -> LoginReply */
request_fn login_whoami;  /* -> LoginReply */
request_fn login_logout;  /* -> no body; the session ends */

/*
 * For registration, which ends as a login does.
 *
 * login_attempt() - may the session begin with this request? Return: false: it was answered.
 * login_ended() - the attempt has failed; the answer is kept for repetitions.
 * login_as() - the attempt's account has proved its password: enrol the device, open, answer.
 */
struct login_keys;
bool login_attempt(struct control *ctl, struct session *s, const struct request *r,
		   uint32_t attempt, const char *login);
void login_ended(struct control *ctl, struct session *s, uint64_t request, int rc);
void login_as(struct control *ctl, struct session *s, uint64_t request, uint64_t account,
	      const struct login_keys *keys, const char *device_name);

/* Refuse logins that have waited too long for the store. @now_ms: monotonic. */
void login_tick(struct control *ctl, uint64_t now_ms);
