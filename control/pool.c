#include "control/pool.h"

#include <signal.h>
#include <stdlib.h>

#include "base/err.h"
#include "base/list.h"

static void
pool_finished(struct loop_item *item)
{
	struct pool_job *job = CHQ_CONTAINER_OF(item, struct pool_job, item);

	job->done(job);
}

/* The next job, or NULL when the pool ends. */
static struct pool_job *
pool_take(struct pool *p)
{
	struct pool_job *job = NULL;

	pthread_mutex_lock(&p->lock);
	while (!p->head && !p->ending)
		pthread_cond_wait(&p->more, &p->lock);
	if (!p->ending) {
		job = p->head;
		p->head = job->next;
		if (!p->head)
			p->tail = &p->head;
		p->queued--;
	}
	pthread_mutex_unlock(&p->lock);
	return job;
}

static void *
pool_thread(void *arg)
{
	struct pool *p = arg;
	struct pool_job *job;

	while ((job = pool_take(p)) != NULL) {
		job->work(job);
		loop_post(p->inbox, &job->item);
	}
	return NULL;
}

/* Signals are the loop's alone. */
static int
pool_spawn(struct pool *p, const char *name, unsigned threads)
{
	sigset_t all, old;
	int rc = 0;

	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &old);
	while (p->threads_used < threads) {
		rc = pthread_create(&p->threads[p->threads_used], NULL, pool_thread, p);
		if (rc)
			break;
		pthread_setname_np(p->threads[p->threads_used++], name);
	}
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	return -rc;
}

int
pool_init(struct pool *p, struct loop_inbox *inbox, const char *name, unsigned threads,
	  unsigned queue_max)
{
	int rc;

	*p = (struct pool){ .inbox = inbox, .queue_max = queue_max };
	p->tail = &p->head;
	p->threads = calloc(threads, sizeof(*p->threads));
	if (!p->threads)
		return CHQ_ENOMEM;
	pthread_mutex_init(&p->lock, NULL);
	pthread_cond_init(&p->more, NULL);
	rc = pool_spawn(p, name, threads);
	if (rc)
		pool_deinit(p);
	return rc;
}

void
pool_deinit(struct pool *p)
{
	struct pool_job *job, *next;

	pthread_mutex_lock(&p->lock);
	p->ending = true;
	pthread_cond_broadcast(&p->more);
	pthread_mutex_unlock(&p->lock);
	for (unsigned i = 0; i < p->threads_used; i++)
		pthread_join(p->threads[i], NULL);
	for (job = p->head; job; job = next) {
		next = job->next;
		job->cancelled = true;
		loop_post(p->inbox, &job->item);
	}
	pthread_cond_destroy(&p->more);
	pthread_mutex_destroy(&p->lock);
	free(p->threads);
	p->threads = NULL;
	p->threads_used = 0;
}

int
pool_submit(struct pool *p, struct pool_job *job)
{
	int rc = CHQ_EAGAIN;

	job->item.fn = pool_finished;
	job->next = NULL;
	job->cancelled = false;
	pthread_mutex_lock(&p->lock);
	if (!p->ending && p->queued < p->queue_max) {
		*p->tail = job;
		p->tail = &job->next;
		p->queued++;
		pthread_cond_signal(&p->more);
		rc = CHQ_OK;
	}
	pthread_mutex_unlock(&p->lock);
	return rc;
}
