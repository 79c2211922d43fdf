#pragma once

/* Login by password, and what a client that is logged in may know of itself. */

#include "control/request.h"

request_fn login_request; /* LoginRequest -> LoginReply */
request_fn login_whoami;  /* -> LoginReply */
request_fn login_logout;  /* -> no body; the session ends */

/* Refuse logins that have waited too long for the store. @now_ms: monotonic. */
void login_tick(struct control *ctl, uint64_t now_ms);
