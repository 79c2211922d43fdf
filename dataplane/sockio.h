#pragma once
/*
 * dataplane/sockio: kernel socket addresses and control messages <-> struct chq_path. Used by the socket driver.
 */
#include <netinet/in.h>
#include <stdbool.h>
#include <sys/socket.h>

#include "dataplane/table.h"

/* Room for one IP_PKTINFO or IPV6_PKTINFO control message, and one of the size of fragments. */
union chq_pktinfo_buf {
	struct cmsghdr align;
	uint8_t bytes[CMSG_SPACE(sizeof(struct in6_pktinfo)) + CMSG_SPACE(sizeof(int))];
};

/* One address and port as words of the tables; IPv4 as ::ffff:a.b.c.d. */
struct chq_inet {
	uint64_t ip_hi, ip_lo;
	uint16_t port;
};

/* ::ffff:0:0/96, in the words of struct chq_path. */
static inline bool
chq_ip_is_v4(uint64_t ip_hi, uint64_t ip_lo)
{
	return ip_hi == 0 && (uint32_t)ip_lo == UINT32_C(0xffff0000);
}

static inline bool
chq_ip_is_link_local(uint64_t ip_hi)
{
	return (ip_hi & UINT64_C(0xc0ff)) == UINT64_C(0x80fe); /* fe80::/10 */
}

/* 0.0.0.0 or ::. */
static inline bool
chq_ip_is_any(uint64_t ip_hi, uint64_t ip_lo)
{
	return ip_hi == 0 && (ip_lo == 0 || ip_lo == UINT64_C(0x00000000ffff0000));
}

/** chq_inet_from_sockaddr() - false for any family but AF_INET and AF_INET6; @a is then unchanged. */
bool chq_inet_from_sockaddr(struct chq_inet *a, const struct sockaddr *sa);

/**
 * chq_inet_to_sockaddr() - @a for a socket of @family.
 * IPv4 for an AF_INET6 socket is given as a mapped address; @scope (kernel ifindex) is used for link-local ones only.
 * Return: length of *@ss; 0 if @family cannot reach @a.
 */
socklen_t chq_inet_to_sockaddr(const struct chq_inet *a, int family, uint32_t scope,
			       struct sockaddr_storage *ss);

/**
 * chq_pktinfo_get() - the local address and interface that a datagram came to.
 * @m: as filled by recvmsg() on a socket with IP_PKTINFO or IPV6_RECVPKTINFO.
 * Return: kernel ifindex > 0; 0 if the kernel did not say (then *@ip_hi, *@ip_lo are unchanged).
 */
uint32_t chq_pktinfo_get(struct msghdr *m, uint64_t *ip_hi, uint64_t *ip_lo);

/**
 * chq_was_fragmented() - did the kernel put a datagram together from IP fragments?
 * @m: as filled by recvmsg() on a socket with IP_RECVFRAGSIZE or IPV6_RECVFRAGSIZE.
 */
bool chq_was_fragmented(struct msghdr *m);

/**
 * chq_pktinfo_put() - make @m leave from a local address.
 * @buf:    becomes m->msg_control; must live until the message is sent.
 * @family: of the socket. @scope: kernel ifindex for a link-local address, else 0: routing decides.
 */
void chq_pktinfo_put(struct msghdr *m, union chq_pktinfo_buf *buf, int family, uint64_t ip_hi,
		     uint64_t ip_lo, uint32_t scope);
