#pragma once

/* dataplane/listen: the addresses of `listen:`, and which of a machine's addresses they cover. */

#include <stdbool.h>

#include "base/conf.h"
#include "dataplane/sockio.h"

#define CHQ_LISTEN_MAX 8

struct chq_listen {
	struct chq_inet at[CHQ_LISTEN_MAX];
	unsigned int n;
};

/**
 * chq_listen_parse() - read the configured texts.
 * @err: filled on failure, for operators.
 * Return: 0; CHQ_ECONF (none, more than CHQ_LISTEN_MAX, or no address).
 */
int chq_listen_parse(struct chq_listen *l, const struct chq_conf_strings *texts, char *err,
		     size_t err_size);

/** chq_listen_covers() - does a socket bound to @at receive what is sent to @a? "[::]" takes IPv4
 * too. */
bool chq_listen_covers(const struct chq_inet *at, const struct chq_inet *a);
