#pragma once
/*
 * dataplane/xdp_pins: what stands pinned in bpffs for each interface, and what can be said of it and done with it while
 * no process runs. Manager thread, or a tool; the caller holds the instance's lock where something is changed.
 *
 * In <dir> = <bpffs>/<instance> stand, for the interface eth0: if-eth0-link, if-eth0-xsks, if-eth0-conf, if-eth0-counts.
 * (A dot in the interface's name is written as ':', which no such name has: bpffs refuses dots.) The program itself needs
 * no pin, the link holds it.
 */
#include <limits.h>
#include <linux/bpf.h>
#include <net/if.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "dataplane/table.h"
#include "dataplane/xdp/relay.h"

#define CHQ_XDP_PROG_NAME "xsk_def_prog" /* the one that libxdp joins */
#define CHQ_XDP_TAG_TEXT  (2 * BPF_TAG_SIZE + 1)

enum chq_xdp_pin {
	CHQ_XDP_PIN_LINK,
	CHQ_XDP_PIN_XSKS,
	CHQ_XDP_PIN_CONF,
	CHQ_XDP_PIN_COUNTS,
	CHQ_XDP_PIN__COUNT
};

/** chq_xdp_pin_path() - where a thing of @ifname stands. */
void chq_xdp_pin_path(char path[PATH_MAX], const char *dir, const char *ifname,
		      enum chq_xdp_pin pin);

/** chq_xdp_unpin() - remove all pins of @ifname; what is not there is no fault. */
void chq_xdp_unpin(const char *dir, const char *ifname);

/**
 * chq_xdp_pins_follow() - an interface has another name now: let its pins have that one too.
 * Return: true, and its former name, if there were any.
 */
bool chq_xdp_pins_follow(const char *dir, const char *ifname, unsigned int ifindex,
			 char was[IF_NAMESIZE]);

/* What is known of a program in the kernel. */
struct chq_xdp_prog {
	uint32_t id;		     /* 0: none */
	char name[BPF_OBJ_NAME_LEN]; /* "?" when the kernel does not say */
	char tag[CHQ_XDP_TAG_TEXT];  /* hexadecimal, as bpftool shows it; "" when unknown */
	uint64_t since_ms;	     /* loaded then, wall clock; 0: unknown */
};

/** chq_xdp_prog_of() - by a descriptor, which stays the caller's; < 0: all unknown but @id. */
void chq_xdp_prog_of(struct chq_xdp_prog *p, uint32_t id, int fd);

/** chq_xdp_prog_by_id() - the same; needs CAP_SYS_ADMIN, else only the id is told. */
void chq_xdp_prog_by_id(struct chq_xdp_prog *p, uint32_t id);

/** chq_xdp_link_info() - Return: 0; CHQ_ECORRUPT if @fd is no XDP link. */
int chq_xdp_link_info(int fd, struct bpf_link_info *info);

/** chq_xdp_attached() - Return: id of the program on an interface of this network namespace, and how it stands there; 0 if
 * there is none or it cannot be told. */
uint32_t chq_xdp_attached(unsigned int ifindex, bool *native);

/* What chq_xdp_list() tells of one interface. */
struct chq_xdp_status {
	char ifname[IF_NAMESIZE]; /* as pinned */
	unsigned int ifindex;	  /* 0: that interface is gone */
	bool linked;		  /* a link of XDP stands pinned */
	bool seen;		  /* it is in this network namespace: native is known */
	bool native;
	uint32_t link_id;
	struct chq_xdp_prog prog;
	bool has_conf, has_counts;
	struct chq_xdp_conf conf;
	struct chq_xdp_counts counts; /* summed over the CPUs */
};

/**
 * chq_xdp_list() - every interface that something is pinned for in @dir. No process need run.
 * Return: how many; 0 also when @dir is not there; negated errno.
 */
int chq_xdp_list(const char *dir, void (*each_fn)(const struct chq_xdp_status *s, void *arg),
		 void *arg);

/** chq_xdp_counts_add() - add what all CPUs have in a map of counters. Return: 0; negated errno. */
int chq_xdp_counts_add(int counts_fd, uint64_t sum[CHQ_C__COUNT]);

/**
 * chq_xdp_detach() - take our program off an interface and remove its pins.
 * @ifname: NULL for all that something is pinned for in @dir. @dir itself stays.
 * What stands there under our names and is not ours is unpinned only. Return: how many interfaces; negated errno.
 */
int chq_xdp_detach(const char *dir, const char *ifname);
