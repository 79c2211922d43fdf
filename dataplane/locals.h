#pragma once
/*
 * dataplane/locals: the header record's lists of our own addresses and of ports, as drivers keep them.
 * An index, once given, is never given to another address: sessions hold it over restarts. Writer: manager thread;
 * readers: workers and programs, which look at entries below the published number only.
 */
#include <stdint.h>

#include "dataplane/table.h"

/**
 * chq_local_add() - the index of an address of ours; a new one is added.
 * @port: UDP, host order. @ifidx: index of chq_port_add().
 * Return: index >= 0; CHQ_EFULL.
 */
int chq_local_add(struct chq_header *hd, uint64_t ip_hi, uint64_t ip_lo, uint16_t port,
		  uint16_t ifidx);

/** chq_local_find() - any thread. Return: index >= 0; CHQ_ENOENT. */
int chq_local_find(const struct chq_header *hd, uint64_t ip_hi, uint64_t ip_lo, uint16_t port);

/**
 * chq_port_add() - the index of a port.
 * @kernel_ifindex: > 0. @mac: 6 bytes, or NULL.
 * Return: index >= 0; CHQ_EFULL.
 */
int chq_port_add(struct chq_header *hd, uint32_t kernel_ifindex, const uint8_t *mac, uint16_t mtu);

/** chq_port_find() - any thread. Return: index >= 0; CHQ_ENOENT. */
int chq_port_find(const struct chq_header *hd, uint32_t kernel_ifindex);
