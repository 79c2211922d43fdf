#pragma once
/* dataplane/privileges: from root to what the work needs. */
#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

/**
 * chq_user_find() - uid and gid of a user.
 * Return: 0; CHQ_ENOENT (also for "").
 */
int chq_user_find(const char *name, uid_t *uid, gid_t *gid);

/** chq_group_find() - gid of a group. Return: 0; CHQ_ENOENT (also for ""). */
int chq_group_find(const char *name, gid_t *gid);

/** chq_cap_held() - has this thread that capability (CAP_…) in effect? */
bool chq_cap_held(int cap);

/** chq_memlock_raise() - lift RLIMIT_MEMLOCK as far as the system lets us. Never fatal. */
void chq_memlock_raise(void);

/**
 * chq_privileges_drop() - become @user and keep NET_ADMIN, NET_RAW, BPF and IPC_LOCK alone.
 * @keep_files: keep DAC_OVERRIDE too, to remove at the end what root has made.
 * @text:       at least 128 bytes: what was done, for the log.
 *
 * Capabilities are the calling thread's: called by the manager thread before it starts workers. No set-uid file
 * gives any back (no_new_privs). A process that is not root drops nothing; a user that does not exist leaves the user
 * as it is, with the capabilities above.
 * Return: 0; a negated errno.
 */
int chq_privileges_drop(const char *user, bool keep_files, char *text, size_t text_size);
