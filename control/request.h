#pragma once

/* Requests of clients: PROTOCOL.md, "Control messages". */

#include <stddef.h>
#include <stdint.h>

#include "control/session.h"
#include "proto/control_msg.h"
#include "proto/dpcmd.h"

struct control;

/* One request; valid during its handler. */
struct request {
	uint64_t id;
	const ProtobufCMessage *body; /* of the method's type; NULL for methods without one */
};

/**
 * request_fn - take up a request, now or later answered by request_answer() with its id.
 * @s: where it came from; it may be freed in here.
 */
typedef void request_fn(struct control *ctl, struct session *s, const struct request *r);

/* A frame to the server. Anything that is no message of ours is counted and gets no answer. */
void request_frame(struct control *ctl, const struct chq_dp_server_rx *rx);

/* @body: NULL for none. A body that does not fit is answered E_TOOBIG instead. */
void request_answer(struct control *ctl, struct session *s, uint64_t id, Chasqui__Code code,
		    uint32_t retry_after_s, const ProtobufCMessage *body);

/* The code of the wire for an error code. */
Chasqui__Code request_code(int rc);

/* A request that makes work for many: a session may ask one a second, and some at once. Return: whether it
 * may now; else it is to be refused by CHQ_EBUSY_LATER. */
bool request_weighty(struct session *s);

/* request_answer() for a code of ours, without body. */
void request_fail(struct control *ctl, struct session *s, uint64_t id, int rc);
