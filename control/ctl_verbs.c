#include "control/ctl_verbs.h"

#include <string.h>

#include "base/array.h"

static const struct ctl_verb *const tables[] = {
	ctl_verbs_group, ctl_verbs_app,	   ctl_verbs_presence, ctl_verbs_status,  ctl_verbs_user,
	ctl_verbs_dept,	 ctl_verbs_friend, ctl_verbs_policy,   ctl_verbs_session, ctl_verbs_limit,
	ctl_verbs_audit, ctl_verbs_store,  ctl_verbs_conf,     ctl_verbs_msg,
};

ctl_handler_fn *
ctl_verbs_handler(int index)
{
	const struct chq_ctl_verb *v = chq_ctl_verb_at((size_t)index);

	for (size_t i = 0; i < ARRAY_LEN(tables); i++)
		for (const struct ctl_verb *h = tables[i]; h->noun; h++)
			if (!strcmp(h->noun, v->noun) && !strcmp(h->verb, v->verb))
				return h->handler;
	return NULL;
}
