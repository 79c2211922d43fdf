#pragma once
/*
 * dataplane/addrs: our own addresses, as the kernel's interfaces and the configuration name them, into the header
 * record, where workers and the XDP program look for them. Manager thread.
 *
 * An address that has gone keeps its index, since sessions hold it, and is marked CHQ_LOCAL_GONE until it comes back: the
 * XDP program leaves to the kernel what goes there.
 */
#include "base/site_conf.h"
#include "dataplane/listen.h"
#include "dataplane/table.h"

struct json_t;

/* Which entries of header->local were seen: a bit for each. */
_Static_assert(CHQ_TABLE_LOCALS_MAX <= 64, "a word has a bit for each address");

/**
 * chq_addr_add() - enter an address of ours, once for each port of @listen that covers it.
 * @ifidx: index of chq_port_add(). @seen: the bits of its entries are set; may be NULL.
 * Return: how many entries; CHQ_EFULL.
 */
int chq_addr_add(struct chq_header *header, const struct chq_listen *listen,
		 const struct chq_inet *a, uint8_t ifidx, uint64_t *seen);

/**
 * chq_addrs_add_listed() - the same for each of dataplane.addresses.
 * Return: how many entries; CHQ_EFULL, CHQ_ECONF with @err filled.
 */
int chq_addrs_add_listed(struct chq_header *header, const struct chq_site_conf *conf, uint8_t ifidx,
			 uint64_t *seen, char *err, size_t err_size);

/** chq_addrs_withdraw() - mark every address as gone that is not among @seen. */
void chq_addrs_withdraw(struct chq_header *header, uint64_t seen);

/**
 * chq_addrs_port_add() - the index of a kernel interface in header->port_info, with its MAC and MTU of now.
 * Return: index >= 0; CHQ_ENODEV; CHQ_EFULL.
 */
int chq_addrs_port_add(struct chq_header *header, const char *ifname);

/**
 * chq_addrs_scan() - what the kernel says of its interfaces now: addresses, MACs and MTUs of those that are up.
 * @only: names of the interfaces to look at; NULL: all.
 * @seen: the bits of the addresses that are there are set; may be NULL.
 * New addresses are logged. Return: 0; CHQ_EFULL (the table of addresses; the others are entered); a negated errno.
 */
int chq_addrs_scan(struct chq_header *header, const struct chq_listen *listen,
		   const struct chq_conf_strings *only, uint64_t *seen);

/** chq_addrs_describe() - those on @ifidx that are there (-1: on any) as texts. New reference. */
struct json_t *chq_addrs_describe(const struct chq_header *header, int ifidx);

/** chq_mac_text() - a port's MAC for people. @text: 18 bytes. Return: @text. */
char *chq_mac_text(const struct chq_port *port, char text[18]);
