#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/hex.h"
#include "dataplane/status.h"

static json_t *
tables_json(const struct chq_tables *t)
{
	char boot_id[CHQ_HEX_LEN(16) + 1];

	chq_hex_encode(boot_id, t->header->boot_id, sizeof(t->header->boot_id));
	return json_pack("{s:s, s:b, s:s, s:I, s:i, s:I, s:I, s:I, s:I, s:I}", "backing",
			 chq_backing_name[t->backing], "adopted", (int)t->adopted, "boot_id",
			 boot_id, "generation", (json_int_t)t->header->generation, "layout",
			 (int)t->header->layout, "sessions_used", (json_int_t)t->used,
			 "sessions_unconfirmed", (json_int_t)t->unconfirmed, "sessions_max",
			 (json_int_t)t->header->sessions, "accounts_used", (json_int_t)t->accounts,
			 "accounts_max", (json_int_t)t->header->accounts);
}

static json_t *
worker_json(const struct chq_manager *m, unsigned i)
{
	const struct chq_worker *w = m->workers[i];
	uint64_t polls = atomic_load_explicit(&w->polls, memory_order_relaxed);
	uint64_t busy = atomic_load_explicit(&w->polls_busy, memory_order_relaxed);
	uint64_t beat = __atomic_load_n(&m->t->header->heartbeat[i].now_ns, __ATOMIC_RELAXED);
	uint64_t now = m->mono_ns();

	return json_pack("{s:i, s:I, s:I, s:f, s:s, s:f}", "worker", (int)i, "polls",
			 (json_int_t)polls, "polls_busy", (json_int_t)busy, "busy_share",
			 m->load[i].busy_permille / 1000.0, "sheds",
			 chq_dp_shed_name(m->load[i].shed), "heartbeat_age_ms",
			 now > beat ? (double)(now - beat) / 1e6 : 0.0);
}

static json_t *
workers_json(const struct chq_manager *m)
{
	json_t *all = json_array();

	for (unsigned i = 0; i < m->n_workers; i++)
		json_array_append_new(all, worker_json(m, i));
	return all;
}

static json_t *
control_json(const struct chq_link *l)
{
	return json_pack("{s:b, s:I, s:I, s:I}", "connected", (int)chq_link_up(l), "pid",
			 (json_int_t)(chq_link_up(l) ? l->peer_pid : 0), "refused",
			 (json_int_t)l->refused, "backlog_overflows", (json_int_t)l->overflows);
}

json_t *
chq_status_json(const struct chq_manager *m)
{
	return json_pack("{s:b, s:s, s:I, s:f, s:i, s:i, s:b, s:o, s:o, s:o, s:o}", "running", 1,
			 "driver", m->driver->ops->name, "pid", (json_int_t)getpid(), "uptime_s",
			 (double)(m->mono_ns() - m->started_ns) / (double)CHQ_NS_PER_SEC, "port",
			 (int)m->t->header->port, "server_id", (int)m->t->header->server_id,
			 "certificate", (int)(m->t->header->retry_ok != 0), "tables",
			 tables_json(m->t), "workers", workers_json(m), "control",
			 control_json(&m->link), "ports", m->driver->ops->describe(m->driver));
}

static void
worker_counts(const struct chq_worker *w, uint64_t n[CHQ_C__COUNT])
{
	for (int c = 0; c < CHQ_C__COUNT; c++)
		n[c] = atomic_load_explicit(&w->counts[c], memory_order_relaxed);
}

static json_t *
counts_json(const uint64_t n[CHQ_C__COUNT], bool all)
{
	json_t *o = json_object();

	for (int c = 0; c < CHQ_C__COUNT; c++) {
		if (n[c] || all)
			json_object_set_new(o, chq_counter_name[c], json_integer((json_int_t)n[c]));
	}
	return o;
}

/* What became of the frames that took one path, in a line. */
static json_t *
path_json(const char *name, const uint64_t n[CHQ_C__COUNT])
{
	uint64_t up = 0, dropped = 0;

	for (int c = 0; c < CHQ_C__COUNT; c++) {
		if (chq_counter_kind[c] != CHQ_COUNTER_VERDICT)
			continue;
		up += !strncmp(chq_counter_name[c], "up-", 3) ? n[c] : 0;
		dropped += !strncmp(chq_counter_name[c], "drop-", 5) ? n[c] : 0;
	}
	return json_pack("{s:s, s:I, s:I, s:I, s:I, s:I}", "path", name, "received",
			 (json_int_t)n[CHQ_C_RX], "forwarded", (json_int_t)n[CHQ_C_FORWARD],
			 "answered", (json_int_t)(n[CHQ_C_PING] + n[CHQ_C_RETRY]), "up",
			 (json_int_t)(up + n[CHQ_C_XDP_WORKER] + n[CHQ_C_XDP_PROCESS]), "dropped",
			 (json_int_t)dropped);
}

static void
add(uint64_t sum[CHQ_C__COUNT], const uint64_t n[CHQ_C__COUNT])
{
	for (int c = 0; c < CHQ_C__COUNT; c++)
		sum[c] += n[c];
}

json_t *
chq_stats_json(const struct chq_manager *m, bool all)
{
	uint64_t total[CHQ_C__COUNT] = { 0 }, program[CHQ_C__COUNT] = { 0 }, n[CHQ_C__COUNT];
	json_t *workers = json_array(), *paths = json_array(), *answer;
	char name[24];

	for (unsigned i = 0; i < m->n_workers; i++) {
		worker_counts(m->workers[i], n);
		add(total, n);
		snprintf(name, sizeof(name), "worker %u", i);
		json_array_append_new(workers, counts_json(n, all));
		json_array_append_new(paths, path_json(name, n));
	}
	add(total, m->count);
	if (m->driver->ops->counts) {
		m->driver->ops->counts(m->driver, program);
		add(total, program);
		json_array_append_new(paths, path_json("program", program));
	}
	answer = json_pack("{s:o, s:o, s:o, s:o}", "total", counts_json(total, all), "manager",
			   counts_json(m->count, all), "workers", workers, "paths", paths);
	if (answer && m->driver->ops->counts)
		json_object_set_new(answer, "program", counts_json(program, all));
	return answer;
}
