#pragma once
/*
 * dataplane/neighbour: datagrams of ours whose next hop is not known are sent by way of the kernel, which knows routes,
 * resolves neighbours by ARP or neighbour discovery, holds a packet until then and gives up after some seconds. On a
 * port of DPDK they come back by the port's TAP interface (dataplane/kernel_tap.h), now with their Ethernet header.
 *
 * How many are held is bounded by the sockets' send buffers. Manager thread; opened while the process may.
 */
#include <stddef.h>
#include <stdint.h>

struct chq_neighbour {
	int fd4, fd6; /* -1: none */
};

/** chq_neighbour_open() - Return: 0; a negated errno (no CAP_NET_RAW). On failure nothing is held. */
int chq_neighbour_open(struct chq_neighbour *n);

/** chq_neighbour_close() - harmless when both are -1. */
void chq_neighbour_close(struct chq_neighbour *n);

/**
 * chq_neighbour_send() - let the kernel find the way of a whole IP packet. Its UDP checksum is left as it is.
 * @ifindex: where a link-local IPv6 address is meant; 0: unknown.
 * Return: 0; CHQ_EAGAIN, CHQ_ENOBUFS (too many wait); other negated errno (no route, nobody answers there).
 */
int chq_neighbour_send(const struct chq_neighbour *n, const uint8_t *ip, size_t len,
		       unsigned int ifindex);

/** chq_neighbour_lost() - Return: how many packets the kernel has given up since the last call, as far as it has told. */
unsigned int chq_neighbour_lost(const struct chq_neighbour *n);
