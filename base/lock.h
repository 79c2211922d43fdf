#pragma once

#include <sys/types.h>

/**
 * chq_lock_take() - be the only process that uses something, by flock on @path.
 * @path:   lock file; made with mode 0600 if absent; never removed (removing one is a race).
 * @holder: receives the pid written by the present holder, or 0 if it cannot be told; may be NULL.
 *
 * The lock ends with the process, also at kill -9. The descriptor is close-on-exec, a link is refused.
 *
 * Return: descriptor >= 0, given back by chq_lock_release(); CHQ_ELOCKED if another process has it;
 * else a negated errno (CHQ_EACCES, CHQ_ENOENT for a missing folder, CHQ_ELOOP, CHQ_ENOSPC, CHQ_EIO).
 */
int chq_lock_take(const char *path, pid_t *holder);

/* Give a lock back. @fd: of chq_lock_take(); a negative one is ignored. */
void chq_lock_release(int fd);
