#include "store/precis.h"

#include <stdlib.h>
#include <string.h>

#include <unictype.h>
#include <uninorm.h>

#include "base/err.h"

enum { ZWNJ = 0x200C, ZWJ = 0x200D, VIRAMA_CLASS = 9 };

uint32_t
store_precis_width_map(uint32_t cp)
{
	ucs4_t to[UC_DECOMPOSITION_MAX_LENGTH];
	int tag = UC_DECOMP_CANONICAL;
	int n = uc_decomposition(cp, &tag, to);

	if (n == 1 && (tag == UC_DECOMP_WIDE || tag == UC_DECOMP_NARROW))
		return to[0];
	return cp;
}

static bool
in_range(uint32_t cp, uint32_t first, uint32_t last)
{
	return cp >= first && cp <= last;
}

static bool
is_arabic_indic_digit(uint32_t cp)
{
	return in_range(cp, 0x0660, 0x0669);
}

static bool
is_extended_arabic_indic_digit(uint32_t cp)
{
	return in_range(cp, 0x06F0, 0x06F9);
}

/* RFC 5892 section 2.6, category F. */
static bool
is_exception_valid(uint32_t cp)
{
	static const uint32_t valid[] = { 0x00DF, 0x03C2, 0x06FD, 0x06FE, 0x0F0B, 0x3007 };

	for (size_t i = 0; i < sizeof(valid) / sizeof(valid[0]); i++) {
		if (valid[i] == cp)
			return true;
	}
	return false;
}

static bool
is_exception_disallowed(uint32_t cp)
{
	return cp == 0x0640 || cp == 0x07FA || cp == 0x302E || cp == 0x302F ||
	       in_range(cp, 0x3031, 0x3035) || cp == 0x303B;
}

static bool
needs_context(uint32_t cp)
{
	switch (cp) {
	case ZWNJ:
	case ZWJ:
	case 0x00B7:
	case 0x0375:
	case 0x05F3:
	case 0x05F4:
	case 0x30FB: return true;
	default: return is_arabic_indic_digit(cp) || is_extended_arabic_indic_digit(cp);
	}
}

/* RFC 8264 section 9.9: code points of the blocks whose Hangul_Syllable_Type is L, V or T. */
static bool
is_old_hangul_jamo(uint32_t cp)
{
	return in_range(cp, 0x1100, 0x11FF) || in_range(cp, 0xA960, 0xA97C) ||
	       in_range(cp, 0xD7B0, 0xD7C6) || in_range(cp, 0xD7CB, 0xD7FB);
}

static bool
has_compat(uint32_t cp)
{
	uint32_t buf[UC_DECOMPOSITION_MAX_LENGTH];
	size_t n = UC_DECOMPOSITION_MAX_LENGTH;
	uint32_t *to = u32_normalize(UNINORM_NFKC, &cp, 1, buf, &n);
	bool same = to != NULL && n == 1 && to[0] == cp;

	if (to != buf)
		free(to);
	return !same;
}

/* RFC 8264 section 8, in its order; what remains after the exceptions. */
static int
check_derived(uint32_t cp)
{
	const uint32_t letter_digits = UC_CATEGORY_MASK_Lu | UC_CATEGORY_MASK_Ll |
				       UC_CATEGORY_MASK_Lo | UC_CATEGORY_MASK_Nd |
				       UC_CATEGORY_MASK_Lm | UC_CATEGORY_MASK_Mn |
				       UC_CATEGORY_MASK_Mc;

	if (in_range(cp, 0x21, 0x7E))
		return 0;
	if (uc_is_general_category_withtable(cp, UC_CATEGORY_MASK_Cc | UC_CATEGORY_MASK_Zl |
							 UC_CATEGORY_MASK_Zp))
		return CHQ_ENAMECTRL;
	if (uc_is_general_category_withtable(cp, UC_CATEGORY_MASK_Zs))
		return CHQ_ENAMESPACE;
	if (is_old_hangul_jamo(cp) || uc_is_property_default_ignorable_code_point(cp) ||
	    uc_is_property_not_a_character(cp) || has_compat(cp))
		return CHQ_ENAMECHAR;
	return uc_is_general_category_withtable(cp, letter_digits) ? 0 : CHQ_ENAMECHAR;
}

static bool
script_is(uint32_t cp, const char *name)
{
	const uc_script_t *script = uc_script(cp);

	return script != NULL && strcmp(script->name, name) == 0;
}

/* RFC 5892 A.1: between letters that would join, or after a virama. */
static bool
zwnj_fits(const uint32_t *s, size_t n, size_t i)
{
	size_t before = i;
	size_t after = i + 1;
	int left, right;

	if (i > 0 && uc_combining_class(s[i - 1]) == VIRAMA_CLASS)
		return true;
	while (before > 0 && uc_joining_type(s[before - 1]) == UC_JOINING_TYPE_T)
		before--;
	while (after < n && uc_joining_type(s[after]) == UC_JOINING_TYPE_T)
		after++;
	if (before == 0 || after == n)
		return false;
	left = uc_joining_type(s[before - 1]);
	right = uc_joining_type(s[after]);
	return (left == UC_JOINING_TYPE_L || left == UC_JOINING_TYPE_D) &&
	       (right == UC_JOINING_TYPE_R || right == UC_JOINING_TYPE_D);
}

/* RFC 5892 A.7: some character of the scripts that the dot separates. */
static bool
has_kana_or_han(const uint32_t *s, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		if (script_is(s[i], "Hiragana") || script_is(s[i], "Katakana") ||
		    script_is(s[i], "Han"))
			return true;
	}
	return false;
}

static bool
has_other_digits(const uint32_t *s, size_t n, uint32_t digit)
{
	for (size_t i = 0; i < n; i++) {
		if (is_arabic_indic_digit(digit) ? is_extended_arabic_indic_digit(s[i])
						 : is_arabic_indic_digit(s[i]))
			return true;
	}
	return false;
}

static bool
context_fits(const uint32_t *s, size_t n, size_t i)
{
	uint32_t prev = i > 0 ? s[i - 1] : 0;
	uint32_t next = i + 1 < n ? s[i + 1] : 0;

	switch (s[i]) {
	case ZWNJ: return zwnj_fits(s, n, i);
	case ZWJ: return i > 0 && uc_combining_class(prev) == VIRAMA_CLASS;
	case 0x00B7: /* middle dot, A.3 */ return prev == 'l' && next == 'l';
	case 0x0375: /* keraia, A.4 */ return i + 1 < n && script_is(next, "Greek");
	case 0x05F3: /* geresh and gershayim, A.5 and A.6 */
	case 0x05F4: return i > 0 && script_is(prev, "Hebrew");
	case 0x30FB: /* katakana middle dot, A.7 */ return has_kana_or_han(s, n);
	default: /* the two sets of Arabic digits do not mix, A.8 and A.9 */
		return !has_other_digits(s, n, s[i]);
	}
}

int
store_precis_check_class(const uint32_t *s, size_t n, bool context)
{
	for (size_t i = 0; i < n; i++) {
		int rc;

		if (is_exception_valid(s[i]))
			continue;
		if (is_exception_disallowed(s[i]))
			return CHQ_ENAMECHAR;
		if (needs_context(s[i])) {
			if (context && !context_fits(s, n, i))
				return CHQ_ENAMECHAR;
			continue;
		}
		rc = check_derived(s[i]);
		if (rc != 0)
			return rc;
	}
	return 0;
}

/* One bit for each bidi class, so that the rule's sets are masks. */
static uint32_t
bidi_bit(uint32_t cp)
{
	return (uint32_t)1 << uc_bidi_class(cp);
}

#define BIT(class_) ((uint32_t)1 << UC_BIDI_##class_)

int
store_precis_check_bidi(const uint32_t *s, size_t n)
{
	const uint32_t allowed = BIT(R) | BIT(AL) | BIT(AN) | BIT(EN) | BIT(ES) | BIT(CS) |
				 BIT(ET) | BIT(ON) | BIT(BN) | BIT(NSM);
	uint32_t seen = 0;
	size_t last = n;

	for (size_t i = 0; i < n; i++)
		seen |= bidi_bit(s[i]);
	if ((seen & (BIT(R) | BIT(AL) | BIT(AN))) == 0)
		return 0;
	/* Conditions 1, 2 and 5: a left-to-right name holds no right-to-left character at all. */
	if ((bidi_bit(s[0]) & (BIT(R) | BIT(AL))) == 0 || (seen & ~allowed) != 0)
		return CHQ_ENAMEBIDI;
	if ((seen & BIT(EN)) != 0 && (seen & BIT(AN)) != 0) /* condition 4 */
		return CHQ_ENAMEBIDI;
	while (last > 1 && bidi_bit(s[last - 1]) == BIT(NSM)) /* condition 3 */
		last--;
	if ((bidi_bit(s[last - 1]) & (BIT(R) | BIT(AL) | BIT(EN) | BIT(AN))) == 0)
		return CHQ_ENAMEBIDI;
	return 0;
}
