#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "control/group_priv.h"
#include "proto/siphash.h"
#include "store/dept.h"

/* Which groups an account takes part in, since when, and with which rights: from what the store says now. */

struct finding {
	struct store_txn *t;
	struct group_mine *out;
	size_t n;
	uint32_t only; /* 0: all */
};

static void
mine_put(struct finding *f, const struct store_group *g, uint8_t rights, uint64_t since_ms)
{
	for (size_t i = 0; i < f->n; i++) {
		struct group_mine *m = &f->out[i];

		if (m->g.id != g->id)
			continue;
		m->rights |= rights;
		if (since_ms < m->since_ms)
			m->since_ms = since_ms;
		return;
	}
	if (f->n < GROUPS_OF_MAX)
		f->out[f->n++] = (struct group_mine){ *g, rights, since_ms };
}

static uint64_t
later(uint64_t a, uint64_t b)
{
	return a > b ? a : b;
}

/* The group of a department that he is in, and those above it that include it. */
static int
mine_of_role(struct finding *f, const struct store_member *role)
{
	uint64_t since_ms = role->since_ms;
	uint32_t dept = role->dept;

	for (unsigned depth = 0; dept != 0; depth++) {
		struct store_group g;
		struct store_dept d;
		int rc = depth <= STORE_DEPTH_MAX ? store_group_get(f->t, dept, &g) : CHQ_ECORRUPT;

		if (rc)
			return rc;
		if ((depth == 0 || g.subdepts) && !g.off && (!f->only || f->only == dept))
			mine_put(f, &g,
				 depth == 0 && role->manager ? g.member_rights | g.manager_rights
							     : g.member_rights,
				 depth == 0 ? since_ms : later(since_ms, g.subdepts_ms));
		since_ms = later(since_ms, g.placed_ms);
		rc = store_dept_get(f->t, dept, &d);
		if (rc)
			return rc;
		dept = d.parent;
	}
	return CHQ_OK;
}

static int
mine_of_depts(struct finding *f, uint64_t account)
{
	struct store_member roles[STORE_ROLES_MAX];
	size_t n;
	int rc = store_member_roles(f->t, account, roles, &n);

	for (size_t i = 0; i < n && !rc; i++)
		rc = mine_of_role(f, &roles[i]);
	return rc == CHQ_ENOENT ? CHQ_ECORRUPT : rc;
}

static int
mine_by_hand(struct finding *f, const struct store_group_member *m)
{
	struct store_group g;
	int rc = store_group_get(f->t, m->group, &g);

	if (!rc)
		mine_put(f, &g, m->rights, m->since_ms);
	return rc == CHQ_ENOENT ? CHQ_ECORRUPT : rc;
}

static int
by_number(const void *a, const void *b)
{
	uint32_t x = ((const struct group_mine *)a)->g.id, y = ((const struct group_mine *)b)->g.id;

	return (x > y) - (x < y);
}

int
group_mine(const struct control *ctl, struct store_txn *t, uint64_t account, struct group_mine *out,
	   size_t *n)
{
	struct store_group_member hand[STORE_GROUP_OF_MAX];
	struct finding f = { .t = t, .out = out };
	size_t n_hand;
	int rc = store_group_member_of(t, account, hand, &n_hand);

	for (size_t i = 0; i < n_hand && !rc; i++)
		rc = mine_by_hand(&f, &hand[i]);
	if (!rc && ctl->conf->groups.departments)
		rc = mine_of_depts(&f, account);
	qsort(out, f.n, sizeof(*out), by_number);
	*n = f.n;
	return rc;
}

int
group_mine_one(const struct control *ctl, struct store_txn *t, uint64_t account, uint32_t group,
	       struct group_mine *out)
{
	struct finding f = { .t = t, .out = out, .only = group };
	struct store_group_member m;
	int rc;

	if (store_group_by_hand(group)) {
		rc = store_group_member_get(t, group, account, &m);
		return rc ? rc : mine_by_hand(&f, &m);
	}
	if (group == 0 || !ctl->conf->groups.departments)
		return CHQ_ENOENT;
	rc = mine_of_depts(&f, account);
	return !rc && f.n == 0 ? CHQ_ENOENT : rc;
}

uint64_t
group_mine_version(struct store_txn *t, uint64_t account, const struct group_mine *mine, size_t n)
{
	static const struct chq_sipkey key = { 0x67726f757073, 0x76657273696f6e };
	uint64_t v = chq_siphash_words2(&key, account, n);

	for (size_t i = 0; i < n; i++) {
		const struct store_group *g = &mine[i].g;
		char title[STORE_PATH_MAX_BYTES + 1] = "";

		(void)store_group_title(t, g, title, sizeof(title));
		v = chq_siphash_words2(&key, v, (uint64_t)g->id << 32 | g->epoch);
		v = chq_siphash_words2(&key, v, mine[i].rights);
		for (size_t at = 0, len = strlen(title); at < len; at += 8) {
			uint64_t w = 0;

			memcpy(&w, title + at, len - at < 8 ? len - at : 8);
			v = chq_siphash_words2(&key, v, w);
		}
	}
	return v ? v : 1;
}

int
group_mine_served(const struct control *ctl, struct store_txn *t, const struct group_mine *m,
		  uint64_t account, uint8_t device, uint32_t *after)
{
	uint32_t history = m->g.history == STORE_GROUP_HISTORY_CONF ? ctl->conf->groups.history
								    : m->g.history;
	uint64_t now_ms = chq_wall_ms(), old_ms;
	uint32_t floor;
	int rc = store_group_cursor_get(t, m->g.id, account, device, after);

	/* A new device of a member is given what the others were. */
	if (!rc)
		rc = store_group_floor(t, &m->g, m->since_ms, history, &floor);
	if (rc)
		return rc;
	*after = *after > floor ? *after : floor;
	old_ms = now_ms > ctl->conf->groups.keep_ms ? now_ms - ctl->conf->groups.keep_ms : 0;
	rc = store_group_floor(t, &m->g, old_ms, 0, &floor);
	*after = *after > floor ? *after : floor;
	return rc;
}
