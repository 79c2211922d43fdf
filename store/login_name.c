#include "store/login_name.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <unicase.h>
#include <uninorm.h>
#include <unistr.h>

#include "base/err.h"
#include "store/precis.h"

/* Lower case and NFC make at most three code points of one; a longer result is too long anyway. */
enum { CODE_POINTS_MAX = STORE_LOGIN_RAW_BYTES * 3 };

/* A libunistring result that outgrew its buffer is on the heap: longer than any login name. */
static int
keep_in(uint32_t *buf, uint32_t *result)
{
	if (result == NULL)
		return CHQ_ENOMEM;
	if (result == buf)
		return 0;
	free(result);
	return CHQ_ENAMELONG;
}

/* RFC 8265 section 3.3.2, steps width, case and normalisation. */
static int
map_name(const uint8_t *in, size_t len_bytes, uint32_t *out, size_t *n)
{
	uint32_t raw[CODE_POINTS_MAX];
	uint32_t lower[CODE_POINTS_MAX];
	size_t raw_n = CODE_POINTS_MAX;
	size_t lower_n = CODE_POINTS_MAX;
	int rc;

	rc = keep_in(raw, u8_to_u32(in, len_bytes, raw, &raw_n));
	if (rc != 0)
		return rc;
	for (size_t i = 0; i < raw_n; i++)
		raw[i] = store_precis_width_map(raw[i]);
	/* Preparation (3.3.1): a compatibility form may not slip through by its lower case. */
	rc = store_precis_check_class(raw, raw_n, false);
	if (rc != 0)
		return rc;
	rc = keep_in(lower, u32_tolower(raw, raw_n, NULL, NULL, lower, &lower_n));
	if (rc != 0)
		return rc;
	return keep_in(out, u32_normalize(UNINORM_NFC, lower, lower_n, out, n));
}

int
store_login_normalise(const char *in, size_t len_bytes, char out[STORE_LOGIN_MAX_BYTES + 1])
{
	uint32_t name[CODE_POINTS_MAX];
	uint8_t utf8[STORE_LOGIN_RAW_BYTES];
	size_t n = CODE_POINTS_MAX;
	size_t utf8_len = sizeof(utf8);
	uint8_t *packed;
	int rc;

	if (len_bytes == 0)
		return CHQ_ENAMEEMPTY;
	if (len_bytes > STORE_LOGIN_RAW_BYTES)
		return CHQ_ENAMELONG;
	if (u8_check((const uint8_t *)in, len_bytes) != NULL)
		return CHQ_ENAMEUTF8;
	rc = map_name((const uint8_t *)in, len_bytes, name, &n);
	if (rc == 0)
		rc = store_precis_check_class(name, n, true);
	if (rc == 0)
		rc = store_precis_check_bidi(name, n);
	if (rc != 0)
		return rc;
	packed = u32_to_u8(name, n, utf8, &utf8_len);
	if (packed == NULL)
		return CHQ_ENOMEM;
	if (packed != utf8)
		free(packed);
	if (packed != utf8 || utf8_len > STORE_LOGIN_MAX_BYTES)
		return CHQ_ENAMELONG;
	memcpy(out, utf8, utf8_len);
	out[utf8_len] = '\0';
	return 0;
}
