#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/err.h"
#include "store/login_name.h"

struct name_case {
	const char *in;
	const char *out; /* NULL: refused with @rc */
	int rc;
};

#define ARRAY_LEN(a) (sizeof(a) / sizeof((a)[0]))

static void
check_cases(const struct name_case *cases, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		char out[STORE_LOGIN_MAX_BYTES + 1] = "untouched";
		char again[STORE_LOGIN_MAX_BYTES + 1];
		int rc = store_login_normalise(cases[i].in, strlen(cases[i].in), out);

		if (rc != cases[i].rc)
			print_error("case %zu \"%s\": %s\n", i, cases[i].in, chq_errname(rc));
		assert_int_equal(rc, cases[i].rc);
		assert_string_equal(out, cases[i].out ? cases[i].out : "untouched");
		if (rc != 0)
			continue;
		assert_int_equal(store_login_normalise(out, strlen(out), again), 0);
		assert_string_equal(again, out);
	}
}

/* RFC 8265 section 3.5, table 1; 2 and 3 must differ, 6 and 7 too. */
static void
legal_examples_of_rfc_8265_have_their_normal_form(void **state)
{
	static const struct name_case cases[] = {
		{ "juliet@example.com", "juliet@example.com", 0 },
		{ "fussball", "fussball", 0 },
		{ "fu\u00DFball", "fu\u00DFball", 0 },
		{ "\u03C0", "\u03C0", 0 },
		{ "\u03A3", "\u03C3", 0 },
		{ "\u03C3", "\u03C3", 0 },
		{ "\u03C2", "\u03C2", 0 },
	};

	(void)state;
	check_cases(cases, ARRAY_LEN(cases));
}

/* RFC 8265 section 3.5, table 2. */
static void
illegal_examples_of_rfc_8265_are_refused(void **state)
{
	static const struct name_case cases[] = {
		{ "foo bar", NULL, CHQ_ENAMESPACE },
		{ "", NULL, CHQ_ENAMEEMPTY },
		{ "henry\u2163", NULL, CHQ_ENAMECHAR },
		{ "\u265A", NULL, CHQ_ENAMECHAR },
	};

	(void)state;
	check_cases(cases, ARRAY_LEN(cases));
}

static void
spellings_of_one_name_have_one_form(void **state)
{
	static const struct name_case cases[] = {
		{ "Alice", "alice", 0 },
		{ "\uFF21\uFF4C\uFF29\uFF43\uFF25", "alice", 0 }, /* fullwidth */
		{ "Ren\u00C9e", "ren\u00E9e", 0 },
		{ "Rene\u0301e", "ren\u00E9e", 0 }, /* combining accent */
		{ "\uFF76\uFF9E", "\u30AC", 0 },    /* halfwidth katakana, voiced */
		{ "STRA\u1E9EE", "stra\u00DFe", 0 },
		{ "\u674E\u660E", "\u674E\u660E", 0 },
	};

	(void)state;
	check_cases(cases, ARRAY_LEN(cases));
}

static void
mischief_is_refused_by_its_kind(void **state)
{
	static const struct name_case cases[] = {
		{ "a\nb", NULL, CHQ_ENAMECTRL },
		{ "a\x7F", NULL, CHQ_ENAMECTRL },
		{ "a\xC2\x85", NULL, CHQ_ENAMECTRL }, /* U+0085 next line */
		{ "a\u2028", NULL, CHQ_ENAMECTRL },
		{ "a\u3000", NULL, CHQ_ENAMESPACE }, /* ideographic space: an ASCII one by width */
		{ "a\u00A0b", NULL, CHQ_ENAMESPACE },
		{ "a\u200Bb", NULL, CHQ_ENAMECHAR },	/* zero width space */
		{ "a\u202Eb", NULL, CHQ_ENAMECHAR },	/* right-to-left override */
		{ "a\u00ADb", NULL, CHQ_ENAMECHAR },	/* soft hyphen */
		{ "\uFB01sh", NULL, CHQ_ENAMECHAR },	/* ligature fi */
		{ "\u212Aelvin", NULL, CHQ_ENAMECHAR }, /* Kelvin sign: its lower case is k */
		{ "\u1100", NULL, CHQ_ENAMECHAR },	/* old hangul jamo */
		{ "a\u0378", NULL, CHQ_ENAMECHAR },	/* unassigned */
		{ "a\uFFFE", NULL, CHQ_ENAMECHAR },	/* noncharacter */
		{ "a\uE000", NULL, CHQ_ENAMECHAR },	/* private use */
		{ "a\u0640", NULL, CHQ_ENAMECHAR },	/* RFC 5892 exception */
		{ "\xC3(", NULL, CHQ_ENAMEUTF8 },
		{ "\xED\xA0\x80", NULL, CHQ_ENAMEUTF8 }, /* surrogate */
		{ "\xC0\xAF", NULL, CHQ_ENAMEUTF8 },	 /* overlong */
	};

	(void)state;
	check_cases(cases, ARRAY_LEN(cases));
}

static void
contextual_characters_are_taken_in_their_context_only(void **state)
{
	static const struct name_case cases[] = {
		{ "l\u00B7l", "l\u00B7l", 0 },
		{ "L\u00B7L", "l\u00B7l", 0 },
		{ "a\u00B7l", NULL, CHQ_ENAMECHAR },
		{ "\u0375\u03B1", "\u0375\u03B1", 0 },
		{ "\u0375a", NULL, CHQ_ENAMECHAR },
		{ "\u05D0\u05F3", "\u05D0\u05F3", 0 },
		{ "a\u05F3", NULL, CHQ_ENAMECHAR },
		{ "\u30A2\u30FB", "\u30A2\u30FB", 0 },
		{ "a\u30FBb", NULL, CHQ_ENAMECHAR },
		{ "\u0915\u094D\u200D\u0937", "\u0915\u094D\u200D\u0937", 0 }, /* after a virama */
		{ "a\u200Db", NULL, CHQ_ENAMECHAR },
		{ "\u0628\u200C\u0628", "\u0628\u200C\u0628", 0 }, /* between letters that join */
		{ "\u0628\u064E\u200C\u064E\u0628", "\u0628\u064E\u200C\u064E\u0628", 0 },
		{ "a\u200Cb", NULL, CHQ_ENAMECHAR },
		{ "\u0628\u200C", NULL, CHQ_ENAMECHAR },
		{ "\u0628\u0661", "\u0628\u0661", 0 },
		{ "\u0628\u0661\u06F1", NULL, CHQ_ENAMECHAR },
	};

	(void)state;
	check_cases(cases, ARRAY_LEN(cases));
}

static void
the_bidi_rule_of_rfc_5893_holds(void **state)
{
	static const struct name_case cases[] = {
		{ "\u05D0\u05D1", "\u05D0\u05D1", 0 },	  { "\u05D0\u05D11", "\u05D0\u05D11", 0 },
		{ "\u05D0\u05B0", "\u05D0\u05B0", 0 },	  /* ends in a mark */
		{ "\u05D0a", NULL, CHQ_ENAMEBIDI },	  /* condition 2 */
		{ "a\u05D0", NULL, CHQ_ENAMEBIDI },	  /* condition 5 */
		{ "1\u05D0", NULL, CHQ_ENAMEBIDI },	  /* condition 1 */
		{ "\u05D0-", NULL, CHQ_ENAMEBIDI },	  /* condition 3 */
		{ "\u05D0\u06611", NULL, CHQ_ENAMEBIDI }, /* condition 4 */
		{ "\u0661", NULL, CHQ_ENAMEBIDI },
	};

	(void)state;
	check_cases(cases, ARRAY_LEN(cases));
}

static void
length_is_judged_in_normal_form(void **state)
{
	char name[10241];
	char out[STORE_LOGIN_MAX_BYTES + 1];

	(void)state;
	memset(name, 'a', sizeof(name));
	assert_int_equal(store_login_normalise(name, 64, out), 0);
	assert_int_equal(strlen(out), 64);
	assert_int_equal(store_login_normalise(name, 65, out), CHQ_ENAMELONG);
	assert_int_equal(store_login_normalise(name, 10240, out), CHQ_ENAMELONG);

	for (size_t i = 0; i < 40; i++) /* 120 bytes typed in fullwidth, 40 kept */
		memcpy(name + 3 * i, "\uFF21", 3);
	assert_int_equal(store_login_normalise(name, 120, out), 0);
	assert_int_equal(strlen(out), 40);

	for (size_t i = 0; i < 80; i++) /* each grows from 2 bytes to 3 in lower case */
		memcpy(name + 2 * i, "\u023A", 2);
	assert_int_equal(store_login_normalise(name, 42, out), 0);
	assert_int_equal(store_login_normalise(name, 44, out), CHQ_ENAMELONG);
	assert_int_equal(store_login_normalise(name, 160, out), CHQ_ENAMELONG);
}

static void
a_nul_inside_is_a_control_character(void **state)
{
	char out[STORE_LOGIN_MAX_BYTES + 1];

	(void)state;
	assert_int_equal(store_login_normalise("a\0b", 3, out), CHQ_ENAMECTRL);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(legal_examples_of_rfc_8265_have_their_normal_form),
		cmocka_unit_test(illegal_examples_of_rfc_8265_are_refused),
		cmocka_unit_test(spellings_of_one_name_have_one_form),
		cmocka_unit_test(mischief_is_refused_by_its_kind),
		cmocka_unit_test(contextual_characters_are_taken_in_their_context_only),
		cmocka_unit_test(the_bidi_rule_of_rfc_5893_holds),
		cmocka_unit_test(length_is_judged_in_normal_form),
		cmocka_unit_test(a_nul_inside_is_a_control_character),
	};

	return cmocka_run_group_tests_name("store/login_name", tests, NULL, NULL);
}
