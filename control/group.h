#pragma once

/*
 * Groups as a running control serves them. What is said is in the store (store/group.h): a frame is written
 * there first, with its order, and then every session of a member that is behind is brought up to date out
 * of the log, whether it was there or comes later. So one mechanism delivers, resends, and makes up for
 * absence, restarts and lost datagrams; who has acknowledged nothing loses nothing.
 *
 * Everything here is on the loop's thread.
 */

#include <stdbool.h>
#include <stdint.h>

#include "control/request.h"
#include "proto/dpcmd.h"

struct book_role;
struct control;
struct session;

/* Return: 0; CHQ_ENOMEM. On failure nothing is held. */
int groups_init(struct control *ctl);
/* Control ends: what was acknowledged is given to the store's writer. */
void groups_stop(struct control *ctl);
/* When the sessions are gone and the store's writer has ended. */
void groups_deinit(struct control *ctl);

/* What is due: frames to send again, cursors to write. */
void groups_tick(struct control *ctl, uint64_t now_ms);

/* A session is OPEN from now on; it is so no more, or is being freed. */
void groups_session_open(struct control *ctl, struct session *s);
void groups_session_gone(struct session *s);

/* A frame to a group. */
void group_frame(struct control *ctl, struct session *s, const struct chq_dp_frame_rx *rx);

/* A device has everything of a group up to an order: group | order << 32. */
void groups_acked(struct control *ctl, struct session *s, uint64_t extra);

/* --- after a change has committed --- */

/* An account is in other departments or groups than it was; roles as they were before. */
void groups_account_changed(struct control *ctl, uint64_t account, const struct book_role *was,
			    unsigned n);
/* Something about this group has changed; not @all: only who is in it, and so perhaps its epoch. */
void groups_group_changed(struct control *ctl, uint32_t group, bool all);
/* Departments were moved, renamed or removed, or much has changed at once. */
void groups_all_changed(struct control *ctl);

/* Rights as operators are told them, such as "post,announce", or "none". */
enum { CTL_GROUP_RIGHTS_LEN = 24 };
const char *ctl_group_rights(uint8_t rights, char out[CTL_GROUP_RIGHTS_LEN]);

/* METHOD_GROUPS, METHOD_GROUP_KEY, METHOD_GROUP_MEMBERS, METHOD_GROUP_CHANGE */
request_fn groups_request, groups_key, groups_members, groups_change;
