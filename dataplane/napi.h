#pragma once

/*
 * dataplane/napi: the two settings of a kernel interface that leave its interrupts to a busy-polling worker
 * (napi_defer_hard_irqs, gro_flush_timeout), in sysfs. Manager thread.
 */

#include <net/if.h>
#include <stdbool.h>

struct chq_napi {
	char ifname[IF_NAMESIZE];
	unsigned long defer, timeout_ns; /* what they were */
	bool set;
};

/**
 * chq_napi_set() - remember the interface's settings and make ours.
 * What cannot be set is logged and left: it costs speed, nothing else.
 */
void chq_napi_set(struct chq_napi *n, const char *ifname);

/** chq_napi_restore() - as it was. Harmless when nothing was set. */
void chq_napi_restore(struct chq_napi *n);

/** chq_rx_queues() - receive queues of a kernel interface. Return: > 0; CHQ_ENODEV. */
int chq_rx_queues(const char *ifname);
