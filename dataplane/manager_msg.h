#pragma once
/*
 * dataplane/manager_msg: what the manager tells control, as messages of proto/dpcmd.h, and the two forms of a path.
 */
#include "dataplane/worker.h"
#include "proto/dpcmd.h"

union chq_msg {
	struct chq_dp_hdr h;
	struct chq_dp_info info;
	struct chq_dp_session_info session_info;
	struct chq_dp_session_opened opened;
	struct chq_dp_done done;
	struct chq_dp_hello_rx hello_rx;
	struct chq_dp_server_rx server_rx;
	struct chq_dp_frame_rx frame_rx;
	struct chq_dp_event event;
	struct chq_dp_quota_info quota;
	struct chq_dp_load load;
	uint64_t align;
	uint8_t bytes[CHQ_DP_MSG_MAX];
};

void chq_dp_path_of(struct chq_dp_path *out, const struct chq_path *p);

/**
 * chq_path_of_dp() - control's copy of a path, bounds checked against the header's tables.
 * Return: 0; CHQ_EINVAL.
 */
int chq_path_of_dp(struct chq_path *out, const struct chq_dp_path *p, const struct chq_header *hd);

/* Each writes the whole message: only its first h.len bytes of *@out are defined. */
void chq_msg_info(union chq_msg *out, uint32_t req, const struct chq_tables *t, const char *driver);
void chq_msg_done(union chq_msg *out, uint32_t req, int err);
void chq_msg_opened(union chq_msg *out, uint32_t req, struct chq_dp_ref ref, int err);
void chq_msg_dump_end(union chq_msg *out, uint32_t req);
/** @at: NULL if the path cannot be read just now. @now_s: CLOCK_MONOTONIC. */
void chq_msg_session_info(union chq_msg *out, uint32_t req, const struct chq_tables *t,
			  uint32_t slot, const struct chq_path *at, uint64_t now_ns);
void chq_msg_hello_rx(union chq_msg *out, const struct chq_up_item *item);
void chq_msg_server_rx(union chq_msg *out, const struct chq_up_item *item,
		       const struct chq_frame_hdr *h, uint64_t ident, uint16_t body_len);
void chq_msg_frame_rx(union chq_msg *out, const struct chq_up_item *item,
		      const struct chq_frame_hdr *h, uint64_t ident);
void chq_msg_event(union chq_msg *out, struct chq_dp_ref ref, uint32_t kind, uint64_t ident,
		   const struct chq_path *at);
/** What the session @ref has spent; err is CHQ_ENOENT if it is no more. */
void chq_msg_quota(union chq_msg *out, uint32_t req, const struct chq_tables *t,
		   struct chq_dp_ref ref, uint64_t now_ns);
/** The caller fills in the figures. */
void chq_msg_load(union chq_msg *out);
