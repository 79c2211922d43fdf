#include "base/conf.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/conf_value.h"
#include "base/conf_yaml.h"
#include "base/err.h"

/* Names of the files read, for the place of a fault that only the whole shows. names[0] stays NULL. */
struct files {
	char *names[CHQ_CONF_FILES_MAX + 3];
	unsigned count;
};

static int __attribute__((format(printf, 3, 4)))
fail(struct chq_conf_error *err, int rc, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(err->text, sizeof(err->text), fmt, ap);
	va_end(ap);
	return rc;
}

void
chq_conf_free(const struct chq_conf_schema *schema, void *conf)
{
	for (size_t i = 0; i < schema->count; i++)
		chq_conf_value_clear(&schema->keys[i], conf);
}

static int
apply_defaults(struct chq_conf_reader *r)
{
	char name[160];
	int rc = 0;

	r->file = 0;
	for (size_t i = 0; i < r->schema->count && !rc; i++) {
		const struct chq_conf_key *key = &r->schema->keys[i];

		snprintf(name, sizeof(name), "default of %.128s", key->path);
		r->name = name;
		if (key->fallback)
			rc = chq_conf_yaml_value(r, i, key->fallback);
	}
	r->name = NULL;
	return rc;
}

static int
apply_file(struct chq_conf_reader *r, struct files *files, const char *name, const char *text,
	   size_t len)
{
	char *copy = strdup(name);

	if (!copy)
		return fail(r->err, CHQ_ENOMEM, "%.200s: out of memory", name);
	files->names[++files->count] = copy;
	r->file = files->count;
	r->name = copy;
	return chq_conf_yaml_file(r, text, len);
}

static int
check_required(struct chq_conf_reader *r, const struct files *files)
{
	for (size_t i = 0; i < r->schema->count; i++) {
		const struct chq_conf_key *key = &r->schema->keys[i];

		if (!key->fallback && r->places[i].file == 0)
			return fail(r->err, CHQ_ECONF, "%.200s: the key %s is missing",
				    files->names[1], key->path);
	}
	return 0;
}

/* The check of the whole, with the place where the key that it names was set. */
static int
check_whole(struct chq_conf_reader *r, const struct files *files)
{
	const char *path = "", *why;

	why = r->schema->check ? r->schema->check(r->conf, &path) : NULL;
	if (!why)
		return 0;
	for (size_t i = 0; i < r->schema->count; i++) {
		const struct chq_conf_place *at = &r->places[i];

		if (at->file && strcmp(r->schema->keys[i].path, path) == 0)
			return fail(r->err, CHQ_ECONF, "%.200s:%zu:%zu: %s: %s",
				    files->names[at->file], at->line, at->column, path, why);
	}
	return fail(r->err, CHQ_ECONF, "%.200s: %s (default): %s", files->names[1], path, why);
}

_Static_assert(sizeof(struct chq_conf_strings) == sizeof(struct chq_conf_numbers), "zeroed alike");

static int
reader_init(struct chq_conf_reader *r, const struct chq_conf_schema *schema, void *conf,
	    struct chq_conf_error *err)
{
	*r = (struct chq_conf_reader){ .schema = schema, .conf = conf, .err = err };
	err->text[0] = '\0';
	for (size_t i = 0; i < schema->count; i++) {
		void *field = (char *)conf + schema->keys[i].offset;

		/* The fields hold anything yet; clearing must not follow their pointers. */
		if (schema->keys[i].type == CHQ_CONF_STRING)
			*(char **)field = NULL;
		else if (chq_conf_type_is_list(schema->keys[i].type))
			memset(field, 0, sizeof(struct chq_conf_strings));
	}
	r->places = calloc(schema->count, sizeof(*r->places));
	return r->places ? 0 : fail(err, CHQ_ENOMEM, "out of memory");
}

static void
reader_release(struct chq_conf_reader *r, struct files *files)
{
	for (unsigned i = 1; i <= files->count; i++)
		free(files->names[i]);
	free(r->places);
}

/* After the last file: the final checks, and all memory but the result's. */
static int
reader_finish(struct chq_conf_reader *r, struct files *files, int rc)
{
	if (!rc)
		rc = check_required(r, files);
	if (!rc)
		rc = check_whole(r, files);
	if (rc)
		chq_conf_free(r->schema, r->conf);
	reader_release(r, files);
	return rc;
}

int
chq_conf_parse(const struct chq_conf_schema *schema, const char *name, const char *text, size_t len,
	       void *conf, struct chq_conf_error *err)
{
	struct files files = { .count = 0 };
	struct chq_conf_reader r;
	int rc = reader_init(&r, schema, conf, err);

	if (!rc)
		rc = apply_defaults(&r);
	if (!rc)
		rc = apply_file(&r, &files, name, text, len);
	return reader_finish(&r, &files, rc);
}

int
chq_conf_parse_part(const struct chq_conf_schema *schema, const char *name, const char *text,
		    size_t len, void *conf, bool *set, struct chq_conf_error *err)
{
	struct files files = { .count = 0 };
	struct chq_conf_reader r;
	int rc = reader_init(&r, schema, conf, err);

	if (!rc)
		rc = apply_defaults(&r);
	if (!rc)
		rc = apply_file(&r, &files, name, text, len);
	for (size_t i = 0; i < schema->count && !rc; i++)
		set[i] = r.places[i].file != 0;
	if (rc)
		chq_conf_free(schema, conf);
	reader_release(&r, &files);
	return rc;
}

int
chq_conf_read_text(const char *path, char **text, size_t *len, struct chq_conf_error *err)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	struct stat st;
	ssize_t n = 0;
	int rc = 0;

	*len = 0;
	*text = malloc(CHQ_CONF_FILE_MAX + 1);
	if (fd < 0 || !*text || fstat(fd, &st) < 0)
		rc = *text ? chq_errno() : CHQ_ENOMEM;
	else if (!S_ISREG(st.st_mode))
		rc = CHQ_EINVAL;
	while (!rc && *len <= CHQ_CONF_FILE_MAX &&
	       (n = read(fd, *text + *len, CHQ_CONF_FILE_MAX + 1 - *len)) > 0)
		*len += (size_t)n;
	if (!rc && n < 0)
		rc = chq_errno();
	if (!rc && *len > CHQ_CONF_FILE_MAX)
		rc = CHQ_EFBIG;
	if (fd >= 0)
		close(fd);
	if (rc) {
		free(*text);
		*text = NULL;
		return fail(err, rc, "%.200s: %s", path,
			    rc == CHQ_EINVAL ? "not a regular file" : chq_strerror(rc));
	}
	(*text)[*len] = '\0';
	return CHQ_OK;
}

static int
read_and_apply(struct chq_conf_reader *r, struct files *files, const char *path)
{
	char *text;
	size_t len;
	int rc = chq_conf_read_text(path, &text, &len, r->err);

	if (rc)
		return rc;
	rc = apply_file(r, files, path, text, len);
	free(text);
	return rc;
}

static int
is_dropin(const struct dirent *e)
{
	size_t len = strlen(e->d_name);

	return e->d_name[0] != '.' && len > 5 && strcmp(e->d_name + len - 5, ".yaml") == 0;
}

static int
by_name(const struct dirent **a, const struct dirent **b)
{
	return strcmp((*a)->d_name, (*b)->d_name); /* bytes: the same order in every locale */
}

static int
apply_dropins(struct chq_conf_reader *r, struct files *files, const char *path)
{
	size_t len = strlen(path);
	struct dirent **names;
	char file[4096], dir[3072];
	int rc = 0, n;

	if (len > 5 && strcmp(path + len - 5, ".yaml") == 0)
		len -= 5;
	if ((size_t)snprintf(dir, sizeof(dir), "%.*s.d", (int)len, path) >= sizeof(dir))
		return fail(r->err, CHQ_ENAMETOOLONG, "%.200s: name too long", path);
	n = scandir(dir, &names, is_dropin, by_name);
	if (n < 0 && (errno == ENOENT || errno == ENOTDIR))
		return 0;
	if (n < 0)
		return fail(r->err, chq_errno(), "%.200s: %s", dir, chq_strerror(chq_errno()));
	if (n > CHQ_CONF_FILES_MAX)
		rc = fail(r->err, CHQ_ECONF, "%.200s: more than %d files", dir, CHQ_CONF_FILES_MAX);
	for (int i = 0; i < n; i++) {
		snprintf(file, sizeof(file), "%s/%s", dir, names[i]->d_name);
		if (!rc)
			rc = read_and_apply(r, files, file);
		free(names[i]);
	}
	free(names);
	return rc;
}

/* Every key of the last file must be one of those that it may set. */
static int
check_over(struct chq_conf_reader *r, const struct files *files, const struct chq_conf_over *over)
{
	for (size_t i = 0; i < r->schema->count; i++) {
		const struct chq_conf_place *at = &r->places[i];
		const char *key = r->schema->keys[i].path;

		if (at->file == files->count && !over->may(key))
			return fail(r->err, CHQ_ECONF, "%.200s:%zu:%zu: %s: stands in %.200s alone",
				    files->names[at->file], at->line, at->column, key,
				    files->names[1]);
	}
	return CHQ_OK;
}

static int
apply_over(struct chq_conf_reader *r, struct files *files, const struct chq_conf_over *over)
{
	unsigned before = files->count;
	char path[4096];
	int rc;

	if (!over || !over->path(r->conf, path, sizeof(path)))
		return CHQ_OK;
	rc = over->text ? apply_file(r, files, path, over->text, strlen(over->text))
			: read_and_apply(r, files, path);
	if (rc == CHQ_ENOENT && !over->text)
		return CHQ_OK;
	return rc || files->count == before ? rc : check_over(r, files, over);
}

int
chq_conf_load_over(const struct chq_conf_schema *schema, const char *path,
		   const struct chq_conf_over *over, void *conf, struct chq_conf_error *err)
{
	struct files files = { .count = 0 };
	struct chq_conf_reader r;
	int rc = reader_init(&r, schema, conf, err);

	if (!rc)
		rc = apply_defaults(&r);
	if (!rc)
		rc = read_and_apply(&r, &files, path);
	if (!rc)
		rc = apply_dropins(&r, &files, path);
	if (!rc)
		rc = apply_over(&r, &files, over);
	return reader_finish(&r, &files, rc);
}

int
chq_conf_load(const struct chq_conf_schema *schema, const char *path, void *conf,
	      struct chq_conf_error *err)
{
	return chq_conf_load_over(schema, path, NULL, conf, err);
}
