#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "proto/dpcmd.h"
#include "tests/fuzz/fuzz.h"

/* malloc() aligns as the socket's buffers do; a sanitizer sees what is read behind the end. */
int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	void *msg = malloc(len ? len : 1);
	int type;

	if (!msg)
		abort();
	memcpy(msg, data, len);
	type = chq_dp_check(msg, len);
	if (type > 0 && !strcmp(chq_dp_type_name(type), "unknown"))
		abort();
	if (type <= 0 && type != CHQ_EMALFORMED)
		abort();
	free(msg);
	return 0;
}
