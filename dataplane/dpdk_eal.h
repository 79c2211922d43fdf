#pragma once

/*
 * dataplane/dpdk_eal: DPDK's environment, used as a library: no hugepage files, no telemetry, no
 * PCI scan unless a PCI port is named, its log in ours. Once per process. Manager thread.
 */

#include <stdbool.h>
#include <stddef.h>

#include "base/site_conf.h"

struct chq_eal_conf {
	const struct chq_site_conf *site;
	const char *const *pci; /* addresses of PCI devices to be taken */
	size_t pci_count;
	size_t need_bytes; /* packet memory that the driver will ask for */
};

/**
 * chq_eal_start() - initialise.
 * @err: at least 256 bytes; filled on failure.
 *
 * Huge pages are used when enough are free; if not, `hugepages: auto` goes on without, and says so
 * in the log. The calling thread keeps its CPU affinity.
 *
 * Return: 0; CHQ_EUNAVAIL (no huge pages though required, or DPDK refuses: it cannot be tried again
 * in this process); CHQ_EFULL (dataplane.memory is too small).
 */
int chq_eal_start(const struct chq_eal_conf *conf, char *err, size_t err_size);

/** chq_eal_hugepages() - does packet memory lie in huge pages? After chq_eal_start(). */
bool chq_eal_hugepages(void);

/**
 * chq_eal_stop() - give back what chq_eal_start() took; harmless when it did not start.
 * @cleanup: false leaves devices to the end of the process (after a device failed half-way).
 */
void chq_eal_stop(bool cleanup);
