/*
 * bench/load: accounts with enrolled device keys, made through the operators' socket like any other.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <jansson.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/err.h"
#include "base/hex.h"
#include "bench/load/load.h"

struct ctl {
	FILE *in, *out;
};

static int
ctl_open(struct ctl *c, const char *path)
{
	struct sockaddr_un sun = { .sun_family = AF_UNIX };
	int fd;

	if (strlen(path) >= sizeof(sun.sun_path))
		return CHQ_ENAMETOOLONG;
	memcpy(sun.sun_path, path, strlen(path) + 1);
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return -errno;
	if (connect(fd, (struct sockaddr *)&sun, sizeof(sun)) < 0) {
		int err = -errno;

		close(fd);
		return err;
	}
	c->in = fdopen(fd, "r");
	c->out = fdopen(dup(fd), "w");
	return c->in && c->out ? 0 : CHQ_ENOMEM;
}

static void
ctl_close(struct ctl *c)
{
	if (c->in)
		fclose(c->in);
	if (c->out)
		fclose(c->out);
}

/* One verb; NULL when it was refused (said on stderr). The answer's data, a new reference. */
static json_t *
ctl_call(struct ctl *c, json_t *request)
{
	char *line = NULL;
	size_t cap = 0;
	json_t *answer = NULL, *data = NULL;

	json_dumpf(request, c->out, JSON_COMPACT);
	fputc('\n', c->out);
	json_decref(request);
	if (fflush(c->out) == 0 && getline(&line, &cap, c->in) > 0)
		answer = json_loads(line, 0, NULL);
	if (answer && json_is_true(json_object_get(answer, "ok")))
		data = json_incref(json_object_get(answer, "data"));
	else
		fprintf(stderr, "chasqui-load: control answered: %s", line ? line : "nothing\n");
	json_decref(answer);
	free(line);
	return data;
}

static int
user_add(struct ctl *c, unsigned i, FILE *accounts)
{
	char login[32], hex_public[CHQ_HEX_LEN(32) + 1], hex_secret[CHQ_HEX_LEN(32) + 1];
	struct chq_keypair kp;
	json_t *data;
	uint64_t id;

	snprintf(login, sizeof(login), "load%05u", i);
	chq_x25519_keypair(&kp);
	chq_hex_encode(hex_public, kp.public, sizeof(kp.public));
	chq_hex_encode(hex_secret, kp.secret, sizeof(kp.secret));
	sodium_memzero(&kp, sizeof(kp));
	data = ctl_call(c, json_pack("{s:s, s:s, s:[s], s:{s:s}}", "noun", "user", "verb", "add",
				     "args", login, "opts", "device-key", hex_public));
	id = (uint64_t)json_integer_value(json_object_get(data, "account"));
	if (id)
		fprintf(accounts, "%" PRIu64 " %s\n", id, hex_secret);
	sodium_memzero(hex_secret, sizeof(hex_secret));
	json_decref(data);
	return id ? 0 : CHQ_EINVAL;
}

static int
befriend(struct ctl *c, unsigned i)
{
	char a[32], b[32];
	json_t *data;

	snprintf(a, sizeof(a), "load%05u", i);
	snprintf(b, sizeof(b), "load%05u", i + 1);
	data = ctl_call(c, json_pack("{s:s, s:s, s:[s, s]}", "noun", "friend", "verb", "request",
				     "args", a, b));
	if (!data)
		return CHQ_EINVAL;
	json_decref(data);
	data = ctl_call(c, json_pack("{s:s, s:s, s:[s, s]}", "noun", "friend", "verb", "confirm",
				     "args", b, a));
	if (!data)
		return CHQ_EINVAL;
	json_decref(data);
	return 0;
}

int
load_prepare(const struct load_opts *o)
{
	struct ctl c = { 0 };
	char path[4096];
	FILE *accounts;
	int fd, rc;

	if (mkdir(o->dir, 0700) < 0 && errno != EEXIST)
		return -errno;
	snprintf(path, sizeof(path), "%s/accounts", o->dir);
	fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	if (fd < 0)
		return -errno;
	accounts = fdopen(fd, "w");
	rc = ctl_open(&c, o->control);
	for (unsigned i = 0; rc == 0 && i < o->sessions; i++)
		rc = user_add(&c, i, accounts);
	for (unsigned i = 0; rc == 0 && i + 1 < o->sessions; i += 2)
		rc = befriend(&c, i);
	ctl_close(&c);
	if (fclose(accounts) != 0 && rc == 0)
		rc = -errno;
	return rc;
}
