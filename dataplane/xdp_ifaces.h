#pragma once
/*
 * dataplane/xdp_ifaces: the interfaces of the drivers xdp and af_xdp: our program on each, its settings, its counters,
 * and what operators are told of them. Manager thread.
 */
#include <jansson.h>

#include "base/site_conf.h"
#include "dataplane/addrs.h"
#include "dataplane/xdp_link.h"

struct chq_xdp_iface {
	struct chq_xdp_link link;
	uint8_t ifidx; /* index into header->port_info */
	int queues;
	bool lost; /* our program does not stand there any more; was logged */
};

struct chq_xdp_ifaces {
	const struct chq_site_conf *conf;
	const struct chq_tables *tables;
	const struct chq_listen *listen;
	char pin_dir[PATH_MAX];
	struct chq_xdp_iface at[CHQ_TABLE_PORTS_MAX];
	unsigned int n;
	int scan_told; /* what the last look at addresses said; was logged */
};

/**
 * chq_xdp_ifaces_check() - before anything is taken: are interfaces listed, do they exist, can BPF be had?
 * @driver: its name, for @err. @err: at least 256 bytes.
 * Return: 0; CHQ_EUNAVAIL, CHQ_ECONF, CHQ_ENODEV with @err filled.
 */
int chq_xdp_ifaces_check(const struct chq_site_conf *conf, const struct chq_tables *t,
			 const char *driver, char *err, size_t err_size);

/**
 * chq_xdp_ifaces_open() - let the program stand on all of them; what stands there already is adopted. No queue has a worker
 * yet. @conf, @t and @listen live until close.
 * Return: 0; as chq_xdp_attach(): those that were attached are given back by chq_xdp_ifaces_close().
 */
int chq_xdp_ifaces_open(struct chq_xdp_ifaces *x, const struct chq_site_conf *conf,
			const struct chq_tables *t, const struct chq_listen *listen,
			enum chq_xdp_mode mode, char *err, size_t err_size);

/** chq_xdp_ifaces_refresh() - look at our addresses again; @only_ours: those of these interfaces alone. And do our programs
 * still stand there? */
void chq_xdp_ifaces_refresh(struct chq_xdp_ifaces *x, bool only_ours);

/** chq_xdp_ifaces_serve() - from now on queue q of each is worker q mod @workers', also a queue that is added later; one without an
 * AF_XDP socket is the program's. */
void chq_xdp_ifaces_serve(struct chq_xdp_ifaces *x, unsigned int workers);

/** chq_xdp_ifaces_quiet() - from now on the program hands nothing to the process; returns when what it was handing over
 * has been. The workers still run. */
void chq_xdp_ifaces_quiet(struct chq_xdp_ifaces *x);

/** chq_xdp_ifaces_counts() - add what the programs have counted since they were first attached. */
void chq_xdp_ifaces_counts(const struct chq_xdp_ifaces *x, uint64_t counts[CHQ_C__COUNT]);

/** chq_xdp_ifaces_describe() - one of them. New reference. */
json_t *chq_xdp_ifaces_describe(const struct chq_xdp_ifaces *x, unsigned int i, const char *driver);

/** chq_xdp_ifaces_undo() - the driver cannot start after all: take the program off where this start has attached it. */
void chq_xdp_ifaces_undo(struct chq_xdp_ifaces *x);

/** chq_xdp_ifaces_close() - @detach: also take the program off and remove the pins. */
void chq_xdp_ifaces_close(struct chq_xdp_ifaces *x, bool detach);
