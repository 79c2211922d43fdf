#include "dataplane/tables.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <sodium.h>

#include "base/array.h"
#include "base/clock.h"
#include "base/err.h"
#include "base/hex.h"
#include "base/log.h"
#include "dataplane/cookie.h"
#include "dataplane/quota.h"
#include "dataplane/tables_priv.h"

#define COOKIE_S     120 /* a secret serves so long, and is accepted as long again */
#define SILENCE_S    90
#define NOTICE_PER_S 50
#define MACHINE_BOOT "/proc/sys/kernel/random/boot_id"

const char *const chq_table_name[CHQ_T__COUNT] = {
	[CHQ_T_HEADER] = "chq_header", [CHQ_T_SESSIONS] = "chq_sessions", [CHQ_T_COLD] = "chq_cold",
	[CHQ_T_HOP] = "chq_hop",       [CHQ_T_ACCOUNTS] = "chq_accounts",
};

const char *const chq_backing_name[] = {
	[CHQ_BACKING_AUTO] = "auto", [CHQ_BACKING_BPF] = "bpf",	      [CHQ_BACKING_FILE] = "file",
	[CHQ_BACKING_HUGE] = "huge", [CHQ_BACKING_MEMORY] = "memory",
};

size_t
tables_elem_size(enum chq_table_id id)
{
	static const size_t size[CHQ_T__COUNT] = {
		[CHQ_T_HEADER] = sizeof(struct chq_header),
		[CHQ_T_SESSIONS] = sizeof(struct chq_session),
		[CHQ_T_COLD] = sizeof(struct chq_cold),
		[CHQ_T_HOP] = sizeof(struct chq_hop),
		[CHQ_T_ACCOUNTS] = sizeof(struct chq_bucket),
	};

	return size[id];
}

uint32_t
tables_elems(enum chq_table_id id, const struct chq_tables_conf *conf)
{
	switch (id) {
	case CHQ_T_HEADER: return 1;
	case CHQ_T_ACCOUNTS: return tables_buckets(conf->accounts);
	default: return conf->sessions;
	}
}

size_t
tables_bytes(enum chq_table_id id, const struct chq_tables_conf *conf, size_t page)
{
	size_t bytes = tables_elem_size(id) * tables_elems(id, conf);

	return (bytes + page - 1) / page * page;
}

void
tables_say_making(const struct chq_tables *t, enum chq_table_id id)
{
	if (t->bytes[id] >= (size_t)256 << 20)
		CHQ_LOG_INFO("tables-making", "table=%s mib=%zu backing=%s", chq_table_name[id],
			     t->bytes[id] >> 20, chq_backing_name[t->backing]);
}

int
tables_check_owner(const char *path, char *err, size_t err_size)
{
	struct stat st;

	if (lstat(path, &st))
		return chq_errno();
	if (st.st_uid == geteuid() && (st.st_mode & 077) == 0)
		return CHQ_OK;
	snprintf(err, err_size,
		 "%s is not this user's alone (owner %u, mode %04o): the keys in it may be known; "
		 "remove it with `chasqui-dataplane detach`",
		 path, (unsigned)st.st_uid, (unsigned)st.st_mode & 07777);
	return CHQ_EACCES;
}

int
tables_lock(const char *path, char *err, size_t err_size)
{
	int fd = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC), rc = CHQ_OK;
	struct stat held, named;

	if (fd < 0) {
		rc = chq_errno();
		snprintf(err, err_size, "cannot open %s: %s", path, chq_strerror(rc));
		return rc;
	}
	if (flock(fd, LOCK_EX | LOCK_NB))
		rc = errno == EWOULDBLOCK ? CHQ_ELOCKED : chq_errno();
	else if (fstat(fd, &held) || lstat(path, &named) || held.st_ino != named.st_ino ||
		 held.st_dev != named.st_dev)
		rc = CHQ_ELOCKED; /* it was being removed */
	if (rc == CHQ_OK)
		return fd;
	close(fd);
	snprintf(err, err_size, "%s: %s", path,
		 rc == CHQ_ELOCKED ? "another process works on these tables" : chq_strerror(rc));
	return rc;
}

/* The kernel's boot id, or zeros where there is none. */
static void
machine_boot(uint8_t out[16])
{
	char text[64] = "", hex[33];
	size_t n = 0;
	int fd = open(MACHINE_BOOT, O_RDONLY | O_CLOEXEC);

	memset(out, 0, 16);
	if (fd < 0)
		return;
	if (read(fd, text, sizeof(text) - 1) > 0) {
		for (const char *c = text; *c && n < 32; c++)
			if (*c != '-' && *c != '\n')
				hex[n++] = *c;
		(void)chq_hex_decode(out, 16, hex, n);
	}
	close(fd);
}

/* --- making --- */

static void
header_init(struct chq_header *h, const struct chq_tables_conf *conf)
{
	h->header_size = sizeof(struct chq_header);
	h->session_size = sizeof(struct chq_session);
	h->cold_size = sizeof(struct chq_cold);
	h->hop_size = sizeof(struct chq_hop);
	h->bucket_size = sizeof(struct chq_bucket);
	h->sessions = conf->sessions;
	h->buckets = tables_buckets(conf->accounts);
	h->accounts = conf->accounts;
	h->silence_s = SILENCE_S;
	randombytes_buf(h->boot_id, sizeof(h->boot_id));
	randombytes_buf(&h->account_seed, sizeof(h->account_seed));
	randombytes_buf(&h->path_secret, sizeof(h->path_secret));
	machine_boot(h->machine_boot);
	for (int i = 0; i < CHQ_TABLE_QUOTAS; i++) {
		h->quota[i].notice_ns = CHQ_NS_PER_SEC / NOTICE_PER_S;
		h->quota[i].notice_span_ns = CHQ_NS_PER_SEC;
	}
	h->layout = CHQ_LAYOUT_VERSION;
	h->magic = CHQ_LAYOUT_MAGIC;
}

/* --- finding --- */

int
tables_header_check(const struct chq_header *h, const struct chq_tables_conf *conf, char *err,
		    size_t err_size)
{
	static const char hint[] =
		"`chasqui-dataplane detach` removes them and ends their sessions";

	if (h->magic != CHQ_LAYOUT_MAGIC) {
		snprintf(err, err_size, "the tables found are damaged or not ours; %s", hint);
		return CHQ_ELAYOUT;
	}
	if (h->layout != CHQ_LAYOUT_VERSION || h->header_size != sizeof(struct chq_header) ||
	    h->session_size != sizeof(struct chq_session) ||
	    h->cold_size != sizeof(struct chq_cold) || h->hop_size != sizeof(struct chq_hop) ||
	    h->bucket_size != sizeof(struct chq_bucket)) {
		snprintf(err, err_size, "the tables found have layout %u, this release has %u; %s",
			 (unsigned)h->layout, (unsigned)CHQ_LAYOUT_VERSION, hint);
		return CHQ_ELAYOUT;
	}
	if (h->sessions != conf->sessions || h->accounts != conf->accounts ||
	    h->buckets != tables_buckets(conf->accounts)) {
		snprintf(err, err_size,
			 "the tables found are for %u sessions and %u accounts, configured are %u "
			 "and %u: set these back, or %s",
			 (unsigned)h->sessions, (unsigned)h->accounts, (unsigned)conf->sessions,
			 (unsigned)conf->accounts, hint);
		return CHQ_ELAYOUT;
	}
	return CHQ_OK;
}

static bool
other_boot(const struct chq_tables *t)
{
	uint8_t now[16];

	machine_boot(now);
	return memcmp(now, t->header->machine_boot, sizeof(now)) != 0;
}

static void
tables_bind(struct chq_tables *t)
{
	t->header = t->mapped[CHQ_T_HEADER];
	t->sessions = t->mapped[CHQ_T_SESSIONS];
	t->cold = t->mapped[CHQ_T_COLD];
	t->hop = t->mapped[CHQ_T_HOP];
	t->buckets = t->mapped[CHQ_T_ACCOUNTS];
}

static void
tables_unmap(struct chq_tables *t)
{
	for (int i = 0; i < CHQ_T__COUNT; i++) {
		if (t->mapped[i])
			munmap(t->mapped[i], t->bytes[i]);
		if (t->map_fd[i] >= 0)
			close(t->map_fd[i]);
		t->mapped[i] = NULL;
		t->map_fd[i] = -1;
	}
	if (t->lock_fd >= 0)
		close(t->lock_fd);
	t->lock_fd = -1;
}

/* --- backings --- */

int
tables_memory_open(struct chq_tables *t, const struct chq_tables_conf *conf, char *err,
		   size_t err_size)
{
	for (int i = 0; i < CHQ_T__COUNT; i++) {
		t->bytes[i] = tables_bytes((enum chq_table_id)i, conf, 1);
		t->mapped[i] = mmap(NULL, t->bytes[i], PROT_READ | PROT_WRITE,
				    MAP_SHARED | MAP_ANONYMOUS, -1, 0);
		if (t->mapped[i] == MAP_FAILED) {
			t->mapped[i] = NULL;
			snprintf(err, err_size, "no memory for %s: %zu bytes", chq_table_name[i],
				 t->bytes[i]);
			return CHQ_ENOMEM;
		}
	}
	return CHQ_OK;
}

static int
backing_open(struct chq_tables *t, const struct chq_tables_conf *conf, char *err, size_t err_size)
{
	switch (t->backing) {
	case CHQ_BACKING_BPF: return tables_bpf_open(t, conf, err, err_size);
	case CHQ_BACKING_FILE: return tables_file_open(t, conf, err, err_size);
	case CHQ_BACKING_HUGE: return tables_huge_open(t, conf, err, err_size);
	default: return tables_memory_open(t, conf, err, err_size);
	}
}

static int
backing_commit(struct chq_tables *t, const struct chq_tables_conf *conf)
{
	switch (t->backing) {
	case CHQ_BACKING_BPF: return tables_bpf_commit(t, conf);
	case CHQ_BACKING_FILE: return tables_file_commit(t, conf);
	case CHQ_BACKING_HUGE: return tables_huge_commit(conf);
	default: return CHQ_OK;
	}
}

/* Find or make all tables of one backing, up to a header that is right. */
static int
tables_take(struct chq_tables *t, const struct chq_tables_conf *conf, char *err, size_t err_size)
{
	int rc = backing_open(t, conf, err, err_size);

	if (rc)
		return rc;
	tables_bind(t);
	if (t->adopted)
		return CHQ_OK;
	header_init(t->header, conf);
	rc = backing_commit(t, conf);
	if (rc)
		snprintf(err, err_size, "cannot keep the tables: %s", chq_strerror(rc));
	return rc;
}

/* What to try, one after the other. Return: how many. */
static int
backings_of(const struct chq_tables_conf *conf, enum chq_backing out[3])
{
	bool huge = tables_huge_found(conf);
	int n = 0;

	if (conf->backing != CHQ_BACKING_AUTO) {
		out[0] = conf->backing;
		return 1;
	}
	if (conf->huge_first && (huge || !tables_bpf_found(conf)))
		out[n++] = CHQ_BACKING_HUGE;
	else if (huge)
		CHQ_LOG_WARN("tables-left", "backing=huge reason=\"not for this driver\" "
					    "advice=\"chasqui-dataplane detach\"");
	out[n++] = CHQ_BACKING_BPF;
	out[n++] = CHQ_BACKING_FILE;
	return n;
}

static int
tables_find_or_make(struct chq_tables *t, const struct chq_tables_conf *conf, char *err,
		    size_t err_size)
{
	enum chq_backing order[3];
	int n = backings_of(conf, order), rc = CHQ_EUNAVAIL;

	for (int i = 0; i < n && rc == CHQ_EUNAVAIL; i++) {
		if (i > 0)
			CHQ_LOG_WARN("tables-refused", "backing=%s reason=%s then=%s",
				     chq_backing_name[order[i - 1]], CHQ_Q(err),
				     chq_backing_name[order[i]]);
		tables_unmap(t);
		t->backing = order[i];
		rc = tables_take(t, conf, err, err_size);
	}
	if (rc == 0 && t->adopted && other_boot(t)) {
		CHQ_LOG_WARN("tables-new", "reason=\"the machine has booted since\"");
		tables_unmap(t);
		t->adopted = false;
		rc = chq_tables_remove(conf, err, err_size);
		rc = rc < 0 ? rc : tables_take(t, conf, err, err_size);
	}
	return rc;
}

int
chq_tables_open(struct chq_tables **out, const struct chq_tables_conf *conf, uint64_t now_ns,
		char *err, size_t err_size)
{
	struct chq_tables *t;
	int rc;

	if (conf->sessions == 0 || conf->sessions > CHQ_SLOTS_MAX || conf->accounts == 0 ||
	    conf->accounts > CHQ_SLOTS_MAX) {
		snprintf(err, err_size, "sessions and accounts must be from 1 to %u",
			 (unsigned)CHQ_SLOTS_MAX);
		return CHQ_EINVAL;
	}
	t = calloc(1, sizeof(*t));
	if (!t || sodium_init() < 0) {
		free(t);
		snprintf(err, err_size, "no memory, or no random numbers");
		return CHQ_ENOMEM;
	}
	t->lock_fd = -1;
	for (int i = 0; i < CHQ_T__COUNT; i++)
		t->map_fd[i] = -1;
	rc = tables_find_or_make(t, conf, err, err_size);
	if (rc)
		goto fail;
	t->budget_users = calloc(conf->sessions, sizeof(*t->budget_users));
	rc = tables_kin_init(&t->kin, conf->sessions);
	t->free[0].slots = calloc(CHQ_FREE__COUNT * (size_t)conf->sessions, sizeof(uint32_t));
	if (!t->free[0].slots || !t->budget_users || rc) {
		rc = CHQ_ENOMEM;
		snprintf(err, err_size, "no memory for the lists of %u slots",
			 (unsigned)conf->sessions);
		goto fail;
	}
	for (int i = 1; i < CHQ_FREE__COUNT; i++)
		t->free[i].slots = t->free[i - 1].slots + conf->sessions;
	for (int i = 0; i < CHQ_T__COUNT; i++)
		(void)madvise(t->mapped[i], t->bytes[i], MADV_DONTDUMP);
	if (t->adopted)
		tables_scrub(t, now_ns);
	else
		tables_slots_fresh(t);
	t->header->generation++;
	chq_tables_tick(t, now_ns, chq_wall_ms());
	*out = t;
	return CHQ_OK;
fail:
	chq_tables_close(t);
	return rc;
}

void
chq_tables_close(struct chq_tables *t)
{
	if (!t)
		return;
	tables_unmap(t);
	free(t->free[0].slots);
	free(t->budget_users);
	tables_kin_deinit(&t->kin);
	free(t);
}

int
chq_tables_remove(const struct chq_tables_conf *conf, char *err, size_t err_size)
{
	static const struct {
		enum chq_backing backing;
		int (*remove)(const struct chq_tables_conf *conf, char *err, size_t err_size);
	} kinds[] = { { CHQ_BACKING_BPF, tables_bpf_remove },
		      { CHQ_BACKING_HUGE, tables_huge_remove },
		      { CHQ_BACKING_FILE, tables_file_remove } };
	int removed = 0;

	for (size_t i = 0; i < ARRAY_LEN(kinds); i++) {
		int rc = 0;

		if (conf->backing == CHQ_BACKING_AUTO || conf->backing == kinds[i].backing)
			rc = kinds[i].remove(conf, err, err_size);
		if (rc < 0)
			return rc;
		removed += rc;
	}
	return removed;
}

/* --- what changes by the clock, and by control --- */

static void
cookie_rotate(struct chq_header *h, uint32_t now_s)
{
	uint32_t number = chq_cookie_newest(h) + 1;
	struct chq_cookie_secret *s, fresh;

	if (number == 0)
		number = 2; /* the next even one: 0 is none */
	s = &h->cookie[number & 1];
	randombytes_buf(&fresh, sizeof(fresh));
	CHQ_STORE_RELAXED(&s->number, 0);
	CHQ_FENCE_RELEASE();
	CHQ_STORE_RELAXED(&s->a.k0, fresh.a.k0);
	CHQ_STORE_RELAXED(&s->a.k1, fresh.a.k1);
	CHQ_STORE_RELAXED(&s->b.k0, fresh.b.k0);
	CHQ_STORE_RELAXED(&s->b.k1, fresh.b.k1);
	CHQ_STORE_RELAXED(&h->cookie_s, now_s);
	CHQ_STORE_RELEASE(&s->number, number);
	sodium_memzero(&fresh, sizeof(fresh));
}

void
chq_tables_tick(struct chq_tables *t, uint64_t now_ns, uint64_t wall_ms)
{
	struct chq_header *h = t->header;
	uint32_t now_s = (uint32_t)(now_ns / CHQ_NS_PER_SEC);
	uint32_t age_s = now_s - h->cookie_s;
	bool none = chq_cookie_newest(h) == 0;

	CHQ_STORE_RELAXED(&h->today, chq_day_of(wall_ms));
	if (!none && age_s < COOKIE_S)
		return;
	/* Nobody was here in time: the newer one is too old as well. */
	if (!none && age_s >= 2 * COOKIE_S)
		cookie_rotate(h, now_s);
	cookie_rotate(h, now_s);
}

/* Return: ticks, rounded up, at most a span. */
static uint32_t
ticks_of(uint64_t ns)
{
	uint64_t ticks = ns / (1U << CHQ_QUOTA_TICK_SHIFT) +
			 (ns % (1U << CHQ_QUOTA_TICK_SHIFT) != 0);

	return ticks < CHQ_QUOTA_SPAN_MAX ? (uint32_t)ticks : CHQ_QUOTA_SPAN_MAX;
}

static void
price_set(struct chq_quota_price *p, const struct chq_dp_rate *r)
{
	uint64_t frame_ns = r->frames_per_s ? CHQ_NS_PER_SEC / r->frames_per_s : 0;
	uint64_t kib_ns = r->bytes_per_s ? CHQ_NS_PER_SEC * 1024 / r->bytes_per_s : 0;

	CHQ_STORE_RELAXED(&p->frame_ticks, ticks_of(frame_ns));
	CHQ_STORE_RELAXED(&p->frame_span, ticks_of((uint64_t)ticks_of(frame_ns) * r->frames_burst
						   << CHQ_QUOTA_TICK_SHIFT));
	CHQ_STORE_RELAXED(&p->kib_ns, kib_ns);
	CHQ_STORE_RELAXED(&p->byte_span, ticks_of(kib_ns * r->bytes_burst / 1024));
}

static void
quota_set(struct chq_quota_class *c, const struct chq_dp_quota *q)
{
	uint64_t notice_ns = q->notices_per_s ? CHQ_NS_PER_SEC / q->notices_per_s : 0;

	price_set(&c->own, &q->own);
	price_set(&c->account, &q->account);
	CHQ_STORE_RELAXED(&c->notice_ns, notice_ns);
	CHQ_STORE_RELAXED(&c->notice_span_ns, notice_ns * q->notices_per_s);
}

void
chq_tables_server_set(struct chq_tables *t, const struct chq_dp_server_set *m)
{
	struct chq_header *h = t->header;

	_Static_assert(CHQ_QUOTA_CLASSES == CHQ_TABLE_QUOTAS, "one price list a class");
	CHQ_STORE_RELAXED(&h->server_id, m->server_id);
	CHQ_STORE_RELAXED(&h->silence_s, m->silence_s);
	for (int i = 0; i < CHQ_TABLE_QUOTAS; i++)
		quota_set(&h->quota[i], &m->quota[i]);
	if (h->retry_ok && memcmp(h->cert, m->cert, sizeof(h->cert)) == 0)
		return;
	/* Who copies it meanwhile sends a RETRY that its client does not accept, and asks again. */
	CHQ_STORE_RELEASE(&h->retry_ok, 0);
	memcpy(h->cert, m->cert, sizeof(h->cert));
	CHQ_STORE_RELEASE(&h->retry_ok, 1);
}
