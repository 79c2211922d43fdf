#pragma once
/*
 * tests/parity/rules: where the XDP program and the worker's path do not do the same, and what each
 * must do there. ARCHITECTURE.md has the same list, and one case more, which is the interfaces' and not the frame's:
 * bpf/program shows that.
 *
 * While a process lives, the program hands such a packet up, and changes no table. When none does,
 * it does alone what it can (rules_alone()), and drops the others under drop-no-process.
 */
#include "tests/parity/side.h"

/* X(enumerator, name, what) */
/* clang-format off */
#define HAND_UPS(X) \
	X(UP_OPTIONS, "options", "IPv4 options") \
	X(UP_FRAGMENT, "fragment", "a first fragment") \
	X(UP_PIECES, "pieces", "a packet in several pieces") \
	X(UP_HELLO, "hello", "a HELLO with a right cookie") \
	X(UP_SERVER, "server", "a frame to the server") \
	X(UP_UNKNOWN, "unknown", "its receiver is not in the table") \
	X(UP_GRANT, "grant", "its grant is wrong or out of date") \
	X(UP_DENIED, "denied", "its sender is on the denial list") \
	X(UP_SILENT, "silent", "its receiver is silent or expired") \
	X(UP_DEVICE, "device", "several devices, or another one") \
	X(UP_GROUP, "group", "to a group") \
	X(UP_NEXT_HOP, "next-hop", "the way to its receiver is not known") \
	X(UP_NEW, "new", "its session is not confirmed yet") \
	X(UP_MOVE, "move", "a PING with a right token") \
	X(UP_NOTICE, "notice", "from elsewhere: it gets a NOTICE path besides")
/* clang-format on */

enum hand_up {
	UP_NOT,
#define X(id, name, what) id,
	HAND_UPS(X)
#undef X
		UP__COUNT
};
extern const char *const hand_up_name[UP__COUNT];
extern const char *const hand_up_what[UP__COUNT];

/**
 * rules_hand_up() - why the program may not decide a packet.
 * @w, @out: what the worker's path made of it. @before: the tables as they were before.
 */
enum hand_up rules_hand_up(const struct gen_frame *f, const struct side_worker *w,
			   const struct outcome *out, const struct side_tables *before);

/** rules_alone() - does the program decide it when no process lives? Then as the worker, but that a
 * forwarded frame has no NOTICE besides. */
bool rules_alone(enum hand_up why);
