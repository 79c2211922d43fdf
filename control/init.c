#include "control/init.h"

#include <dirent.h>
#include <fcntl.h>
#include <pwd.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/err.h"
#include "control/keys.h"
#include "control/store_open.h"
#include "proto/aead.h"
#include "proto/hello.h"
#include "store/store.h"

static int __attribute__((format(printf, 3, 4)))
init_fail(struct control_error *err, int rc, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(err->text, sizeof(err->text), fmt, ap);
	va_end(ap);
	return rc;
}

/* The settings that differ from the defaults, as a file of their own would say them. */
static int
init_conf(const struct init_options *opt, struct chq_site_conf *conf, struct control_error *err)
{
	bool v6 = strchr(opt->host, ':') && opt->host[0] != '[';
	struct chq_conf_error why;
	char text[8192];
	int n, rc;

	n = snprintf(text, sizeof(text),
		     "server: {id: %u}\n"
		     "listen: [\"[::]:%u\"]\n"
		     "public: [\"%s%s%s:%u\"]\n"
		     "paths: {store: \"%s/store\", keys: \"%s/keys\", run: \"%s\"}\n"
		     "dataplane: {bpffs: \"%s/bpf\"}\n"
		     "control: {socket: \"%s/control.sock\"}\n",
		     opt->server_id, opt->port, v6 ? "[" : "", opt->host, v6 ? "]" : "", opt->port,
		     opt->state, opt->state, opt->run, opt->run, opt->run);
	if (n < 0 || (size_t)n >= sizeof(text))
		return init_fail(err, CHQ_EINVAL, "an option is too long");
	rc = chq_conf_parse(&chq_site_schema, "options", text, (size_t)n, conf, &why);
	return rc ? init_fail(err, rc, "%s", why.text) : CHQ_OK;
}

/* Make a folder and those above it; one that is there is left as it is. */
static int
init_folder(const char *path, mode_t mode, struct control_error *err)
{
	char part[PATH_MAX];
	size_t len = strlen(path);

	if (len >= sizeof(part))
		return init_fail(err, CHQ_ENAMETOOLONG, "%s: too long", path);
	memcpy(part, path, len + 1);
	for (char *at = strchr(part + 1, '/'); at; at = strchr(at + 1, '/')) {
		*at = '\0';
		if (mkdir(part, 0755) != 0 && errno != EEXIST)
			return init_fail(err, chq_errno(), "%s: %s", part,
					 chq_strerror(chq_errno()));
		*at = '/';
	}
	if (mkdir(part, mode) != 0 && errno != EEXIST)
		return init_fail(err, chq_errno(), "%s: %s", part, chq_strerror(chq_errno()));
	return CHQ_OK;
}

static int
init_folders(const struct init_options *opt, const struct chq_site_conf *conf,
	     struct control_error *err)
{
	char etc[PATH_MAX];
	char *slash;
	int rc = CHQ_OK;

	snprintf(etc, sizeof(etc), "%s", opt->config);
	slash = strrchr(etc, '/');
	if (slash && slash != etc) {
		*slash = '\0';
		rc = init_folder(etc, 0755, err);
	}
	if (!rc)
		rc = init_folder(conf->paths.keys, 0700, err);
	if (!rc)
		rc = init_folder(conf->paths.store, 0700, err);
	if (!rc)
		rc = init_folder(conf->paths.run, 0755, err);
	return rc;
}

/* Is the folder absent or empty? */
static int
init_empty(const char *path, struct control_error *err)
{
	DIR *dir = opendir(path);
	const struct dirent *e;
	bool found = false;

	if (!dir)
		return errno == ENOENT ? CHQ_OK
				       : init_fail(err, chq_errno(), "%s: %s", path,
						   chq_strerror(chq_errno()));
	while ((e = readdir(dir)) != NULL)
		found |= strcmp(e->d_name, ".") != 0 && strcmp(e->d_name, "..") != 0;
	closedir(dir);
	return found ? init_fail(err, CHQ_EEXIST, "%s: is not empty; nothing was changed", path)
		     : CHQ_OK;
}

static int
init_absent(const struct init_options *opt, const struct chq_site_conf *conf,
	    struct control_error *err)
{
	struct stat st;
	int rc;

	if (lstat(opt->config, &st) == 0)
		return init_fail(err, CHQ_EEXIST, "%s: is there already; nothing was changed",
				 opt->config);
	rc = init_empty(conf->paths.keys, err);
	return rc ? rc : init_empty(conf->paths.store, err);
}

static int
init_write_conf(const char *path, const struct chq_site_conf *conf, struct control_error *err)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0644);
	FILE *out = fd < 0 ? NULL : fdopen(fd, "w");
	bool bad;

	if (!out) {
		int rc = chq_errno();

		if (fd >= 0)
			close(fd);
		return init_fail(err, rc, "%s: %s", path, chq_strerror(rc));
	}
	chq_conf_print_commented(&chq_site_schema, conf, out);
	bad = fflush(out) != 0 || fsync(fd) != 0;
	bad |= fclose(out) != 0;
	if (!bad)
		return CHQ_OK;
	unlink(path);
	return init_fail(err, CHQ_EIO, "%s: cannot be written", path);
}

static int
init_store(const struct chq_site_conf *conf, struct control_error *err)
{
	struct store *store;
	int rc = control_store_open(conf, false, &store, err);

	if (!rc)
		store_close(store);
	return rc;
}

/* A folder of ours and the files in it. */
static int
init_give(const char *path, const struct passwd *pw)
{
	DIR *dir = opendir(path);
	const struct dirent *e;
	int rc = CHQ_OK;

	if (!dir || fchown(dirfd(dir), pw->pw_uid, pw->pw_gid) != 0)
		rc = chq_errno();
	while (!rc && (e = readdir(dir)) != NULL) {
		if (!strcmp(e->d_name, ".") || !strcmp(e->d_name, ".."))
			continue;
		if (fchownat(dirfd(dir), e->d_name, pw->pw_uid, pw->pw_gid, AT_SYMLINK_NOFOLLOW) !=
		    0)
			rc = chq_errno();
	}
	if (dir)
		closedir(dir);
	return rc;
}

static int
init_owner(const struct chq_site_conf *conf, struct control_error *err)
{
	const struct passwd *pw = *conf->users.control ? getpwnam(conf->users.control) : NULL;
	int rc;

	if (geteuid() != 0 || !pw)
		return CHQ_OK;
	rc = control_keys_give(conf->paths.keys, pw->pw_uid, pw->pw_gid);
	if (!rc)
		rc = init_give(conf->paths.store, pw);
	return rc ? init_fail(err, rc, "cannot give files to %s: %s", conf->users.control,
			      chq_strerror(rc))
		  : CHQ_OK;
}

static int
init_invitation(const struct init_options *opt, const uint8_t org[32], char *out, size_t size,
		struct control_error *err)
{
	struct chq_invitation inv = { .port = opt->port };

	snprintf(inv.host, sizeof(inv.host), "%s", opt->host);
	chq_fingerprint(org, inv.fingerprint);
	return chq_invitation_format(&inv, out, size) < 0
		       ? init_fail(err, CHQ_EINVAL, "%s: is no host", opt->host)
		       : CHQ_OK;
}

/* What is most likely to be refused comes first: then nothing is left behind. */
static int
init_files(const struct init_options *opt, const struct chq_site_conf *conf,
	   struct control_error *err)
{
	int rc = init_write_conf(opt->config, conf, err);

	if (rc)
		return rc;
	rc = init_store(conf, err);
	if (!rc)
		rc = init_owner(conf, err);
	if (rc)
		unlink(opt->config);
	return rc;
}

static int
init_make(const struct init_options *opt, const struct chq_site_conf *conf, uint64_t not_after_ms,
	  char *invitation, size_t size, struct control_error *err)
{
	struct keys_error why;
	uint8_t org[32];
	int rc;

	/* Clocks differ: a certificate counts from yesterday. */
	rc = control_keys_make(conf->paths.keys, conf->server.id, chq_wall_ms() - CHQ_MS_PER_DAY,
			       not_after_ms, org, &why);
	if (rc)
		return init_fail(err, rc, "%s", why.text);
	rc = init_invitation(opt, org, invitation, size, err);
	if (!rc)
		rc = init_files(opt, conf, err);
	if (rc)
		control_keys_remove(conf->paths.keys);
	return rc;
}

int
control_init(const struct init_options *opt, char *invitation, size_t size, uint64_t *not_after_ms,
	     struct control_error *err)
{
	struct chq_site_conf conf;
	int rc = chq_crypto_init();

	if (rc)
		return init_fail(err, rc, "cryptography: %s", chq_strerror(rc));
	rc = init_conf(opt, &conf, err);
	if (rc)
		return rc;
	*not_after_ms = chq_wall_ms() + INIT_CERT_DAYS * CHQ_MS_PER_DAY;
	rc = init_absent(opt, &conf, err);
	if (!rc)
		rc = init_folders(opt, &conf, err);
	if (!rc)
		rc = init_make(opt, &conf, *not_after_ms, invitation, size, err);
	chq_site_conf_free(&conf);
	return rc;
}
