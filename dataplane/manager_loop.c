#include "dataplane/manager_loop.h"

#include <poll.h>

#include "base/clock.h"
#include "base/err.h"

struct wait_set {
	struct pollfd fds[4 + CHQ_STATUS_FDS];
	unsigned n, own; /* of them ours; the status socket's follow */
};

static void
watch(struct wait_set *w, int fd, short events)
{
	if (fd >= 0)
		w->fds[w->n++] = (struct pollfd){ .fd = fd, .events = events };
}

/* Something waits for room in control's socket. */
static bool
wants_room(const struct chq_manager *m)
{
	return m->link.head < m->link.tail || m->dump.on;
}

static int
sleep_ms(const struct chq_manager *m)
{
	uint64_t now = m->mono_ns();

	if (m->wake_fd < 0)
		return CHQ_MANAGER_POLL_MS;
	if (m->next_tick_ns <= now)
		return 0;
	return (int)((m->next_tick_ns - now) / CHQ_NS_PER_MS) + 1;
}

static bool
any_ready(const struct wait_set *w, unsigned from, unsigned end)
{
	for (unsigned i = from; i < end; i++) {
		if (w->fds[i].revents)
			return true;
	}
	return false;
}

static int
wait_for_work(struct chq_manager *m, const struct chq_status *status, int stop_fd,
	      struct wait_set *w)
{
	int n;

	w->n = 0;
	watch(w, stop_fd, POLLIN);
	watch(w, m->wake_fd, POLLIN);
	watch(w, m->link.listen_fd, POLLIN);
	watch(w, m->link.fd, wants_room(m) ? POLLIN | POLLOUT : POLLIN);
	w->own = w->n;
	w->n += chq_status_fds(status, w->fds + w->n);
	n = poll(w->fds, w->n, chq_manager_idle(m) ? sleep_ms(m) : 0);
	n = n < 0 ? chq_errno() : n;
	chq_manager_awake(m);
	m->link_quiet = n >= 0 && !any_ready(w, 1, w->own);
	return n < 0 && n != CHQ_EINTR ? n : 0;
}

int
chq_manager_loop(struct chq_manager *m, struct chq_status *status, int stop_fd,
		 void (*each_second)(struct chq_manager *m))
{
	uint64_t next = 0;
	struct wait_set w;
	int rc;

	for (;;) {
		chq_manager_round(m);
		if (each_second && m->now_ns >= next) {
			next = m->now_ns + CHQ_NS_PER_SEC;
			each_second(m);
		}
		rc = wait_for_work(m, status, stop_fd, &w);
		if (rc)
			return rc;
		if (w.fds[0].revents)
			return 0;
		if (any_ready(&w, w.own, w.n))
			chq_status_round(status, m);
	}
}
