#pragma once
/*
 * dataplane/sink: a kernel UDP socket that takes what comes to our port and throws it away.
 *
 * The program of the driver af_xdp leaves to the kernel what does not show whose it is: IPv6 extension headers, fragments.
 * Without a socket the kernel would answer it by an ICMP error that is longer than what came.
 */
#include "dataplane/sockio.h"

/**
 * chq_sink_open() - hold a port on one interface.
 * @at:     address and port of `listen:`; the address may come later.
 * @ifname: of the interface; others are left alone.
 *
 * Return: a descriptor, to be closed; a negated errno (CHQ_EADDRINUSE: another program has the port).
 */
int chq_sink_open(const struct chq_inet *at, const char *ifname);
