#pragma once

/* Frames between clients that the stages handed up: the sender is told by a NOTICE. */

#include "proto/dpcmd.h"

struct control;

/*
 * What a sender may write goes to the mailbox or, if the receiver is there after all, to him. Else:
 * "offline" to whom has a good grant for an account that may log in, "unknown" to everybody else: who
 * asks without a grant learns nothing, neither by the answer nor by what it costs.
 */
void punt_frame(struct control *ctl, const struct chq_dp_frame_rx *rx);
