#pragma once

/*
 * The listener for scrapers (metrics.listen, or a socket that systemd has handed over). Connections are
 * few, requests short, and each is over after some seconds whatever it does; nobody logs in: what is
 * told names nobody.
 */

#include <stdint.h>

struct control;
struct metrics;

/**
 * metrics_start() - listen as configured.
 * Return: NULL if nothing is configured, or if it cannot be: that is logged and no reason not to serve.
 */
struct metrics *metrics_start(struct control *ctl);

/* Cut off who is late. NULL is fine, here and below. */
void metrics_tick(struct metrics *m, uint64_t now_ms);

void metrics_stop(struct metrics *m);
