#include "tools/chasquictl/progress.h"

#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "tools/chasquictl/remote.h"

enum { ANSWER_S = 5 };

struct tool_progress {
	const char *path;
	pthread_t thread;
	pthread_mutex_t lock;
	pthread_cond_t ended;
	bool stop, said;
	uint64_t begun_ns;
};

static void
say(struct tool_progress *p, const char *task, double done, double total)
{
	double s = (double)(chq_mono_ns() - p->begun_ns) / 1e9, share = done / total;

	share = share > 1 ? 1 : share;
	fprintf(stderr, "\r\033[K%s: %3.0f %%", task, share * 100);
	if (s > 1 && share > 0.01)
		fprintf(stderr, ", %.0f s left", s / share - s);
	fflush(stderr);
	p->said = true;
}

/* The oldest task that knows how much it has to do. */
static void
look(struct tool_progress *p, struct tool_remote *r)
{
	const struct chq_ctl_verb *v =
		chq_ctl_verb_at((size_t)chq_ctl_verb_find("store", "progress"));
	char *line = chq_ctl_request_make(1, v, 0, NULL, NULL);
	struct chq_ctl_answer a = { 0 };
	struct chq_ctl_error e;
	json_t *row;
	size_t i;

	if (line && tool_remote_call(r, line, ANSWER_S, false, &a, &e) == 0 && a.data) {
		json_array_foreach((json_t *)(uintptr_t)a.data, i, row)
		{
			double total = json_number_value(json_object_get(row, "total"));
			const char *task = json_string_value(json_object_get(row, "task"));

			if (total > 0 && task) {
				say(p, task, json_number_value(json_object_get(row, "done")),
				    total);
				break;
			}
		}
	}
	chq_ctl_answer_free(&a);
	chq_ctl_line_free(line);
}

/* Return: whether to go on after a second. */
static bool
rest(struct tool_progress *p)
{
	struct timespec until;
	bool stop;

	clock_gettime(CLOCK_REALTIME, &until);
	until.tv_sec++;
	pthread_mutex_lock(&p->lock);
	if (!p->stop)
		pthread_cond_timedwait(&p->ended, &p->lock, &until);
	stop = p->stop;
	pthread_mutex_unlock(&p->lock);
	return !stop;
}

static void *
progress_main(void *arg)
{
	struct tool_progress *p = arg;
	struct chq_ctl_error e;
	struct tool_remote r;

	while (rest(p)) {
		if (tool_remote_open(&r, p->path, ANSWER_S, &e) != 0)
			continue;
		look(p, &r);
		tool_remote_close(&r);
	}
	return NULL;
}

struct tool_progress *
tool_progress_start(const char *path)
{
	struct tool_progress *p = isatty(STDERR_FILENO) ? calloc(1, sizeof(*p)) : NULL;

	if (!p)
		return NULL;
	p->path = path;
	p->begun_ns = chq_mono_ns();
	pthread_mutex_init(&p->lock, NULL);
	pthread_cond_init(&p->ended, NULL);
	if (pthread_create(&p->thread, NULL, progress_main, p) == 0)
		return p;
	free(p);
	return NULL;
}

void
tool_progress_stop(struct tool_progress *p)
{
	if (!p)
		return;
	pthread_mutex_lock(&p->lock);
	p->stop = true;
	pthread_cond_signal(&p->ended);
	pthread_mutex_unlock(&p->lock);
	pthread_join(p->thread, NULL);
	if (p->said)
		fputs("\r\033[K", stderr);
	pthread_cond_destroy(&p->ended);
	pthread_mutex_destroy(&p->lock);
	free(p);
}
