#pragma once
/*
 * dataplane/xdp_link: our program on a kernel interface, by a link that is pinned and so outlives the process. Pins:
 * dataplane/xdp_pins.h. All calls are for the manager thread; the caller holds the instance's lock.
 */
#include <net/if.h>

#include "base/site_conf.h"
#include "dataplane/tables.h"
#include "dataplane/xdp_pins.h"

/* How the program is to stand on an interface. */
struct chq_xdp_want {
	const char *dir; /* for pins: exists, on a bpffs, ours alone */
	const char *ifname;
	const struct chq_tables *tables; /* BPF backing */
	enum chq_xdp_mode mode;
	uint8_t ifidx;		    /* index of the interface into header->port_info */
	enum chq_conf_xdp_mode how; /* native or generic */
};

struct chq_xdp_link {
	char ifname[IF_NAMESIZE];
	unsigned int ifindex;
	int link_fd, counts_fd;
	uint32_t link_id;
	struct chq_xdp_conf *conf; /* mapped: what is written here the program reads */
	struct chq_xdp_prog prog;
	bool adopted; /* the link was there already: the program was replaced in place */
	bool native;  /* else generic: slower, works everywhere; conf->why_generic says why */
};

/**
 * chq_xdp_attach() - load our program and let it stand on an interface.
 * @err: at least 256 bytes; filled on failure, for operators.
 *
 * A link of ours that is pinned there is adopted: the new program takes the old one's place without a gap. Else a link is
 * made, native where the driver can, else generic, and pinned. No queue has a worker at first: chq_xdp_set_beat().
 *
 * Return: 0; CHQ_ENODEV (no such interface); CHQ_EBUSY (a program that is not ours is attached: named in @err);
 * CHQ_ECORRUPT, CHQ_ELAYOUT (what is pinned is not ours, or of another shape: not used); CHQ_EUNAVAIL (not permitted, not
 * in this kernel, or native mode was asked for and is refused); CHQ_ENOMEM; other negated errno. On failure nothing is
 * held and nothing was changed that stands on the interface.
 */
int chq_xdp_attach(struct chq_xdp_link *l, const struct chq_xdp_want *want, char *err,
		   size_t err_size);

/**
 * chq_xdp_why_text() - why an interface has no native mode, as `dp ports` and the log say it.
 * @rc: with which the kernel refused it. @words: the kernel's own, or "". @mtu: the interface's, 0: unknown.
 */
void chq_xdp_why_text(char why[112], int rc, const char *words, int mtu);

/** chq_xdp_set_beat() - worker @beat serves receive queue @queue, and shows by its heartbeat that it lives;
 * CHQ_XDP_BEAT_NONE: nobody does. */
void chq_xdp_set_beat(struct chq_xdp_link *l, unsigned int queue, uint8_t beat);

/** chq_xdp_set_no_redirect() - bit i of @ports: the program redirects nothing to header->port_info[i]; such frames are the
 * process's. */
void chq_xdp_set_no_redirect(struct chq_xdp_link *l, uint16_t ports);

/** chq_xdp_release() - forget the descriptors; link, maps and program stay as they are. */
void chq_xdp_release(struct chq_xdp_link *l);
