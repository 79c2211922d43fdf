#include "dataplane/hello_budget.h"

#include <sodium.h>
#include <string.h>

#include "base/clock.h"
#include "dataplane/sockio.h"

void
chq_hello_budget_init(struct chq_hello_budget *b)
{
	memset(b, 0, sizeof(*b));
	randombytes_buf(&b->key, sizeof(b->key));
}

void
chq_hello_budget_set(struct chq_hello_budget *b, uint32_t per_s, uint32_t per_prefix_per_s)
{
	b->total_ns = per_s ? CHQ_NS_PER_SEC / per_s : 0;
	b->prefix_ns = per_prefix_per_s ? CHQ_NS_PER_SEC / per_prefix_per_s : 0;
}

/* GCRA with a burst of one second: the new arrival time, or 0 when over. */
static uint64_t
next_tat(uint64_t tat, uint64_t price_ns, uint64_t now_ns)
{
	uint64_t limit = now_ns + CHQ_NS_PER_SEC;
	uint64_t next = (tat > now_ns ? tat : now_ns) + price_ns;

	return next > limit ? 0 : next;
}

/* The network that one site's clients share: the first 24 bits of IPv4, the first 56 of IPv6. */
static uint32_t
cell_of(const struct chq_hello_budget *b, uint64_t ip_hi, uint64_t ip_lo)
{
	uint64_t net, family;

	if (chq_ip_is_v4(ip_hi, ip_lo)) {
		net = ip_lo >> 32 & 0xffffff;
		family = 4;
	} else {
		net = ip_hi & UINT64_C(0x00ffffffffffffff);
		family = 6;
	}
	return (uint32_t)(chq_siphash_words2(&b->key, net, family) % CHQ_HELLO_CELLS);
}

enum chq_hello_verdict
chq_hello_budget_take(struct chq_hello_budget *b, uint64_t ip_hi, uint64_t ip_lo, uint64_t now_ns)
{
	uint64_t *cell = &b->cell_tat[cell_of(b, ip_hi, ip_lo)];
	uint64_t prefix = next_tat(*cell, b->prefix_ns, now_ns);
	uint64_t total = next_tat(b->total_tat, b->total_ns, now_ns);

	if (!prefix)
		return CHQ_HELLO_OVER_PREFIX;
	if (!total)
		return CHQ_HELLO_OVER_TOTAL;
	*cell = prefix;
	b->total_tat = total;
	return CHQ_HELLO_OK;
}
