#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "proto/ctl.h"
#include "tests/fuzz/fuzz.h"

static void
check_request(const char *line, size_t len, bool readonly)
{
	struct chq_ctl_request req;
	struct chq_ctl_error e;
	int err = chq_ctl_request_parse(line, len, readonly, &req, &e);
	uint64_t limit = 0;
	char *answer;

	if (err != e.err || (!err && !req.verb))
		abort();
	if (!err && chq_ctl_opt_number(&req, "limit", 1, 1000, &limit, &e) == CHQ_OK &&
	    limit > 1000)
		abort();
	if (err) {
		answer = chq_ctl_answer_error(req.id, &e);
		if (!answer)
			abort();
		chq_ctl_line_free(answer);
	}
	chq_ctl_request_free(&req);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	const char *line = (const char *)data;
	struct chq_ctl_answer a;

	check_request(line, len, false);
	check_request(line, len, true);
	(void)chq_ctl_answer_parse(line, len, &a);
	chq_ctl_answer_free(&a);
	return 0;
}
