#pragma once
/*
 * dataplane/shed: what a worker drops first that is offered more than it can do. It is, when its
 * driver's queue has not been empty for CHQ_SHED_RISE_NS of its work: then one more kind of
 * datagram is shed, in the order of enum chq_shed, until the queue gets empty. CHQ_SHED_HOLD_NS
 * later it tries with one kind less. Only polls that were full themselves shed: who drives the
 * level up by short pulses keeps nobody out between them. So a conversation between clients who
 * stay well within their quota is the last thing that is touched; only what the queue itself loses,
 * before any level helps, is lost at random.
 *
 * The level is one worker's and stands in its heartbeat. chq_shed_why() and chq_shed_squeeze() are
 * all of the rule: who decides frames in the worker's stead sheds nothing (it has no queue), but
 * may drop by chq_shed_why() what it would put into the queue of a worker. Usable from BPF.
 */
#include "dataplane/counters.h"
#include "proto/frame.h"

enum chq_shed {
	CHQ_SHED_NOTHING,
	CHQ_SHED_HELLO,	  /* HELLOs */
	CHQ_SHED_SERVER,  /* … and frames to the server; not PINGs, which keep sessions alive */
	CHQ_SHED_HALF,	  /* … and what is over half of a session's quota */
	CHQ_SHED_QUARTER, /* … a quarter */
	CHQ_SHED_EIGHTH,  /* … an eighth */
	CHQ_SHED__COUNT
};

#define CHQ_SHED_RISE_NS UINT64_C(5000000)
#define CHQ_SHED_POLL_NS \
	UINT64_C(250000) /* more than this between two polls was not work: it was not run */
#define CHQ_SHED_HOLD_NS UINT64_C(500000000)

/**
 * chq_shed_why() - is this datagram shed?
 * @h: a FRAME's header, its form checked but nothing else; of a HELLO only the type.
 * Return: the counter to drop it under; CHQ_C_RX: it goes on.
 */
static inline enum chq_counter
chq_shed_why(uint32_t shed, const struct chq_frame_hdr *h)
{
	if (shed >= CHQ_SHED_HELLO && h->type == CHQ_TYPE_HELLO)
		return CHQ_D_SHED_HELLO;
	if (shed >= CHQ_SHED_SERVER && h->type == CHQ_TYPE_FRAME && h->party == 0 &&
	    !(h->flags & CHQ_F_PING))
		return CHQ_D_SHED_SERVER;
	return CHQ_C_RX;
}

/* Doublings of the prices of quotas: for chq_quota_frame(). */
static inline uint32_t
chq_shed_squeeze(uint32_t shed)
{
	return shed > CHQ_SHED_SERVER ? shed - CHQ_SHED_SERVER : 0;
}

/* What the level is found by. Thread: the worker's. */
struct chq_shedder {
	uint32_t level;	  /* enum chq_shed */
	uint64_t poll_ns; /* the last one */
	uint64_t full_ns; /* so long it has worked since the queue was seen empty or the level rose */
	uint64_t change_ns; /* of the level */
};

/**
 * chq_shed_poll() - after each poll of the driver.
 * @full: it took as many datagrams as it could: more may wait.
 * Return: the level from now on.
 */
static inline uint32_t
chq_shed_poll(struct chq_shedder *s, int full, uint64_t now_ns)
{
	uint64_t passed = now_ns - s->poll_ns;

	s->poll_ns = now_ns;
	s->full_ns += passed < CHQ_SHED_POLL_NS ? passed : CHQ_SHED_POLL_NS;
	if (!full) {
		s->full_ns = 0;
		if (s->level != CHQ_SHED_NOTHING && now_ns - s->change_ns >= CHQ_SHED_HOLD_NS) {
			s->level--;
			s->change_ns = now_ns;
		}
	} else if (s->full_ns >= CHQ_SHED_RISE_NS && s->level + 1 < CHQ_SHED__COUNT) {
		s->level++;
		s->full_ns = 0;
		s->change_ns = now_ns;
	}
	return s->level;
}
