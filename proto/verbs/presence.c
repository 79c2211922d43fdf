#include "proto/verbs/tables.h"

/* clang-format off */
const struct chq_ctl_verb chq_verbs_presence[] = {
	{ "presence", "show", 1, 1, CHQ_CTL_READ, CHQ_CTL_CONTROL, "<login>",
	  "show how a user says he is, on which device, and what others see", chq_opts_none },

	CHQ_VERBS_END,
};
