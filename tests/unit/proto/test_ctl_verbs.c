#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/err.h"
#include "proto/ctl.h"

static void
every_verb_is_found_at_its_own_place(void **state)
{
	(void)state;
	for (size_t i = 0; i < chq_ctl_verb_count(); i++)
		assert_int_equal(
			chq_ctl_verb_find(chq_ctl_verb_at(i)->noun, chq_ctl_verb_at(i)->verb), i);
	assert_int_equal(chq_ctl_verb_find("version", NULL), chq_ctl_verb_find("version", ""));
	assert_int_equal(chq_ctl_verb_find("user", NULL), CHQ_ENOCMD);
	assert_int_equal(chq_ctl_verb_find("user", "shows"), CHQ_ENOCMD);
}

/* Words in "<…>" or "[…]". */
static void
count_args(const char *args, unsigned *needed, unsigned *all)
{
	*needed = *all = 0;
	for (; *args; args++) {
		*needed += *args == '<';
		*all += *args == '<' || *args == '[';
	}
}

static void
help_of_arguments_agrees_with_their_counts(void **state)
{
	(void)state;
	for (size_t i = 0; i < chq_ctl_verb_count(); i++) {
		const struct chq_ctl_verb *v = chq_ctl_verb_at(i);
		unsigned needed, all;

		count_args(v->args, &needed, &all);
		assert_int_equal(needed, v->argc_min);
		assert_int_equal(all, v->argc_max);
		assert_true(v->argc_max <= CHQ_CTL_ARGS_MAX);
	}
}

static void
every_verb_and_option_has_one_line_of_help(void **state)
{
	(void)state;
	for (size_t i = 0; i < chq_ctl_verb_count(); i++) {
		const struct chq_ctl_verb *v = chq_ctl_verb_at(i);

		assert_true(strlen(v->help) > 8 && strlen(v->help) < 80);
		assert_true(v->help[strlen(v->help) - 1] != '.' && !strchr(v->help, '\n'));
		for (const struct chq_ctl_opt *o = v->opts; o->name; o++) {
			assert_ptr_equal(chq_ctl_opt_find(v, o->name), o);
			assert_true(strlen(o->help) > 8 && !strchr(o->help, '\n'));
			assert_true(strlen(o->name) < CHQ_CTL_FIELD_MAX);
			if (!(o->flags & CHQ_CTL_OPT_SECRET))
				assert_int_equal(o->value != NULL,
						 !!(o->flags & CHQ_CTL_OPT_VALUE));
		}
	}
}

static void
passwords_are_secret_options_and_never_arguments(void **state)
{
	(void)state;
	for (size_t i = 0; i < chq_ctl_verb_count(); i++) {
		const struct chq_ctl_verb *v = chq_ctl_verb_at(i);
		const struct chq_ctl_opt *o = chq_ctl_opt_find(v, "password");

		assert_null(strstr(v->args, "password"));
		if (o)
			assert_true(o->flags & CHQ_CTL_OPT_SECRET);
	}
	assert_non_null(
		chq_ctl_opt_find(chq_ctl_verb_at(chq_ctl_verb_find("user", "add")), "password"));
}

static void
near_misses_are_guessed_and_far_ones_are_not(void **state)
{
	(void)state;
	assert_string_equal(chq_ctl_verb_suggest("usr", "list"), "user");
	assert_string_equal(chq_ctl_verb_suggest("sesion", NULL), "session");
	assert_string_equal(chq_ctl_verb_suggest("user", "lsit"), "list");
	assert_string_equal(chq_ctl_verb_suggest("user", "disabel"), "disable");
	assert_string_equal(chq_ctl_verb_suggest("dp", "stat"), "stats");
	assert_null(chq_ctl_verb_suggest("bicycle", "list"));
	assert_null(chq_ctl_verb_suggest("user", "xyzzy"));
	assert_null(chq_ctl_verb_suggest("user", NULL));
	assert_null(chq_ctl_verb_suggest("", ""));
	assert_null(
		chq_ctl_verb_suggest("aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", NULL));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_verb_is_found_at_its_own_place),
		cmocka_unit_test(help_of_arguments_agrees_with_their_counts),
		cmocka_unit_test(every_verb_and_option_has_one_line_of_help),
		cmocka_unit_test(passwords_are_secret_options_and_never_arguments),
		cmocka_unit_test(near_misses_are_guessed_and_far_ones_are_not),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
