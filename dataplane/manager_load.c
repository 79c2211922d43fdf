/*
 * How busy the workers are: a window of a second, shown by `dp status` and told to control. A level of shedding that
 * changed is logged.
 */
#include "base/clock.h"
#include "base/log.h"
#include "dataplane/atomic.h"
#include "dataplane/manager.h"
#include "dataplane/manager_msg.h"

_Static_assert(CHQ_DP_WORKERS_MAX == CHQ_TABLE_WORKERS_MAX, "a place for each worker");

/* What of the time between two of its heartbeats a worker was busy; one that hangs is so all the time. */
static uint16_t
busy_permille(uint64_t passed_ns, uint64_t idle_ns)
{
	if (idle_ns >= passed_ns)
		return passed_ns ? 0 : 1000;
	return (uint16_t)((passed_ns - idle_ns) * 1000 / passed_ns);
}

static void
look(struct chq_manager *m, unsigned i)
{
	const struct chq_heartbeat *beat = &m->t->header->heartbeat[i];
	uint64_t idle_ns = atomic_load_explicit(&m->workers[i]->idle_ns, memory_order_relaxed);
	uint64_t beat_ns = CHQ_LOAD_RELAXED(&beat->now_ns);
	uint16_t shed = (uint16_t)CHQ_LOAD_RELAXED(&beat->shed);
	struct chq_manager_load *l = &m->load[i];

	l->busy_permille = l->beat_ns ? busy_permille(beat_ns - l->beat_ns, idle_ns - l->idle_ns)
				      : 0;
	if (shed != l->shed)
		CHQ_LOG_WARN("overload", "worker=%u sheds=%s busy_permille=%u", i,
			     chq_dp_shed_name(shed), (unsigned)l->busy_permille);
	l->shed = shed;
	l->beat_ns = beat_ns;
	l->idle_ns = idle_ns;
}

void
chq_manager_load(struct chq_manager *m)
{
	union chq_msg out;

	for (unsigned i = 0; i < m->n_workers; i++)
		look(m, i);
	if (m->driver->ops->missed)
		m->count[CHQ_C_RX_MISSED] = m->driver->ops->missed(m->driver);
	if (!chq_link_up(&m->link))
		return;
	chq_msg_load(&out);
	out.load.rx_missed = m->count[CHQ_C_RX_MISSED];
	out.load.workers = m->n_workers;
	for (unsigned i = 0; i < m->n_workers; i++)
		out.load.worker[i] = (struct chq_dp_worker_load){ m->load[i].busy_permille,
								  m->load[i].shed };
	(void)chq_link_try(&m->link, &out); /* the next one comes in a second */
}
