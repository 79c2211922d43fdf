#include <dirent.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>

#include <rte_cycles.h>

#include "bench/line/line.h"

/* The distance between two cores changes under a virtual machine, and with it every figure of two cores. */

#define TRIES  64
#define ROUNDS 100
#define URGENT 1

static _Alignas(64) _Atomic uint32_t word;
static _Alignas(64) _Atomic uint32_t wanted; /* rounds that the other side answers; 0: it sleeps */

static void *
answer(void *arg)
{
	struct sched_param above = { .sched_priority = URGENT + 1 };
	cpu_set_t cpus;

	CPU_ZERO(&cpus);
	CPU_SET(*(unsigned int *)arg, &cpus);
	sched_setaffinity(0, sizeof(cpus), &cpus);
	/* The opposite polls on that core; without the right to go first we take turns, and the best try still tells. */
	sched_setscheduler(0, SCHED_FIFO, &above);
	for (;;) {
		static const struct timespec nap = { .tv_nsec = 200000 };

		while (!atomic_load(&wanted))
			nanosleep(&nap, NULL);
		for (uint32_t i = 0; i < TRIES * ROUNDS; i++) {
			while (atomic_load_explicit(&word, memory_order_acquire) != 2 * i + 1)
				;
			atomic_store_explicit(&word, 2 * i + 2, memory_order_release);
		}
		atomic_store(&wanted, 0);
	}
	return NULL;
}

void
line_urgent(long pid, bool on)
{
	struct sched_param param = { .sched_priority = on ? URGENT : 0 };
	int policy = on ? SCHED_FIFO : SCHED_OTHER;
	char path[64];
	struct dirent *e;
	DIR *tasks;

	sched_setscheduler(0, policy, &param);
	snprintf(path, sizeof(path), "/proc/%ld/task", pid);
	tasks = pid ? opendir(path) : NULL;
	while (tasks && (e = readdir(tasks)))
		if (atoi(e->d_name) > 0)
			sched_setscheduler(atoi(e->d_name), policy, &param);
	if (tasks)
		closedir(tasks);
}

void
line_pong_start(unsigned int cpu)
{
	static unsigned int where;
	pthread_t thread;

	where = cpu;
	pthread_create(&thread, NULL, answer, &where);
}

double
line_pong_ns(double tsc_ns)
{
	uint64_t best = UINT64_MAX;
	uint32_t i = 0;

	atomic_store(&word, 0);
	atomic_store(&wanted, 1);
	for (int t = 0; t < TRIES; t++) {
		uint64_t start = rte_rdtsc(), took;

		for (int r = 0; r < ROUNDS; r++, i++) {
			atomic_store_explicit(&word, 2 * i + 1, memory_order_release);
			while (atomic_load_explicit(&word, memory_order_acquire) != 2 * i + 2)
				;
		}
		took = rte_rdtsc() - start;
		if (took < best)
			best = took;
	}
	while (atomic_load(&wanted))
		;
	return (double)best * tsc_ns / ROUNDS;
}
