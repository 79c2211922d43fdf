/*
 * What clients and the dataplane can make chasqui-control do. A whole daemon runs in this process with
 * no dataplane connected. The input's first byte says what the others are: 0 the body of a frame to
 * the server from a session that is logged in, 1 from one before login (its login key is all zero), 2
 * a message of the dataplane but for its header's length, 3 a line on the operators' socket.
 */
#include <event2/event.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/log.h"
#include "control/control.h"
#include "control/dp.h"
#include "control/life.h"
#include "control/request.h"
#include "proto/aead.h"
#include "store/account.h"
#include "store/friend.h"
#include "store/writer.h"
#include "tests/fuzz/fuzz.h"

enum { KIND_OPEN, KIND_PRELOGIN, KIND_DATAPLANE, KIND_OPERATOR, KIND__COUNT };

static char dir[] = "/tmp/chq-fuzz-XXXXXX";
static struct chq_site_conf conf;
static struct event_base *base;
static struct control ctl;

static int
remove_one(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
	(void)st;
	(void)type;
	(void)ftw;
	return remove(path);
}

static void
daemon_end(void)
{
	control_stop(&ctl);
	event_base_free(base);
	chq_site_conf_free(&conf);
	nftw(dir, remove_one, 8, FTW_DEPTH | FTW_PHYS);
}

/* Accounts 1 and 2 are friends. */
static int
people(struct store_txn *txn, void *arg)
{
	struct store_account_new a = { .login = "alice", .now_ms = 1 };
	struct store_account_new b = { .login = "bob", .now_ms = 1 };
	enum store_friend_asked outcome;
	uint64_t id;

	(void)arg;
	return store_account_add(txn, &a, &id) || store_account_add(txn, &b, &id) ||
	       store_friend_ask(txn, 1, 2, 1, &outcome) || store_friend_confirm(txn, 2, 1, 1);
}

static void
daemon_begin(void)
{
	struct chq_conf_error why;
	struct control_error err;
	struct keys_error key_why;
	char text[512], keys[64];
	uint8_t org[32];
	int n;

	chq_log_set_level(CHQ_LEVEL_ERROR);
	if (chq_crypto_init() != 0 || !mkdtemp(dir))
		abort();
	n = snprintf(text, sizeof(text),
		     "paths: {store: %s/store, keys: %s/keys, run: %s}\n"
		     "control: {socket: %s/ctl, group: \"\"}\n"
		     "passwords: {memory: 8MiB, passes: 1}\n",
		     dir, dir, dir, dir);
	snprintf(keys, sizeof(keys), "%s/keys", dir);
	base = event_base_new();
	if (mkdir(keys, 0700) != 0 || !base ||
	    chq_conf_parse(&chq_site_schema, "fuzz", text, (size_t)n, &conf, &why) != 0 ||
	    control_keys_make(keys, 1, 0, UINT64_MAX, org, &key_why) != 0 ||
	    control_start(&ctl, base, &conf, NULL, &err) != 0 ||
	    store_write_sync(ctl.store, people, NULL) != 0)
		abort();
	atexit(daemon_end);
}

static struct session *
session_make(uint32_t slot, bool open)
{
	struct session *s = session_add(&ctl.sessions, (struct chq_dp_ref){ .slot = slot });

	if (!s)
		abort();
	if (!open) {
		s->login = calloc(1, sizeof(*s->login));
		return s;
	}
	if (session_bind(&ctl.sessions, s, 1, 1) != 0)
		abort();
	s->state = SESSION_OPEN;
	return s;
}

static void
feed_request(const uint8_t *data, size_t len, bool open)
{
	union {
		struct chq_dp_server_rx m;
		uint8_t bytes[CHQ_DP_MSG_MAX];
	} u = { .m = { .ref = { .slot = 1 } } };

	if (len > CHQ_HOP_BODY_MAX)
		return;
	session_make(1, open);
	u.m.body_len = (uint16_t)len;
	if (len)
		memcpy(u.bytes + sizeof(u.m), data, len);
	request_frame(&ctl, &u.m);
}

static void
feed_dataplane(const uint8_t *data, size_t len)
{
	union {
		struct chq_dp_hdr h;
		uint8_t bytes[CHQ_DP_MSG_MAX];
	} u = { 0 };
	int type;

	if (len < sizeof(u.h) || len > sizeof(u.bytes))
		return;
	memcpy(u.bytes, data, len);
	u.h.len = (uint16_t)len;
	type = chq_dp_check(&u, len);
	if (type < CHQ_DP_INFO)
		return; /* the link drops who sends such */
	session_make(1, true);
	dp_ops.message(&ctl, type, &u);
}

static void
feed_operator(const uint8_t *data, size_t len)
{
	struct sockaddr_un un = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0);

	snprintf(un.sun_path, sizeof(un.sun_path), "%s/ctl", dir);
	if (fd < 0 || connect(fd, (const struct sockaddr *)&un, sizeof(un)) != 0)
		abort();
	if (send(fd, data, len, MSG_NOSIGNAL) > 0)
		event_base_loop(base, EVLOOP_NONBLOCK);
	event_base_loop(base, EVLOOP_NONBLOCK);
	close(fd);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	if (!base)
		daemon_begin();
	if (len == 0)
		return 0;
	switch (data[0] % KIND__COUNT) {
	case KIND_OPEN: feed_request(data + 1, len - 1, true); break;
	case KIND_PRELOGIN: feed_request(data + 1, len - 1, false); break;
	case KIND_DATAPLANE: feed_dataplane(data + 1, len - 1); break;
	default: feed_operator(data + 1, len - 1);
	}
	CHQ_LIST_FOREACH_SAFE(it, after, &ctl.sessions.all)
		life_ended(&ctl, CHQ_LIST_ENTRY(it, struct session, of_all));
	event_base_loop(base, EVLOOP_NONBLOCK);
	return 0;
}
