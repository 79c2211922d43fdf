#include "dataplane/xdp_link.h"

#include <dirent.h>
#include <limits.h>
#include <linux/if_link.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include "base/err.h"
#include "base/log.h"
/* Generated code does not know our warnings. */
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wcast-qual"
#include "dataplane/xdp/steer.skel.h"
#pragma GCC diagnostic pop

#define PIN_PREFIX "if-"

/* The three things that are pinned for an interface; the link comes first. */
static const char *const pin_kinds[] = { "-link", "-xsks", "-locals" };
enum { PIN_LINK, PIN_XSKS, PIN_LOCALS, PIN__COUNT };

static int fail(char *err, size_t err_size, int code, const char *fmt, ...)
	__attribute__((format(printf, 4, 5)));

static int
fail(char *err, size_t err_size, int code, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(err, err_size, fmt, ap);
	va_end(ap);
	return code;
}

static void
swap_char(char *s, char from, char to)
{
	for (; *s; s++) {
		if (*s == from)
			*s = to;
	}
}

static void
pin_path(char path[PATH_MAX], const char *dir, const char *ifname, int kind)
{
	char name[IF_NAMESIZE];

	snprintf(name, sizeof(name), "%s", ifname);
	swap_char(name, '.', ':');
	snprintf(path, PATH_MAX, "%s/" PIN_PREFIX "%s%s", dir, name, pin_kinds[kind]);
}

static void
unpin_maps(const char *dir, const char *ifname)
{
	char path[PATH_MAX];

	for (int kind = PIN_XSKS; kind < PIN__COUNT; kind++) {
		pin_path(path, dir, ifname, kind);
		unlink(path);
	}
}

/* --- what stands on an interface --- */

static int
link_info(int fd, struct bpf_link_info *info)
{
	uint32_t len = sizeof(*info);

	memset(info, 0, sizeof(*info));
	if (bpf_obj_get_info_by_fd(fd, info, &len) < 0)
		return CHQ_ECORRUPT;
	return info->type == BPF_LINK_TYPE_XDP ? 0 : CHQ_ECORRUPT;
}

static void
prog_name(uint32_t id, char out[BPF_OBJ_NAME_LEN])
{
	struct bpf_prog_info info = { 0 };
	uint32_t len = sizeof(info);
	int fd = bpf_prog_get_fd_by_id(id);

	snprintf(out, BPF_OBJ_NAME_LEN, "?");
	if (fd < 0)
		return;
	if (bpf_obj_get_info_by_fd(fd, &info, &len) == 0 && info.name[0])
		snprintf(out, BPF_OBJ_NAME_LEN, "%s", info.name);
	close(fd);
}

/* Return: id of the program on the interface, *@native how it stands there; 0 if there is none or
 * it cannot be told. */
static uint32_t
attached_prog(unsigned int ifindex, bool *native)
{
	LIBBPF_OPTS(bpf_xdp_query_opts, q);

	*native = false;
	if (ifindex == 0 || bpf_xdp_query((int)ifindex, 0, &q) < 0)
		return 0;
	*native = q.drv_prog_id != 0;
	if (q.drv_prog_id)
		return q.drv_prog_id;
	return q.skb_prog_id ? q.skb_prog_id : q.hw_prog_id;
}

/* --- attaching --- */

/* Open our pinned link. Return: descriptor; CHQ_ENOENT none (a stale one was removed); else as
 * chq_xdp_attach(). */
static int
open_pinned(const char *dir, const char *ifname, unsigned int ifindex, char *err, size_t err_size)
{
	struct bpf_link_info info;
	char path[PATH_MAX];
	bool native;
	int fd;

	pin_path(path, dir, ifname, PIN_LINK);
	fd = bpf_obj_get(path);
	if (fd < 0 && errno == ENOENT)
		return CHQ_ENOENT;
	if (fd < 0 || link_info(fd, &info) < 0) {
		if (fd >= 0)
			close(fd);
		return fail(err, err_size, CHQ_ECORRUPT, "%s is not a link of ours; remove it",
			    path);
	}
	if (info.xdp.ifindex == ifindex && attached_prog(ifindex, &native) == info.prog_id)
		return fd;
	close(fd);
	if (info.xdp.ifindex != 0)
		return fail(err, err_size, CHQ_EBUSY,
			    "%s holds another interface (index %u): chasqui-dataplane detach", path,
			    info.xdp.ifindex);
	unlink(path); /* its interface is gone */
	unpin_maps(dir, ifname);
	return CHQ_ENOENT;
}

/* libbpf's own words, which go to standard error otherwise. */
static int __attribute__((format(printf, 2, 0)))
log_libbpf(enum libbpf_print_level level, const char *fmt, va_list ap)
{
	char line[512];

	vsnprintf(line, sizeof(line), fmt, ap);
	line[strcspn(line, "\n")] = 0;
	if (level == LIBBPF_WARN)
		CHQ_LOG_DEBUG("libbpf", "text=%s", CHQ_Q(line));
	return 0;
}

static struct steer_bpf *
load_once(const char *dir, const char *ifname)
{
	struct steer_bpf *skel = steer_bpf__open();
	char path[PATH_MAX];
	int rc;

	if (!skel)
		return NULL;
	pin_path(path, dir, ifname, PIN_XSKS);
	rc = bpf_map__set_pin_path(skel->maps.xsks_map, path);
	pin_path(path, dir, ifname, PIN_LOCALS);
	if (!rc)
		rc = bpf_map__set_pin_path(skel->maps.chq_locals, path);
	if (!rc)
		rc = steer_bpf__load(skel);
	if (!rc)
		return skel;
	steer_bpf__destroy(skel);
	errno = -rc;
	return NULL;
}

/* Maps of another shape (an older version's) hold nothing that is not made anew at start: they are
 * replaced. */
static struct steer_bpf *
load(const char *dir, const char *ifname, char *err, size_t err_size, int *rc)
{
	struct steer_bpf *skel = load_once(dir, ifname);

	if (!skel && errno == EINVAL) {
		unpin_maps(dir, ifname);
		skel = load_once(dir, ifname);
	}
	*rc = skel ? 0 : chq_errno();
	if (!skel)
		fail(err, err_size, *rc, "%s: the kernel does not load the XDP program: %s%s",
		     ifname, chq_strerror(*rc),
		     *rc == CHQ_EPERM ? "; CAP_BPF and CAP_NET_ADMIN are needed" : "");
	return skel;
}

static int
replace_prog(int link_fd, int prog_fd)
{
	LIBBPF_OPTS(bpf_link_update_opts, opts, .flags = BPF_F_REPLACE);
	struct bpf_link_info info;
	int old, rc;

	rc = link_info(link_fd, &info);
	if (rc)
		return rc;
	old = bpf_prog_get_fd_by_id(info.prog_id);
	if (old < 0)
		return chq_errno();
	opts.old_prog_fd = (uint32_t)old;
	rc = bpf_link_update(link_fd, prog_fd, &opts) < 0 ? chq_errno() : 0;
	close(old);
	return rc;
}

static int
refuse_foreign(const struct chq_xdp_link *l, char *err, size_t err_size)
{
	char name[BPF_OBJ_NAME_LEN];
	bool native;
	uint32_t id = attached_prog(l->ifindex, &native);

	if (id == 0)
		return 0;
	prog_name(id, name);
	return fail(err, err_size, CHQ_EBUSY,
		    "%s: another XDP program stands there: %s (id %u). Take it off, or use another "
		    "driver",
		    l->ifname, name, id);
}

static const char *
native_refusal(int rc)
{
	switch (rc) {
	case CHQ_EOPNOTSUPP: return "the interface's driver has no native XDP";
	case CHQ_ENOSPC:
		return "the veth's other end has more transmit queues than this one receive queues";
	case CHQ_EINVAL:
	case CHQ_ERANGE:
		return "the interface's driver refuses it; perhaps its MTU is too large for XDP";
	default: return chq_strerror(rc);
	}
}

static int
make_link(struct chq_xdp_link *l, int prog_fd)
{
	LIBBPF_OPTS(bpf_link_create_opts, opts, .flags = XDP_FLAGS_DRV_MODE);
	int rc;

	l->link_fd = bpf_link_create(prog_fd, (int)l->ifindex, BPF_XDP, &opts);
	if (l->link_fd >= 0)
		return 0;
	rc = chq_errno();
	if (rc == CHQ_EBUSY || rc == CHQ_EPERM)
		return rc;
	snprintf(l->why_generic, sizeof(l->why_generic), "%s", native_refusal(rc));
	opts.flags = XDP_FLAGS_SKB_MODE;
	l->link_fd = bpf_link_create(prog_fd, (int)l->ifindex, BPF_XDP, &opts);
	return l->link_fd < 0 ? chq_errno() : 0;
}

static int
attach_new(struct chq_xdp_link *l, const char *dir, int prog_fd, char *err, size_t err_size)
{
	char path[PATH_MAX];
	int rc = make_link(l, prog_fd);

	if (rc)
		return fail(err, err_size, rc, "%s: the XDP program cannot be attached: %s",
			    l->ifname, chq_strerror(rc));
	pin_path(path, dir, l->ifname, PIN_LINK);
	if (bpf_obj_pin(l->link_fd, path) == 0)
		return 0;
	rc = chq_errno();
	return fail(err, err_size, rc, "%s: the link cannot be pinned: %s", path, chq_strerror(rc));
}

static int
attach_loaded(struct chq_xdp_link *l, const char *dir, struct steer_bpf *skel, char *err,
	      size_t err_size)
{
	int prog_fd = bpf_program__fd(skel->progs.xsk_def_prog);
	int rc;

	if (l->adopted) {
		rc = replace_prog(l->link_fd, prog_fd);
		if (rc)
			fail(err, err_size, rc, "%s: the XDP program cannot be replaced: %s",
			     l->ifname, chq_strerror(rc));
	} else {
		rc = attach_new(l, dir, prog_fd, err, err_size);
	}
	if (rc)
		return rc;
	l->xsks_fd = dup(bpf_map__fd(skel->maps.xsks_map));
	l->locals_fd = dup(bpf_map__fd(skel->maps.chq_locals));
	if (l->xsks_fd < 0 || l->locals_fd < 0)
		return fail(err, err_size, CHQ_EMFILE, "%s: %s", l->ifname,
			    chq_strerror(CHQ_EMFILE));
	attached_prog(l->ifindex, &l->native);
	if (!l->native && !l->why_generic[0])
		snprintf(l->why_generic, sizeof(l->why_generic),
			 "it was attached so by an earlier start; after `chasqui-dataplane detach` "
			 "native mode is tried again");
	return 0;
}

int
chq_xdp_attach(struct chq_xdp_link *l, const char *dir, const char *ifname, char *err,
	       size_t err_size)
{
	struct steer_bpf *skel;
	int rc;

	*l = (struct chq_xdp_link){ .link_fd = -1, .xsks_fd = -1, .locals_fd = -1 };
	snprintf(l->ifname, sizeof(l->ifname), "%s", ifname);
	l->ifindex = if_nametoindex(ifname);
	if (l->ifindex == 0)
		return fail(err, err_size, CHQ_ENODEV, "%s: no such network interface", ifname);
	libbpf_set_print(log_libbpf);
	rc = open_pinned(dir, ifname, l->ifindex, err, err_size);
	if (rc >= 0) {
		l->link_fd = rc;
		l->adopted = true;
	} else if (rc != CHQ_ENOENT) {
		return rc;
	} else {
		rc = refuse_foreign(l, err, err_size);
		if (rc)
			return rc;
	}
	skel = load(dir, ifname, err, err_size, &rc);
	if (skel) {
		rc = attach_loaded(l, dir, skel, err, err_size);
		steer_bpf__destroy(skel);
	}
	if (rc)
		chq_xdp_release(l);
	if (rc && !l->adopted)
		unpin_maps(dir, ifname);
	return rc;
}

void
chq_xdp_release(struct chq_xdp_link *l)
{
	int *fds[] = { &l->link_fd, &l->xsks_fd, &l->locals_fd };

	for (size_t i = 0; i < sizeof(fds) / sizeof(fds[0]); i++) {
		if (*fds[i] >= 0)
			close(*fds[i]);
		*fds[i] = -1;
	}
}

/* --- addresses --- */

static bool
is_listed(const struct chq_steer_key *key, const struct chq_steer_key *keys, unsigned int n)
{
	for (unsigned int i = 0; i < n; i++) {
		if (memcmp(key, &keys[i], sizeof(*key)) == 0)
			return true;
	}
	return false;
}

int
chq_xdp_set_locals(struct chq_xdp_link *l, const struct chq_steer_key *keys, unsigned int n)
{
	struct chq_steer_key old[CHQ_STEER_LOCALS_MAX], *prev = NULL;
	unsigned int count = 0;
	uint8_t one = 1;

	while (count < CHQ_STEER_LOCALS_MAX &&
	       bpf_map_get_next_key(l->locals_fd, prev, &old[count]) == 0)
		prev = &old[count++];
	for (unsigned int i = 0; i < count; i++) {
		if (!is_listed(&old[i], keys, n))
			bpf_map_delete_elem(l->locals_fd, &old[i]);
	}
	for (unsigned int i = 0; i < n; i++) {
		if (!is_listed(&keys[i], old, count) &&
		    bpf_map_update_elem(l->locals_fd, &keys[i], &one, BPF_ANY) < 0)
			return chq_errno();
	}
	return 0;
}

/* --- without a process --- */

/* Return: true and the interface's name if @file is the pin of a link. */
static bool
is_link_pin(const char *file, char ifname[IF_NAMESIZE])
{
	size_t prefix = strlen(PIN_PREFIX), suffix = strlen(pin_kinds[PIN_LINK]),
	       len = strlen(file);

	if (len <= prefix + suffix || len - prefix - suffix >= IF_NAMESIZE ||
	    strncmp(file, PIN_PREFIX, prefix) != 0 ||
	    strcmp(file + len - suffix, pin_kinds[PIN_LINK]) != 0)
		return false;
	snprintf(ifname, IF_NAMESIZE, "%.*s", (int)(len - prefix - suffix), file + prefix);
	swap_char(ifname, ':', '.');
	return true;
}

static int
link_status(const char *dir, struct chq_xdp_status *s)
{
	struct bpf_link_info info;
	char path[PATH_MAX];
	int fd, rc;

	pin_path(path, dir, s->ifname, PIN_LINK);
	fd = bpf_obj_get(path);
	if (fd < 0)
		return chq_errno();
	rc = link_info(fd, &info);
	close(fd);
	if (rc)
		return rc;
	s->ifindex = info.xdp.ifindex;
	s->prog_id = info.prog_id;
	attached_prog(s->ifindex, &s->native);
	return 0;
}

int
chq_xdp_list(const char *dir, void (*each_fn)(const struct chq_xdp_status *s, void *arg), void *arg)
{
	DIR *d = opendir(dir);
	struct dirent *e;
	int n = 0;

	if (!d)
		return errno == ENOENT ? 0 : chq_errno();
	while ((e = readdir(d)) != NULL) {
		struct chq_xdp_status s = { 0 };

		if (is_link_pin(e->d_name, s.ifname) && link_status(dir, &s) == 0) {
			each_fn(&s, arg);
			n++;
		}
	}
	closedir(d);
	return n;
}

/* Unpinning is not enough: somebody else may hold the link open. */
static int
detach_one(const char *dir, const char *ifname)
{
	struct bpf_link_info info;
	char path[PATH_MAX];
	int fd, rc;

	pin_path(path, dir, ifname, PIN_LINK);
	fd = bpf_obj_get(path);
	if (fd < 0)
		return chq_errno();
	rc = link_info(fd, &info);
	if (!rc && info.xdp.ifindex != 0 && bpf_link_detach(fd) < 0)
		rc = chq_errno();
	close(fd);
	if (rc)
		return rc;
	unlink(path);
	unpin_maps(dir, ifname);
	return 0;
}

int
chq_xdp_detach(const char *dir, const char *ifname)
{
	char name[IF_NAMESIZE];
	struct dirent *e;
	int n = 0, rc = 0;
	DIR *d;

	if (ifname) {
		rc = detach_one(dir, ifname);
		return rc == CHQ_ENOENT ? 0 : rc ? rc : 1;
	}
	d = opendir(dir);
	if (!d)
		return errno == ENOENT ? 0 : chq_errno();
	while ((e = readdir(d)) != NULL) {
		if (!is_link_pin(e->d_name, name))
			continue;
		rc = detach_one(dir, name);
		if (rc)
			break;
		n++;
	}
	closedir(d);
	return rc ? rc : n;
}
