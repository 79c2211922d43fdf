#include <jansson.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/array.h"
#include "base/err.h"
#include "dataplane/driver_socket.h"
#include "dataplane/next_hop.h"
#include "dataplane/tables.h"
#include "dataplane/xdp_ifaces.h"

/*
 * The driver xdp: our program on kernel interfaces forwards by itself. What it cannot decide goes on to the kernel's UDP
 * socket, where the same stages run as ever: this part is the driver socket.
 *
 * What shows the program that the process lives is the heartbeat of worker 0, which waits for 10 ms at most. The manager
 * may sleep ten times as long, and a socket that no worker reads would be no use.
 */

struct xdp {
	struct chq_sock_driver sock;
	struct chq_xdp_ifaces ifaces;
	int netlink_fd; /* of next_hop() */
};

static struct xdp *
xdp_driver(struct chq_driver *d)
{
	return CHQ_CONTAINER_OF(d, struct xdp, sock.d);
}

/* A frame may come in by one interface to an address of another. */
static void
xdp_refresh(struct chq_driver *d)
{
	chq_xdp_ifaces_refresh(&xdp_driver(d)->ifaces, false);
}

static int
xdp_next_hop(struct chq_driver *d, struct chq_path *path)
{
	struct xdp *x = xdp_driver(d);

	return chq_next_hop_find(x->netlink_fd, x->sock.header, path);
}

static void
xdp_quiet(struct chq_driver *d)
{
	chq_xdp_ifaces_quiet(&xdp_driver(d)->ifaces);
}

static void
xdp_counts(struct chq_driver *d, uint64_t counts[CHQ_C__COUNT])
{
	chq_xdp_ifaces_counts(&xdp_driver(d)->ifaces, counts);
}

static void
xdp_close(struct chq_driver *d, int detach)
{
	struct xdp *x = xdp_driver(d);

	chq_xdp_ifaces_close(&x->ifaces, detach);
	chq_sock_deinit(&x->sock);
	if (x->netlink_fd >= 0)
		close(x->netlink_fd);
	free(x);
}

static int
xdp_open(struct chq_driver **out, const struct chq_site_conf *conf, struct chq_tables *t, char *err,
	 size_t err_size)
{
	struct xdp *x = calloc(1, sizeof(*x));
	int rc;

	if (!x)
		return CHQ_ENOMEM;
	x->netlink_fd = chq_next_hop_open(); /* without it, bpf_fib_lookup() may know */
	rc = chq_xdp_ifaces_check(conf, t, "xdp", err, err_size);
	if (!rc)
		rc = chq_sock_init(&x->sock, &chq_driver_xdp, conf, t, err, err_size);
	if (!rc)
		rc = chq_xdp_ifaces_open(&x->ifaces, conf, t, &x->sock.listen, CHQ_XDP_FORWARD, err,
					 err_size);
	if (rc) {
		chq_xdp_ifaces_undo(&x->ifaces);
		xdp_close(&x->sock.d, 0);
		return rc;
	}
	xdp_refresh(&x->sock.d);
	chq_xdp_ifaces_serve(&x->ifaces, 1);
	*out = &x->sock.d;
	return 0;
}

static json_t *
xdp_describe(struct chq_driver *d)
{
	struct xdp *x = xdp_driver(d);
	json_t *ports = json_array(), *sockets = chq_sock_describe(d);

	for (unsigned i = 0; i < x->ifaces.n; i++)
		json_array_append_new(ports, chq_xdp_ifaces_describe(&x->ifaces, i, "xdp"));
	json_array_extend(ports, sockets);
	json_decref(sockets);
	return ports;
}

const struct chq_driver_ops chq_driver_xdp = {
	.name = "xdp",
	.open = xdp_open,
	.start = chq_sock_start,
	.join = chq_sock_join,
	.rx = chq_sock_rx,
	.tx = chq_sock_tx,
	.tx_new = chq_sock_tx_new,
	.free = chq_sock_free,
	.wake = chq_sock_wake,
	.refresh = xdp_refresh,
	.describe = xdp_describe,
	.next_hop = xdp_next_hop,
	.missed = chq_sock_missed,
	.quiet = xdp_quiet,
	.counts = xdp_counts,
	.close = xdp_close,
};
