#include "control/session.h"

#include <sodium.h>
#include <stdlib.h>

#include "base/err.h"
#include "control/group.h"
#include "control/mail.h"
#include "control/push.h"

const char *
session_state_name(enum session_state state)
{
	switch (state) {
	case SESSION_PRELOGIN: return "prelogin";
	case SESSION_NEW: return "new";
	case SESSION_OPEN: return "open";
	case SESSION_REPLACED: return "replaced";
	}
	return "unknown";
}

void
sessions_init(struct sessions *t)
{
	chq_map_init(&t->by_slot);
	chq_map_init(&t->by_account);
	chq_list_init(&t->all);
	chq_list_init(&t->ending);
	t->used = 0;
}

void
sessions_deinit(struct sessions *t)
{
	CHQ_LIST_FOREACH_SAFE(it, after, &t->all)
		session_free(t, CHQ_LIST_ENTRY(it, struct session, of_all));
	chq_map_deinit(&t->by_slot);
	chq_map_deinit(&t->by_account);
}

struct session *
session_add(struct sessions *t, struct chq_dp_ref ref)
{
	struct session *s = calloc(1, sizeof(*s));

	if (!s)
		return NULL;
	s->slot = ref.slot;
	s->gen = ref.gen;
	chq_list_init(&s->of_account);
	chq_list_init(&s->of_ending);
	chq_list_init(&s->of_pushing);
	chq_list_init(&s->pushes);
	chq_list_init(&s->seats);
	chq_list_init(&s->of_regroup);
	chq_list_init(&s->of_mail);
	if (chq_map_put_u64(&t->by_slot, s->slot, s) != 0) {
		free(s);
		return NULL;
	}
	chq_list_add_tail(&t->all, &s->of_all);
	t->used++;
	return s;
}

void
session_free(struct sessions *t, struct session *s)
{
	struct online *o = online_find(t, s->account);

	chq_map_del_u64(&t->by_slot, s->slot);
	t->used--;
	push_forget(s);
	groups_session_gone(s);
	mail_forget(s);
	session_login_wipe(s);
	chq_list_del(&s->of_all);
	chq_list_del(&s->of_account);
	chq_list_del(&s->of_ending);
	if (o && chq_list_empty(&o->sessions)) {
		chq_map_del_u64(&t->by_account, o->account);
		free(o);
	}
	sodium_memzero(s, sizeof(*s));
	free(s);
}

struct session *
session_at(const struct sessions *t, uint32_t slot)
{
	return chq_map_get_u64(&t->by_slot, slot);
}

struct session *
session_find(const struct sessions *t, struct chq_dp_ref ref)
{
	struct session *s = session_at(t, ref.slot);

	return s && s->gen == ref.gen ? s : NULL;
}

int
session_bind(struct sessions *t, struct session *s, uint64_t account, uint8_t device)
{
	struct online *o = online_find(t, account);

	if (!o) {
		o = calloc(1, sizeof(*o));
		if (!o)
			return CHQ_ENOMEM;
		o->account = account;
		chq_list_init(&o->sessions);
		if (chq_map_put_u64(&t->by_account, account, o) != 0) {
			free(o);
			return CHQ_ENOMEM;
		}
	}
	s->account = account;
	s->device = device;
	chq_list_add_tail(&o->sessions, &s->of_account);
	return CHQ_OK;
}

void
session_end_at(struct sessions *t, struct session *s, uint64_t ends_ms)
{
	struct chq_list *at;

	chq_list_del(&s->of_ending);
	s->ends_ms = ends_ms;
	at = t->ending.prev;
	while (at != &t->ending && CHQ_LIST_ENTRY(at, struct session, of_ending)->ends_ms > ends_ms)
		at = at->prev;
	chq_list_insert_after(at, &s->of_ending);
}

void
session_end_never(struct session *s)
{
	chq_list_del(&s->of_ending);
}

void
session_login_wipe(struct session *s)
{
	if (!s->login)
		return;
	sodium_memzero(s->login, sizeof(*s->login));
	free(s->login);
	s->login = NULL;
}

struct online *
online_find(const struct sessions *t, uint64_t account)
{
	return account ? chq_map_get_u64(&t->by_account, account) : NULL;
}

unsigned
online_open(const struct online *o)
{
	unsigned n = 0;
	struct session *s;

	if (!o)
		return 0;
	ONLINE_FOREACH(s, o)
		n += s->state == SESSION_OPEN;
	return n;
}
