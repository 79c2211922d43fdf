#include "dataplane/xdp_ifaces.h"

#include <linux/ethtool.h>
#include <linux/magic.h>
#include <linux/sockios.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/vfs.h>
#include <time.h>
#include <unistd.h>

#include <bpf/bpf.h>

#include "base/clock.h"
#include "base/err.h"
#include "base/log.h"
#include "dataplane/napi.h"
#include "dataplane/xdp_json.h"

/* Longer than the program takes for a packet whose queue it has looked up already, and than a worker's poll. */
#define QUIET_NS (5 * CHQ_NS_PER_MS)

/* --- can it be? --- */

/* Why are the tables no BPF arrays, though the program must read them? */
static int
explain_backing(const struct chq_site_conf *conf, const char *driver, char *err, size_t err_size)
{
	const char *bpffs = conf->dataplane.bpffs;
	struct statfs fs;
	int fd = bpf_map_create(BPF_MAP_TYPE_ARRAY, "chq_probe", 4, 4, 1, NULL);

	if (fd >= 0)
		close(fd);
	if (fd == CHQ_EPERM)
		snprintf(err, err_size,
			 "%s needs BPF and is not permitted to use it: CAP_BPF, CAP_PERFMON and "
			 "CAP_NET_ADMIN; start as root, or give them to the service "
			 "(AmbientCapabilities)",
			 driver);
	else if (fd < 0)
		snprintf(err, err_size, "%s needs BPF, which this kernel does not offer: %s",
			 driver, chq_strerror(fd));
	else if (statfs(bpffs, &fs) < 0 || (uint32_t)fs.f_type != BPF_FS_MAGIC)
		snprintf(err, err_size,
			 "%s needs a bpffs, and there is none at %s: start as root, which mounts "
			 "one, "
			 "or `mount -t bpf -o mode=0700 chasqui %s`; and dataplane.tables: bpf or "
			 "auto",
			 driver, bpffs, bpffs);
	else
		snprintf(err, err_size, "%s needs dataplane.tables: bpf, or auto", driver);
	return CHQ_EUNAVAIL;
}

int
chq_xdp_ifaces_check(const struct chq_site_conf *conf, const struct chq_tables *t,
		     const char *driver, char *err, size_t err_size)
{
	const struct chq_conf_strings *list = &conf->dataplane.interfaces;

	if (list->count == 0 || list->count > CHQ_TABLE_PORTS_MAX) {
		snprintf(err, err_size, "dataplane.interfaces: 1 to %d are expected",
			 CHQ_TABLE_PORTS_MAX);
		return CHQ_EUNAVAIL;
	}
	for (size_t i = 0; i < list->count; i++) {
		const char *name = list->items[i];
		int n = chq_rx_queues(name);

		if (n < 0) {
			snprintf(err, err_size,
				 "dataplane.interfaces: %s: no such network interface", name);
			return n;
		}
		if (n > CHQ_XDP_QUEUES_MAX) {
			snprintf(err, err_size,
				 "%s has %d receive queues, %d at most are served: ethtool -L %s "
				 "combined %d",
				 name, n, CHQ_XDP_QUEUES_MAX, name, CHQ_XDP_QUEUES_MAX);
			return CHQ_ECONF;
		}
	}
	if (t->backing != CHQ_BACKING_BPF)
		return explain_backing(conf, driver, err, err_size);
	return 0;
}

/* --- attaching --- */

static bool
is_veth(const char *ifname)
{
	struct ethtool_drvinfo info = { .cmd = ETHTOOL_GDRVINFO };
	struct ifreq req = { .ifr_data = (void *)&info };
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	bool veth;

	if (fd < 0)
		return false;
	snprintf(req.ifr_name, sizeof(req.ifr_name), "%s", ifname);
	veth = ioctl(fd, SIOCETHTOOL, &req) == 0 && !strcmp(info.driver, "veth");
	close(fd);
	return veth;
}

static void
tell(const struct chq_xdp_link *l, enum chq_conf_xdp_mode how)
{
	const char *adopted = l->adopted ? "yes" : "no";

	if (l->native)
		CHQ_LOG_INFO("xdp-attached", "interface=%s mode=native adopted=%s program=%u",
			     l->ifname, adopted, (unsigned)l->prog.id);
	else
		CHQ_LOG_WARN("xdp-attached",
			     "interface=%s mode=generic adopted=%s program=%u reason=%s", l->ifname,
			     adopted, (unsigned)l->prog.id, CHQ_Q(l->conf->why_generic));
	if ((l->native && how == CHQ_XDP_MODE_GENERIC) ||
	    (!l->native && how == CHQ_XDP_MODE_NATIVE))
		CHQ_LOG_WARN("xdp-mode-kept",
			     "interface=%s reason=\"it was attached so by an earlier start\" "
			     "remedy=\"chasqui-dataplane detach\"",
			     l->ifname);
	if (l->native && is_veth(l->ifname))
		CHQ_LOG_WARN("xdp-veth",
			     "interface=%s effect=\"what the program sends is lost unless the "
			     "veth's other end has an XDP program too\" remedy=\"put one there, or "
			     "dataplane.xdp_mode: generic\"",
			     l->ifname);
}

static int
attach_one(struct chq_xdp_ifaces *x, const char *ifname, enum chq_xdp_mode mode, char *err,
	   size_t err_size)
{
	struct chq_xdp_iface *i = &x->at[x->n];
	struct chq_xdp_want want = { .dir = x->pin_dir,
				     .ifname = ifname,
				     .tables = x->tables,
				     .mode = mode,
				     .how = (enum chq_conf_xdp_mode)x->conf->dataplane.xdp_mode };
	int rc = chq_addrs_port_add(x->tables->header, ifname);

	if (rc < 0) {
		snprintf(err, err_size, "%s: %s", ifname,
			 rc == CHQ_EFULL ? "the table of ports is full: `chasqui-dataplane detach` "
					   "makes it anew"
					 : chq_strerror(rc));
		return rc;
	}
	i->ifidx = want.ifidx = (uint8_t)rc;
	i->queues = chq_rx_queues(ifname);
	rc = chq_xdp_attach(&i->link, &want, err, err_size);
	if (rc)
		return rc;
	x->n++;
	tell(&i->link, want.how);
	return 0;
}

_Static_assert(CHQ_TABLE_PORTS_MAX <= 16, "a port is a bit of no_redirect");

/* In native mode, a driver takes what another interface redirects to it only while a program stands on its own, in native
 * mode too; what is refused there would be lost, and counted as sent. In generic mode every interface takes it. */
static void
close_ways(struct chq_xdp_ifaces *x)
{
	unsigned int native = 0;

	for (unsigned int i = 0; i < x->n; i++)
		native |= (unsigned int)x->at[i].link.native << x->at[i].ifidx;
	for (unsigned int i = 0; i < x->n; i++)
		chq_xdp_set_no_redirect(&x->at[i].link,
					x->at[i].link.native ? (uint16_t)~native : 0);
}

int
chq_xdp_ifaces_open(struct chq_xdp_ifaces *x, const struct chq_site_conf *conf,
		    const struct chq_tables *t, const struct chq_listen *listen,
		    enum chq_xdp_mode mode, char *err, size_t err_size)
{
	const struct chq_conf_strings *list = &conf->dataplane.interfaces;
	int rc = 0;

	*x = (struct chq_xdp_ifaces){ .conf = conf, .tables = t, .listen = listen };
	snprintf(x->pin_dir, sizeof(x->pin_dir), "%s/%s", conf->dataplane.bpffs,
		 conf->dataplane.instance);
	for (size_t i = 0; !rc && i < list->count; i++)
		rc = attach_one(x, list->items[i], mode, err, err_size);
	close_ways(x);
	return rc;
}

void
chq_xdp_ifaces_close(struct chq_xdp_ifaces *x, bool detach)
{
	for (unsigned int i = 0; i < x->n; i++) {
		struct chq_xdp_link *l = &x->at[i].link;

		chq_xdp_release(l);
		if (detach)
			chq_xdp_detach(x->pin_dir, l->ifname);
	}
	x->n = 0;
}

void
chq_xdp_ifaces_undo(struct chq_xdp_ifaces *x)
{
	for (unsigned int i = 0; i < x->n; i++) {
		if (!x->at[i].link.adopted)
			chq_xdp_detach(x->pin_dir, x->at[i].link.ifname);
	}
}

/* --- while it runs --- */

/* It goes with its interface (which may be back under the same name), or when somebody detaches its link. */
static void
look_after(struct chq_xdp_iface *i)
{
	bool native, lost = chq_xdp_attached(i->link.ifindex, &native) != i->link.prog.id;

	if (lost == i->lost || i->link.prog.id == 0)
		return;
	i->lost = lost;
	if (!lost)
		CHQ_LOG_INFO("xdp-there-again", "interface=%s", i->link.ifname);
	else if (i->link.conf->mode == CHQ_XDP_STEER)
		CHQ_LOG_ERROR("xdp-lost",
			      "interface=%s effect=\"nothing is received there\" "
			      "remedy=\"restart the dataplane\"",
			      i->link.ifname);
	else
		CHQ_LOG_ERROR("xdp-lost",
			      "interface=%s effect=\"all that comes by it goes through the "
			      "process, and nobody forwards it while no process runs\" "
			      "remedy=\"restart the dataplane\"",
			      i->link.ifname);
}

void
chq_xdp_ifaces_refresh(struct chq_xdp_ifaces *x, bool only_ours)
{
	struct chq_header *header = x->tables->header;
	uint64_t seen = 0;
	char err[256];
	int rc = chq_addrs_scan(header, x->listen,
				only_ours ? &x->conf->dataplane.interfaces : NULL, &seen);

	if (rc == 0)
		rc = chq_addrs_add_listed(header, x->conf, x->at[0].ifidx, &seen, err, sizeof(err));
	if (rc >= 0)
		chq_addrs_withdraw(header, seen);
	if (rc < 0 && rc != x->scan_told)
		CHQ_LOG_WARN("local-addresses-incomplete", "reason=\"%s\"", chq_strerror(rc));
	x->scan_told = rc < 0 ? rc : 0;
	for (unsigned int i = 0; i < x->n; i++)
		look_after(&x->at[i]);
}

void
chq_xdp_ifaces_serve(struct chq_xdp_ifaces *x, unsigned int workers)
{
	for (unsigned int i = 0; i < x->n; i++) {
		for (unsigned int q = 0; q < CHQ_XDP_QUEUES_MAX; q++)
			chq_xdp_set_beat(&x->at[i].link, q, (uint8_t)(q % workers));
	}
}

void
chq_xdp_ifaces_quiet(struct chq_xdp_ifaces *x)
{
	static const struct timespec pause = { .tv_nsec = QUIET_NS };

	for (unsigned int i = 0; i < x->n; i++) {
		for (unsigned int q = 0; q < CHQ_XDP_QUEUES_MAX; q++)
			chq_xdp_set_beat(&x->at[i].link, q, CHQ_XDP_BEAT_NONE);
	}
	nanosleep(&pause, NULL);
}

void
chq_xdp_ifaces_counts(const struct chq_xdp_ifaces *x, uint64_t counts[CHQ_C__COUNT])
{
	for (unsigned int i = 0; i < x->n; i++)
		chq_xdp_counts_add(x->at[i].link.counts_fd, counts);
}

json_t *
chq_xdp_ifaces_describe(const struct chq_xdp_ifaces *x, unsigned int i, const char *driver)
{
	const struct chq_xdp_iface *f = &x->at[i];
	const struct chq_port *port = &x->tables->header->port_info[f->ifidx];
	char mac[18];
	json_t *o = json_pack("{s:s, s:s, s:s, s:s, s:i, s:i, s:o}", "name", f->link.ifname,
			      "driver", driver, "mode",
			      f->lost	       ? "lost"
			      : f->link.native ? "native"
					       : "generic",
			      "mac", chq_mac_text(port, mac), "mtu", (int)port->mtu, "queues",
			      f->queues, "addresses",
			      chq_addrs_describe(x->tables->header, f->ifidx));
	json_t *prog = chq_xdp_prog_json(&f->link.prog);

	json_object_set_new(o, "program", json_integer(f->link.prog.id));
	json_object_set(o, "tag", json_object_get(prog, "tag"));
	json_object_set(o, "since", json_object_get(prog, "since"));
	json_decref(prog);
	if (o && !f->link.native)
		json_object_set_new(o, "why_generic", json_string(f->link.conf->why_generic));
	return o;
}
