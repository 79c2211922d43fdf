/* The requests of whoever reaches the listener for figures: a verdict for any bytes, that stays once it is there. */
#include <stdlib.h>

#include "control/metrics_http.h"
#include "tests/fuzz/fuzz.h"

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	size_t len = size < METRICS_REQUEST_MAX ? size : METRICS_REQUEST_MAX;
	enum metrics_request what = METRICS_HTTP_MORE, now;
	char head[256];

	for (size_t n = 0; n <= len; n++) {
		now = metrics_http_parse((const char *)data, n);
		if (what != METRICS_HTTP_MORE && now != what)
			abort(); /* what was decided must not depend on what follows */
		what = now;
	}
	if (what >= METRICS_HTTP__COUNT || metrics_http_head(what, size, head) >= sizeof(head))
		abort();
	return 0;
}
