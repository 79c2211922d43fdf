#pragma once

/* What an organisation begins with: its keys, a configuration, an empty store. */

#include <stdint.h>

#include "control/control.h"

struct init_options {
	const char *host;   /* that clients reach, a name or a numeric address */
	const char *config; /* file to write */
	const char *state;  /* folder for keys and store */
	const char *run;    /* folder for sockets */
	uint16_t port;
	uint32_t server_id;
};

#define INIT_CERT_DAYS 730

/**
 * control_init() - make all that is needed to start a server.
 * @invitation:     receives the one line that clients need; room for @size bytes.
 * @not_after_ms:   receives the end of the server's certificate, wall clock.
 *
 * Nothing that is there is overwritten or added to: then nothing at all is made. Started as root, the
 * files belong to the user that the daemon becomes, if there is one.
 *
 * Return: 0; CHQ_EEXIST; CHQ_EINVAL (host or another option); CHQ_ECONF; a negated errno. @err says why.
 */
int control_init(const struct init_options *opt, char *invitation, size_t size,
		 uint64_t *not_after_ms, struct control_error *err);
