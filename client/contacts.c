/* The contact list: fetched page by page into a new map, which then replaces the present one. */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/err.h"
#include "client/client.h"

#define TIMEOUT_MS	 30000
#define AGAIN_MS	 30000
#define REFRESH_MS	 UINT64_C(86400000) /* the grants of the list are renewed in time */
#define RENEW_DAYS	 7
#define RENEW_REPLY_DAYS 4 /* what we hand on is to be of use for some days */
#define RESTARTS_MAX	 5
#define PAGES_MAX	 131072 /* a server that goes on for ever lies */

static void
map_free(struct chq_map *m)
{
	struct chq_contact *k;

	CHQ_MAP_FOREACH(k, m)
		free(k);
	chq_map_deinit(m);
	chq_map_init(m);
}

void
chq_contacts_free(struct chq_client *c)
{
	map_free(&c->contacts.now);
	map_free(&c->contacts.coming);
}

static void page(struct chq_client *c, int err, const Chasqui__Response *r, uint64_t cursor);

static void
ask(struct chq_client *c, uint64_t cursor)
{
	Chasqui__ContactsRequest q = CHASQUI__CONTACTS_REQUEST__INIT;

	q.version = c->contacts.version;
	q.cursor = cursor;
	q.deltas = true;
	c->contacts.under_way = chq_request_send(c, CHASQUI__METHOD__METHOD_CONTACTS, &q.base,
						 TIMEOUT_MS, page, cursor) == CHQ_OK;
	c->contacts.refreshed_ms = c->now_ms;
}

static bool
grants_grow_old(const struct chq_client *c)
{
	uint64_t today = chq_day_of(c->wall_ms);
	struct chq_contact *k;

	CHQ_MAP_FOREACH(k, &c->contacts.now)
		if ((k->grant && k->grant >> 48 < today + RENEW_DAYS) ||
		    (k->reply_grant && k->reply_grant >> 48 < today + RENEW_REPLY_DAYS))
			return true;
	return false;
}

void
chq_contacts_refresh(struct chq_client *c, bool whole)
{
	if (whole || grants_grow_old(c))
		c->contacts.version = 0;
	if (c->contacts.under_way) {
		c->contacts.again = true;
		return;
	}
	c->contacts.restarts = 0;
	c->contacts.pages = 0;
	map_free(&c->contacts.coming);
	ask(c, 0);
}

static int
presence_of(int status)
{
	return status >= CHQ_PRESENCE_UNKNOWN && status <= CHQ_PRESENCE_BUSY ? status
									     : CHQ_PRESENCE_UNKNOWN;
}

void
chq_contact_of(struct chq_contact *k, const Chasqui__Contact *m)
{
	k->account = m->account;
	snprintf(k->login, sizeof(k->login), "%s", m->login);
	snprintf(k->name, sizeof(k->name), "%s", m->display_name);
	snprintf(k->title, sizeof(k->title), "%s", m->title);
	k->relation = (int)m->relation >= CHQ_REL_NONE && (int)m->relation <= CHQ_REL_ASKS_ME
			      ? (enum chq_relation)m->relation
			      : CHQ_REL_NONE;
	k->presence = (enum chq_presence)presence_of((int)m->status);
	k->grant = m->grant;
	k->reply_grant = m->reply_grant;
	k->devices_version = m->devices_version;
	k->rights = m->rights;
}

/* In a delta it takes the place of the one that is there, or takes that away. */
static int
add(struct chq_client *c, const Chasqui__Contact *m, bool delta)
{
	struct chq_map *coming = &c->contacts.coming;
	struct chq_contact *k;

	if (m->account == 0 || m->account > CHQ_ID_MASK)
		return CHQ_EMALFORMED;
	k = chq_map_get_u64(coming, m->account);
	if (m->removed) {
		if (k && delta)
			free(chq_map_del_u64(coming, m->account));
		return CHQ_OK;
	}
	if (k) {
		if (delta) /* else it is named twice */
			chq_contact_of(k, m);
		return CHQ_OK;
	}
	if (coming->count >= CHQ_CONTACTS_MAX)
		return CHQ_EMALFORMED;
	k = calloc(1, sizeof(*k));
	if (!k)
		return CHQ_ENOMEM;
	chq_contact_of(k, m);
	if (chq_map_put_u64(coming, k->account, k) < 0) {
		free(k);
		return CHQ_ENOMEM;
	}
	return CHQ_OK;
}

/* What a delta is applied to: a copy, as it may end in the middle. Return: false without memory. */
static bool
begin_delta(struct chq_client *c)
{
	const struct chq_contact *k;

	CHQ_MAP_FOREACH(k, &c->contacts.now) {
		struct chq_contact *copy = malloc(sizeof(*copy));

		if (copy)
			*copy = *k;
		if (!copy || chq_map_put_u64(&c->contacts.coming, k->account, copy) < 0) {
			free(copy);
			c->no_memory = true;
			return false;
		}
	}
	return true;
}

/* Whose list of devices is newer than the one that we have? */
static void
look_for_new_devices(struct chq_client *c)
{
	CHQ_LIST_FOREACH(it, &c->peers.all) {
		struct chq_peer *p = CHQ_LIST_ENTRY(it, struct chq_peer, node);
		const struct chq_contact *k = chq_client_contact(c, p->account);

		if (k && p->have_keys && k->devices_version > p->list_version)
			chq_peer_refresh(c, p, 1000);
	}
}

static void
complete(struct chq_client *c)
{
	struct chq_map before = c->contacts.now;

	c->contacts.now = c->contacts.coming;
	chq_map_init(&c->contacts.coming);
	map_free(&before);
	c->contacts.version = c->contacts.coming_version;
	c->contacts.known = true;
	chq_peer_names(c);
	look_for_new_devices(c);
	chq_client_event(c, &(struct chq_event){ .type = CHQ_EV_CONTACTS });
}

static void
end(struct chq_client *c)
{
	c->contacts.under_way = false;
	map_free(&c->contacts.coming);
	if (c->contacts.again) {
		c->contacts.again = false;
		chq_contacts_refresh(c, false);
	}
}

static bool
more(const Chasqui__ContactsPage *m, uint64_t cursor)
{
	return m->next_cursor != 0 && m->next_cursor != cursor;
}

static void
take_page(struct chq_client *c, const Chasqui__ContactsPage *m, uint64_t cursor)
{
	if (m->unchanged && c->contacts.known && cursor == 0) {
		end(c);
		return;
	}
	/* The list changed between two pages: begin again, but not for ever. */
	if (cursor && m->version != c->contacts.coming_version &&
	    c->contacts.restarts++ < RESTARTS_MAX) {
		map_free(&c->contacts.coming);
		ask(c, 0);
		return;
	}
	if (m->delta && cursor == 0 && (!c->contacts.known || !begin_delta(c))) {
		map_free(&c->contacts.coming);
		c->contacts.version = 0; /* whole, next time */
		c->contacts.again = true;
		end(c);
		return;
	}
	c->contacts.coming_version = m->version;
	for (size_t i = 0; i < m->n_contact; i++)
		if (add(c, m->contact[i], m->delta) < 0)
			chq_count(c, CHQ_STAT_DROP_CONTROL);
	if (more(m, cursor) && c->contacts.pages++ < PAGES_MAX) {
		ask(c, m->next_cursor);
		return;
	}
	complete(c);
	end(c);
}

static void
page(struct chq_client *c, int err, const Chasqui__Response *r, uint64_t cursor)
{
	Chasqui__ContactsPage *m = NULL;

	if (!err && r->code == CHASQUI__CODE__OK)
		m = (Chasqui__ContactsPage *)chq_reply_body(c, r,
							    &chasqui__contacts_page__descriptor);
	if (!m) {
		c->contacts.again = false;
		end(c);
		return;
	}
	take_page(c, m, cursor);
	chasqui__contacts_page__free_unpacked(m, NULL);
}

void
chq_contacts_presence(struct chq_client *c, uint64_t account, int status)
{
	struct chq_contact *k = chq_map_get_u64(&c->contacts.now, account);
	struct chq_contact *read = chq_map_get_u64(&c->contacts.coming, account);
	struct chq_event ev = { .type = CHQ_EV_PRESENCE, .account = account };

	ev.presence = (enum chq_presence)presence_of(status);
	if (read) /* his page of the list under way is older than this */
		read->presence = ev.presence;
	if (!k) {
		chq_contacts_refresh(c, false);
		return;
	}
	if (k->presence == ev.presence)
		return;
	k->presence = ev.presence;
	chq_client_event(c, &ev);
}

uint64_t
chq_contacts_run(struct chq_client *c)
{
	uint64_t due = c->contacts.refreshed_ms + (c->contacts.known ? REFRESH_MS : AGAIN_MS);

	if (!chq_online(c) || c->contacts.under_way)
		return CHQ_NEVER;
	if (c->now_ms < due)
		return due;
	chq_contacts_refresh(c, false);
	return CHQ_NEVER;
}

const struct chq_contact *
chq_client_contact(const struct chq_client *c, uint64_t account)
{
	return chq_map_get_u64(&c->contacts.now, account);
}

const struct chq_contact *
chq_client_contact_by_login(const struct chq_client *c, const char *login)
{
	const struct chq_contact *k;

	CHQ_MAP_FOREACH(k, &c->contacts.now)
		if (strcmp(k->login, login) == 0)
			return k;
	return NULL;
}

static int
by_login(const void *a, const void *b)
{
	return strcmp(((const struct chq_contact *)a)->login,
		      ((const struct chq_contact *)b)->login);
}

ssize_t
chq_client_contacts(const struct chq_client *c, struct chq_contact **out)
{
	size_t n = c->contacts.now.count, i = 0;
	const struct chq_contact *k;

	*out = NULL;
	if (n == 0)
		return 0;
	*out = malloc(n * sizeof(**out));
	if (!*out)
		return CHQ_ENOMEM;
	CHQ_MAP_FOREACH(k, &c->contacts.now)
		(*out)[i++] = *k;
	qsort(*out, n, sizeof(**out), by_login);
	return (ssize_t)n;
}
