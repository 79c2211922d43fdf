/*
 * What is said of an interface whose card cannot do the program in native mode: by drivers' words as
 * they stand in Linux, most of which no interface of this machine would say.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/err.h"
#include "dataplane/xdp_link.h"

static const char *
why(int rc, const char *words, int mtu)
{
	static char text[112];

	memset(text, 'x', sizeof(text));
	chq_xdp_why_text(text, rc, words, mtu);
	assert_non_null(memchr(text, '\0', sizeof(text)));
	return text;
}

static void
an_mtu_that_the_card_cannot_do_is_said_with_what_it_can(void **state)
{
	(void)state;
	assert_string_equal(why(CHQ_ERANGE, "Peer MTU is too large to set XDP", 9000),
			    "Peer MTU is too large to set XDP; its MTU is 9000, 3498 is about the "
			    "most");
	assert_string_equal(why(CHQ_EINVAL, "", 9000),
			    "the interface's driver refuses it; its MTU is 9000, 3498 is about the "
			    "most");
}

static void
an_mtu_that_is_not_why_is_not_said(void **state)
{
	(void)state;
	assert_null(strstr(why(CHQ_EINVAL, "", 1500), "MTU"));
	assert_null(strstr(why(CHQ_EOPNOTSUPP, "", 1500), "MTU"));
	assert_null(strstr(why(CHQ_ENOSPC, "", 9000), "MTU"));
}

static void
headroom_that_the_card_has_not_is_said_in_its_words(void **state)
{
	(void)state;
	assert_string_equal(why(CHQ_EINVAL, "XDP requires more headroom", 1500),
			    "XDP requires more headroom");
}

static void
words_of_any_length_leave_room_for_the_mtu(void **state)
{
	char words[96];

	(void)state;
	memset(words, 'w', sizeof(words) - 1);
	words[sizeof(words) - 1] = '\0';
	assert_non_null(
		strstr(why(CHQ_EINVAL, words, 65535), "its MTU is 65535, 3498 is about the most"));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_mtu_that_the_card_cannot_do_is_said_with_what_it_can),
		cmocka_unit_test(an_mtu_that_is_not_why_is_not_said),
		cmocka_unit_test(headroom_that_the_card_has_not_is_said_in_its_words),
		cmocka_unit_test(words_of_any_length_leave_room_for_the_mtu),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
