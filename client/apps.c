/*
 * Messages go to the handler of their application. What has none is kept in the home, for a newer client
 * that has one: it is never given to the application as text.
 */

#include <stdlib.h>
#include <string.h>

#include <sodium.h>

#include "base/bytes.h"
#include "base/err.h"
#include "client/client.h"

#define FILE_NAME "kept"
#define FILE_HEAD "chasqui-kept 1\n"
#define HEAD_LEN  15

/* A record: app (2), device (1), own (1), account (8), message (8), group (4), order (4), length (4), bytes. */
#define RECORD_LEN 32

static size_t
record_len(const uint8_t *at, size_t left)
{
	size_t len;

	if (left < RECORD_LEN)
		return 0;
	len = chq_get_le32(at + 28);
	return len <= CHQ_MESSAGE_MAX && left - RECORD_LEN >= len ? RECORD_LEN + len : 0;
}

int
chq_apps_load(struct chq_client *c)
{
	struct chq_apps *a = &c->apps;
	uint8_t *data;
	size_t len, n;
	int err = chq_home_read(&c->home, FILE_NAME, &data, &len);

	if (err)
		return err == CHQ_ENOENT ? CHQ_OK : err;
	err = len >= HEAD_LEN && memcmp(data, FILE_HEAD, HEAD_LEN) == 0 ? CHQ_OK : CHQ_ECORRUPT;
	for (size_t at = HEAD_LEN; !err && at < len; at += n) {
		n = record_len(data + at, len - at);
		err = n ? CHQ_OK : CHQ_ECORRUPT;
		a->kept_count += n > 0;
	}
	if (err) {
		free(data);
		a->kept_count = 0;
		return err;
	}
	a->kept = data;
	a->kept_len = len;
	return CHQ_OK;
}

void
chq_apps_free(struct chq_client *c)
{
	free(c->apps.kept);
	c->apps.kept = NULL;
}

/* Return: 0; CHQ_EFULL; CHQ_ENOMEM; errors of chq_home_write(): then it is not kept. */
static int
keep(struct chq_client *c, const struct chq_event *ev)
{
	struct chq_apps *a = &c->apps;
	size_t before = a->kept_len ? a->kept_len : HEAD_LEN, len = before + RECORD_LEN + ev->len;
	uint8_t *data, *at;
	int err;

	if (len > CHQ_KEPT_MAX)
		return CHQ_EFULL;
	data = realloc(a->kept, len);
	if (!data)
		return CHQ_ENOMEM;
	a->kept = data;
	memcpy(data, FILE_HEAD, HEAD_LEN);
	at = data + before;
	chq_put_le16(at, ev->app);
	at[2] = ev->device;
	at[3] = ev->own;
	chq_put_le64(at + 4, ev->account);
	chq_put_le64(at + 12, ev->message);
	chq_put_le32(at + 20, 0);
	chq_put_le32(at + 24, 0);
	chq_put_le32(at + 28, (uint32_t)ev->len);
	memcpy(at + RECORD_LEN, ev->data, ev->len);
	err = chq_home_write(&c->home, FILE_NAME, data, len);
	if (err)
		return err;
	a->kept_len = len;
	a->kept_count++;
	return CHQ_OK;
}

static struct chq_app_handler *
handler_of(struct chq_client *c, uint16_t app)
{
	for (unsigned i = 0; i < c->apps.n; i++)
		if (c->apps.handler[i].app == app)
			return &c->apps.handler[i];
	return NULL;
}

bool
chq_apps_dispatch(struct chq_client *c, struct chq_event *ev)
{
	const struct chq_app_handler *h = handler_of(c, ev->app);

	if (h && h->fn) {
		h->fn(h->arg, ev);
		return true;
	}
	if (h || ev->app == 0)
		return false;
	ev->type = CHQ_EV_APP_UNKNOWN;
	ev->err = keep(c, ev);
	ev->data = NULL;
	return false;
}

/* Hand over what was kept for @h, oldest first, and forget it. */
static int
hand_over(struct chq_client *c, const struct chq_app_handler *h)
{
	struct chq_apps *a = &c->apps;
	size_t to = HEAD_LEN, n;
	int left = 0;

	for (size_t at = HEAD_LEN; at < a->kept_len; at += n) {
		uint8_t *r = a->kept + at;
		struct chq_event ev = { .type = CHQ_EV_MESSAGE, .app = chq_get_le16(r) };

		n = record_len(r, a->kept_len - at);
		if (ev.app == h->app) {
			ev.device = r[2];
			ev.own = r[3];
			ev.account = chq_get_le64(r + 4);
			ev.message = chq_get_le64(r + 12);
			ev.data = r + RECORD_LEN;
			ev.len = n - RECORD_LEN;
			h->fn(h->arg, &ev);
			continue;
		}
		memmove(a->kept + to, r, n);
		to += n;
		left++;
	}
	if (to == a->kept_len || a->kept_len == 0)
		return CHQ_OK;
	a->kept_len = to;
	a->kept_count = left;
	return chq_home_write(&c->home, FILE_NAME, a->kept, to);
}

int
chq_client_on_app(struct chq_client *c, uint16_t app, chq_app_fn *fn, void *arg)
{
	struct chq_app_handler *h = handler_of(c, app);

	if (!h && c->apps.n == CHQ_APP_HANDLERS_MAX)
		return CHQ_EFULL;
	if (!h)
		h = &c->apps.handler[c->apps.n++];
	*h = (struct chq_app_handler){ .app = app, .fn = fn, .arg = arg };
	return fn ? hand_over(c, h) : CHQ_OK;
}

size_t
chq_client_kept(const struct chq_client *c)
{
	return (size_t)c->apps.kept_count;
}
