#include "control/keys.h"

#include <fcntl.h>
#include <limits.h>
#include <sodium.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/array.h"
#include "base/err.h"
#include "proto/policy.h"

/* The daemon reads all but the first. */
static const char *const key_files[] = { "org.key", "server.key", "grants.key", "server.cert" };

static int
keys_fail(struct keys_error *err, int rc, const char *dir, const char *name, const char *why)
{
	snprintf(err->text, sizeof(err->text), "%s/%s: %s", dir, name, why);
	return rc;
}

/* Return: a descriptor of a regular file of exactly @len bytes; codes of control_keys_load(). */
static int
key_open(const char *dir, const char *name, size_t len, bool secret, struct keys_error *err)
{
	char path[PATH_MAX];
	struct stat st;
	int fd, rc;

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
	if (fd < 0) {
		rc = chq_errno();
		return keys_fail(err, rc, dir, name, chq_strerror(rc));
	}
	if (fstat(fd, &st) != 0 || !S_ISREG(st.st_mode) || st.st_size != (off_t)len)
		rc = keys_fail(err, CHQ_EMALFORMED, dir, name, "is no key file of ours");
	else if (secret && (st.st_mode & (S_IRWXG | S_IRWXO)))
		rc = keys_fail(err, CHQ_EACCES, dir, name,
			       "group or others have access to it; make it chmod 600");
	else
		return fd;
	close(fd);
	return rc;
}

static int
key_read(const char *dir, const char *name, void *out, size_t len, bool secret,
	 struct keys_error *err)
{
	int fd = key_open(dir, name, len, secret, err);
	ssize_t n;

	if (fd < 0)
		return fd;
	n = read(fd, out, len);
	close(fd);
	if (n != (ssize_t)len)
		return keys_fail(err, CHQ_EIO, dir, name, "cannot be read");
	return CHQ_OK;
}

static int
keys_check(const struct control_keys *k, const char *dir, uint32_t server_id,
	   struct keys_error *err)
{
	if (memcmp(k->cert.server_key, k->server.public, sizeof(k->cert.server_key)) != 0)
		return keys_fail(err, CHQ_EUNTRUSTED, dir, "server.cert",
				 "is not for the key in server.key");
	if (k->cert.server_id != server_id)
		return keys_fail(err, CHQ_EUNTRUSTED, dir, "server.cert",
				 "is for a server of another server.id");
	return CHQ_OK;
}

int
control_keys_load(struct control_keys *k, const char *dir, uint32_t server_id,
		  struct keys_error *err)
{
	uint8_t secret[CHQ_X25519_BYTES];
	int rc;

	memset(k, 0, sizeof(*k));
	rc = key_read(dir, "server.key", secret, sizeof(secret), true, err);
	if (rc)
		return rc;
	chq_x25519_from_secret(&k->server, secret);
	sodium_memzero(secret, sizeof(secret));
	rc = key_read(dir, "grants.key", k->grants, sizeof(k->grants), true, err);
	if (rc)
		goto fail;
	rc = key_read(dir, "server.cert", k->cert_bytes, sizeof(k->cert_bytes), false, err);
	if (rc)
		goto fail;
	rc = chq_server_cert_parse(k->cert_bytes, sizeof(k->cert_bytes), &k->cert);
	if (rc) {
		rc = keys_fail(err, CHQ_EUNTRUSTED, dir, "server.cert",
			       "is not signed by its organisation");
		goto fail;
	}
	rc = keys_check(k, dir, server_id, err);
	if (rc)
		goto fail;
	return CHQ_OK;

fail:
	control_keys_wipe(k);
	return rc;
}

void
control_keys_wipe(struct control_keys *k)
{
	sodium_memzero(k, sizeof(*k));
}

static int
key_write(const char *dir, const char *name, const void *bytes, size_t len, mode_t mode,
	  struct keys_error *err)
{
	char path[PATH_MAX];
	int fd, rc = CHQ_OK;

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, mode);
	if (fd < 0) {
		rc = chq_errno();
		return keys_fail(err, rc, dir, name, chq_strerror(rc));
	}
	/* The file's mode is not left to the umask. */
	if (fchmod(fd, mode) != 0 || write(fd, bytes, len) != (ssize_t)len || fsync(fd) != 0)
		rc = chq_errno();
	if (close(fd) != 0 && !rc)
		rc = chq_errno();
	if (!rc)
		return CHQ_OK;
	unlink(path);
	return keys_fail(err, rc, dir, name, chq_strerror(rc));
}

/* Return: 0 if none of the files is there; CHQ_EEXIST. */
static int
keys_absent(const char *dir, struct keys_error *err)
{
	char path[PATH_MAX];

	for (size_t i = 0; i < ARRAY_LEN(key_files); i++) {
		struct stat st;

		snprintf(path, sizeof(path), "%s/%s", dir, key_files[i]);
		if (lstat(path, &st) == 0)
			return keys_fail(err, CHQ_EEXIST, dir, key_files[i],
					 "is there already; nothing was changed");
	}
	return CHQ_OK;
}

void
control_keys_remove(const char *dir)
{
	char path[PATH_MAX];

	for (size_t i = 0; i < ARRAY_LEN(key_files); i++) {
		snprintf(path, sizeof(path), "%s/%s", dir, key_files[i]);
		unlink(path);
	}
}

int
control_keys_give(const char *dir, uid_t uid, gid_t gid)
{
	char path[PATH_MAX];

	for (size_t i = 1; i < ARRAY_LEN(key_files); i++) {
		snprintf(path, sizeof(path), "%s/%s", dir, key_files[i]);
		if (lchown(path, uid, gid) != 0)
			return chq_errno();
	}
	/* Last: whoever has the folder can change what is in it. */
	return lchown(dir, uid, gid) ? chq_errno() : CHQ_OK;
}

static int
keys_write(const char *dir, const struct chq_signkey *org, const struct control_keys *k,
	   struct keys_error *err)
{
	int rc;

	rc = key_write(dir, "org.key", org->seed, sizeof(org->seed), 0600, err);
	if (rc)
		return rc;
	rc = key_write(dir, "server.key", k->server.secret, sizeof(k->server.secret), 0600, err);
	if (!rc)
		rc = key_write(dir, "grants.key", k->grants, sizeof(k->grants), 0600, err);
	if (!rc)
		rc = key_write(dir, "server.cert", k->cert_bytes, sizeof(k->cert_bytes), 0644, err);
	if (rc)
		control_keys_remove(dir);
	return rc;
}

int
control_keys_make(const char *dir, uint32_t server_id, uint64_t not_before_ms,
		  uint64_t not_after_ms, uint8_t org_public[32], struct keys_error *err)
{
	struct control_keys k = { .cert = { .server_id = server_id,
					    .not_before_ms = not_before_ms,
					    .not_after_ms = not_after_ms } };
	uint8_t org_secret[crypto_sign_SECRETKEYBYTES];
	struct chq_signkey org;
	int rc;

	rc = keys_absent(dir, err);
	if (rc)
		return rc;
	chq_ed25519_keypair(&org);
	chq_x25519_keypair(&k.server);
	randombytes_buf(k.grants, sizeof(k.grants));
	memcpy(k.cert.org_key, org.public, sizeof(k.cert.org_key));
	memcpy(k.cert.server_key, k.server.public, sizeof(k.cert.server_key));
	memcpy(org_secret, org.seed, sizeof(org.seed));
	memcpy(org_secret + sizeof(org.seed), org.public, sizeof(org.public));
	chq_server_cert_sign(&k.cert, org_secret);
	chq_server_cert_build(k.cert_bytes, &k.cert);
	memcpy(org_public, org.public, sizeof(org.public));
	rc = keys_write(dir, &org, &k, err);
	sodium_memzero(org_secret, sizeof(org_secret));
	sodium_memzero(&org, sizeof(org));
	control_keys_wipe(&k);
	return rc;
}

/* The version of the list that is there, 0 without one. */
static uint64_t
policy_version(const char *dir, const uint8_t org[32])
{
	uint8_t bytes[CHQ_POLICY_MAX + 1];
	struct chq_policy before;
	char path[PATH_MAX];
	ssize_t n = -1;
	int fd;

	snprintf(path, sizeof(path), "%s/policy", dir);
	fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
	if (fd >= 0) {
		n = read(fd, bytes, sizeof(bytes));
		close(fd);
	}
	return n > 0 && chq_policy_parse(bytes, (size_t)n, org, &before) == CHQ_OK ? before.version
										   : 0;
}

static int
app_order(const void *a, const void *b)
{
	return *(const uint16_t *)a - *(const uint16_t *)b;
}

/* Whole or not at all. */
static int
policy_write(const char *dir, const uint8_t *bytes, size_t len, struct keys_error *err)
{
	char now[PATH_MAX], next[PATH_MAX];
	int rc;

	snprintf(now, sizeof(now), "%s/policy", dir);
	snprintf(next, sizeof(next), "%s/policy.new", dir);
	unlink(next);
	rc = key_write(dir, "policy.new", bytes, len, 0644, err);
	if (!rc && rename(next, now) != 0) {
		rc = chq_errno();
		unlink(next);
		return keys_fail(err, rc, dir, "policy", chq_strerror(rc));
	}
	return rc;
}

int
control_keys_sign_policy(const char *dir, const uint16_t *apps, unsigned n, uint64_t wall_ms,
			 struct keys_error *err)
{
	struct chq_policy policy = { .version = wall_ms, .count = (uint16_t)n };
	uint8_t seed[CHQ_ED25519_SEED_BYTES], bytes[CHQ_POLICY_MAX];
	struct chq_signkey org;
	int rc;

	if (n > CHQ_POLICY_APPS_MAX)
		return keys_fail(err, CHQ_EINVAL, dir, "policy", "too many applications");
	rc = key_read(dir, "org.key", seed, sizeof(seed), true, err);
	if (rc)
		return rc;
	chq_ed25519_from_seed(&org, seed);
	sodium_memzero(seed, sizeof(seed));
	if (n)
		memcpy(policy.app, apps, n * sizeof(*apps));
	qsort(policy.app, n, sizeof(policy.app[0]), app_order);
	if (policy.version <= policy_version(dir, org.public))
		policy.version = policy_version(dir, org.public) + 1;
	rc = chq_policy_build(&policy, &org, bytes, sizeof(bytes));
	sodium_memzero(&org, sizeof(org));
	if (rc < 0)
		return keys_fail(err, CHQ_EINVAL, dir, "policy", "an application is named twice");
	return policy_write(dir, bytes, (size_t)rc, err);
}
