#include "dataplane/manager.h"

#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <sodium.h>

#include "base/clock.h"
#include "base/err.h"
#include "base/log.h"

static uint64_t
wall_now(void)
{
	return chq_wall_ms();
}

static uint64_t
mono_now(void)
{
	return chq_mono_ns();
}

/* --- life --- */

static int
rings_init(struct chq_worker *w)
{
	static const uint32_t entries[CHQ_UPQ__COUNT] = { CHQ_RING_HELLO, CHQ_RING_SERVER,
							  CHQ_RING_OTHER };
	int rc = 0;

	for (int q = 0; !rc && q < CHQ_UPQ__COUNT; q++)
		rc = chq_ring_init(&w->up[q], entries[q], sizeof(struct chq_up_item));
	if (!rc)
		rc = chq_ring_init(&w->notes, CHQ_RING_NOTES, sizeof(struct chq_note));
	if (!rc)
		rc = chq_ring_init(&w->tx, CHQ_RING_TX, sizeof(struct chq_tx_item));
	return rc;
}

static void
rings_deinit(struct chq_worker *w)
{
	for (int q = 0; q < CHQ_UPQ__COUNT; q++)
		chq_ring_deinit(&w->up[q]);
	chq_ring_deinit(&w->notes);
	chq_ring_deinit(&w->tx);
}

int
chq_manager_init(struct chq_manager *m, struct chq_tables *t, struct chq_driver *d,
		 struct chq_worker **workers, unsigned n)
{
	int rc = 0;

	memset(m, 0, sizeof(*m));
	m->link.listen_fd = m->link.fd = -1;
	m->wake_fd = -1;
	m->t = t;
	m->driver = d;
	m->workers = workers;
	m->n_workers = n;
	m->mono_ns = mono_now;
	m->wall_ms = wall_now;
	m->started_ns = m->mono_ns();
	chq_hello_budget_init(&m->budget);
	if (d->ops->wake) {
		m->wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
		if (m->wake_fd < 0)
			return chq_errno();
	}
	for (unsigned i = 0; !rc && i < n; i++) {
		workers[i]->driver = d;
		workers[i]->wake_fd = m->wake_fd;
		workers[i]->manager_asleep = &m->asleep;
		rc = rings_init(workers[i]);
	}
	return rc;
}

void
chq_manager_deinit(struct chq_manager *m)
{
	for (unsigned i = 0; i < m->n_workers; i++)
		rings_deinit(m->workers[i]);
	chq_link_close(&m->link);
	if (m->wake_fd >= 0)
		close(m->wake_fd);
	m->wake_fd = -1;
}

/* --- one round --- */

static void
round_commands(struct chq_manager *m)
{
	_Alignas(8) uint8_t buf[CHQ_DP_MSG_MAX + 8];

	for (int i = 0; i < CHQ_ROUND_COMMANDS; i++) {
		ssize_t n = chq_link_recv(&m->link, buf);
		const char *what;
		int rc;

		if (n == CHQ_EAGAIN)
			return;
		if (n < 0) {
			if (n == CHQ_EPIPE && m->link.fd < 0 && m->link.peer_pid) {
				CHQ_LOG_WARN("control-gone", "pid=%ld", (long)m->link.peer_pid);
				m->link.peer_pid = 0;
			}
			return;
		}
		what = chq_dp_type_name(chq_dp_check(buf, (size_t)n));
		rc = chq_manager_command(m, buf, (size_t)n);
		sodium_memzero(buf, (size_t)n); /* it may have held a session's keys */
		if (rc) {
			CHQ_LOG_ERROR("control-dropped", "pid=%ld message=%s reason=\"%s\"",
				      (long)m->link.peer_pid, what, chq_strerror(rc));
			chq_link_drop(&m->link);
			return;
		}
	}
	m->busy = true;
}

static void
round_link(struct chq_manager *m)
{
	if (m->link.listen_fd >= 0)
		chq_link_accept(&m->link);
	chq_link_flush(&m->link);
	round_commands(m);
}

static void
round_queue(struct chq_manager *m, struct chq_worker *w, enum chq_upq q, int most)
{
	struct chq_up_item item;

	for (int i = 0; i < most; i++) {
		if (!chq_ring_pop(&w->up[q], &item))
			return;
		chq_manager_up(m, &item);
	}
	m->busy = true;
}

static void
round_notes(struct chq_manager *m, struct chq_worker *w)
{
	struct chq_note note;

	for (int i = 0; i < CHQ_ROUND_NOTES; i++) {
		if (!chq_ring_pop(&w->notes, &note))
			return;
		chq_manager_note(m, &note);
	}
	m->busy = true;
}

static void
round_wake(struct chq_manager *m)
{
	for (unsigned i = 0; m->driver->ops->wake && i < m->n_workers; i++) {
		if (m->tx_wanted >> i & 1)
			m->driver->ops->wake(m->driver, m->workers[i]);
	}
	m->tx_wanted = 0;
}

void
chq_manager_round(struct chq_manager *m)
{
	m->now_ns = m->mono_ns();
	m->now_s = (uint32_t)(m->now_ns / CHQ_NS_PER_SEC);
	m->busy = false;
	if (!m->link_quiet)
		round_link(m);
	for (unsigned i = 0; i < m->n_workers; i++)
		round_notes(m, m->workers[i]);
	for (unsigned i = 0; i < m->n_workers; i++)
		round_queue(m, m->workers[i], CHQ_UPQ_SERVER, CHQ_ROUND_SERVER);
	for (unsigned i = 0; i < m->n_workers; i++)
		round_queue(m, m->workers[i], CHQ_UPQ_OTHER, CHQ_ROUND_OTHER);
	for (unsigned i = 0; i < m->n_workers; i++)
		round_queue(m, m->workers[i], CHQ_UPQ_HELLO, CHQ_ROUND_HELLO);
	chq_manager_dump(m);
	if (m->driver->ops->service)
		m->driver->ops->service(m->driver, m);
	if (m->now_ns >= m->next_tick_ns)
		chq_manager_tick(m);
	chq_manager_sweep(m);
	round_wake(m);
}

void
chq_manager_tick(struct chq_manager *m)
{
	uint32_t all = m->t->header->sessions;
	uint64_t due = m->sweep_due + all / (CHQ_SWEEP_NS / CHQ_MANAGER_TICK_NS) + 1;

	m->sweep_due = due < all ? (uint32_t)due : all;
	m->next_tick_ns = m->now_ns + CHQ_MANAGER_TICK_NS;
	if (m->now_ns < m->next_second_ns)
		return;
	m->next_second_ns = m->now_ns + CHQ_NS_PER_SEC;
	chq_tables_tick(m->t, m->now_ns, m->wall_ms());
	chq_manager_load(m);
	if (m->driver->ops->refresh)
		m->driver->ops->refresh(m->driver);
}

/* --- sleep --- */

static bool
rings_empty(const struct chq_manager *m)
{
	for (unsigned i = 0; i < m->n_workers; i++) {
		struct chq_worker *w = m->workers[i];

		if (!chq_ring_empty(&w->notes))
			return false;
		for (int q = 0; q < CHQ_UPQ__COUNT; q++) {
			if (!chq_ring_empty(&w->up[q]))
				return false;
		}
	}
	return true;
}

bool
chq_manager_idle(struct chq_manager *m)
{
	/* Announced before the look, as a worker looks after its push: one of the two sees the other. */
	atomic_store_explicit(&m->asleep, 1, memory_order_seq_cst);
	atomic_thread_fence(memory_order_seq_cst);
	return !m->busy && rings_empty(m);
}

void
chq_manager_awake(struct chq_manager *m)
{
	uint64_t ignored;

	atomic_store_explicit(&m->asleep, 0, memory_order_relaxed);
	if (m->wake_fd >= 0)
		(void)!read(m->wake_fd, &ignored, sizeof(ignored));
}

/* --- figures --- */

uint64_t
chq_manager_count(const struct chq_manager *m, enum chq_counter c)
{
	uint64_t sum = m->count[c];

	for (unsigned i = 0; i < m->n_workers; i++)
		sum += atomic_load_explicit(&m->workers[i]->counts[c], memory_order_relaxed);
	return sum;
}

bool
chq_manager_workers_alive(const struct chq_manager *m, uint64_t ns)
{
	uint64_t now = m->mono_ns();

	for (unsigned i = 0; i < m->n_workers; i++) {
		uint64_t beat = __atomic_load_n(&m->t->header->heartbeat[i].now_ns,
						__ATOMIC_RELAXED);

		if (beat + ns < now)
			return false;
	}
	return true;
}
