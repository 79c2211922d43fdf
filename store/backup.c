#include "store/backup.h"

#include <fcntl.h>
#include <inttypes.h>
#include <pthread.h>
#include <signal.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/err.h"
#include "base/hex.h"
#include "store/backup_files.h"
#include "store/internal.h"
#include "store/meta.h"
#include "store/reader.h"

enum { CHUNK_BYTES = 256 << 10, MANIFEST_BYTES = 1024 };

/* LMDB writes its copy into a pipe, on a thread of its own; it ends when the pipe's other end does. */
struct copier {
	pthread_t thread;
	MDB_env *env;
	unsigned flags;
	int out;
	int rc;
};

static void *
copier_main(void *arg)
{
	struct copier *c = arg;
	sigset_t pipe_gone;

	sigemptyset(&pipe_gone);
	sigaddset(&pipe_gone, SIGPIPE);
	pthread_sigmask(SIG_BLOCK, &pipe_gone, NULL);
	c->rc = mdb_env_copyfd2(c->env, c->out, c->flags);
	close(c->out);
	return NULL;
}

static bool
stopped(const struct store_progress *p)
{
	return p->stop && atomic_load_explicit(p->stop, memory_order_relaxed);
}

/* From the pipe to the file. Return: 0; CHQ_ECANCELED; a negated errno. */
static int
drain(int in, int file, const struct store_progress *p, struct store_manifest *m)
{
	uint8_t *buf = malloc(CHUNK_BYTES);
	crypto_hash_sha256_state hash;
	ssize_t n;
	int rc = buf ? 0 : CHQ_ENOMEM;

	m->bytes = 0;
	crypto_hash_sha256_init(&hash);
	while (!rc && (n = read(in, buf, CHUNK_BYTES)) != 0) {
		if (n < 0 && errno == EINTR)
			continue;
		rc = n < 0 ? chq_errno() : store_file_write(file, buf, (size_t)n);
		if (rc)
			break;
		crypto_hash_sha256_update(&hash, buf, (size_t)n);
		m->bytes += (uint64_t)n;
		if (p->done)
			atomic_store_explicit(p->done, m->bytes, memory_order_relaxed);
		rc = stopped(p) ? CHQ_ECANCELED : 0;
	}
	crypto_hash_sha256_final(&hash, m->sha256);
	free(buf);
	return rc;
}

int
store_env_copy(struct store_env *e, int file, bool compact, const struct store_progress *p,
	       struct store_manifest *m)
{
	struct copier c = { .env = e->env, .flags = compact ? MDB_CP_COMPACT : 0 };
	int ends[2], rc;

	if (pipe2(ends, O_CLOEXEC) < 0)
		return chq_errno();
	c.out = ends[1];
	rc = -pthread_create(&c.thread, NULL, copier_main, &c);
	if (rc) {
		close(ends[0]);
		close(ends[1]);
		return rc;
	}
	rc = drain(ends[0], file, p, m);
	close(ends[0]);
	pthread_join(c.thread, NULL);
	if (!rc)
		rc = store_err_of_lmdb(c.rc);
	return !rc && fsync(file) < 0 ? chq_errno() : rc;
}

/* The copy, while no map may change. */
static int
copy_env(struct store *st, int file, bool compact, const struct store_progress *p,
	 struct store_manifest *m)
{
	struct store_reader *r;
	struct store_txn *txn;
	int rc = store_reader_open(st, &r);

	if (rc)
		return rc;
	rc = store_read_begin_long(r, &txn);
	if (!rc) {
		if (p->total)
			atomic_store_explicit(p->total, store_env_used_bytes(&st->env),
					      memory_order_relaxed);
		rc = store_meta_get(txn, STORE_META_SCHEMA, &m->schema);
		if (!rc)
			rc = store_meta_get(txn, STORE_META_EPOCH, &m->epoch);
		if (rc == CHQ_ENOENT)
			rc = 0; /* never served: epoch 0 */
		if (!rc)
			rc = store_env_copy(&st->env, file, compact, p, m);
		store_read_end_long(r);
	}
	store_reader_close(r);
	return rc;
}

static int
manifest_write(const char *dir, const struct store_manifest *m)
{
	char text[MANIFEST_BYTES], hash[CHQ_HEX_LEN(32) + 1];
	int n, fd, rc;

	chq_hex_encode(hash, m->sha256, sizeof(m->sha256));
	n = snprintf(text, sizeof(text),
		     "format 1\nschema %" PRIu64 "\nepoch %" PRIu64 "\nserver %" PRIu64
		     "\nmade_ms %" PRIu64 "\nbytes %" PRIu64 "\nsha256 %s\n",
		     m->schema, m->epoch, m->server, m->made_ms, m->bytes, hash);
	fd = store_file_make(dir, "manifest");
	if (fd < 0)
		return fd;
	rc = store_file_write(fd, text, (size_t)n);
	if (!rc && fsync(fd) < 0)
		rc = chq_errno();
	close(fd);
	return rc;
}

static int
folder_make(const char *dir)
{
	if (mkdir(dir, 0700) == 0)
		return 0;
	/* Only one that is empty: rmdir() tells. */
	if (errno != EEXIST || rmdir(dir) < 0)
		return errno == ENOTEMPTY || errno == ENOTDIR ? CHQ_EEXIST : chq_errno();
	return mkdir(dir, 0700) == 0 ? 0 : chq_errno();
}

int
store_backup(struct store *st, const char *dir, bool compact, const struct store_progress *p,
	     struct store_manifest *out)
{
	int rc = folder_make(dir), fd;

	if (rc)
		return rc;
	fd = store_file_make(dir, "data.mdb");
	if (fd < 0) {
		rc = fd;
		goto remove;
	}
	rc = copy_env(st, fd, compact, p, out);
	close(fd);
	if (!rc)
		rc = manifest_write(dir, out);
	if (!rc)
		rc = store_folder_sync(dir);
	if (!rc)
		return 0;
remove:
	store_folder_remove(dir);
	return rc;
}

/* "name value\n" of the manifest. */
static bool
take_number(const char *text, const char *name, uint64_t *out)
{
	const char *at = strstr(text, name);
	char *end;

	if (!at || (at != text && at[-1] != '\n'))
		return false;
	at += strlen(name);
	if (*at < '0' || *at > '9')
		return false;
	*out = strtoull(at, &end, 10);
	return *end == '\n';
}

int
store_manifest_read(const char *dir, struct store_manifest *out)
{
	char path[4096], text[MANIFEST_BYTES];
	struct store_manifest m = { 0 };
	uint64_t format = 0;
	const char *hash;
	ssize_t n;
	int fd;

	if ((size_t)snprintf(path, sizeof(path), "%s/manifest", dir) >= sizeof(path))
		return CHQ_ENAMETOOLONG;
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return chq_errno();
	n = read(fd, text, sizeof(text) - 1);
	close(fd);
	text[n > 0 ? n : 0] = '\0';
	hash = strstr(text, "\nsha256 ");
	if (!take_number(text, "format ", &format) || format != 1 ||
	    !take_number(text, "schema ", &m.schema) || !take_number(text, "epoch ", &m.epoch) ||
	    !take_number(text, "server ", &m.server) ||
	    !take_number(text, "made_ms ", &m.made_ms) || !take_number(text, "bytes ", &m.bytes) ||
	    !hash || strlen(hash) < 8 + 64 ||
	    chq_hex_decode(m.sha256, sizeof(m.sha256), hash + 8, 64) != sizeof(m.sha256))
		return CHQ_EMALFORMED;
	*out = m;
	return 0;
}
