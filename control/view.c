#include "control/view.h"

#include <sodium.h>

#include "base/err.h"
#include "control/control.h"

enum { VIEW_BITS = 24 };

void
views_init(struct views *v)
{
	chq_map_init(&v->changes);
	v->base = randombytes_random();
}

void
views_deinit(struct views *v)
{
	chq_map_deinit(&v->changes);
}

void
view_changed(struct control *ctl, uint64_t account)
{
	struct views *v = &ctl->views;
	uintptr_t n = (uintptr_t)chq_map_del_u64(&v->changes, account);

	if (n == 0)
		n = 1;
	/* Without memory for one account's count, everybody's lists are new. */
	if (chq_map_put_u64(&v->changes, account, (void *)(n + 1)) != 0)
		v->base++;
}

uint64_t
view_version(const struct control *ctl, uint64_t account, uint64_t stored)
{
	const struct views *v = &ctl->views;
	uintptr_t n = (uintptr_t)chq_map_get_u64(&v->changes, account);

	return stored << VIEW_BITS | ((v->base + (n ? n : 1)) & ((UINT64_C(1) << VIEW_BITS) - 1));
}
