#pragma once
/*
 * A daemon for tests: a thread that accepts one connection, reads requests line by line and writes what the
 * test has prepared.
 */
#include <pthread.h>
#include <stddef.h>

#define FAKE_ANSWERS_MAX 8
#define FAKE_LINE_MAX	 65536

struct fake_daemon {
	char dir[64], path[96];
	int listen_fd;
	pthread_t thread;
	const char *answers[FAKE_ANSWERS_MAX]; /* one for each request; NULL: close the connection */
	char requests[FAKE_ANSWERS_MAX][1024]; /* what came, cut to fit */
	unsigned n_requests;
};

/* The answer that never comes: the connection stays open until the client closes it. */
extern const char fake_silence[];

/* Begin to serve @d->answers. */
void fake_daemon_start(struct fake_daemon *d);

/* Wait for its end and clean up; d->requests are complete then. */
void fake_daemon_stop(struct fake_daemon *d);
