/* What an application asks the server for people: each question has one event as its answer. */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "client/client.h"

#define TIMEOUT_MS 15000

static int
error_of(int err, const Chasqui__Response *r)
{
	if (err)
		return err;
	switch (r->code) {
	case CHASQUI__CODE__OK: return CHQ_OK;
	case CHASQUI__CODE__E_NOUSER: return CHQ_ENOUSER;
	case CHASQUI__CODE__E_DENIED: return CHQ_EDENIED;
	case CHASQUI__CODE__E_BUSY: return CHQ_EBUSY_LATER;
	case CHASQUI__CODE__E_MALFORMED: return CHQ_EMALFORMED;
	case CHASQUI__CODE__E_EXISTS: return CHQ_EEXIST;
	case CHASQUI__CODE__E_FULL: return CHQ_EFULL;
	case CHASQUI__CODE__E_TOOBIG: return CHQ_ETOOBIG;
	default: return CHQ_EUNAVAIL;
	}
}

/* The server's answer without a body, as an event of that type. */
static void
done(struct chq_client *c, int err, const Chasqui__Response *r, uint64_t type)
{
	struct chq_event ev = { .type = (enum chq_event_type)type, .err = error_of(err, r) };

	ev.retry_after_s = r ? r->retry_after_s : 0;
	chq_client_event(c, &ev);
}

static int
ask(struct chq_client *c, Chasqui__Method method, const ProtobufCMessage *body, chq_reply_fn *fn,
    uint64_t arg)
{
	chq_client_now(c);
	return chq_request_send(c, method, body, TIMEOUT_MS, fn, arg);
}

/* The generated structures are not const; packing only reads them. */
static char *
text(const char *s)
{
	return (char *)(uintptr_t)(s ? s : "");
}

/* --- search --- */

static int
take_found(struct chq_client *c, const Chasqui__SearchPage *m)
{
	struct chq_contact *list = calloc(m->n_contact + 1, sizeof(*list));

	if (!list)
		return CHQ_ENOMEM;
	for (size_t i = 0; i < m->n_contact; i++)
		chq_contact_of(&list[i], m->contact[i]);
	free(c->answers.found);
	c->answers.found = list;
	c->answers.n_found = m->n_contact;
	c->answers.found_next = m->next_cursor;
	return CHQ_OK;
}

static void
search_reply(struct chq_client *c, int err, const Chasqui__Response *r, uint64_t arg)
{
	struct chq_event ev = { .type = CHQ_EV_SEARCH, .err = error_of(err, r) };
	Chasqui__SearchPage *m;

	(void)arg;
	ev.retry_after_s = r ? r->retry_after_s : 0;
	if (!ev.err) {
		m = (Chasqui__SearchPage *)chq_reply_body(c, r, &chasqui__search_page__descriptor);
		ev.err = m ? take_found(c, m) : CHQ_EMALFORMED;
		if (m)
			chasqui__search_page__free_unpacked(m, NULL);
	}
	chq_client_event(c, &ev);
}

int
chq_client_search(struct chq_client *c, const char *query, uint32_t department, uint64_t cursor)
{
	Chasqui__SearchRequest q = CHASQUI__SEARCH_REQUEST__INIT;

	q.query = text(query);
	q.department = department;
	q.cursor = cursor;
	return ask(c, CHASQUI__METHOD__METHOD_SEARCH, &q.base, search_reply, 0);
}

size_t
chq_client_found(const struct chq_client *c, const struct chq_contact **out, uint64_t *next)
{
	*out = c->answers.found;
	*next = c->answers.found_next;
	return c->answers.n_found;
}

/* --- departments --- */

static int
take_departments(struct chq_client *c, const Chasqui__DepartmentsPage *m)
{
	struct chq_department *list = calloc(m->n_department + 1, sizeof(*list));

	if (!list)
		return CHQ_ENOMEM;
	for (size_t i = 0; i < m->n_department; i++) {
		list[i].id = m->department[i]->id;
		list[i].parent = m->department[i]->parent;
		snprintf(list[i].name, sizeof(list[i].name), "%s", m->department[i]->name);
	}
	free(c->answers.department);
	c->answers.department = list;
	c->answers.n_departments = m->n_department;
	c->answers.departments_next = m->next_cursor;
	return CHQ_OK;
}

static void
departments_reply(struct chq_client *c, int err, const Chasqui__Response *r, uint64_t arg)
{
	struct chq_event ev = { .type = CHQ_EV_DEPARTMENTS, .err = error_of(err, r) };
	Chasqui__DepartmentsPage *m;

	(void)arg;
	if (!ev.err) {
		m = (Chasqui__DepartmentsPage *)chq_reply_body(
			c, r, &chasqui__departments_page__descriptor);
		ev.err = m ? take_departments(c, m) : CHQ_EMALFORMED;
		if (m)
			chasqui__departments_page__free_unpacked(m, NULL);
	}
	chq_client_event(c, &ev);
}

int
chq_client_fetch_departments(struct chq_client *c, uint64_t cursor)
{
	Chasqui__DepartmentsRequest q = CHASQUI__DEPARTMENTS_REQUEST__INIT;

	q.cursor = cursor;
	return ask(c, CHASQUI__METHOD__METHOD_DEPARTMENTS, &q.base, departments_reply, 0);
}

size_t
chq_client_departments(const struct chq_client *c, const struct chq_department **out,
		       uint64_t *next)
{
	*out = c->answers.department;
	*next = c->answers.departments_next;
	return c->answers.n_departments;
}

/* --- profile --- */

static void
take_profile(struct chq_profile *p, const Chasqui__Profile *m)
{
	memset(p, 0, sizeof(*p));
	p->account = m->account;
	snprintf(p->login, sizeof(p->login), "%s", m->login);
	snprintf(p->name, sizeof(p->name), "%s", m->display_name);
	snprintf(p->title, sizeof(p->title), "%s", m->title);
	snprintf(p->phone, sizeof(p->phone), "%s", m->phone);
	snprintf(p->mail, sizeof(p->mail), "%s", m->mail);
	snprintf(p->avatar, sizeof(p->avatar), "%s", m->avatar);
	snprintf(p->number, sizeof(p->number), "%s", m->number);
}

static void
profile_reply(struct chq_client *c, int err, const Chasqui__Response *r, uint64_t account)
{
	struct chq_event ev = { .type = CHQ_EV_PROFILE, .account = account };
	Chasqui__Profile *m = NULL;

	ev.err = error_of(err, r);
	if (!ev.err) {
		m = (Chasqui__Profile *)chq_reply_body(c, r, &chasqui__profile__descriptor);
		ev.err = m ? CHQ_OK : CHQ_EMALFORMED;
	}
	if (m) {
		take_profile(&c->answers.profile, m);
		chasqui__profile__free_unpacked(m, NULL);
	}
	chq_client_event(c, &ev);
}

int
chq_client_fetch_profile(struct chq_client *c, uint64_t account)
{
	Chasqui__ProfileRequest q = CHASQUI__PROFILE_REQUEST__INIT;

	q.account = account;
	return ask(c, CHASQUI__METHOD__METHOD_PROFILE_GET, &q.base, profile_reply, account);
}

const struct chq_profile *
chq_client_profile(const struct chq_client *c)
{
	return &c->answers.profile;
}

int
chq_client_set_profile(struct chq_client *c, const struct chq_profile *p, unsigned set)
{
	Chasqui__Profile q = CHASQUI__PROFILE__INIT;

	q.display_name = text(p->name);
	q.title = text(p->title);
	q.phone = text(p->phone);
	q.mail = text(p->mail);
	q.avatar = text(p->avatar);
	q.set = set;
	return ask(c, CHASQUI__METHOD__METHOD_PROFILE_SET, &q.base, done, CHQ_EV_PROFILE_SET);
}

/* --- status --- */

void
chq_status_send(struct chq_client *c)
{
	Chasqui__StatusSet q = CHASQUI__STATUS_SET__INIT;

	q.status = (Chasqui__Status)c->answers.status;
	(void)chq_request_send(c, CHASQUI__METHOD__METHOD_STATUS_SET, &q.base, TIMEOUT_MS, done,
			       CHQ_EV_STATUS_SET);
}

int
chq_client_set_status(struct chq_client *c, enum chq_presence status)
{
	if (status < CHQ_PRESENCE_ONLINE || status > CHQ_PRESENCE_INVISIBLE)
		return CHQ_EINVAL;
	chq_client_now(c);
	c->answers.status = status;
	if (chq_online(c))
		chq_status_send(c);
	return CHQ_OK;
}

/* --- friends --- */

static void
friend_reply(struct chq_client *c, int err, const Chasqui__Response *r, uint64_t arg)
{
	struct chq_event ev = { .type = CHQ_EV_FRIEND, .err = error_of(err, r) };
	Chasqui__FriendReply *m = NULL;

	(void)arg;
	if (!ev.err)
		m = (Chasqui__FriendReply *)chq_reply_body(c, r,
							   &chasqui__friend_reply__descriptor);
	if (m) {
		ev.account = m->account;
		chasqui__friend_reply__free_unpacked(m, NULL);
		chq_contacts_refresh(c, false);
	} else if (!ev.err) {
		ev.err = CHQ_EMALFORMED;
	}
	chq_client_event(c, &ev);
}

int
chq_client_friend(struct chq_client *c, enum chq_friend_act act, uint64_t account,
		  const char *login)
{
	static const Chasqui__Method methods[] = {
		[CHQ_FRIEND_ASK] = CHASQUI__METHOD__METHOD_FRIEND_REQUEST,
		[CHQ_FRIEND_CONFIRM] = CHASQUI__METHOD__METHOD_FRIEND_CONFIRM,
		[CHQ_FRIEND_REMOVE] = CHASQUI__METHOD__METHOD_FRIEND_REMOVE,
	};
	Chasqui__FriendRequest q = CHASQUI__FRIEND_REQUEST__INIT;

	if (account)
		q.account = account;
	else
		q.login = text(login);
	return ask(c, methods[act], &q.base, friend_reply, 0);
}

/* --- members of groups --- */

static int
take_members(struct chq_client *c, const Chasqui__GroupMembersPage *m)
{
	struct chq_member *list = calloc(m->n_member + 1, sizeof(*list));

	if (!list)
		return CHQ_ENOMEM;
	for (size_t i = 0; i < m->n_member; i++) {
		const Chasqui__GroupMember *from = m->member[i];

		list[i].account = from->account;
		list[i].rights = from->rights;
		snprintf(list[i].login, sizeof(list[i].login), "%s", from->login);
		snprintf(list[i].name, sizeof(list[i].name), "%s", from->display_name);
	}
	free(c->answers.member);
	c->answers.member = list;
	c->answers.n_members = m->n_member;
	c->answers.members_next = m->next_cursor;
	return CHQ_OK;
}

static void
members_reply(struct chq_client *c, int err, const Chasqui__Response *r, uint64_t group)
{
	struct chq_event ev = { .type = CHQ_EV_MEMBERS, .err = error_of(err, r) };
	Chasqui__GroupMembersPage *m;

	ev.group = (uint32_t)group;
	if (!ev.err) {
		m = (Chasqui__GroupMembersPage *)chq_reply_body(
			c, r, &chasqui__group_members_page__descriptor);
		ev.err = m ? take_members(c, m) : CHQ_EMALFORMED;
		if (m)
			chasqui__group_members_page__free_unpacked(m, NULL);
	}
	chq_client_event(c, &ev);
}

int
chq_client_fetch_members(struct chq_client *c, uint32_t group, uint64_t cursor)
{
	Chasqui__GroupMembersRequest q = CHASQUI__GROUP_MEMBERS_REQUEST__INIT;

	q.group = group;
	q.cursor = cursor;
	return ask(c, CHASQUI__METHOD__METHOD_GROUP_MEMBERS, &q.base, members_reply, group);
}

size_t
chq_client_members(const struct chq_client *c, const struct chq_member **out, uint64_t *next)
{
	*out = c->answers.member;
	*next = c->answers.members_next;
	return c->answers.n_members;
}

static void
group_changed(struct chq_client *c, int err, const Chasqui__Response *r, uint64_t group)
{
	struct chq_event ev = { .type = CHQ_EV_GROUP_CHANGED, .err = error_of(err, r) };

	ev.group = (uint32_t)group;
	chq_client_event(c, &ev);
}

int
chq_client_change_group(struct chq_client *c, uint32_t group, enum chq_group_act act,
			uint64_t account, uint32_t rights, const char *name)
{
	static const Chasqui__GroupAct acts[] = {
		[CHQ_GROUP_ACT_ADD] = CHASQUI__GROUP_ACT__GROUP_ADD,
		[CHQ_GROUP_ACT_REMOVE] = CHASQUI__GROUP_ACT__GROUP_REMOVE,
		[CHQ_GROUP_ACT_RIGHTS] = CHASQUI__GROUP_ACT__GROUP_RIGHTS,
		[CHQ_GROUP_ACT_NAME] = CHASQUI__GROUP_ACT__GROUP_NAME,
	};
	Chasqui__GroupChange q = CHASQUI__GROUP_CHANGE__INIT;

	q.group = group;
	q.act = acts[act];
	q.account = account;
	q.rights = rights;
	q.name = text(name);
	return ask(c, CHASQUI__METHOD__METHOD_GROUP_CHANGE, &q.base, group_changed, group);
}

/* --- applications --- */

static int
take_apps(struct chq_client *c, const Chasqui__AppsPage *m, uint64_t cursor)
{
	size_t before = cursor ? c->answers.n_apps : 0;
	struct chq_app *list = realloc(c->answers.app, (before + m->n_app + 1) * sizeof(*list));

	if (!list)
		return CHQ_ENOMEM;
	c->answers.app = list;
	for (size_t i = 0; i < m->n_app; i++) {
		const Chasqui__App *a = m->app[i];
		struct chq_app *to = &list[before + i];

		*to = (struct chq_app){ .id = (uint16_t)a->id,
					.store = a->store,
					.p2p = a->p2p,
					.inspected = a->inspected,
					.may_post = a->may_post };
		snprintf(to->name, sizeof(to->name), "%s", a->name);
	}
	c->answers.n_apps = before + m->n_app;
	return CHQ_OK;
}

static void apps_reply(struct chq_client *c, int err, const Chasqui__Response *r, uint64_t cursor);

static int
ask_apps(struct chq_client *c, uint32_t cursor)
{
	Chasqui__AppsRequest q = CHASQUI__APPS_REQUEST__INIT;

	q.cursor = cursor;
	return chq_request_send(c, CHASQUI__METHOD__METHOD_APPS, &q.base, TIMEOUT_MS, apps_reply,
				cursor);
}

static void
apps_reply(struct chq_client *c, int err, const Chasqui__Response *r, uint64_t cursor)
{
	struct chq_event ev = { .type = CHQ_EV_APPS, .err = error_of(err, r) };
	Chasqui__AppsPage *m = NULL;
	uint32_t next = 0;

	if (!ev.err) {
		m = (Chasqui__AppsPage *)chq_reply_body(c, r, &chasqui__apps_page__descriptor);
		ev.err = m ? take_apps(c, m, cursor) : CHQ_EMALFORMED;
	}
	if (m) {
		next = m->next_cursor > cursor ? m->next_cursor : 0;
		chasqui__apps_page__free_unpacked(m, NULL);
	}
	if (!ev.err && next)
		ev.err = ask_apps(c, next);
	if (ev.err || !next)
		chq_client_event(c, &ev);
}

int
chq_client_fetch_apps(struct chq_client *c)
{
	chq_client_now(c);
	return ask_apps(c, 0);
}

size_t
chq_client_apps(const struct chq_client *c, const struct chq_app **out)
{
	*out = c->answers.app;
	return c->answers.n_apps;
}

void
chq_answers_free(struct chq_client *c)
{
	free(c->answers.found);
	free(c->answers.department);
	free(c->answers.app);
	free(c->answers.member);
}
