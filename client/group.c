/* Groups: their list, their keys, and the names of who is in them. */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <sodium.h>

#include "base/clock.h"
#include "base/err.h"
#include "client/client.h"

#define TIMEOUT_MS 30000
#define AGAIN_MS   15000
#define REFRESH_MS UINT64_C(86400000) /* grants are renewed in time */

struct chq_group_state *
chq_group_find(const struct chq_client *c, uint32_t id)
{
	return chq_map_get_u64(&c->groups.by_id, id);
}

struct chq_group_state *
chq_group_get(struct chq_client *c, uint32_t id)
{
	struct chq_group_state *g = chq_group_find(c, id);

	if (g || c->groups.by_id.count >= CHQ_GROUPS_MAX)
		return g;
	g = calloc(1, sizeof(*g));
	if (!g || chq_map_put_u64(&c->groups.by_id, id, g) < 0) {
		free(g);
		c->no_memory = true;
		return NULL;
	}
	g->pub.id = id;
	chq_list_init(&g->held);
	chq_list_init(&g->parts);
	return g;
}

static void
group_free(struct chq_client *c, struct chq_group_state *g)
{
	chq_map_del_u64(&c->groups.by_id, g->pub.id);
	chq_group_forget(g);
	sodium_memzero(g, sizeof(*g));
	free(g);
}

void
chq_groups_init(struct chq_client *c)
{
	chq_map_init(&c->groups.by_id);
	chq_map_init(&c->groups.names);
	chq_list_init(&c->groups.out);
}

void
chq_groups_free(struct chq_client *c)
{
	struct chq_group_state *g;
	struct chq_group_name *n;

	CHQ_MAP_FOREACH(g, &c->groups.by_id) {
		chq_group_forget(g);
		sodium_memzero(g, sizeof(*g));
		free(g);
	}
	CHQ_MAP_FOREACH(n, &c->groups.names)
		free(n);
	chq_map_deinit(&c->groups.by_id);
	chq_map_deinit(&c->groups.names);
}

/* --- the list --- */

static void page(struct chq_client *c, int err, const Chasqui__Response *r, uint64_t cursor);

static void
ask(struct chq_client *c, uint64_t cursor, uint64_t version)
{
	Chasqui__GroupsRequest q = CHASQUI__GROUPS_REQUEST__INIT;

	q.cursor = cursor;
	q.version = version;
	c->groups.under_way = chq_request_send(c, CHASQUI__METHOD__METHOD_GROUPS, &q.base,
					       TIMEOUT_MS, page, cursor) == CHQ_OK;
	c->groups.refreshed_ms = c->now_ms;
}

void
chq_groups_refresh(struct chq_client *c)
{
	struct chq_group_state *g;

	if (c->groups.under_way) {
		c->groups.again = true;
		return;
	}
	CHQ_MAP_FOREACH(g, &c->groups.by_id)
		g->coming = false;
	/* What has no place in a version, such as grants and positions, is wanted too. */
	ask(c, 0, 0);
}

static void
take_group(struct chq_client *c, const Chasqui__Group *m)
{
	struct chq_group_state *g = chq_group_get(c, m->id);

	if (!g)
		return;
	g->coming = true;
	snprintf(g->pub.name, sizeof(g->pub.name), "%s", m->name);
	g->pub.department = m->department;
	g->pub.rights = m->rights;
	g->pub.grant = m->grant;
	g->pub.epoch = m->epoch;
	g->pub.members = m->members;
	g->pub.order = m->order;
	if (g->positioned && m->served <= g->shown)
		return;
	/* What lies before it will not come. */
	g->gap |= g->positioned;
	g->positioned = true;
	g->shown = m->served;
	if (g->pending == 0)
		g->handled = g->shown;
}

static void
complete(struct chq_client *c)
{
	struct chq_group_state *g, *gone[64];
	size_t n = 0;

	c->groups.known = true;
	c->groups.version = c->groups.coming_version;
	CHQ_MAP_FOREACH(g, &c->groups.by_id) {
		g->listed = g->coming;
		if (!g->listed && !g->asking_key && !g->asking_members && n < 64)
			gone[n++] = g;
	}
	while (n > 0)
		group_free(c, gone[--n]);
	CHQ_MAP_FOREACH(g, &c->groups.by_id)
		chq_group_drain(c, g);
	chq_group_out_listed(c);
	chq_client_event(c, &(struct chq_event){ .type = CHQ_EV_GROUPS });
	chq_client_wake(c);
}

static void
end(struct chq_client *c)
{
	c->groups.under_way = false;
	if (!c->groups.again)
		return;
	c->groups.again = false;
	chq_groups_refresh(c);
}

static void
page(struct chq_client *c, int err, const Chasqui__Response *r, uint64_t cursor)
{
	Chasqui__GroupsPage *m = NULL;

	if (!err && r->code == CHASQUI__CODE__OK)
		m = (Chasqui__GroupsPage *)chq_reply_body(c, r, &chasqui__groups_page__descriptor);
	if (m && cursor && m->version != c->groups.coming_version)
		c->groups.again = true; /* it changed between two pages */
	if (m) {
		c->groups.coming_version = m->version;
		for (size_t i = 0; i < m->n_group; i++)
			take_group(c, m->group[i]);
	}
	if (m && m->next_cursor > cursor)
		ask(c, m->next_cursor, 0);
	else if (m)
		complete(c);
	if (!m || m->next_cursor <= cursor)
		end(c);
	if (m)
		chasqui__groups_page__free_unpacked(m, NULL);
}

/* --- keys --- */

static void
key_reply(struct chq_client *c, int err, const Chasqui__Response *r, uint64_t id)
{
	struct chq_group_state *g = chq_group_find(c, (uint32_t)id);
	Chasqui__GroupKeyReply *m = NULL;

	if (!g)
		return;
	g->asking_key = false;
	if (!err && r->code == CHASQUI__CODE__OK)
		m = (Chasqui__GroupKeyReply *)chq_reply_body(c, r,
							     &chasqui__group_key_reply__descriptor);
	else if (!err)
		chq_groups_refresh(c); /* we are not in it any more */
	if (m && m->key.len == CHQ_GROUP_KEY_BYTES && m->epoch) {
		struct chq_group_epoch *k = &g->key[g->key_next++ % CHQ_GROUP_KEYS_KEPT];

		k->epoch = m->epoch;
		memcpy(k->key, m->key.data, sizeof(k->key));
	}
	if (m) {
		sodium_memzero(m->key.data, m->key.len);
		chasqui__group_key_reply__free_unpacked(m, NULL);
	}
	chq_group_drain(c, g);
	chq_client_wake(c);
}

const uint8_t *
chq_group_epoch(struct chq_client *c, struct chq_group_state *g, uint32_t epoch)
{
	Chasqui__GroupKeyRequest q = CHASQUI__GROUP_KEY_REQUEST__INIT;

	for (unsigned i = 0; i < CHQ_GROUP_KEYS_KEPT; i++)
		if (epoch && g->key[i].epoch == epoch)
			return g->key[i].key;
	if (g->asking_key || !epoch || !chq_online(c))
		return NULL;
	q.group = g->pub.id;
	q.epoch = epoch;
	g->asking_key = chq_request_send(c, CHASQUI__METHOD__METHOD_GROUP_KEY, &q.base, TIMEOUT_MS,
					 key_reply, g->pub.id) == CHQ_OK;
	return NULL;
}

/* --- names --- */

static void names_page(struct chq_client *c, int err, const Chasqui__Response *r, uint64_t id);

static void
names_ask(struct chq_client *c, struct chq_group_state *g, uint64_t cursor)
{
	Chasqui__GroupMembersRequest q = CHASQUI__GROUP_MEMBERS_REQUEST__INIT;

	q.group = g->pub.id;
	q.cursor = cursor;
	g->asking_members = chq_request_send(c, CHASQUI__METHOD__METHOD_GROUP_MEMBERS, &q.base,
					     TIMEOUT_MS, names_page, g->pub.id) == CHQ_OK;
}

static void
name_put(struct chq_client *c, const Chasqui__GroupMember *m)
{
	struct chq_group_name *n = chq_map_get_u64(&c->groups.names, m->account);

	if (!n) {
		n = calloc(1, sizeof(*n));
		if (!n || chq_map_put_u64(&c->groups.names, m->account, n) < 0) {
			free(n);
			return;
		}
	}
	n->account = m->account;
	snprintf(n->login, sizeof(n->login), "%s", m->login);
	snprintf(n->name, sizeof(n->name), "%s", m->display_name);
}

static void
names_page(struct chq_client *c, int err, const Chasqui__Response *r, uint64_t id)
{
	struct chq_group_state *g = chq_group_find(c, (uint32_t)id);
	Chasqui__GroupMembersPage *m = NULL;
	uint64_t next = 0;

	if (!g)
		return;
	g->asking_members = false;
	if (!err && r->code == CHASQUI__CODE__OK)
		m = (Chasqui__GroupMembersPage *)chq_reply_body(
			c, r, &chasqui__group_members_page__descriptor);
	for (size_t i = 0; m && i < m->n_member; i++)
		name_put(c, m->member[i]);
	if (m) {
		next = m->next_cursor;
		chasqui__group_members_page__free_unpacked(m, NULL);
	}
	if (next && !chq_map_get_u64(&c->groups.names, g->members_for))
		names_ask(c, g, next);
	g->members_tried = !g->asking_members;
	chq_group_drain(c, g);
	chq_client_wake(c);
}

bool
chq_group_name_wait(struct chq_client *c, struct chq_group_state *g, uint64_t account)
{
	if (account == c->id.account || chq_client_contact(c, account) ||
	    chq_map_get_u64(&c->groups.names, account))
		return false;
	if (g->members_tried && g->members_for == account) /* he may have left since */
		return false;
	if (!g->asking_members) {
		/* By rising account, but for groups that include departments below. */
		g->members_for = account;
		g->members_tried = false;
		names_ask(c, g, 0);
	}
	return g->asking_members;
}

const char *
chq_client_group_login(const struct chq_client *c, uint64_t account)
{
	const struct chq_group_name *n = chq_map_get_u64(&c->groups.names, account);

	return n ? n->login : NULL;
}

/* --- what is due --- */

static bool
grants_grow_old(const struct chq_client *c)
{
	uint64_t today = chq_day_of(c->wall_ms);
	const struct chq_group_state *g;

	CHQ_MAP_FOREACH(g, &c->groups.by_id)
		if (g->listed && g->pub.grant >> 48 < today + 7)
			return true;
	return false;
}

uint64_t
chq_groups_run(struct chq_client *c)
{
	uint64_t due = c->groups.refreshed_ms + (c->groups.known ? REFRESH_MS : AGAIN_MS);

	if (!chq_online(c))
		return CHQ_NEVER;
	if (!c->groups.under_way &&
	    (c->groups.refreshed_ms == 0 || c->now_ms >= due ||
	     (grants_grow_old(c) && c->now_ms >= c->groups.refreshed_ms + AGAIN_MS))) {
		chq_groups_refresh(c);
		due = c->now_ms + REFRESH_MS;
	}
	due = chq_min64(due, chq_group_receive_run(c));
	return chq_min64(due, chq_group_send_run(c));
}

/* --- for the application --- */

bool
chq_client_groups_known(const struct chq_client *c)
{
	return c->groups.known;
}

static int
by_name(const void *a, const void *b)
{
	return strcmp(((const struct chq_group *)a)->name, ((const struct chq_group *)b)->name);
}

ssize_t
chq_client_groups(const struct chq_client *c, struct chq_group **out)
{
	size_t most = c->groups.by_id.count, n = 0;
	const struct chq_group_state *g;

	*out = NULL;
	if (most == 0)
		return 0;
	*out = malloc(most * sizeof(**out));
	if (!*out)
		return CHQ_ENOMEM;
	CHQ_MAP_FOREACH(g, &c->groups.by_id)
		if (g->listed)
			(*out)[n++] = g->pub;
	qsort(*out, n, sizeof(**out), by_name);
	return (ssize_t)n;
}

const struct chq_group *
chq_client_group(const struct chq_client *c, uint32_t id)
{
	const struct chq_group_state *g = chq_group_find(c, id);

	return g && g->pub.name[0] ? &g->pub : NULL;
}

const struct chq_group *
chq_client_group_by_name(const struct chq_client *c, const char *name)
{
	const struct chq_group_state *g;

	CHQ_MAP_FOREACH(g, &c->groups.by_id)
		if (g->listed && strcmp(g->pub.name, name) == 0)
			return &g->pub;
	return NULL;
}
