#pragma once
/* bench/xdp_path: what the benchmark and its programs agree on. */
#include "proto/ints.h"

#define XDP_PATH_FRAMES	 2048 /* of a round; a power of two */
#define XDP_PATH_PAYLOAD 62
#define XDP_PATH_LEN	 152 /* of a packet: whole words */

struct xdp_path_frame {
	uint64_t w[XDP_PATH_LEN / 8];
};

struct xdp_path_round {
	uint64_t next; /* its low bits: the frame that comes next */
	uint64_t pad[7];
	struct xdp_path_frame frame[XDP_PATH_FRAMES];
};
