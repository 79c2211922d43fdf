#include "tests/parity/seen.h"

#include <stdio.h>

#include "base/err.h"

/* Counters that one packet, by itself, may rise in the stages and on its way out. */
static const uint16_t counters[] = {
	CHQ_C_FORWARD,
	CHQ_C_PING,
	CHQ_C_PING_AWAY,
	CHQ_C_MOVE,
	CHQ_C_RETRY,
	CHQ_C_NOTICE_PATH,
	CHQ_C_NOTICE_TOO_FAST,
	CHQ_C_NOTICE_EXPIRED,
	CHQ_C_NOTICE_SEAL,
	CHQ_C_UP_HELLO,
	CHQ_C_UP_SERVER,
	CHQ_C_UP_UNKNOWN,
	CHQ_C_UP_GRANT,
	CHQ_C_UP_DENIED,
	CHQ_C_UP_SILENT,
	CHQ_C_UP_DEVICE,
	CHQ_C_UP_GROUP,
	CHQ_C_KERNEL,
	CHQ_D_SHORT,
	CHQ_D_LONG,
	CHQ_D_TYPE,
	CHQ_D_SERVER_TYPE,
	CHQ_D_MALFORMED,
	CHQ_D_CHECKSUM,
	CHQ_D_FRAGMENT,
	CHQ_D_SLOT,
	CHQ_D_TAG,
	CHQ_D_REPLAY,
	CHQ_D_EXPIRED,
	CHQ_D_PRELOGIN,
	CHQ_D_SEAL,
	CHQ_D_QUOTA_FRAMES,
	CHQ_D_QUOTA_BYTES,
	CHQ_D_PATH,
	CHQ_D_TOKEN,
	CHQ_D_VERSION,
	CHQ_D_HELLO_COOKIE,
	CHQ_D_SEGMENTS,
	CHQ_D_QUOTA_ACCOUNT,
	CHQ_D_NO_ROUTE,
	CHQ_D_NOTICE_LIMIT,
};

int
seen_check(const struct parity_totals *t)
{
	int rc = 0;

	if (t->frames < SEEN_FRAMES)
		return 0;
	for (size_t i = 0; i < sizeof(counters) / sizeof(counters[0]); i++) {
		if (t->counts[counters[i]] == 0) {
			printf("no packet was counted as %s\n", chq_counter_name[counters[i]]);
			rc = CHQ_ENOENT;
		}
	}
	for (int i = UP_NOT + 1; i < UP__COUNT; i++) {
		if (t->up[i] == 0 || t->alone[i] == 0) {
			printf("no packet was handed up, or not decided without a process: %s\n",
			       hand_up_what[i]);
			rc = CHQ_ENOENT;
		}
	}
	return rc;
}
