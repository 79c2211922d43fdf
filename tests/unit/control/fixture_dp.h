#pragma once

/* The dataplane that is made up, for the fixture's files alone. */

#include "tests/unit/control/fixture.h"

/* The socket that control connects to. */
int fix_dp_listen(const struct fixture *f);

/* Tell control something; the head of @msg is filled in here. */
void fix_dp_put(struct fixture *f, void *msg, uint16_t type, size_t len, uint32_t req);

/* Take the connection, and answer what control has sent so far. */
void fix_dp_step(struct fixture *f);
