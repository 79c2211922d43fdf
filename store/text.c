#include "store/text.h"

#include <stdint.h>

#include <unictype.h>
#include <unistr.h>

#include "base/err.h"

static int
text_check_char(ucs4_t uc)
{
	if (uc_is_general_category_withtable(uc, UC_CATEGORY_MASK_Cc | UC_CATEGORY_MASK_Zl |
							 UC_CATEGORY_MASK_Zp))
		return CHQ_ENAMECTRL;
	if (uc_is_property_bidi_control(uc))
		return CHQ_ENAMEBIDI;
	/* Cn holds the noncharacters too. */
	if (uc_is_general_category_withtable(uc, UC_CATEGORY_MASK_Cn | UC_CATEGORY_MASK_Cs))
		return CHQ_ENAMECHAR;
	return 0;
}

int
store_text_check(const char *s, size_t len_bytes, size_t max_bytes)
{
	const uint8_t *p = (const uint8_t *)s;
	const uint8_t *end = p + len_bytes;

	if (len_bytes > max_bytes)
		return CHQ_ENAMELONG;
	while (p < end) {
		ucs4_t uc;
		int step = u8_mbtoucr(&uc, p, (size_t)(end - p));
		int rc;

		if (step <= 0)
			return CHQ_ENAMEUTF8;
		rc = text_check_char(uc);
		if (rc != 0)
			return rc;
		p += step;
	}
	return 0;
}
