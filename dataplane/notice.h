#pragma once
/*
 * dataplane/notice: header-only answers that name a frame that was not forwarded, or ask a client
 * for its path.
 * 48 bytes, so never longer than the frame that caused them; never for a frame whose tag was not
 * right.
 */
#include "dataplane/quota.h"
#include "dataplane/worker.h"

/**
 * chq_notice_make() - write a NOTICE, if the session's budget allows.
 * @s, @slot: the session whose frame it is about; its next outgoing number is used.
 * @about:    that frame's parsed header: its party and message id are named.
 * @code:     enum chq_notice.
 * @token:    path token with CHQ_NOTICE_PATH, else 0.
 * @out:      CHQ_FRAME_HDR_LEN bytes.
 *
 * Thread: any worker, or the manager.
 * Return: 1; 0 if over the budget: nothing was written or numbered.
 */
int chq_notice_make(struct chq_session *s, uint32_t slot, const struct chq_header *header,
		    uint64_t now_ns, const struct chq_frame_hdr *about, uint16_t code,
		    uint64_t token, uint8_t out[CHQ_FRAME_HDR_LEN]);

/**
 * chq_notice() - add a NOTICE to @p's source to the burst's extra datagrams, counted; over the
 * budget it is counted as drop-notice-limit instead. @p->from and its parsed header are those of a
 * frame with a right tag. A packet gets one at most: to a source that is not the session's
 * (p->moved) nothing is added but CHQ_NOTICE_PATH.
 * Thread: the worker's.
 */
void chq_notice(struct chq_worker *w, const struct chq_pkt *p, enum chq_notice code);
