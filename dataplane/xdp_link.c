#include "dataplane/xdp_link.h"

#include <linux/if_link.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include "base/err.h"
#include "base/log.h"
#include "dataplane/atomic.h"
#include "dataplane/xdp_prog.h"

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

/* --- what stands there already --- */

/* The link that holds a program on an interface; 0 if it was attached by netlink, or it cannot be told. */
static uint32_t
link_of(uint32_t prog_id, unsigned int ifindex)
{
	struct bpf_link_info info;
	uint32_t id = 0;

	while (bpf_link_get_next_id(id, &id) == 0) {
		int fd = bpf_link_get_fd_by_id(id);
		bool found;

		if (fd < 0)
			continue;
		found = chq_xdp_link_info(fd, &info) == 0 && info.prog_id == prog_id &&
			info.xdp.ifindex == ifindex;
		close(fd);
		if (found)
			return id;
	}
	return 0;
}

static int
refuse_foreign(const struct chq_xdp_link *l, char *err, size_t err_size)
{
	struct chq_xdp_prog prog;
	char by[64], remedy[96];
	bool native;
	uint32_t id = chq_xdp_attached(l->ifindex, &native), link;

	if (id == 0)
		return 0;
	chq_xdp_prog_by_id(&prog, id);
	link = link_of(id, l->ifindex);
	if (link) {
		snprintf(by, sizeof(by), "by link %u", link);
		snprintf(remedy, sizeof(remedy), "end what holds that link");
	} else {
		snprintf(by, sizeof(by), "by netlink");
		snprintf(remedy, sizeof(remedy), "`ip link set dev %s xdp%s off` takes it off",
			 l->ifname, native ? "" : "generic");
	}
	return fail(
		err, err_size, CHQ_EBUSY,
		"%s: another XDP program stands there: %s (id %u, tag %s), %s. It is left alone: "
		"%s, or use another driver",
		l->ifname, prog.name, id, prog.tag, by, remedy);
}

/* Open our pinned link. Return: descriptor; CHQ_ENOENT none (a stale one was removed); else as
 * chq_xdp_attach(). */
static int
open_pinned(const char *dir, const struct chq_xdp_link *l, char *err, size_t err_size)
{
	struct bpf_link_info info;
	struct chq_xdp_prog prog;
	char path[PATH_MAX];
	bool native;
	int fd;

	chq_xdp_pin_path(path, dir, l->ifname, CHQ_XDP_PIN_LINK);
	fd = bpf_obj_get(path);
	if (fd < 0 && errno == ENOENT)
		return CHQ_ENOENT;
	if (fd < 0 || chq_xdp_link_info(fd, &info) < 0) {
		if (fd >= 0)
			close(fd);
		return fail(
			err, err_size, CHQ_ECORRUPT,
			"%s is not a link of ours; it is not used: remove it with rm, or all by "
			"`chasqui-dataplane detach`",
			path);
	}
	chq_xdp_prog_by_id(&prog, info.prog_id);
	if (info.xdp.ifindex == l->ifindex &&
	    chq_xdp_attached(l->ifindex, &native) == info.prog_id &&
	    (!strcmp(prog.name, CHQ_XDP_PROG_NAME) || !strcmp(prog.name, "?")))
		return fd;
	close(fd);
	if (info.xdp.ifindex == l->ifindex)
		return fail(
			err, err_size, CHQ_ECORRUPT,
			"%s holds a program that is not ours: %s (id %u, tag %s); remove that pin",
			path, prog.name, prog.id, prog.tag);
	if (info.xdp.ifindex != 0)
		return fail(
			err, err_size, CHQ_EBUSY,
			"%s holds another interface (index %u): `chasqui-dataplane detach` gives "
			"it back",
			path, info.xdp.ifindex);
	chq_xdp_unpin(dir, l->ifname); /* its interface is gone */
	return CHQ_ENOENT;
}

/* --- attaching --- */

/* The link is ours, and so is what stands on it (open_pinned()). Who lacks CAP_SYS_ADMIN gets no descriptor of that, and
 * replaces it without naming it. */
static int
replace_prog(int link_fd, int prog_fd)
{
	LIBBPF_OPTS(bpf_link_update_opts, opts, .flags = BPF_F_REPLACE);
	struct bpf_link_info info;
	int old, rc;

	rc = chq_xdp_link_info(link_fd, &info);
	if (rc)
		return rc;
	old = bpf_prog_get_fd_by_id(info.prog_id);
	if (old < 0 && errno != EPERM)
		return chq_errno();
	if (old < 0)
		opts.flags = 0;
	else
		opts.old_prog_fd = (uint32_t)old;
	rc = bpf_link_update(link_fd, prog_fd, &opts) < 0 ? chq_errno() : 0;
	if (old >= 0)
		close(old);
	return rc;
}

static int
read_mtu(const char *ifname)
{
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	struct ifreq req = { 0 };

	snprintf(req.ifr_name, sizeof(req.ifr_name), "%s", ifname);
	if (fd < 0 || ioctl(fd, SIOCGIFMTU, &req) < 0)
		req.ifr_mtu = 0;
	if (fd >= 0)
		close(fd);
	return req.ifr_mtu;
}

/* A link's refusal is a number; netlink's comes with the driver's own words. Tried only after the link was refused; should
 * it succeed after all, it is undone. */
static void
ask_kernel_why(const struct chq_xdp_link *l, int prog_fd)
{
	uint32_t flags = XDP_FLAGS_DRV_MODE | XDP_FLAGS_UPDATE_IF_NOEXIST;
	LIBBPF_OPTS(bpf_xdp_attach_opts, opts, .old_prog_fd = prog_fd);

	chq_xdp_kernel_words_forget();
	if (bpf_xdp_attach((int)l->ifindex, prog_fd, flags, NULL) == 0)
		bpf_xdp_detach((int)l->ifindex, XDP_FLAGS_DRV_MODE, &opts);
}

static const char *
refusal_text(int rc)
{
	switch (rc) {
	case CHQ_EOPNOTSUPP: return "the interface's driver has no native XDP";
	case CHQ_ENOSPC:
		return "the veth's other end has more transmit queues than this one receive queues";
	case CHQ_EINVAL:
	case CHQ_ERANGE: return "the interface's driver refuses it";
	default: return chq_strerror(rc);
	}
}

/* Drivers want a frame and its headroom in one page: 4,096 bytes without 256 of headroom, 320 of the kernel's own, 14 + 8
 * of Ethernet and VLAN tags. */
#define NATIVE_MTU_ABOUT 3498

void
chq_xdp_why_text(char why[112], int rc, const char *words, int mtu)
{
	char mtu_text[64] = "";

	if (rc != CHQ_ENOSPC && (mtu > NATIVE_MTU_ABOUT || strstr(words, "MTU")))
		snprintf(mtu_text, sizeof(mtu_text), "; its MTU is %d, %d is about the most", mtu,
			 NATIVE_MTU_ABOUT);
	if (words[0] && rc != CHQ_ENOSPC)
		snprintf(why, 112, "%.48s%s", words, mtu_text);
	else
		snprintf(why, 112, "%s%s", refusal_text(rc), mtu_text);
}

static int
make_link(struct chq_xdp_link *l, enum chq_conf_xdp_mode how, int prog_fd, char why[112])
{
	LIBBPF_OPTS(bpf_link_create_opts, opts, .flags = XDP_FLAGS_DRV_MODE);
	int rc;

	why[0] = '\0';
	if (how != CHQ_XDP_MODE_GENERIC) {
		l->link_fd = bpf_link_create(prog_fd, (int)l->ifindex, BPF_XDP, &opts);
		if (l->link_fd >= 0)
			return 0;
		rc = chq_errno();
		if (rc == CHQ_EBUSY || rc == CHQ_EEXIST || rc == CHQ_EPERM)
			return rc;
		ask_kernel_why(l, prog_fd);
		chq_xdp_why_text(why, rc, chq_xdp_kernel_words(), read_mtu(l->ifname));
		if (how == CHQ_XDP_MODE_NATIVE)
			return CHQ_EOPNOTSUPP;
	} else {
		snprintf(why, 112, "dataplane.xdp_mode: generic");
	}
	opts.flags = XDP_FLAGS_SKB_MODE;
	l->link_fd = bpf_link_create(prog_fd, (int)l->ifindex, BPF_XDP, &opts);
	return l->link_fd < 0 ? chq_errno() : 0;
}

static int
attach_failed(const struct chq_xdp_link *l, int rc, const char *why, char *err, size_t err_size)
{
	int foreign = rc == CHQ_EBUSY || rc == CHQ_EEXIST ? refuse_foreign(l, err, err_size) : 0;

	if (foreign)
		return foreign;
	if (rc == CHQ_EPERM)
		return fail(
			err, err_size, CHQ_EUNAVAIL,
			"%s: not permitted to attach the XDP program: CAP_NET_ADMIN and CAP_BPF "
			"are needed; start as root, or give them to the service",
			l->ifname);
	if (rc == CHQ_EOPNOTSUPP && why[0])
		return fail(
			err, err_size, CHQ_EUNAVAIL,
			"%s: no native XDP here: %s. `dataplane.xdp_mode: auto` takes generic mode",
			l->ifname, why);
	return fail(err, err_size, rc, "%s: the XDP program cannot be attached: %s", l->ifname,
		    chq_strerror(rc));
}

static int
attach_new(struct chq_xdp_link *l, const struct chq_xdp_want *want, int prog_fd, char *err,
	   size_t err_size)
{
	char path[PATH_MAX], why[sizeof(l->conf->why_generic)] = "";
	int rc = make_link(l, want->how, prog_fd, why);

	if (rc)
		return attach_failed(l, rc, why, err, err_size);
	memcpy(l->conf->why_generic, why, sizeof(why));
	chq_xdp_pin_path(path, want->dir, l->ifname, CHQ_XDP_PIN_LINK);
	if (bpf_obj_pin(l->link_fd, path) == 0)
		return 0;
	rc = chq_errno();
	return fail(err, err_size, rc, "%s: the link cannot be pinned: %s", path, chq_strerror(rc));
}

/* Before the program stands there, or while another of ours does, whose configuration it is too. */
static int
configure(struct chq_xdp_link *l, const struct chq_xdp_want *want, int conf_fd)
{
	l->conf = mmap(NULL, sizeof(*l->conf), PROT_READ | PROT_WRITE, MAP_SHARED, conf_fd, 0);
	if (l->conf == MAP_FAILED) {
		l->conf = NULL;
		return chq_errno();
	}
	for (unsigned int queue = 0; queue < CHQ_XDP_QUEUES_MAX; queue++)
		chq_xdp_set_beat(l, queue, CHQ_XDP_BEAT_NONE);
	CHQ_STORE_RELAXED(&l->conf->test_now_ns, 0);
	CHQ_STORE_RELAXED(&l->conf->ifidx, want->ifidx);
	CHQ_STORE_RELEASE(&l->conf->mode, (uint8_t)want->mode);
	return 0;
}

static void
describe(struct chq_xdp_link *l, int prog_fd)
{
	struct bpf_link_info info;

	chq_xdp_prog_of(&l->prog, 0, prog_fd);
	if (chq_xdp_link_info(l->link_fd, &info) == 0)
		l->link_id = info.id;
	chq_xdp_attached(l->ifindex, &l->native);
	if (l->native)
		l->conf->why_generic[0] = '\0';
}

static int
attach_loaded(struct chq_xdp_link *l, const struct chq_xdp_want *want, struct chq_xdp_loaded *p,
	      char *err, size_t err_size)
{
	int rc = configure(l, want, p->conf_fd);

	if (rc)
		return fail(err, err_size, rc, "%s: the program's settings cannot be mapped: %s",
			    l->ifname, chq_strerror(rc));
	if (l->adopted) {
		rc = replace_prog(l->link_fd, p->prog_fd);
		if (rc)
			fail(err, err_size, rc, "%s: the XDP program cannot be replaced: %s",
			     l->ifname, chq_strerror(rc));
	} else {
		rc = attach_new(l, want, p->prog_fd, err, err_size);
	}
	if (rc)
		return rc;
	describe(l, p->prog_fd);
	l->counts_fd = p->counts_fd;
	p->counts_fd = -1;
	return 0;
}

int
chq_xdp_attach(struct chq_xdp_link *l, const struct chq_xdp_want *want, char *err, size_t err_size)
{
	struct chq_xdp_loaded p;
	char was[IF_NAMESIZE];
	int rc;

	*l = (struct chq_xdp_link){ .link_fd = -1, .counts_fd = -1 };
	snprintf(l->ifname, sizeof(l->ifname), "%s", want->ifname);
	l->ifindex = if_nametoindex(want->ifname);
	if (l->ifindex == 0)
		return fail(err, err_size, CHQ_ENODEV, "%s: no such network interface",
			    want->ifname);
	rc = open_pinned(want->dir, l, err, err_size);
	if (rc == CHQ_ENOENT && chq_xdp_pins_follow(want->dir, l->ifname, l->ifindex, was)) {
		CHQ_LOG_INFO("xdp-renamed", "interface=%s was=%s", l->ifname, was);
		rc = open_pinned(want->dir, l, err, err_size);
	}
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
	rc = chq_xdp_load(&p, want->dir, want->ifname, want->tables, err, err_size);
	if (!rc) {
		rc = attach_loaded(l, want, &p, err, err_size);
		if (rc && !l->adopted)
			chq_xdp_unpin(want->dir, want->ifname);
		chq_xdp_unload(&p);
	}
	if (rc)
		chq_xdp_release(l);
	return rc;
}

void
chq_xdp_set_beat(struct chq_xdp_link *l, unsigned int queue, uint8_t beat)
{
	if (queue < CHQ_XDP_QUEUES_MAX)
		CHQ_STORE_RELAXED(&l->conf->beat[queue], beat);
}

void
chq_xdp_set_no_redirect(struct chq_xdp_link *l, uint16_t ports)
{
	CHQ_STORE_RELAXED(&l->conf->no_redirect, ports);
}

void
chq_xdp_release(struct chq_xdp_link *l)
{
	if (l->conf)
		munmap(l->conf, sizeof(*l->conf));
	if (l->link_fd >= 0)
		close(l->link_fd);
	if (l->counts_fd >= 0)
		close(l->counts_fd);
	l->conf = NULL;
	l->link_fd = l->counts_fd = -1;
}
