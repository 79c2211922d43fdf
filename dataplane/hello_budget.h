#pragma once
/*
 * dataplane/hello_budget: how many handshakes reach the public-key work: in all, and from one network (IPv4 /24,
 * IPv6 /56). Fixed memory; the cells are keyed, so nobody can choose addresses that share a cell with a victim's.
 * Manager thread.
 */
#include <stdint.h>

#include "dataplane/table.h"

#define CHQ_HELLO_CELLS 8192

enum chq_hello_verdict { CHQ_HELLO_OK, CHQ_HELLO_OVER_PREFIX, CHQ_HELLO_OVER_TOTAL };

struct chq_hello_budget {
	struct chq_sipkey key;
	uint64_t total_ns, prefix_ns; /* price of one; 0 = no limit */
	uint64_t total_tat;
	uint64_t cell_tat[CHQ_HELLO_CELLS];
};

/** chq_hello_budget_init() - random key, no limits yet. */
void chq_hello_budget_init(struct chq_hello_budget *b);

/** chq_hello_budget_set() - limits per second, 0 = none; what was spent stays spent. A second's worth may come at once. */
void chq_hello_budget_set(struct chq_hello_budget *b, uint32_t per_s, uint32_t per_prefix_per_s);

/**
 * chq_hello_budget_take() - may a handshake from this address go on? Takes from both budgets, or from none.
 * @ip_hi, @ip_lo: as in struct chq_path.
 */
enum chq_hello_verdict chq_hello_budget_take(struct chq_hello_budget *b, uint64_t ip_hi,
					     uint64_t ip_lo, uint64_t now_ns);
