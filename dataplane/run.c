#include "dataplane/run.h"

#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "base/addr.h"
#include "base/clock.h"
#include "base/err.h"
#include "base/lock.h"
#include "base/log.h"
#include "base/undumpable.h"
#include "dataplane/atomic.h"
#include "dataplane/driver_order.h"
#include "dataplane/instance.h"
#include "dataplane/manager_loop.h"
#include "dataplane/privileges.h"
#include "dataplane/sd_notify.h"
#include "dataplane/sockio.h"

#define ERR_SIZE 256
/* A worker that did not poll for so long hangs: the service manager is no longer told that all is well. */
#define HUNG_NS (2 * CHQ_NS_PER_SEC)

/* Everything that is taken at the start, in this order. */
struct run {
	const struct chq_site_conf *conf;
	struct chq_instance in;
	int lock_fd, signal_fd;
	struct chq_tables *tables;
	struct chq_driver *driver;
	struct chq_worker **workers;
	struct chq_manager manager;
	struct chq_status status;
	bool manager_up, started;
};

/* --- driver --- */

static const struct chq_driver_ops *
driver_ops(enum chq_conf_driver kind)
{
	switch (kind) {
#ifdef CHQ_HAVE_DPDK
	case CHQ_DRIVER_DPDK: return &chq_driver_dpdk;
#ifdef CHQ_HAVE_XDP
	case CHQ_DRIVER_AF_XDP: return &chq_driver_af_xdp;
#endif
#endif
#ifdef CHQ_HAVE_XDP
	case CHQ_DRIVER_XDP: return &chq_driver_xdp;
#endif
	case CHQ_DRIVER_SOCKET: return &chq_driver_socket;
	default: return NULL;
	}
}

static int
driver_try(struct run *r, enum chq_conf_driver kind, char *err)
{
	const struct chq_driver_ops *ops = driver_ops(kind);

	err[0] = '\0';
	if (ops)
		return ops->open(&r->driver, r->conf, r->tables, err, ERR_SIZE);
	snprintf(err, ERR_SIZE,
		 "this program was built without DPDK or without BPF (meson options dpdk, xdp)");
	return CHQ_EUNAVAIL;
}

static int
driver_open(struct run *r)
{
	enum chq_conf_driver order[CHQ_DRIVER__COUNT];
	const char *why;
	int n = chq_driver_order(r->conf, order, &why);
	int rc = CHQ_EUNAVAIL;
	char err[ERR_SIZE];

	for (int i = 0; i < n && rc == CHQ_EUNAVAIL; i++) {
		rc = driver_try(r, order[i], err);
		if (rc == 0)
			chq_instance_drop_strays(&r->in, order[i]);
		if (rc == 0)
			CHQ_LOG_WARN("driver", "driver=%s workers=%u reason=\"%s\"",
				     chq_driver_word(order[i]),
				     (unsigned)r->conf->dataplane.workers, why);
		else
			CHQ_LOG_ERROR("driver-refused", "driver=%s code=%s reason=%s",
				      chq_driver_word(order[i]), chq_errname(rc), CHQ_Q(err));
		why = "the ones before were refused";
	}
	return rc;
}

/* --- start --- */

static int
lock_take(struct run *r)
{
	pid_t holder = 0;

	r->lock_fd = chq_instance_lock(&r->in, &holder);
	if (r->lock_fd >= 0)
		return 0;
	if (r->lock_fd == CHQ_ELOCKED)
		CHQ_LOG_ERROR(
			"start-refused",
			"reason=\"another chasqui-dataplane runs as instance %s\" pid=%ld lock=%s",
			r->in.tables.instance, (long)holder, CHQ_Q(r->in.lock));
	else
		CHQ_LOG_ERROR("start-refused", "lock=%s reason=\"%s\"", CHQ_Q(r->in.lock),
			      chq_strerror(r->lock_fd));
	return r->lock_fd;
}

/* SIGTERM and SIGINT end the loop; blocked before any thread is made, so that they reach no worker. */
static int
signals_take(struct run *r)
{
	sigset_t set;

	signal(SIGPIPE, SIG_IGN);
	sigemptyset(&set);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGINT);
	if (pthread_sigmask(SIG_BLOCK, &set, NULL))
		return CHQ_EINVAL;
	r->signal_fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
	return r->signal_fd < 0 ? chq_errno() : 0;
}

static int
tables_take(struct run *r)
{
	struct sockaddr_storage ss;
	struct chq_inet at = { 0 };
	char err[ERR_SIZE] = "";
	socklen_t len;
	int rc = chq_tables_open(&r->tables, &r->in.tables, chq_mono_ns(), err, sizeof(err));

	if (rc) {
		CHQ_LOG_ERROR("tables-refused", "code=%s reason=%s", chq_errname(rc), CHQ_Q(err));
		return rc;
	}
	if (chq_sockaddr_parse(r->conf->listen.items[0], &ss, &len) == 0)
		chq_inet_from_sockaddr(&at, (struct sockaddr *)&ss);
	r->tables->header->port = at.port;
	r->tables->header->workers = r->conf->dataplane.workers;
	chq_tables_tick(r->tables, chq_mono_ns(), chq_wall_ms());
	CHQ_LOG_INFO("tables", "backing=%s %s generation=%llu sessions=%u of=%u",
		     chq_backing_name[r->tables->backing],
		     r->tables->adopted ? "adopted=yes" : "adopted=no",
		     (unsigned long long)r->tables->header->generation, (unsigned)r->tables->used,
		     (unsigned)r->tables->header->sessions);
	return 0;
}

static int
workers_make(struct run *r)
{
	unsigned n = r->conf->dataplane.workers;

	r->workers = calloc(n, sizeof(struct chq_worker *));
	if (!r->workers)
		return CHQ_ENOMEM;
	for (unsigned i = 0; i < n; i++) {
		r->workers[i] = aligned_alloc(_Alignof(struct chq_worker),
					      sizeof(struct chq_worker));
		if (!r->workers[i])
			return CHQ_ENOMEM;
		memset(r->workers[i], 0, sizeof(struct chq_worker));
		chq_worker_bind(r->workers[i], i, r->tables);
	}
	return 0;
}

static int
sockets_open(struct run *r)
{
	gid_t control_gid = (gid_t)-1, admin_gid = (gid_t)-1;
	uid_t uids[2] = { geteuid(), geteuid() };
	int rc;

	chq_user_find(r->conf->users.control, &uids[0], &control_gid);
	if (chq_group_find(r->conf->control.group, &admin_gid))
		admin_gid = control_gid;
	rc = chq_link_open(&r->manager.link, r->in.socket, control_gid, uids);
	if (rc) {
		CHQ_LOG_ERROR("start-refused", "socket=%s reason=\"%s\"", CHQ_Q(r->in.socket),
			      chq_strerror(rc));
		return rc;
	}
	rc = chq_status_open(&r->status, r->in.status, admin_gid);
	if (rc)
		CHQ_LOG_ERROR("start-refused", "socket=%s reason=\"%s\"", CHQ_Q(r->in.status),
			      chq_strerror(rc));
	return rc;
}

static int
manager_take(struct run *r)
{
	int rc = chq_manager_init(&r->manager, r->tables, r->driver, r->workers,
				  r->conf->dataplane.workers);

	r->manager_up = true;
	return rc;
}

static int
drop_privileges(struct run *r, bool detach)
{
	char text[128];
	int rc = chq_privileges_drop(r->conf->users.dataplane, detach, text, sizeof(text));

	chq_undumpable();
	if (rc)
		CHQ_LOG_ERROR("start-refused",
			      "reason=\"privileges cannot be dropped\" error=\"%s\"",
			      chq_strerror(rc));
	else
		CHQ_LOG_INFO("privileges", "now=%s", CHQ_Q(text));
	return rc;
}

/* After the workers were made, which would take it over. */
static void
pin_manager(const struct chq_site_conf *conf)
{
	uint32_t core = conf->dataplane.main_core;
	cpu_set_t set;

	if (core == CHQ_CONF_AUTO)
		return;
	CPU_ZERO(&set);
	CPU_SET(core, &set);
	if (sched_setaffinity(0, sizeof(set), &set) < 0)
		CHQ_LOG_WARN("core-unused", "thread=manager core=%u error=\"%s\"", (unsigned)core,
			     chq_strerror(chq_errno()));
}

/* What is handed to the workers from now on waits for them: they need not have polled yet. */
static int
workers_start(struct run *r)
{
	unsigned n = r->conf->dataplane.workers;

	for (unsigned i = 0; i < n; i++)
		CHQ_STORE_RELAXED(&r->tables->header->heartbeat[i].now_ns, chq_mono_ns());
	r->started = true;
	return r->driver->ops->start(r->driver, r->workers, n);
}

static int
start(struct run *r, bool detach)
{
	int rc = chq_instance_init(&r->in, r->conf);

	if (!rc)
		rc = lock_take(r);
	if (!rc)
		rc = signals_take(r);
	if (rc)
		return rc;
	chq_memlock_raise();
	chq_undumpable(); /* before the tables with the keys of sessions */
	rc = tables_take(r);
	if (!rc)
		rc = driver_open(r);
	if (!rc)
		rc = workers_make(r);
	if (!rc)
		rc = manager_take(r);
	if (!rc)
		rc = sockets_open(r);
	if (!rc)
		rc = drop_privileges(r, detach);
	if (!rc) {
		rc = workers_start(r);
		pin_manager(r->conf);
	}
	return rc;
}

/* --- end --- */

static void
stop(struct run *r, bool detach)
{
	unsigned n = r->conf->dataplane.workers;
	char err[ERR_SIZE] = "";
	int removed;

	if (r->started && r->driver->ops->quiet)
		r->driver->ops->quiet(r->driver);
	for (unsigned i = 0; r->started && i < n; i++)
		chq_worker_stop(r->workers[i]);
	if (r->started)
		r->driver->ops->join(r->driver);
	if (r->manager.link.listen_fd >= 0) {
		/* They say nothing any more; that they can be removed depends on whose the folder is. */
		unlink(r->in.socket);
		unlink(r->in.status);
	}
	chq_status_close(&r->status);
	if (r->manager_up)
		chq_manager_deinit(&r->manager);
	if (r->driver)
		r->driver->ops->close(r->driver, detach);
	for (unsigned i = 0; r->workers && i < n; i++)
		free(r->workers[i]);
	free(r->workers);
	chq_tables_close(r->tables);
	if (detach && r->started) {
		removed = chq_instance_detach(&r->in, err, sizeof(err));
		if (removed < 0)
			CHQ_LOG_ERROR("detach-failed", "code=%s reason=%s", chq_errname(removed),
				      CHQ_Q(err));
		else
			CHQ_LOG_INFO("detached", "removed=%d", removed);
	}
	if (r->signal_fd >= 0)
		close(r->signal_fd);
	chq_lock_release(r->lock_fd);
}

static void
each_second(struct chq_manager *m)
{
	if (chq_manager_workers_alive(m, HUNG_NS))
		chq_sd_notify("WATCHDOG=1");
}

int
chq_run(const struct chq_site_conf *conf, bool detach)
{
	static struct run r; /* the manager's tables of budgets are too big for a stack */
	int rc;

	r = (struct run){ .conf = conf,
			  .lock_fd = -1,
			  .signal_fd = -1,
			  .status = { .listen_fd = -1 },
			  .manager = { .link = { .listen_fd = -1, .fd = -1 } } };
	rc = start(&r, detach);
	if (!rc) {
		CHQ_LOG_INFO("ready", "instance=%s driver=%s port=%u", r.in.tables.instance,
			     r.driver->ops->name, (unsigned)r.tables->header->port);
		chq_sd_notify("READY=1");
		rc = chq_manager_loop(&r.manager, &r.status, r.signal_fd, each_second);
		chq_sd_notify("STOPPING=1");
		CHQ_LOG_INFO("stopping", "instance=%s error=%s", r.in.tables.instance,
			     chq_errname(rc));
	}
	stop(&r, detach);
	return rc;
}
