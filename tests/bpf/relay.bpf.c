// SPDX-License-Identifier: GPL-2.0 OR Apache-2.0
/*
 * relay: shows that the headers shared by C and BPF are. It reads the frame that is its packet,
 * treats it as tests/bpf/relay.h says, on the tables as maps, and leaves the outcome in a map.
 */
#include <linux/bpf.h>

#include <bpf/bpf_helpers.h>

#include "dataplane/table.h"

#define MAP_OF(name, type_)                        \
	struct {                                   \
		__uint(type, BPF_MAP_TYPE_ARRAY);  \
		__uint(map_flags, BPF_F_MMAPABLE); \
		__uint(max_entries, 1);            \
		__type(key, __u32);                \
		__type(value, type_);              \
	} name SEC(".maps")

/* The loader puts the tables themselves in the place of the first three. */
MAP_OF(chq_header, struct chq_header);
MAP_OF(chq_sessions, struct chq_session);
MAP_OF(chq_accounts, struct chq_bucket);

static inline __attribute__((always_inline)) void *
element(void *map, __u32 number)
{
	return bpf_map_lookup_elem(map, &number);
}

#define RELAY_HEADER(view)	   ((struct chq_header *)element(&chq_header, 0))
#define RELAY_SESSION(view, slot)  ((struct chq_session *)element(&chq_sessions, slot))
#define RELAY_BUCKET(view, number) ((const struct chq_bucket *)element(&chq_accounts, number))

#include "tests/bpf/relay.h"

MAP_OF(relay_cases, struct relay_case);
MAP_OF(relay_results, struct relay_result);

SEC("xdp")
int
relay(struct xdp_md *ctx)
{
	void *data = (void *)(long)ctx->data, *end = (void *)(long)ctx->data_end;
	const struct relay_case *c = element(&relay_cases, 0);
	struct relay_result *r = element(&relay_results, 0);
	struct relay_frame f = { 0 };

	if (!c || !r || data + sizeof(f.hdr) > end)
		return XDP_ABORTED;
	__builtin_memcpy(&f.hdr, data, sizeof(f.hdr));
	f.payload_len = (uint16_t)(end - data - sizeof(f.hdr));
	relay_frame_run(0, &f, c, r);
	return r->out_ok ? XDP_TX : XDP_DROP;
}

char _license[] SEC("license") = "GPL";
