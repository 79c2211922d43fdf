#pragma once

/* HELLO to WELCOME: PROTOCOL.md, "Handshake". */

#include "proto/dpcmd.h"

struct control;

/*
 * A HELLO whose cookie the dataplane found right. Public-key work is done in the pool; a copy of a
 * HELLO gets the same WELCOME. What is malformed or forged gets no answer.
 */
void handshake_hello(struct control *ctl, const struct chq_dp_hello_rx *rx);
