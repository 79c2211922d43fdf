#pragma once

/* The tables of verbs that proto/ctl_verbs.c joins: one a file of this folder, each closed by CHQ_VERBS_END. */

#include "proto/ctl_verbs.h"

/* What an option may be, shortly. */
#define VALUE	CHQ_CTL_OPT_VALUE
#define SECRET	(CHQ_CTL_OPT_VALUE | CHQ_CTL_OPT_SECRET | CHQ_CTL_OPT_NEEDED)
#define NEEDED	(CHQ_CTL_OPT_VALUE | CHQ_CTL_OPT_NEEDED)
#define INSTEAD (CHQ_CTL_OPT_VALUE | CHQ_CTL_OPT_INSTEAD)

#define CHQ_VERBS_END                      \
	{                                  \
		.noun = NULL, .verb = NULL \
	}

/* No options, and those of a list that comes in pages. */
extern const struct chq_ctl_opt chq_opts_none[], chq_opts_list[];

extern const struct chq_ctl_verb
	chq_verbs_server[]; /* status, conf, limit, dp, and what is done here */
extern const struct chq_ctl_verb chq_verbs_user[], chq_verbs_dept[], chq_verbs_friend[],
	chq_verbs_policy[], chq_verbs_session[], chq_verbs_audit[], chq_verbs_store[];
extern const struct chq_ctl_verb chq_verbs_app[], chq_verbs_presence[];
extern const struct chq_ctl_verb chq_verbs_group[], chq_verbs_msg[];
