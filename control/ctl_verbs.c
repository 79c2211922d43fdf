#include "control/ctl_verbs.h"

#include <string.h>

#include "base/array.h"

static const struct {
	const char *noun, *verb;
	ctl_handler_fn *handler;
} handlers[] = {
	{ "status", "show", ctl_status_show },
	{ "conf", "show", ctl_conf_show },
	{ "user", "add", ctl_user_add },
	{ "user", "list", ctl_user_list },
	{ "user", "show", ctl_user_show },
	{ "user", "disable", ctl_user_disable },
	{ "user", "enable", ctl_user_enable },
	{ "user", "passwd", ctl_user_passwd },
	{ "user", "friends", ctl_friend_list },
	{ "user", "sessions", ctl_user_sessions },
	{ "dept", "add", ctl_dept_add },
	{ "dept", "list", ctl_dept_list },
	{ "dept", "tree", ctl_dept_tree },
	{ "dept", "show", ctl_dept_show },
	{ "dept", "rename", ctl_dept_rename },
	{ "dept", "move", ctl_dept_move },
	{ "dept", "remove", ctl_dept_remove },
	{ "dept", "members", ctl_dept_members },
	{ "dept", "join", ctl_dept_join },
	{ "dept", "leave", ctl_dept_leave },
	{ "dept", "manager", ctl_dept_manager },
	{ "friend", "request", ctl_friend_request },
	{ "friend", "confirm", ctl_friend_confirm },
	{ "friend", "remove", ctl_friend_remove },
	{ "friend", "list", ctl_friend_list },
	{ "policy", "list", ctl_policy_list },
	{ "policy", "add", ctl_policy_add },
	{ "policy", "set", ctl_policy_set },
	{ "policy", "remove", ctl_policy_remove },
	{ "policy", "check", ctl_policy_check },
	{ "policy", "explain", ctl_policy_explain },
	{ "session", "list", ctl_session_list },
	{ "session", "show", ctl_session_show },
	{ "session", "kick", ctl_session_kick },
	{ "limit", "show", ctl_limit_show },
	{ "limit", "set", ctl_limit_set },
};

ctl_handler_fn *
ctl_verbs_handler(int index)
{
	const struct chq_ctl_verb *v = &chq_ctl_verbs[index];

	for (size_t i = 0; i < ARRAY_LEN(handlers); i++)
		if (!strcmp(handlers[i].noun, v->noun) && !strcmp(handlers[i].verb, v->verb))
			return handlers[i].handler;
	return NULL;
}
