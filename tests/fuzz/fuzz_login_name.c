#include <stdlib.h>
#include <string.h>

#include "store/login_name.h"
#include "store/text.h"
#include "tests/fuzz/fuzz.h"

/* A normal form is within its bound, is a fixed point, and may be shown to people. */
int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	char name[STORE_LOGIN_MAX_BYTES + 1];
	char again[STORE_LOGIN_MAX_BYTES + 1];

	store_text_check((const char *)data, len, len);
	if (store_login_normalise((const char *)data, len, name) != 0)
		return 0;
	if (name[0] == '\0' || strlen(name) > STORE_LOGIN_MAX_BYTES)
		abort();
	if (store_login_normalise(name, strlen(name), again) != 0 || strcmp(name, again) != 0)
		abort();
	if (store_text_check(name, strlen(name), STORE_LOGIN_MAX_BYTES) != 0)
		abort();
	return 0;
}
