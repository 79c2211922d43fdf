#include "control/loop.h"

#include <event2/event.h>
#include <stdint.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "base/err.h"

static void
loop_woken(evutil_socket_t fd, short what, void *arg)
{
	uint64_t count;

	(void)what;
	if (read(fd, &count, sizeof(count)) < 0)
		count = 0; /* somebody else has run what was posted */
	loop_inbox_run(arg);
}

int
loop_inbox_init(struct loop_inbox *in, struct event_base *base)
{
	int rc;

	in->head = NULL;
	in->tail = &in->head;
	in->fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	if (in->fd < 0)
		return chq_errno();
	in->wake = event_new(base, in->fd, EV_READ | EV_PERSIST, loop_woken, in);
	if (!in->wake || event_add(in->wake, NULL) != 0) {
		rc = CHQ_ENOMEM;
		goto fail;
	}
	rc = -pthread_mutex_init(&in->lock, NULL);
	if (rc)
		goto fail;
	return CHQ_OK;

fail:
	if (in->wake)
		event_free(in->wake);
	close(in->fd);
	return rc;
}

void
loop_inbox_deinit(struct loop_inbox *in)
{
	event_free(in->wake);
	close(in->fd);
	pthread_mutex_destroy(&in->lock);
}

void
loop_post(struct loop_inbox *in, struct loop_item *item)
{
	uint64_t one = 1;

	item->next = NULL;
	pthread_mutex_lock(&in->lock);
	*in->tail = item;
	in->tail = &item->next;
	pthread_mutex_unlock(&in->lock);
	while (write(in->fd, &one, sizeof(one)) < 0 && errno == EINTR)
		;
}

void
loop_inbox_run(struct loop_inbox *in)
{
	struct loop_item *item, *next;

	pthread_mutex_lock(&in->lock);
	item = in->head;
	in->head = NULL;
	in->tail = &in->head;
	pthread_mutex_unlock(&in->lock);
	for (; item; item = next) {
		next = item->next;
		item->fn(item);
	}
}
