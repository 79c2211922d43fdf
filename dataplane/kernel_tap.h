#pragma once
/*
 * dataplane/kernel_tap: the kernel's face of a port that DPDK owns: a TAP interface with the port's MAC and MTU.
 *
 * What comes to the port and is not ours is written to it, and what the kernel sends there leaves by the port: so the
 * kernel answers ARP, neighbour discovery and ping, and SSH or BGP work. Addresses, routes and VLANs are put on it by
 * the operator, as on any interface; those that `listen` covers are ours.
 *
 * The interface outlives the process, so that a restart loses neither addresses nor the kernel's TCP connections. Its
 * alias says whose it is. "detach" removes it. Made while the process is root; afterwards only its descriptor is used.
 */
#include <net/if.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

struct chq_tap {
	int fd; /* -1: none; non-blocking, a whole Ethernet frame each */
	unsigned int ifindex;
	char name[IFNAMSIZ];
};

/** chq_tap_name() - the interface of a port: "chq-" and the port's name; of one that is too long its first characters and
 * a hash of the whole, so that ports whose names differ at their ends have interfaces of their own. */
void chq_tap_name(char name[IFNAMSIZ], const char *port);

/**
 * chq_tap_open() - make the interface, or take it over from an earlier process; it is up then.
 * @mtu: of IP packets.
 * @err: at least 256 bytes; on failure a text for operators.
 * Return: 0; CHQ_EEXIST (an interface of that name is not this instance's); a negated errno. On failure t->fd is -1.
 */
int chq_tap_open(struct chq_tap *t, const char *port, const char *instance, const uint8_t mac[6],
		 unsigned int mtu, char *err, size_t err_size);

/** chq_tap_close() - the interface stays, without carrier. Harmless when t->fd is -1. */
void chq_tap_close(struct chq_tap *t);

/** chq_tap_remove_all() - remove the instance's interfaces; no process may run. Return: how many. */
int chq_tap_remove_all(const char *instance);
