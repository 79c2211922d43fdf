#pragma once

#include "control/ctl_server.h"

/* The handler of the verb with this index in chq_ctl_verbs; NULL if it is not control's to serve. */
ctl_handler_fn *ctl_verbs_handler(int index);

/* A verb and who serves it. */
struct ctl_verb {
	const char *noun, *verb; /* NULL closes a table */
	ctl_handler_fn *handler;
};

/* By file: ctl_status.c (conf too), ctl_user.c, ctl_dept.c … */
extern const struct ctl_verb ctl_verbs_app[], ctl_verbs_presence[];
extern const struct ctl_verb ctl_verbs_group[], ctl_verbs_msg[];
extern const struct ctl_verb ctl_verbs_status[], ctl_verbs_user[], ctl_verbs_dept[],
	ctl_verbs_friend[], ctl_verbs_policy[], ctl_verbs_session[], ctl_verbs_limit[],
	ctl_verbs_audit[], ctl_verbs_store[], ctl_verbs_conf[];

/* Handlers by noun: ctl_status.c, ctl_user.c, ctl_dept.c, ctl_dept_show.c, ctl_friend.c,
 * ctl_policy.c, ctl_policy_show.c, ctl_session.c, ctl_limit.c, ctl_user_end.c, ctl_user_import.c, ctl_user_invite.c, ctl_user_set.c,
 * ctl_user_show.c. */
ctl_handler_fn ctl_status_show, ctl_conf_show;
ctl_handler_fn ctl_conf_set, ctl_conf_commit, ctl_conf_rollback;
ctl_handler_fn ctl_user_add, ctl_user_list, ctl_user_show, ctl_user_disable, ctl_user_enable,
	ctl_user_passwd, ctl_user_set, ctl_user_remove, ctl_user_import, ctl_user_export,
	ctl_user_invite, ctl_user_invites, ctl_user_uninvite;
ctl_handler_fn ctl_dept_add, ctl_dept_list, ctl_dept_tree, ctl_dept_show, ctl_dept_rename,
	ctl_dept_move, ctl_dept_remove, ctl_dept_members, ctl_dept_join, ctl_dept_leave,
	ctl_dept_manager;
ctl_handler_fn ctl_friend_request, ctl_friend_confirm, ctl_friend_remove, ctl_friend_list;
ctl_handler_fn ctl_policy_list, ctl_policy_add, ctl_policy_set, ctl_policy_remove, ctl_policy_check,
	ctl_policy_explain;
ctl_handler_fn ctl_app_list, ctl_app_register, ctl_app_set, ctl_app_remove, ctl_app_sign;
ctl_handler_fn ctl_audit_tail, ctl_audit_verify, ctl_audit_export;
ctl_handler_fn ctl_store_stat, ctl_store_verify, ctl_store_backup, ctl_store_gc, ctl_store_progress;
ctl_handler_fn ctl_limit_show, ctl_limit_set;
ctl_handler_fn ctl_msg_pending, ctl_msg_purge, ctl_msg_send;
ctl_handler_fn ctl_group_list, ctl_group_show, ctl_group_members;
ctl_handler_fn ctl_session_list, ctl_session_show, ctl_session_kick, ctl_user_sessions;
