#pragma once
/*
 * dataplane/atomic: how the tables' shared words are read and written, the same text for user space
 * and for the BPF programs. BPF knows compare-and-swap and fetch-add of 32 and 64 bits (both are
 * full barriers); its loads and stores are single instructions, kept in order by a compiler barrier
 * on the machines we run on. User space says what it needs.
 */
#include "proto/ints.h"

#ifdef __bpf__
#define CHQ_LOAD_RELAXED(p)	(*(const volatile __typeof__(*(p)) *)(p))
#define CHQ_STORE_RELAXED(p, v) (*(volatile __typeof__(*(p)) *)(p) = (v))
#define CHQ_LOAD_ACQUIRE(p)                                        \
	({                                                         \
		__typeof__(*(p)) chq_value_ = CHQ_LOAD_RELAXED(p); \
		__asm__ __volatile__("" ::: "memory");             \
		chq_value_;                                        \
	})
#define CHQ_STORE_RELEASE(p, v)                        \
	do {                                           \
		__asm__ __volatile__("" ::: "memory"); \
		CHQ_STORE_RELAXED(p, v);               \
	} while (0)
#define CHQ_FENCE_ACQUIRE() __asm__ __volatile__("" ::: "memory")
#else
#define CHQ_LOAD_RELAXED(p)	__atomic_load_n((p), __ATOMIC_RELAXED)
#define CHQ_STORE_RELAXED(p, v) __atomic_store_n((p), (v), __ATOMIC_RELAXED)
#define CHQ_LOAD_ACQUIRE(p)	__atomic_load_n((p), __ATOMIC_ACQUIRE)
#define CHQ_STORE_RELEASE(p, v) __atomic_store_n((p), (v), __ATOMIC_RELEASE)
#define CHQ_FENCE_ACQUIRE()	__atomic_thread_fence(__ATOMIC_ACQUIRE)
#define CHQ_FENCE_RELEASE()	__atomic_thread_fence(__ATOMIC_RELEASE) /* the manager's alone */
#endif

/* Value before; equal to @was if @is was stored. */
#define CHQ_CAS(p, was, is)   __sync_val_compare_and_swap((p), (was), (is))
#define CHQ_FETCH_ADD(p, add) __sync_fetch_and_add((p), (add))

/* Stores before it come first in the program's order: enough for what must hold when a thread is
 * killed. */
#define CHQ_PROGRAM_ORDER() __asm__ __volatile__("" ::: "memory")
