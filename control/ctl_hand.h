#pragma once

/* Descriptors that come with a request. */

#include <sys/types.h>

/**
 * ctl_hand_receive() - as recv() without waiting, with the first descriptor of what came.
 * @handed: what is in it is closed when another one comes; the kernel drops all but the first.
 */
ssize_t ctl_hand_receive(int fd, void *buf, size_t size, int *handed);
