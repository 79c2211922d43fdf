#pragma once

/*
 * Control's end of the conversation with the dataplane: after each connection both agree on the
 * sessions that exist, then events and frames are handed to who handles them.
 */

#include "control/dp_link.h"

struct control;

extern const struct dp_link_ops dp_ops; /* their argument is the struct control */
