#include "control/view.h"

#include <stdlib.h>

#include "base/err.h"
#include "control/control.h"

enum {
	EPOCH_SHIFT = 40,
	FRESH_MAX = 1 << 16, /* then all lists are to be read anew, and noting begins again */
};

int
views_init(struct views *v, uint32_t epoch)
{
	*v = (struct views){ .last = (uint64_t)epoch << EPOCH_SHIFT | 1 };
	v->first = v->last;
	chq_map_init(&v->fresh);
	chq_map_init(&v->latest);
	v->ring = calloc(VIEW_LOG, sizeof(*v->ring));
	return v->ring ? CHQ_OK : CHQ_ENOMEM;
}

void
views_deinit(struct views *v)
{
	chq_map_deinit(&v->fresh);
	chq_map_deinit(&v->latest);
	free(v->ring);
	v->ring = NULL;
}

/* A number as a map's value. */
static void *
as_value(uint64_t number)
{
	return (void *)(uintptr_t)number;
}

static void
note_latest(struct views *v, const struct view_entry *out, uint64_t account)
{
	uint64_t gone = v->last - VIEW_LOG;

	if (out->account && chq_map_get_u64(&v->latest, out->account) == as_value(gone))
		chq_map_del_u64(&v->latest, out->account);
	chq_map_del_u64(&v->latest, account);
	/* Without memory nothing is known of later entries: earlier ones are told as well. */
	(void)chq_map_put_u64(&v->latest, account, as_value(v->last));
}

static void
note(struct control *ctl, struct view_entry e)
{
	struct views *v = &ctl->views;
	struct view_entry *at;

	if (!v->ring) /* control ends */
		return;
	at = &v->ring[++v->last % VIEW_LOG];
	if (e.owner == 0)
		note_latest(v, at, e.account);
	*at = e;
	if (v->last - v->first >= VIEW_LOG)
		v->first = v->last - VIEW_LOG + 1;
}

void
view_changed(struct control *ctl, uint64_t account)
{
	note(ctl, (struct view_entry){ .account = account });
}

void
view_moved(struct control *ctl, uint64_t account, const struct book_class *was)
{
	note(ctl, (struct view_entry){ .account = account, .was = was });
}

void
view_changed_for(struct control *ctl, uint64_t owner, uint64_t account)
{
	note(ctl, (struct view_entry){ .account = account, .owner = owner });
}

void
view_fresh(struct control *ctl, uint64_t owner)
{
	struct views *v = &ctl->views;

	v->last++;
	if (v->ring)
		v->ring[v->last % VIEW_LOG] = (struct view_entry){ .account = 0 };
	if (v->last - v->first >= VIEW_LOG)
		v->first = v->last - VIEW_LOG + 1;
	chq_map_del_u64(&v->fresh, owner);
	if (v->fresh.count >= FRESH_MAX ||
	    chq_map_put_u64(&v->fresh, owner, as_value(v->last)) != 0)
		view_all_fresh(ctl);
}

void
view_all_fresh(struct control *ctl)
{
	struct views *v = &ctl->views;

	v->first = ++v->last;
	chq_map_deinit(&v->fresh);
	chq_map_init(&v->fresh);
	chq_map_deinit(&v->latest);
	chq_map_init(&v->latest);
	if (v->ring)
		v->ring[v->last % VIEW_LOG] = (struct view_entry){ .account = 0 };
}

uint64_t
view_version(const struct control *ctl)
{
	return ctl->views.last;
}

bool
view_reaches(const struct control *ctl, uint64_t owner, uint64_t version)
{
	const struct views *v = &ctl->views;
	uint64_t fresh = (uintptr_t)chq_map_get_u64(&v->fresh, owner);

	return version >= v->first && version <= v->last && version >= fresh;
}

const struct view_entry *
view_entry(const struct control *ctl, uint64_t owner, uint64_t number)
{
	const struct views *v = &ctl->views;
	const struct view_entry *e = &v->ring[number % VIEW_LOG];

	if (e->account == 0 || e->account == owner || (e->owner && e->owner != owner))
		return NULL;
	if (!e->owner && !e->was) {
		uint64_t latest = (uintptr_t)chq_map_get_u64(&v->latest, e->account);

		if (latest && latest != number)
			return NULL;
	}
	return e;
}
