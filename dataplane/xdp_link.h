#pragma once

/*
 * dataplane/xdp_link: our program on a kernel interface, by a link that is pinned and so outlives
 * the process.
 *
 * In <dir> = <bpffs>/<instance> stand, for the interface eth0: if-eth0-link, if-eth0-xsks,
 * if-eth0-locals. (A dot in the interface's name is written as ':', which no such name has: bpffs
 * refuses dots.) The program itself needs no pin, the link holds it. All calls are for the manager
 * thread, or for a tool that runs while no dataplane does. The caller holds the instance's lock.
 */

#include <net/if.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "dataplane/xdp/steer.h"

struct chq_xdp_link {
	char ifname[IF_NAMESIZE];
	unsigned int ifindex;
	int link_fd, xsks_fd, locals_fd;
	bool adopted;	       /* the link was there already: the program was replaced in place */
	bool native;	       /* else generic: slower, works everywhere */
	char why_generic[128]; /* why not native; "" when native */
};

/* What chq_xdp_list() tells of one pinned link. */
struct chq_xdp_status {
	char ifname[IF_NAMESIZE]; /* as pinned */
	unsigned int ifindex;	  /* 0: that interface is gone */
	uint32_t prog_id;
	bool native;
};

/**
 * chq_xdp_attach() - load our program and let it stand on @ifname.
 * @dir: exists, on a bpffs, and is ours.
 * @err: at least 256 bytes; filled on failure, for operators.
 *
 * A link of ours that is pinned there is adopted: the new program takes the old one's place without
 * a gap. Else a link is made, native where the driver can, else generic, and pinned.
 *
 * Return: 0; CHQ_ENODEV (no such interface); CHQ_EBUSY (a program that is not ours is attached:
 * named in @err); CHQ_EPERM; CHQ_ECORRUPT (what is pinned is not ours: remove it by hand); other
 * negated errno. On failure nothing is held and nothing was changed that stands on the interface.
 */
int chq_xdp_attach(struct chq_xdp_link *l, const char *dir, const char *ifname, char *err,
		   size_t err_size);

/** chq_xdp_release() - forget the descriptors; link, maps and program stay as they are. */
void chq_xdp_release(struct chq_xdp_link *l);

/**
 * chq_xdp_set_locals() - the addresses whose datagrams are steered, all of them; others are
 * removed. Return: 0; negated errno (the list is then a mixture).
 */
int chq_xdp_set_locals(struct chq_xdp_link *l, const struct chq_steer_key *keys, unsigned int n);

/**
 * chq_xdp_list() - every link that is pinned in @dir. No process need run.
 * Return: how many; 0 also when @dir is not there; negated errno.
 */
int chq_xdp_list(const char *dir, void (*each_fn)(const struct chq_xdp_status *s, void *arg),
		 void *arg);

/**
 * chq_xdp_detach() - take our program off an interface and remove its pins.
 * @ifname: NULL for all that are pinned in @dir. @dir itself stays.
 * Return: how many links were removed; negated errno.
 */
int chq_xdp_detach(const char *dir, const char *ifname);
