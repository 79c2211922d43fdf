#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "dataplane/locals.h"
#include "dataplane/manager.h"
#include "proto/aead.h"
#include "tests/fuzz/fuzz.h"

/*
 * A manager that takes one command after another: u16 length (LE), then so many bytes. The lengths and types need not
 * be right. It has a few sessions, so that references may hit.
 */

static struct chq_manager m;
static struct chq_worker *worker;
static const struct chq_driver_ops silent_driver = { .name = "silent" };
static struct chq_driver driver = { .ops = &silent_driver };

static uint64_t
fuzz_clock(void)
{
	return UINT64_C(1000000000000);
}

static void
setup(void)
{
	struct chq_tables_conf conf = {
		.backing = CHQ_BACKING_MEMORY, .instance = "fuzz", .sessions = 64, .accounts = 64
	};
	struct chq_tables *t;
	char err[256];

	worker = aligned_alloc(_Alignof(struct chq_worker), sizeof(*worker));
	if (chq_crypto_init() || !worker ||
	    chq_tables_open(&t, &conf, fuzz_clock(), err, sizeof(err)))
		abort();
	memset(worker, 0, sizeof(*worker));
	chq_worker_bind(worker, 0, t);
	chq_local_add(t->header, 1, 1, 4700, 0);
	if (chq_manager_init(&m, t, &driver, &worker, 1))
		abort();
	m.mono_ns = fuzz_clock;
	m.now_ns = fuzz_clock();
	m.now_s = (uint32_t)(m.now_ns / 1000000000);
}

/* Invariants that no command may break. */
static void
check(void)
{
	uint32_t used = 0;

	for (uint32_t i = 0; i < m.t->header->sessions; i++)
		used += m.t->sessions[i].state != CHQ_SESSION_FREE;
	if (used != m.t->used || used + m.t->free_count != m.t->header->sessions)
		abort();
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	_Alignas(8) uint8_t buf[CHQ_DP_MSG_MAX + 8];
	struct chq_tx_item item;

	if (!worker)
		setup();
	m.link.greeted = true;
	while (len > 2) {
		size_t n = data[0] | (size_t)data[1] << 8;

		data += 2;
		len -= 2;
		n = n < len ? n : len;
		n = n < sizeof(buf) ? n : sizeof(buf);
		memcpy(buf, data, n);
		(void)chq_manager_command(&m, buf, n);
		data += n;
		len -= n;
	}
	check();
	while (chq_ring_pop(&worker->tx, &item)) {
		if (item.dgram_len == 0 || item.dgram_len > CHQ_DGRAM_MAX)
			abort();
	}
	chq_manager_round(&m);
	return 0;
}
