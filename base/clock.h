#pragma once

/*
 * Clocks. Monotonic nanoseconds for everything that measures or expires; wall time only for logs, the
 * database and what goes to people. All are callable from any thread and never fail (vDSO).
 */

#include <stdint.h>
#include <time.h>

#define CHQ_NS_PER_SEC	  UINT64_C(1000000000)
#define CHQ_NS_PER_MS	  UINT64_C(1000000)
#define CHQ_MS_PER_DAY	  UINT64_C(86400000)
#define CHQ_EPOCH_2020_MS UINT64_C(1577836800000) /* 2020-01-01T00:00:00Z in Unix milliseconds */

static inline uint64_t
chq_clock_ns(clockid_t clock)
{
	struct timespec ts;

	clock_gettime(clock, &ts);
	return (uint64_t)ts.tv_sec * CHQ_NS_PER_SEC + (uint64_t)ts.tv_nsec;
}

/* CLOCK_MONOTONIC in ns: the time of every table. */
static inline uint64_t
chq_mono_ns(void)
{
	return chq_clock_ns(CLOCK_MONOTONIC);
}

/* Unix time in ms, UTC. */
static inline uint64_t
chq_wall_ms(void)
{
	return chq_clock_ns(CLOCK_REALTIME) / CHQ_NS_PER_MS;
}

/* Unix ms -> ms since 2020-01-01T00:00:00Z (42 bits of a message id); 0 for anything before. */
static inline uint64_t
chq_ms2020_of(uint64_t wall_ms)
{
	return wall_ms > CHQ_EPOCH_2020_MS ? wall_ms - CHQ_EPOCH_2020_MS : 0;
}

/* ms since 2020-01-01T00:00:00Z, now. */
static inline uint64_t
chq_ms2020(void)
{
	return chq_ms2020_of(chq_wall_ms());
}

/* Unix ms -> whole UTC days since 2020-01-01: the expiry unit of grants. Good until the year 2199. */
static inline uint16_t
chq_day_of(uint64_t wall_ms)
{
	return (uint16_t)(chq_ms2020_of(wall_ms) / CHQ_MS_PER_DAY);
}

/* Today, in whole UTC days since 2020-01-01. */
static inline uint16_t
chq_day(void)
{
	return chq_day_of(chq_wall_ms());
}
