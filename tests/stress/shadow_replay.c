/*
 * shadow_replay [operations] [seed]: random sequence numbers on replay windows, judged by a plain
 * model: the list of all numbers that a window has taken. A number is refused when it is on the
 * list, or when one of a later block of the same place in the window is; else it must be taken.
 *
 * Numbers come in order, in bursts, late, at the borders of blocks and of the whole window, with
 * jumps of any size, up to the last one there is. Then two writers at once have the same numbers to
 * offer: of each number one of them at most may take it, and what neither took must be excused by
 * the list.
 */
#include <inttypes.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "dataplane/replay.h"

#define LIFE \
	400 /* numbers after which a window begins anew: the list is looked through each time */
#define RACE_SEQS  4096
#define RACE_EVERY 50000 /* operations for each race */

struct window {
	uint64_t words[CHQ_REPLAY_WORDS];
	uint64_t taken[LIFE];
	int n;
	uint64_t front;
};

static uint64_t rng, refused_old, refused_again, races_refused;

static uint64_t
rnd(void)
{
	uint64_t x = rng += UINT64_C(0x9e3779b97f4a7c15);

	x = (x ^ x >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
	x = (x ^ x >> 27) * UINT64_C(0x94d049bb133111eb);
	return x ^ x >> 31;
}

/* Does a number of the list stand in the way? */
static int
excused(const uint64_t *taken, int n, uint64_t seq, int *again)
{
	uint64_t block = seq / 32;
	int old = 0;

	*again = 0;
	for (int i = 0; i < n; i++) {
		uint64_t b = taken[i] / 32;

		*again |= taken[i] == seq;
		old |= b > block && (b - block) % CHQ_REPLAY_WORDS == 0;
	}
	return old | *again;
}

static uint64_t
next_seq(struct window *w)
{
	static const int64_t border[] = { -257, -256, -255, -33, -32, -31,  -1,	  0,
					  1,	31,   32,   33,	 255, -225, -226, 256 };
	uint64_t r = rnd(), by = r >> 16, f = w->front;

	switch (r % 16) {
	case 0: return f - by % 300;		     /* late */
	case 1: return w->front = (f | 31) + by % 2; /* border of a block */
	case 2: return (f & ~UINT64_C(255)) + (uint64_t)border[by % 16];
	case 3: return f + (uint64_t)border[by % 16];
	case 4: return w->n ? w->taken[by % (uint64_t)w->n] : f;		  /* once more */
	case 5: return w->front = by % 64 ? f + by % 600 : f + (by >> (by % 48)); /* a jump */
	case 6:
		return by % 256 ? by % 2 * CHQ_SEQ_END - by % 3
				: by; /* none of ours, and the last */
	default: return w->front = f + 1;
	}
}

static int
fail(const struct window *w, uint64_t seq, int took)
{
	fprintf(stderr, "number %" PRIu64 ", front %" PRIu64 ", %d taken: the window says %d\n",
		seq, w->front, w->n, took);
	return 1;
}

/* Return: 0 if window and model agree. */
static int
operation(struct window *w)
{
	uint64_t seq = next_seq(w), top = 0;
	int valid = seq > 0 && seq < CHQ_SEQ_END, again, excuse, seen, took;

	excuse = excused(w->taken, w->n, seq, &again);
	seen = chq_replay_seen(w->words, seq);
	took = chq_replay_take(w->words, seq);
	if (took != (valid && !excuse) || took == seen)
		return fail(w, seq, took);
	refused_again += again;
	refused_old += excuse && !again;
	if (took)
		w->taken[w->n++] = seq;
	for (int i = 0; i < w->n; i++)
		top = w->taken[i] > top ? w->taken[i] : top;
	if (chq_replay_highest(w->words) != top)
		return fail(w, top, -1);
	if (w->n == LIFE || w->front >= CHQ_SEQ_END) {
		memset(w, 0, sizeof(*w));
		w->front = rnd() % 4 ? 1 : CHQ_SEQ_END - rnd() % 2000;
	}
	return 0;
}

/* --- two writers --- */

struct race {
	uint64_t words[CHQ_REPLAY_WORDS];
	uint64_t seq[RACE_SEQS];
	pthread_barrier_t start;
};

struct writer {
	struct race *race;
	uint8_t took[RACE_SEQS]; /* by place in race->seq */
};

static void *
writer_run(void *arg)
{
	struct writer *w = arg;

	pthread_barrier_wait(&w->race->start);
	for (int i = 0; i < RACE_SEQS; i++)
		w->took[i] = (uint8_t)chq_replay_take(w->race->words, w->race->seq[i]);
	return NULL;
}

/* Return: 0 if what both took and did not take can be. */
static int
race_judge(const struct race *r, const struct writer *w)
{
	static uint64_t taken[RACE_SEQS];
	int n = 0, again;

	for (int i = 0; i < RACE_SEQS; i++)
		if (w[0].took[i] || w[1].took[i])
			taken[n++] = r->seq[i];
	for (int i = 0; i < RACE_SEQS; i++) {
		if (w[0].took[i] && w[1].took[i]) {
			fprintf(stderr, "number %" PRIu64 " was taken twice\n", r->seq[i]);
			return 1;
		}
		if (w[0].took[i] || w[1].took[i])
			continue;
		races_refused++;
		if (!excused(taken, n, r->seq[i], &again)) {
			fprintf(stderr, "number %" PRIu64 " was taken by nobody\n", r->seq[i]);
			return 1;
		}
	}
	return 0;
}

/* Each number stands once in the sequence, near its order. */
static void
race_deal(struct race *r)
{
	uint64_t seq = 1 + rnd() % 1000;

	for (int i = 0; i < RACE_SEQS; i++)
		r->seq[i] = seq += 1 + (rnd() % 64 == 0 ? rnd() % 300 : 0);
	for (int i = 0; i < RACE_SEQS; i++) {
		int j = (int)(rnd() % 48) + i;
		uint64_t s = r->seq[i];

		if (j >= RACE_SEQS)
			continue;
		r->seq[i] = r->seq[j];
		r->seq[j] = s;
	}
}

static int
race(void)
{
	static struct race r;
	static struct writer w[2];
	pthread_t other;

	memset(&r, 0, sizeof(r));
	memset(w, 0, sizeof(w));
	w[0].race = w[1].race = &r;
	race_deal(&r);
	if (pthread_barrier_init(&r.start, NULL, 2) ||
	    pthread_create(&other, NULL, writer_run, &w[0]))
		return 1;
	writer_run(&w[1]);
	pthread_join(other, NULL);
	pthread_barrier_destroy(&r.start);
	return race_judge(&r, w);
}

int
main(int argc, char **argv)
{
	uint64_t n = argc > 1 ? strtoull(argv[1], NULL, 10) : 1000000;
	static struct window w = { .front = 1 };

	rng = argc > 2 ? strtoull(argv[2], NULL, 10) : chq_mono_ns();
	printf("%" PRIu64 " operations, seed %" PRIu64 "\n", n, rng);
	fflush(stdout);
	for (uint64_t i = 0; i < n; i++) {
		if (operation(&w))
			return 1;
		if (i % RACE_EVERY == 0 && race())
			return 1;
	}
	printf("refused: %" PRIu64 " again, %" PRIu64 " too old; in races %" PRIu64 "\n",
	       refused_again, refused_old, races_refused);
	if (!refused_again || !refused_old)
		return 1;
	printf("ok: the windows agree with the model\n");
	return 0;
}
