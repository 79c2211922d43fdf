#include "control/ctl_conf_file.h"

#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/conf_value.h"
#include "base/err.h"
#include "base/log.h"

enum { FILE_MODE = 0640, KEY_MAX = 100, VALUE_MAX = 4096 };

static const char heading[] =
	"# Set by operators with `chasquictl conf set`; chasqui-control reads it behind its "
	"configuration.\n";

static int
fail(struct chq_conf_error *err, const char *path, int rc)
{
	snprintf(err->text, sizeof(err->text), "%.200s: %s", path, chq_strerror(rc));
	return rc;
}

static int
paths(const struct chq_site_conf *conf, char path[PATH_MAX], char before[PATH_MAX],
      struct chq_conf_error *err)
{
	if (!chq_site_overrides(conf, path, PATH_MAX) ||
	    snprintf(before, PATH_MAX, "%s.before", path) >= PATH_MAX)
		return fail(err, conf->paths.store, CHQ_ENAMETOOLONG);
	return CHQ_OK;
}

void
conf_values_free(char **values)
{
	for (size_t i = 0; i < chq_site_schema.count; i++) {
		free(values[i]);
		values[i] = NULL;
	}
}

char *
conf_values_text(char *const *values)
{
	char *text = NULL;
	size_t len;
	FILE *f = open_memstream(&text, &len);

	if (!f)
		return NULL;
	fputs(heading, f);
	chq_conf_print_values(&chq_site_schema, values, f);
	if (fclose(f) == 0)
		return text;
	free(text);
	return NULL;
}

/* The values of those keys that a text sets. */
static int
text_values(const char *name, const char *text, size_t len, char **values,
	    struct chq_conf_error *err)
{
	const struct chq_conf_schema *schema = &chq_site_schema;
	bool *set = calloc(schema->count, sizeof(*set));
	struct chq_site_conf part;
	int rc = CHQ_ENOMEM;

	memset(values, 0, schema->count * sizeof(*values));
	if (!set)
		return fail(err, name, rc);
	rc = chq_conf_parse_part(schema, name, text, len, &part, set, err);
	if (rc)
		goto out;
	for (size_t i = 0; i < schema->count && !rc; i++) {
		if (!set[i])
			continue;
		values[i] = chq_conf_value_text(&schema->keys[i], &part);
		if (!values[i])
			rc = fail(err, name, CHQ_ENOMEM);
	}
	chq_conf_free(schema, &part);
	if (rc)
		conf_values_free(values);
out:
	free(set);
	return rc;
}

int
conf_file_values(const struct chq_site_conf *conf, char **values, struct chq_conf_error *err)
{
	char path[PATH_MAX], before[PATH_MAX], *text;
	size_t len;
	int rc = paths(conf, path, before, err);

	memset(values, 0, chq_site_schema.count * sizeof(*values));
	if (rc)
		return rc;
	rc = chq_conf_read_text(path, &text, &len, err);
	if (rc)
		return rc == CHQ_ENOENT ? CHQ_OK : rc;
	rc = text_values(path, text, len, values, err);
	free(text);
	return rc;
}

/* A file's text with this key alone: each section on a line, its content behind it. Return: 0; CHQ_ECONF */
static int
one_text(const char *key, const char *value, char *out, size_t size, struct chq_conf_error *err)
{
	size_t n = 0, depth = 0;

	if (!*key || strlen(key) > KEY_MAX ||
	    key[strspn(key, "abcdefghijklmnopqrstuvwxyz0123456789_.")]) {
		snprintf(err->text, sizeof(err->text), "unknown key %s", CHQ_Q(key));
		return CHQ_ECONF;
	}
	for (const char *c = value; *c; c++)
		if ((unsigned char)*c < ' ' || strlen(value) > VALUE_MAX) {
			snprintf(err->text, sizeof(err->text), "%s: one line is expected", key);
			return CHQ_ECONF;
		}
	for (const char *c = key; *c; c++) {
		if (*c != '.') {
			out[n++] = *c;
			continue;
		}
		n += (size_t)snprintf(out + n, size - n, ":\n%*s", (int)(2 * ++depth), "");
	}
	snprintf(out + n, size - n, ": %s\n", *value ? value : "\"\"");
	return CHQ_OK;
}

/* Without the place: nobody has seen the text. */
static void
without_place(struct chq_conf_error *err)
{
	const char *text = strstr(err->text, ": ");

	if (text)
		memmove(err->text, text + 2, strlen(text + 2) + 1);
}

int
conf_one_value(const char *key, const char *value, char **text, struct chq_conf_error *err)
{
	char **values = calloc(chq_site_schema.count, sizeof(*values));
	char line[KEY_MAX * 8 + VALUE_MAX + 16];
	int rc, found = CHQ_ECONF;

	*text = NULL;
	if (!values)
		return fail(err, key, CHQ_ENOMEM);
	rc = one_text(key, value, line, sizeof(line), err);
	if (!rc) {
		rc = text_values("value", line, strlen(line), values, err);
		if (rc)
			without_place(err);
		else
			snprintf(err->text, sizeof(err->text), "%s: a key is expected", key);
	}
	for (size_t i = 0; i < chq_site_schema.count && !rc; i++)
		if (values[i] && strcmp(chq_site_schema.keys[i].path, key) == 0) {
			found = (int)i;
			*text = values[i];
			values[i] = NULL;
		}
	conf_values_free(values);
	free(values);
	return rc ? rc : found;
}

static int
write_all(int fd, const char *text)
{
	for (size_t left = strlen(text); left;) {
		ssize_t n = write(fd, text, left);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return n < 0 ? chq_errno() : CHQ_EIO;
		text += n;
		left -= (size_t)n;
	}
	return fsync(fd) == 0 ? CHQ_OK : chq_errno();
}

static int
sync_folder(const char *path)
{
	char folder[PATH_MAX];
	int fd, rc;

	snprintf(folder, sizeof(folder), "%s", path);
	*strrchr(folder, '/') = '\0';
	fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	rc = fd >= 0 && fsync(fd) == 0 ? CHQ_OK : chq_errno();
	if (fd >= 0)
		close(fd);
	return rc;
}

/* As a whole or not at all: under another name first, on disk, and only then in its place. */
static int
replace(const char *path, const char *text, struct chq_conf_error *err)
{
	char fresh[PATH_MAX];
	int fd, rc;

	if (snprintf(fresh, sizeof(fresh), "%s.new", path) >= (int)sizeof(fresh))
		return fail(err, path, CHQ_ENAMETOOLONG);
	if (unlink(fresh) != 0 && errno != ENOENT)
		return fail(err, fresh, chq_errno());
	fd = open(fresh, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, FILE_MODE);
	if (fd < 0)
		return fail(err, fresh, chq_errno());
	rc = fchmod(fd, FILE_MODE) == 0 ? write_all(fd, text) : chq_errno();
	close(fd);
	if (!rc && rename(fresh, path) != 0)
		rc = chq_errno();
	if (rc) {
		unlink(fresh);
		return fail(err, fresh, rc);
	}
	rc = sync_folder(path);
	return rc ? fail(err, path, rc) : CHQ_OK;
}

int
conf_file_write(const struct chq_site_conf *conf, const char *text, struct chq_conf_error *err)
{
	char path[PATH_MAX], before[PATH_MAX], *now = NULL;
	size_t len;
	int rc = paths(conf, path, before, err);

	if (rc)
		return rc;
	rc = chq_conf_read_text(path, &now, &len, err);
	if (!rc || rc == CHQ_ENOENT)
		rc = replace(before, now ? now : "", err);
	free(now);
	return rc ? rc : replace(path, text, err);
}

int
conf_file_before(const struct chq_site_conf *conf, char **text, struct chq_conf_error *err)
{
	char path[PATH_MAX], before[PATH_MAX];
	size_t len;
	int rc = paths(conf, path, before, err);

	*text = NULL;
	return rc ? rc : chq_conf_read_text(before, text, &len, err);
}

int
conf_file_back(const struct chq_site_conf *conf, struct chq_conf_error *err)
{
	char path[PATH_MAX], before[PATH_MAX];
	int rc = paths(conf, path, before, err);

	if (rc)
		return rc;
	if (rename(before, path) != 0)
		return fail(err, before, chq_errno());
	rc = sync_folder(path);
	return rc ? fail(err, path, rc) : CHQ_OK;
}
