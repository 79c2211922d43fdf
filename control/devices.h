#pragma once

/* An account's enrolled devices. */

#include "control/request.h"

request_fn devices_list;   /* -> DevicesReply */
request_fn devices_revoke; /* DeviceRevoke -> no body */
