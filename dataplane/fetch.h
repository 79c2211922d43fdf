#pragma once
/*
 * dataplane/fetch: cache lines asked for ahead of their use. User space alone; no effect on any
 * result.
 */
#include "dataplane/table.h"

static inline void
chq_fetch(const void *line)
{
	__builtin_prefetch(line, 0, 3);
}

/* For a line that will be written. */
static inline void
chq_fetch_write(const void *line)
{
	__builtin_prefetch(line, 1, 3);
}

/* Both lines of the sender's half: its tag key and budgets, its replay window. */
static inline void
chq_fetch_sender(const struct chq_session *s)
{
	chq_fetch_write(&s->tag_in);
	chq_fetch_write(s->replay);
}

/* Both lines of the receiver's half: its keys, its address and sequence number. */
static inline void
chq_fetch_receiver(const struct chq_session *s)
{
	chq_fetch(&s->tag_out);
	chq_fetch_write(&s->seq_out);
}
