#pragma once

/*
 * What devices publish for end-to-end sealing. The server checks signatures to keep rubbish out;
 * clients check them again, because they do not trust it.
 */

#include "control/request.h"

request_fn published_set; /* KeysPublish -> no body */
request_fn published_get; /* KeysRequest -> KeysReply */
