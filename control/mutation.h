#pragma once

/*
 * Requests that change the store. Effect and answer are written in one transaction, so a request that
 * comes again is answered and not done again, not even over kill -9. The answer goes out after the
 * commit.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "control/request.h"
#include "control/write.h"
#include "store/types.h"

struct mutation;
struct store_txn;

struct mutation_kind {
	/*
	 * Do it. Writer thread; may run more than once, each time on the state without it.
	 * Return: 0, with mutation_reply() called if the method has a reply; else a code, which undoes
	 * what was done and is what the client is told.
	 */
	int (*effect)(struct store_txn *txn, struct mutation *m);
	/* Loop's thread, after the commit, but not for a request that was answered before. May be NULL. */
	void (*after)(struct control *ctl, const struct mutation *m);
};

/* What a mutation has done, for after(). Zero before each run of effect(). */
struct mutation_result {
	uint64_t peer;
	uint64_t version, peer_version; /* of the contact lists; 0: not changed */
	bool ended;			/* a friendship was */
	uint8_t device;
};

struct mutation {
	struct write_op op;
	const struct mutation_kind *kind;
	struct chq_dp_ref ref; /* session that asks */
	uint64_t account, id, now_ms;
	uint8_t device;
	ProtobufCMessage *body; /* a copy of the request's */
	uint64_t allowed;	/* of mutation_begin_for() */
	struct mutation_result result;
	bool again; /* it was done before */
	size_t answer_len;
	uint8_t answer[STORE_ANSWER_MAX_BYTES];
};

/* Begin one for a request; it is answered in the end, whatever happens. */
void mutation_begin(struct control *ctl, struct session *s, const struct request *r,
		    const struct mutation_kind *kind);

/* The same; what rights its sender has was looked up already, for effect() to go by. */
void mutation_begin_for(struct control *ctl, struct session *s, const struct request *r,
			const struct mutation_kind *kind, uint64_t allowed);

/* In effect(): the reply. Return: 0; CHQ_ETOOBIG. */
int mutation_reply(struct mutation *m, const ProtobufCMessage *body);
