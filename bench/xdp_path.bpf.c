// SPDX-License-Identifier: GPL-2.0 OR Apache-2.0
/*
 * bench/xdp_path: the relay program behind an entry that first writes the next prepared packet over
 * the one it was given, so that BPF_PROG_TEST_RUN's repetitions are fresh valid frames; that entry
 * alone; and a program that does nothing.
 */
#include "bench/xdp_path.h"
#include "dataplane/xdp/relay.bpf.c"

TABLE(bench_round, struct xdp_path_round);

INLINE int
pick(const struct xdp_md *ctx)
{
	uint64_t *to = (void *)(long)ctx->data;
	struct xdp_path_round *r = element(&bench_round, 0);
	const struct xdp_path_frame *f;

	if (!r || (void *)(to + XDP_PATH_LEN / 8) > (void *)(long)ctx->data_end)
		return 0;
	f = &r->frame[r->next++ & (XDP_PATH_FRAMES - 1)];
#pragma clang loop unroll(full)
	for (int i = 0; i < XDP_PATH_LEN / 8; i++)
		to[i] = f->w[i];
	return 1;
}

SEC("xdp.frags")
int
bench_path(struct xdp_md *ctx)
{
	return pick(ctx) ? relay(ctx) : XDP_ABORTED;
}

SEC("xdp.frags")
int
bench_pick(struct xdp_md *ctx)
{
	return pick(ctx) ? XDP_TX : XDP_ABORTED;
}

SEC("xdp.frags")
int
bench_empty(struct xdp_md *ctx)
{
	return XDP_TX;
}
