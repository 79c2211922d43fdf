#pragma once

/*
 * dataplane/napi: the two settings of a kernel interface that leave its interrupts to a
 * busy-polling worker (napi_defer_hard_irqs, gro_flush_timeout), in sysfs. Manager thread.
 *
 * What they were is remembered in a pinned map, <dir>/napi-<interface>, so that a process that was
 * killed leaves it to the next one, or to chq_napi_detach().
 */

#include <net/if.h>

#include <stdint.h>

enum { CHQ_NAPI_TIMEOUT, CHQ_NAPI_DEFER, CHQ_NAPI__COUNT };

struct chq_napi_saved;

/* Descriptors stay open, since the files belong to root and the process may be somebody else at the
 * end. */
struct chq_napi {
	int fd[CHQ_NAPI__COUNT]; /* -1: not set */
	unsigned long was[CHQ_NAPI__COUNT];
	struct chq_napi_saved *saved; /* mapped; NULL: nowhere remembered */
};

/* Nothing set yet. */
void chq_napi_init(struct chq_napi *n);

/**
 * chq_napi_set() - remember the interface's settings, unless a killed process has, and make ours.
 * @dir: folder for pins, ours alone.
 * What cannot be set is logged and left: it costs speed, nothing else.
 */
void chq_napi_set(struct chq_napi *n, const char *dir, const char *ifname);

/** chq_napi_restore() - as it was. Harmless when nothing was set. */
void chq_napi_restore(struct chq_napi *n);

/** chq_napi_detach() - without a process: give all interfaces remembered in @dir their settings
 * back, and forget them. */
void chq_napi_detach(const char *dir);

/**
 * chq_rx_queues() - receive queues of a kernel interface, of sysfs, or of ethtool where the mounted
 * sysfs shows another network namespace. Return: > 0; CHQ_ENODEV.
 */
int chq_rx_queues(const char *ifname);
