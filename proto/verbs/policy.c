#include "proto/verbs/tables.h"

/* clang-format off */
static const struct chq_ctl_opt opts_policy_add[] = {
	{ "subjects", "SET",    "who: members(D), tree(D), managers(D), account(A), joined by + and -", NEEDED },
	{ "objects",  "SET",    "towards whom; managers(*) are all who manage anything", NEEDED },
	{ "rights",   "LIST",   "see,presence,search,message,p2p, some of them, or all", NEEDED },
	{ "deny",     NULL,     "they may not, whatever other rules allow", 0 },
	{ "note",     "TEXT",   "what the rule is for", VALUE },
	{ NULL, NULL, NULL, 0 },
};

static const struct chq_ctl_opt opts_policy_set[] = {
	{ "subjects", "SET",    "who, instead of those before", VALUE },
	{ "objects",  "SET",    "towards whom, instead of those before", VALUE },
	{ "rights",   "LIST",   "rights, instead of those before", VALUE },
	{ "allow",    NULL,     "they may, unless another rule denies it", 0 },
	{ "deny",     NULL,     "they may not, whatever other rules allow", 0 },
	{ "note",     "TEXT",   "what the rule is for", VALUE },
	{ NULL, NULL, NULL, 0 },
};

const struct chq_ctl_verb chq_verbs_policy[] = {
	{ "policy", "list", 0, 0, CHQ_CTL_READ, CHQ_CTL_CONTROL, "",
	  "list rules", chq_opts_list },
	{ "policy", "add", 0, 0, CHQ_CTL_WRITE, CHQ_CTL_CONTROL, "",
	  "make a rule: what its subjects may do towards its objects", opts_policy_add },
	{ "policy", "set", 1, 1, CHQ_CTL_WRITE, CHQ_CTL_CONTROL, "<rule>",
	  "change what is given of a rule", opts_policy_set },
	{ "policy", "remove", 1, 1, CHQ_CTL_WRITE, CHQ_CTL_CONTROL, "<rule>",
	  "remove a rule", chq_opts_none },
	{ "policy", "check", 0, 0, CHQ_CTL_READ, CHQ_CTL_CONTROL, "",
	  "list what is odd about rules: nobody is meant, a manager is missing", chq_opts_none },
	{ "policy", "explain", 2, 2, CHQ_CTL_READ, CHQ_CTL_CONTROL, "<subject> <object>",
	  "what one user may do towards another, and which rule decides", chq_opts_none },
	{ "policy", "test", 1, 1, CHQ_CTL_READ, CHQ_CTL_LOCAL, "<file>",
	  "check lines such as: alice bob message deny", chq_opts_none },

	CHQ_VERBS_END,
};
