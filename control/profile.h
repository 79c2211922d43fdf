#pragma once

/* What people tell of themselves. */

#include "control/request.h"

request_fn profile_get; /* ProfileRequest -> Profile: one's own, and those whom one may see */
request_fn profile_set; /* Profile -> no body: one's own */
