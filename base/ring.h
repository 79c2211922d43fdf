#pragma once

/*
 * Bounded queue of fixed-size entries from one thread to one other (SPSC), without locks: the only way
 * into another thread. Entries are copied in and out. A full ring refuses; the caller counts, never spins.
 */

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

struct chq_ring {
	/* Set at init, then constant. */
	uint8_t *slots;
	uint32_t mask;
	uint32_t entry_bytes;

	/* Writer: the producer. Read by the consumer with acquire, published with release. */
	_Alignas(64) _Atomic uint32_t tail;
	uint32_t head_seen; /* producer only */

	/* Writer: the consumer. Read by the producer with acquire, published with release. */
	_Alignas(64) _Atomic uint32_t head;
	uint32_t tail_seen; /* consumer only */
};

/**
 * chq_ring_init() - an empty ring.
 * @entries:     capacity, a power of two, 2 to 2^30.
 * @entry_bytes: size of one entry, at least 1.
 *
 * Return: 0; CHQ_EINVAL; CHQ_ENOMEM. On failure nothing is held.
 */
int chq_ring_init(struct chq_ring *r, uint32_t entries, uint32_t entry_bytes);

/* Free the ring's memory. No thread may use it any more; a second call is harmless. */
void chq_ring_deinit(struct chq_ring *r);

/**
 * chq_ring_push() - append a copy of *@entry. Thread: the one producer.
 * Return: false if the ring is full (nothing written).
 */
static inline bool
chq_ring_push(struct chq_ring *r, const void *entry)
{
	uint32_t tail = atomic_load_explicit(&r->tail, memory_order_relaxed);

	if (tail - r->head_seen > r->mask) {
		r->head_seen = atomic_load_explicit(&r->head, memory_order_acquire);
		if (tail - r->head_seen > r->mask)
			return false;
	}
	memcpy(r->slots + (size_t)(tail & r->mask) * r->entry_bytes, entry, r->entry_bytes);
	atomic_store_explicit(&r->tail, tail + 1, memory_order_release);
	return true;
}

/**
 * chq_ring_pop() - move the oldest entry to *@entry. Thread: the one consumer.
 * Return: false if the ring is empty (*@entry unchanged).
 */
static inline bool
chq_ring_pop(struct chq_ring *r, void *entry)
{
	uint32_t head = atomic_load_explicit(&r->head, memory_order_relaxed);

	if (head == r->tail_seen) {
		r->tail_seen = atomic_load_explicit(&r->tail, memory_order_acquire);
		if (head == r->tail_seen)
			return false;
	}
	memcpy(entry, r->slots + (size_t)(head & r->mask) * r->entry_bytes, r->entry_bytes);
	atomic_store_explicit(&r->head, head + 1, memory_order_release);
	return true;
}

/* Is there nothing to pop? Thread: the one consumer. */
static inline bool
chq_ring_empty(const struct chq_ring *r)
{
	return atomic_load_explicit(&r->head, memory_order_relaxed) ==
	       atomic_load_explicit(&r->tail, memory_order_acquire);
}
