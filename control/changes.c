#include "control/changes.h"

#include "control/book/book.h"
#include "control/control.h"
#include "control/presence.h"
#include "control/spread.h"

/* What one class may write to another, and whether a rule forbids it even to friends. NULL: nobody. */
struct writes {
	bool may, denied;
};

static struct writes
writes_of(const struct book *b, const struct book_class *s, const struct book_class *o)
{
	if (!s || !o)
		return (struct writes){ false, true };
	return (struct writes){ book_class_rights(b, s, o) & BOOK_MESSAGE,
				book_class_denied(b, s, o) & BOOK_MESSAGE };
}

static bool
writes_lost(struct writes was, struct writes is)
{
	return (was.may && !is.may) || (!was.denied && is.denied);
}

/* Has anybody lost the right to write to who has come from one class into the other? */
static bool
lost_towards(const struct book *b, const struct book_class *was, const struct book_class *is)
{
	for (size_t i = 0; i < book_classes(b); i++) {
		const struct book_class *c = book_class_at(b, i);
		size_t n;

		book_class_members(c, &n);
		if (n && writes_lost(writes_of(b, c, was), writes_of(b, c, is)))
			return true;
	}
	return false;
}

/* Has he lost it towards anybody? */
static bool
lost_himself(const struct book *b, const struct book_class *was, const struct book_class *is)
{
	for (size_t i = 0; i < book_classes(b); i++) {
		const struct book_class *c = book_class_at(b, i);
		size_t n;

		book_class_members(c, &n);
		if (n && writes_lost(writes_of(b, was, c), writes_of(b, is, c)))
			return true;
	}
	return false;
}

static void
changes_moved(struct book *b, uint64_t account, const struct book_class *was,
	      const struct book_class *is, void *arg)
{
	struct control *ctl = arg;

	view_moved(ctl, account, was);
	view_fresh(ctl, account);
	presence_contacts_changed(ctl, account);
	spread_moved(ctl, account, was, is);
	/* Who is disabled has new epochs by the change itself, and who is removed never comes back. */
	if (!was || !is)
		return;
	if (lost_towards(b, was, is))
		revoke_receiver(ctl, account);
	if (lost_himself(b, was, is))
		revoke_sender(ctl, account);
}

static void
changes_all(struct book *b, const struct book_lost *lost, void *arg)
{
	struct control *ctl = arg;

	(void)b;
	view_all_fresh(ctl);
	spread_all(ctl);
	revoke_lost(ctl, lost);
}

void
changes_renamed(struct control *ctl, uint64_t account)
{
	view_changed(ctl, account);
	spread_renamed(ctl, account);
}

void
changes_watch(struct control *ctl)
{
	book_watch(ctl->book,
		   &(struct book_watch){ .moved = changes_moved, .all = changes_all, .arg = ctl });
}

void
changes_unknown(struct control *ctl)
{
	changes_watch(ctl);
	presence_in_book(ctl);
	view_all_fresh(ctl);
	spread_all(ctl);
	revoke_everybody(ctl);
}
