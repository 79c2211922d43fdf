#pragma once
/*
 * base/unix_listen: the unix sockets that others reach us by. The folder they stand in may
 * belong to a user with fewer rights than ours, so no step follows a link.
 */
#include <sys/types.h>

/**
 * chq_unix_listen() - a listening, non-blocking socket with mode 0660.
 * @path:    a file that is left from an earlier run is replaced.
 * @type:    SOCK_STREAM or SOCK_SEQPACKET.
 * @gid:     group that may open it; (gid_t)-1 leaves it as it is made. That we may not give it
 *           away is no failure.
 * @backlog: as for listen(2).
 *
 * Return: descriptor; CHQ_ENAMETOOLONG; a negated errno, nothing held.
 */
int chq_unix_listen(const char *path, int type, gid_t gid, int backlog);
