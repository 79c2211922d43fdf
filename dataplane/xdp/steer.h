#pragma once

/* dataplane/xdp/steer: what the steering program and its loader share. */

#include "proto/ints.h"

#define CHQ_STEER_QUEUES_MAX 64 /* receive queues of one interface */
#define CHQ_STEER_LOCALS_MAX 64 /* addresses of one interface, with ports */

/* Key of the map chq_locals: an address and port of ours. Its value, a byte, is 1. */
struct chq_steer_key {
	uint8_t ip[16]; /* IPv6, or IPv4 as ::ffff:a.b.c.d */
	uint8_t port_be[2];
	uint8_t pad[2]; /* 0 */
};
_Static_assert(sizeof(struct chq_steer_key) == 20, "the key has no holes");
