#include "control/app.h"

#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/err.h"
#include "base/log.h"
#include "control/control.h"
#include "control/push.h"
#include "store/app.h"
#include "store/reader.h"

enum {
	PAGE_APPS = 64,
	PAGE_BYTES = CHQ_HOP_BODY_MAX - 40, /* what a response and its header leave to the body */
	TOLD_A_TICK = 1000,
};

struct apps {
	struct store_app *app; /* by rising number */
	size_t n;
	uint64_t version;
	unsigned to_tell; /* sessions that may not know of the last change */
	uint8_t policy[CHQ_POLICY_MAX];
	size_t policy_len;
	struct chq_policy signed_apps;
};

/* --- the registry --- */

static int
apps_read(struct store_txn *txn, struct store_app **out, size_t *n, uint64_t *version)
{
	size_t room = 0;
	uint32_t from = 0;
	int rc = store_apps_version(txn, version);

	*out = NULL;
	*n = 0;
	while (rc == 0) {
		if (*n == room) {
			struct store_app *more;

			room = room ? 2 * room : 8;
			more = realloc(*out, room * sizeof(**out));
			if (!more)
				return CHQ_ENOMEM;
			*out = more;
		}
		rc = store_app_next(txn, from, &(*out)[*n]);
		if (rc == 0)
			from = (*out)[(*n)++].id + 1u;
	}
	return rc == CHQ_ENOENT ? CHQ_OK : rc;
}

static int
apps_load(struct control *ctl)
{
	struct store_app *app = NULL;
	struct store_txn *txn;
	uint64_t version = 0;
	size_t n = 0;
	int rc = store_read_begin(ctl->reader, &txn);

	if (rc)
		return rc;
	rc = apps_read(txn, &app, &n, &version);
	store_read_end(ctl->reader);
	if (rc) {
		free(app);
		return rc;
	}
	free(ctl->apps->app);
	ctl->apps->app = app;
	ctl->apps->n = n;
	ctl->apps->version = version;
	return CHQ_OK;
}

int
apps_open(struct control *ctl)
{
	struct chq_policy policy;
	int rc;

	ctl->apps = calloc(1, sizeof(*ctl->apps));
	if (!ctl->apps)
		return CHQ_ENOMEM;
	rc = apps_load(ctl);
	if (rc) {
		apps_close(ctl);
		return rc;
	}
	rc = apps_policy_read(ctl, &policy);
	if (rc && rc != CHQ_ENOENT)
		CHQ_LOG_ERROR("policy-refused", "file=%s/policy why=%s", ctl->conf->paths.keys,
			      CHQ_Q(chq_strerror(rc)));
	return CHQ_OK;
}

void
apps_close(struct control *ctl)
{
	if (ctl->apps)
		free(ctl->apps->app);
	free(ctl->apps);
	ctl->apps = NULL;
}

const struct store_app *
app_find(const struct control *ctl, uint16_t app)
{
	for (size_t i = 0; i < ctl->apps->n; i++)
		if (ctl->apps->app[i].id == app)
			return &ctl->apps->app[i];
	return NULL;
}

bool
app_may_store(const struct control *ctl, uint16_t app)
{
	const struct store_app *a = app_find(ctl, app);

	return !a || a->store;
}

bool
app_may_p2p(const struct control *ctl, uint16_t app)
{
	const struct store_app *a = app_find(ctl, app);

	return !a || a->p2p;
}

int
app_may_post(struct control *ctl, uint16_t app, uint64_t account)
{
	const struct store_app *a = app_find(ctl, app);
	struct store_txn *txn;
	int rc;

	if (!a || a->post == STORE_APP_POST_ALL)
		return CHQ_OK;
	rc = store_read_begin(ctl->reader, &txn);
	if (rc)
		return rc;
	rc = store_app_poster(txn, a, account);
	store_read_end(ctl->reader);
	return rc;
}

/* --- the signed list --- */

bool
app_is_signed(const struct control *ctl, uint16_t app)
{
	return ctl->apps->policy_len && chq_policy_inspects(&ctl->apps->signed_apps, app);
}

const uint8_t *
apps_policy(const struct control *ctl, size_t *len)
{
	*len = ctl->apps->policy_len;
	return ctl->apps->policy;
}

static int
policy_file(const struct control *ctl, uint8_t *out, size_t *len)
{
	char path[PATH_MAX];
	ssize_t n;
	int fd;

	snprintf(path, sizeof(path), "%s/policy", ctl->conf->paths.keys);
	fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
	if (fd < 0)
		return chq_errno();
	n = read(fd, out, CHQ_POLICY_MAX + 1);
	close(fd);
	if (n < 0)
		return chq_errno();
	*len = (size_t)n;
	return CHQ_OK;
}

int
apps_policy_read(struct control *ctl, struct chq_policy *policy)
{
	uint8_t bytes[CHQ_POLICY_MAX + 1];
	struct apps *a = ctl->apps;
	size_t len;
	int rc = policy_file(ctl, bytes, &len);

	if (rc)
		return rc;
	rc = chq_policy_parse(bytes, len, ctl->keys.cert.org_key, policy);
	if (rc)
		return rc == CHQ_ECRYPTO ? CHQ_EUNTRUSTED : rc;
	if (a->policy_len && policy->version < a->signed_apps.version)
		return CHQ_ESTALE;
	memcpy(a->policy, bytes, len);
	a->policy_len = len;
	a->signed_apps = *policy;
	return CHQ_OK;
}

/* --- clients --- */

int
apps_changed(struct control *ctl)
{
	int rc = apps_load(ctl);

	ctl->apps->to_tell = ctl->sessions.used;
	return rc;
}

/* Sessions change places meanwhile: whoever was looked at goes to the end, as new ones do, who ask by themselves. */
void
apps_tick(struct control *ctl)
{
	struct chq_list *all = &ctl->sessions.all;

	for (int i = 0; i < TOLD_A_TICK && ctl->apps->to_tell && !chq_list_empty(all); i++) {
		struct session *s = CHQ_LIST_ENTRY(all->next, struct session, of_all);

		ctl->apps->to_tell--;
		chq_list_del(&s->of_all);
		chq_list_add_tail(all, &s->of_all);
		if (s->state == SESSION_OPEN)
			push_apps_changed(ctl, s, ctl->apps->version);
	}
}

struct page {
	Chasqui__AppsPage msg;
	Chasqui__App app[PAGE_APPS], *apps[PAGE_APPS];
};

static int
page_app(struct control *ctl, Chasqui__App *out, struct store_app *a, uint64_t account)
{
	int rc = app_may_post(ctl, a->id, account);

	if (rc && rc != CHQ_EDENIED)
		return rc;
	chasqui__app__init(out);
	out->id = a->id;
	out->name = a->name;
	out->store = a->store;
	out->p2p = a->p2p;
	out->inspected = a->inspected && app_is_signed(ctl, a->id);
	out->may_post = rc == CHQ_OK;
	return CHQ_OK;
}

static int
page_make(struct control *ctl, struct page *p, const Chasqui__AppsRequest *m, uint64_t account)
{
	const struct apps *a = ctl->apps;

	chasqui__apps_page__init(&p->msg);
	p->msg.app = p->apps;
	p->msg.version = a->version;
	p->msg.unchanged = m->cursor == 0 && m->version == a->version;
	for (size_t i = 0; i < a->n && !p->msg.unchanged; i++) {
		size_t n = p->msg.n_app;
		int rc;

		if (a->app[i].id < m->cursor)
			continue;
		p->msg.next_cursor = a->app[i].id;
		if (n == PAGE_APPS)
			return CHQ_OK;
		rc = page_app(ctl, &p->app[n], &a->app[i], account);
		if (rc)
			return rc;
		p->apps[n] = &p->app[n];
		p->msg.n_app = n + 1;
		if (n && chasqui__apps_page__get_packed_size(&p->msg) > PAGE_BYTES) {
			p->msg.n_app = n;
			return CHQ_OK;
		}
	}
	p->msg.next_cursor = 0;
	return CHQ_OK;
}

void
apps_request(struct control *ctl, struct session *s, const struct request *r)
{
	struct page p;
	int rc = page_make(ctl, &p, (const Chasqui__AppsRequest *)r->body, s->account);

	if (rc)
		request_fail(ctl, s, r->id, rc);
	else
		request_answer(ctl, s, r->id, CHASQUI__CODE__OK, 0, &p.msg.base);
}
