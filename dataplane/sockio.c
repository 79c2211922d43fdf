#include "dataplane/sockio.h"

#include <string.h>

static void
words_from_v6(const struct in6_addr *in, uint64_t *hi, uint64_t *lo)
{
	memcpy(hi, in->s6_addr, 8);
	memcpy(lo, in->s6_addr + 8, 8);
}

static void
words_from_v4(struct in_addr in, uint64_t *hi, uint64_t *lo)
{
	*hi = 0;
	*lo = (uint64_t)in.s_addr << 32 | UINT32_C(0xffff0000);
}

static struct in6_addr
v6_of_words(uint64_t hi, uint64_t lo)
{
	struct in6_addr out;

	memcpy(out.s6_addr, &hi, 8);
	memcpy(out.s6_addr + 8, &lo, 8);
	return out;
}

static struct in_addr
v4_of_words(uint64_t lo)
{
	return (struct in_addr){ .s_addr = (uint32_t)(lo >> 32) };
}

bool
chq_inet_from_sockaddr(struct chq_inet *a, const struct sockaddr *sa)
{
	struct sockaddr_in in;
	struct sockaddr_in6 in6;

	switch (sa->sa_family) {
	case AF_INET:
		memcpy(&in, sa, sizeof(in));
		words_from_v4(in.sin_addr, &a->ip_hi, &a->ip_lo);
		a->port = ntohs(in.sin_port);
		return true;
	case AF_INET6:
		memcpy(&in6, sa, sizeof(in6));
		words_from_v6(&in6.sin6_addr, &a->ip_hi, &a->ip_lo);
		a->port = ntohs(in6.sin6_port);
		return true;
	default: return false;
	}
}

socklen_t
chq_inet_to_sockaddr(const struct chq_inet *a, int family, uint32_t scope,
		     struct sockaddr_storage *ss)
{
	struct sockaddr_in in = { .sin_family = AF_INET };
	struct sockaddr_in6 in6 = { .sin6_family = AF_INET6 };

	if (family == AF_INET) {
		if (!chq_ip_is_v4(a->ip_hi, a->ip_lo))
			return 0;
		in.sin_addr = v4_of_words(a->ip_lo);
		in.sin_port = htons(a->port);
		memcpy(ss, &in, sizeof(in));
		return sizeof(in);
	}
	in6.sin6_addr = v6_of_words(a->ip_hi, a->ip_lo);
	in6.sin6_port = htons(a->port);
	if (chq_ip_is_link_local(a->ip_hi))
		in6.sin6_scope_id = scope;
	memcpy(ss, &in6, sizeof(in6));
	return sizeof(in6);
}

uint32_t
chq_pktinfo_get(struct msghdr *m, uint64_t *ip_hi, uint64_t *ip_lo)
{
	struct in_pktinfo v4;
	struct in6_pktinfo v6;

	for (struct cmsghdr *c = CMSG_FIRSTHDR(m); c; c = CMSG_NXTHDR(m, c)) {
		if (c->cmsg_level == IPPROTO_IP && c->cmsg_type == IP_PKTINFO) {
			memcpy(&v4, CMSG_DATA(c), sizeof(v4));
			words_from_v4(v4.ipi_addr, ip_hi, ip_lo);
			return (uint32_t)v4.ipi_ifindex;
		}
		if (c->cmsg_level == IPPROTO_IPV6 && c->cmsg_type == IPV6_PKTINFO) {
			memcpy(&v6, CMSG_DATA(c), sizeof(v6));
			words_from_v6(&v6.ipi6_addr, ip_hi, ip_lo);
			return v6.ipi6_ifindex;
		}
	}
	return 0;
}

bool
chq_was_fragmented(struct msghdr *m)
{
	for (struct cmsghdr *c = CMSG_FIRSTHDR(m); c; c = CMSG_NXTHDR(m, c)) {
		if ((c->cmsg_level == IPPROTO_IP && c->cmsg_type == IP_RECVFRAGSIZE) ||
		    (c->cmsg_level == IPPROTO_IPV6 && c->cmsg_type == IPV6_RECVFRAGSIZE))
			return true;
	}
	return false;
}

static void
pktinfo_store(struct msghdr *m, union chq_pktinfo_buf *buf, int level, int type, const void *data,
	      size_t len)
{
	struct cmsghdr *c;

	m->msg_control = buf;
	m->msg_controllen = CMSG_SPACE(len);
	c = CMSG_FIRSTHDR(m);
	c->cmsg_level = level;
	c->cmsg_type = type;
	c->cmsg_len = CMSG_LEN(len);
	memcpy(CMSG_DATA(c), data, len);
}

void
chq_pktinfo_put(struct msghdr *m, union chq_pktinfo_buf *buf, int family, uint64_t ip_hi,
		uint64_t ip_lo, uint32_t scope)
{
	memset(buf, 0, sizeof(*buf));
	if (family == AF_INET) {
		struct in_pktinfo v4 = { .ipi_spec_dst = v4_of_words(ip_lo) };

		pktinfo_store(m, buf, IPPROTO_IP, IP_PKTINFO, &v4, sizeof(v4));
	} else {
		struct in6_pktinfo v6 = { .ipi6_addr = v6_of_words(ip_hi, ip_lo) };

		if (chq_ip_is_link_local(ip_hi))
			v6.ipi6_ifindex = scope;
		pktinfo_store(m, buf, IPPROTO_IPV6, IPV6_PKTINFO, &v6, sizeof(v6));
	}
}
