#pragma once
/* dataplane/manager_loop: the manager thread's life: rounds and sleep, until it is told to stop. */
#include "dataplane/manager.h"
#include "dataplane/status.h"

/**
 * chq_manager_loop() - run rounds until @stop_fd is readable.
 * @status:      its socket is served too.
 * @each_second: called about once a second, may be NULL.
 * Return: 0; a negated errno (poll).
 */
int chq_manager_loop(struct chq_manager *m, struct chq_status *status, int stop_fd,
		     void (*each_second)(struct chq_manager *m));
