#include "control/ctl_hand.h"

#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static void
take(struct msghdr *m, int *handed)
{
	struct cmsghdr *h = CMSG_FIRSTHDR(m);

	if (!h || h->cmsg_level != SOL_SOCKET || h->cmsg_type != SCM_RIGHTS ||
	    h->cmsg_len < CMSG_LEN(sizeof(int)))
		return;
	if (*handed >= 0)
		close(*handed);
	memcpy(handed, CMSG_DATA(h), sizeof(int));
}

ssize_t
ctl_hand_receive(int fd, void *buf, size_t size, int *handed)
{
	union {
		struct cmsghdr align;
		char bytes[CMSG_SPACE(sizeof(int))];
	} control;
	struct iovec iov = { .iov_base = buf, .iov_len = size };
	struct msghdr m = { .msg_iov = &iov,
			    .msg_iovlen = 1,
			    .msg_control = control.bytes,
			    .msg_controllen = sizeof(control.bytes) };
	ssize_t n = recvmsg(fd, &m, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);

	if (n >= 0)
		take(&m, handed);
	return n;
}
