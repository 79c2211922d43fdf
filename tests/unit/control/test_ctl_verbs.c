#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "control/ctl_verbs.h"

static void
control_serves_its_verbs_of_the_table_and_no_other(void **state)
{
	(void)state;
	for (size_t i = 0; i < chq_ctl_verb_count(); i++) {
		const struct chq_ctl_verb *v = chq_ctl_verb_at(i);

		if (v->server == CHQ_CTL_CONTROL)
			assert_non_null(ctl_verbs_handler((int)i));
		else
			assert_null(ctl_verbs_handler((int)i));
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(control_serves_its_verbs_of_the_table_and_no_other),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
