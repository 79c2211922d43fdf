#pragma once
/* dataplane/sd_notify: tell a service manager that we are ready and alive (sd_notify(3), "the protocol"). */

/**
 * chq_sd_notify() - send one state such as "READY=1".
 * Does nothing when $NOTIFY_SOCKET is not set. Return: 0; a negated errno.
 */
int chq_sd_notify(const char *state);
