#pragma once
/* dataplane/run: the daemon: from configuration to a running dataplane and back. */
#include <stdbool.h>

#include "base/site_conf.h"

/**
 * chq_run() - run until SIGTERM or SIGINT. Every refusal is logged with what to do.
 * @detach: at the end, also remove tables, pins and programs; else they stay for the next start. (A bpffs of our own stays mounted, empty:
 * the right to unmount was given up. The verb detach unmounts it.)
 * Return: 0; CHQ_E… (the process exits with failure).
 */
int chq_run(const struct chq_site_conf *conf, bool detach);
