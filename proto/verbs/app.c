#include "proto/verbs/tables.h"

/* clang-format off */
static const struct chq_ctl_opt opts_app[] = {
	{ "store",      "yes|no",           "may its messages wait for who is absent?", VALUE },
	{ "p2p",        "yes|no",           "may they go without the relay?", VALUE },
	{ "protection", "sealed|inspected", "inspected: the relay may read them; takes a list signed by the organisation", VALUE },
	{ "post",       "all|managers|SET", "who may send them, a set as in rules", VALUE },
	{ NULL, NULL, NULL, 0 },
};

static const struct chq_ctl_opt opts_app_set[] = {
	{ "name",       "NAME",             "another name", VALUE },
	{ "store",      "yes|no",           "may its messages wait for who is absent?", VALUE },
	{ "p2p",        "yes|no",           "may they go without the relay?", VALUE },
	{ "protection", "sealed|inspected", "inspected: the relay may read them; takes a list signed by the organisation", VALUE },
	{ "post",       "all|managers|SET", "who may send them, a set as in rules", VALUE },
	{ NULL, NULL, NULL, 0 },
};

const struct chq_ctl_verb chq_verbs_app[] = {
	{ "app", "list", 0, 0, CHQ_CTL_READ, CHQ_CTL_CONTROL, "",
	  "list applications and what their messages may do", chq_opts_list },
	{ "app", "register", 2, 2, CHQ_CTL_WRITE, CHQ_CTL_CONTROL, "<id> <name>",
	  "register an application; what is not said is as for chat", opts_app },
	{ "app", "set", 1, 1, CHQ_CTL_WRITE, CHQ_CTL_CONTROL, "<app>",
	  "change what is given of an application, named or by its number", opts_app_set },
	{ "app", "remove", 1, 1, CHQ_CTL_WRITE, CHQ_CTL_CONTROL, "<app>",
	  "remove an application; its number then is like chat again", chq_opts_none },
	{ "app", "sign", 0, 0, CHQ_CTL_WRITE, CHQ_CTL_CONTROL, "",
	  "take the signed list of inspected applications out of the folder of keys", chq_opts_none },

	CHQ_VERBS_END,
};
