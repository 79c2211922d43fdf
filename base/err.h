#pragma once

/*
 * The one list of error codes. Functions return 0 or a negative one of these: either a negated errno,
 * or a code of our own at or below -1000. Codes of libraries stop at their wrapper.
 */

#include <errno.h>

/* clang-format off */
#define CHQ_ERRORS(X)                                                                   \
	X(CHQ_OK,          0,             "ok")                                         \
	/* the system's */                                                              \
	X(CHQ_EPERM,       -EPERM,        "not permitted")                              \
	X(CHQ_ENOENT,      -ENOENT,       "not found")                                  \
	X(CHQ_EINTR,       -EINTR,        "interrupted")                                \
	X(CHQ_EIO,         -EIO,          "input or output failed")                     \
	X(CHQ_EBADF,       -EBADF,        "not an open file")                           \
	X(CHQ_EAGAIN,      -EAGAIN,       "not ready, try again")                       \
	X(CHQ_ENOMEM,      -ENOMEM,       "out of memory")                              \
	X(CHQ_EACCES,      -EACCES,       "access denied by the system")                \
	X(CHQ_EBUSY,       -EBUSY,        "busy")                                       \
	X(CHQ_EEXIST,      -EEXIST,       "exists already")                             \
	X(CHQ_ENODEV,      -ENODEV,       "no such device")                             \
	X(CHQ_ENOTDIR,     -ENOTDIR,      "not a directory")                            \
	X(CHQ_EINVAL,      -EINVAL,       "invalid argument")                           \
	X(CHQ_ENFILE,      -ENFILE,       "too many open files in the system")          \
	X(CHQ_EMFILE,      -EMFILE,       "too many open files")                        \
	X(CHQ_EFBIG,       -EFBIG,        "file too large")                             \
	X(CHQ_ENOSPC,      -ENOSPC,       "no space left on the disk")                  \
	X(CHQ_EROFS,       -EROFS,        "read-only file system")                      \
	X(CHQ_EPIPE,       -EPIPE,        "the other side has closed")                  \
	X(CHQ_ERANGE,      -ERANGE,       "out of range")                               \
	X(CHQ_ENAMETOOLONG, -ENAMETOOLONG, "name too long")                             \
	X(CHQ_ENOSYS,      -ENOSYS,       "the kernel does not have this")              \
	X(CHQ_ELOOP,       -ELOOP,        "symbolic link refused")                      \
	X(CHQ_EOVERFLOW,   -EOVERFLOW,    "value too large")                            \
	X(CHQ_EMSGSIZE,    -EMSGSIZE,     "message too long")                           \
	X(CHQ_EOPNOTSUPP,  -EOPNOTSUPP,   "not supported")                              \
	X(CHQ_EADDRINUSE,  -EADDRINUSE,   "address in use")                             \
	X(CHQ_EADDRNOTAVAIL, -EADDRNOTAVAIL, "address not available")                   \
	X(CHQ_ENETDOWN,    -ENETDOWN,     "network down")                               \
	X(CHQ_ENETUNREACH, -ENETUNREACH,  "network unreachable")                        \
	X(CHQ_ECONNRESET,  -ECONNRESET,   "connection reset")                           \
	X(CHQ_ENOBUFS,     -ENOBUFS,      "no buffer space")                            \
	X(CHQ_ENOTCONN,    -ENOTCONN,     "not connected")                              \
	X(CHQ_ETIMEDOUT,   -ETIMEDOUT,    "timed out")                                  \
	X(CHQ_ECONNREFUSED, -ECONNREFUSED, "connection refused")                        \
	X(CHQ_EHOSTUNREACH, -EHOSTUNREACH, "host unreachable")                          \
	X(CHQ_ECANCELED,   -ECANCELED,    "cancelled")                                  \
	/* storage and layout */                                                        \
	X(CHQ_EFULL,       -1001,         "full")                                       \
	X(CHQ_ECORRUPT,    -1002,         "damaged data")                               \
	X(CHQ_ELAYOUT,     -1003,         "tables of another layout or size")           \
	X(CHQ_ELOCKED,     -1004,         "in use by another process")                  \
	X(CHQ_ESCHEMA,     -1005,         "database of another schema version")         \
	X(CHQ_ECONF,       -1006,         "wrong configuration")                        \
	X(CHQ_ESTALE,      -1007,         "changed meanwhile")                          \
	/* what crosses the wire */                                                     \
	X(CHQ_EMALFORMED,  -1020,         "malformed")                                  \
	X(CHQ_ETOOBIG,     -1021,         "too big")                                    \
	X(CHQ_EVERSION,    -1022,         "unsupported version")                        \
	X(CHQ_ETAG,        -1023,         "wrong tag")                                  \
	X(CHQ_EREPLAY,     -1024,         "seen before")                                \
	X(CHQ_EEXPIRED,    -1025,         "expired")                                    \
	X(CHQ_ECOOKIE,     -1026,         "no or wrong cookie")                         \
	X(CHQ_EGRANT,      -1027,         "no or wrong grant")                          \
	X(CHQ_ECRYPTO,     -1028,         "cryptographic check failed")                 \
	X(CHQ_ENOSESSION,  -1029,         "no such session")                            \
	X(CHQ_EUNTRUSTED,  -1030,         "not signed by the pinned key")               \
	/* people */                                                                    \
	X(CHQ_EAUTH,       -1050,         "wrong name or password")                     \
	X(CHQ_EDENIED,     -1051,         "denied")                                     \
	X(CHQ_ENOUSER,     -1052,         "unknown or not a contact")                   \
	X(CHQ_EOFFLINE,    -1053,         "offline")                                    \
	X(CHQ_EDISABLED,   -1054,         "account disabled")                           \
	X(CHQ_ELIMIT,      -1055,         "too many attempts, wait")                    \
	X(CHQ_EBUSY_LATER, -1056,         "overloaded, try later")                      \
	X(CHQ_EUNAVAIL,    -1057,         "service unavailable")                        \
	X(CHQ_ENOTFRIEND,  -1058,         "no such friendship")                         \
	X(CHQ_EKEYCHANGED, -1059,         "the peer's account key has changed")         \
	X(CHQ_EUNKNOWNRESULT, -1060,      "no answer in time, it may still happen")     \
	/* names of people */                                                           \
	X(CHQ_ENAMEEMPTY,  -1070,         "name is empty")                              \
	X(CHQ_ENAMELONG,   -1071,         "name is too long")                           \
	X(CHQ_ENAMEUTF8,   -1072,         "name is not UTF-8")                          \
	X(CHQ_ENAMECTRL,   -1073,         "name holds a control character")             \
	X(CHQ_ENAMESPACE,  -1074,         "name holds a space")                         \
	X(CHQ_ENAMECHAR,   -1075,         "name holds a character that is not allowed") \
	X(CHQ_ENAMEBIDI,   -1076,         "name mixes writing directions")              \
	/* operators' commands */                                                       \
	X(CHQ_ENOCMD,      -1100,         "unknown command")                            \
	X(CHQ_EARGS,       -1101,         "wrong arguments")                            \
	X(CHQ_EREADONLY,   -1102,         "refused on a read-only socket")              \
	X(CHQ_EUSAGE,      -1103,         "wrong usage")                                \
	X(CHQ_EPARTIAL,    -1104,         "done in part")                               \
	X(CHQ_EINTERNAL,   -1199,         "internal error")
/* clang-format on */

enum chq_err {
#define X(name, value, text) name = (value),
	CHQ_ERRORS(X)
#undef X
};

/**
 * chq_strerror() - one short English text for @err, for people.
 * @err: 0 or a negative code; a positive errno is taken as its negation.
 *
 * Return: static text, never NULL; "unknown error" for a code that is in no table.
 */
const char *chq_strerror(int err);

/**
 * chq_errname() - the code's name for machines, such as "ENOENT" (without the prefix CHQ_).
 * @err: as in chq_strerror().
 *
 * Return: static text, never NULL; "EUNKNOWN" for a code that is in no table.
 */
const char *chq_errname(int err);

/* The current errno as an error code, never 0. */
static inline int
chq_errno(void)
{
	return errno > 0 ? -errno : -EIO;
}
