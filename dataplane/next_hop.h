#pragma once
/*
 * dataplane/next_hop: which neighbour the kernel would send a datagram of ours to, by its routes and its table of neighbours.
 *
 * A session that logged in over the kernel's socket shows no MAC. The XDP program could ask bpf_fib_lookup(), which answers
 * on machines only that forward for others; so the manager asks by netlink, once a session. Manager thread.
 */
#include "dataplane/table.h"

/** chq_next_hop_open() - Return: descriptor, to be closed; a negated errno. */
int chq_next_hop_open(void);

/**
 * chq_next_hop_find() - fill in @path's interface and MAC.
 * @path: its address and ours (path->local) are used.
 * Return: 0; CHQ_ENOENT (no route there, by none of header->port_info, or the neighbour is not known now; @path is unchanged);
 * a negated errno. Never waits for the network.
 */
int chq_next_hop_find(int fd, const struct chq_header *header, struct chq_path *path);
