#include "dataplane/locals.h"

#include <string.h>

#include "base/err.h"

int
chq_local_find(const struct chq_header *hd, uint64_t ip_hi, uint64_t ip_lo, uint16_t port)
{
	uint32_t n = __atomic_load_n(&hd->locals, __ATOMIC_ACQUIRE);

	for (uint32_t i = 0; i < n && i < CHQ_TABLE_LOCALS_MAX; i++) {
		const struct chq_local *l = &hd->local[i];

		if (l->ip_lo == ip_lo && l->ip_hi == ip_hi && l->port == port)
			return (int)i;
	}
	return CHQ_ENOENT;
}

int
chq_local_add(struct chq_header *hd, uint64_t ip_hi, uint64_t ip_lo, uint16_t port, uint16_t ifidx)
{
	int at = chq_local_find(hd, ip_hi, ip_lo, port);
	uint32_t n = hd->locals;

	if (at >= 0) {
		__atomic_store_n(&hd->local[at].ifidx, ifidx, __ATOMIC_RELAXED);
		return at;
	}
	if (n >= CHQ_TABLE_LOCALS_MAX)
		return CHQ_EFULL;
	hd->local[n] =
		(struct chq_local){ .ip_hi = ip_hi, .ip_lo = ip_lo, .port = port, .ifidx = ifidx };
	__atomic_store_n(&hd->locals, n + 1, __ATOMIC_RELEASE);
	return (int)n;
}

int
chq_port_find(const struct chq_header *hd, uint32_t kernel_ifindex)
{
	uint32_t n = __atomic_load_n(&hd->ports, __ATOMIC_ACQUIRE);

	for (uint32_t i = 0; i < n && i < CHQ_TABLE_PORTS_MAX; i++) {
		if (__atomic_load_n(&hd->port_info[i].kernel_ifindex, __ATOMIC_RELAXED) ==
		    kernel_ifindex)
			return (int)i;
	}
	return CHQ_ENOENT;
}

int
chq_port_add(struct chq_header *hd, uint32_t kernel_ifindex, const uint8_t *mac, uint16_t mtu)
{
	int at = chq_port_find(hd, kernel_ifindex);
	uint32_t n = hd->ports;
	struct chq_port *p;

	if (at < 0 && n >= CHQ_TABLE_PORTS_MAX)
		return CHQ_EFULL;
	p = &hd->port_info[at < 0 ? n : (uint32_t)at];
	if (mac)
		memcpy(p->mac, mac, sizeof(p->mac));
	p->mtu = mtu;
	if (at >= 0)
		return at;
	p->kernel_ifindex = kernel_ifindex;
	__atomic_store_n(&hd->ports, n + 1, __ATOMIC_RELEASE);
	return (int)n;
}
