#pragma once

/* People who make their own account by a code that an operator gave them (registration.by_code). */

#include "control/request.h"

request_fn register_request; /* RegisterRequest -> LoginReply */

/* The hash by which a code is kept; case and hyphens of the code do not matter. */
void register_code_hash(const char *code, uint8_t out[32]);
