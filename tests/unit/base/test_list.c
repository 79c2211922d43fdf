#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/list.h"

struct item {
	int number;
	struct chq_list link;
};

static int
number_of(struct chq_list *e)
{
	return CHQ_LIST_ENTRY(e, struct item, link)->number;
}

static void
elements_come_in_the_order_of_adding(void **state)
{
	struct item a = { .number = 1 }, b = { .number = 2 }, c = { .number = 3 };
	struct chq_list head;
	int sum = 0;

	(void)state;
	chq_list_init(&head);
	assert_true(chq_list_empty(&head));
	chq_list_add_tail(&head, &a.link);
	chq_list_add_tail(&head, &b.link);
	chq_list_add_tail(&head, &c.link);
	CHQ_LIST_FOREACH(it, &head)
		sum = sum * 10 + number_of(it);
	assert_int_equal(sum, 123);
}

static void
a_walk_may_take_out_what_it_stands_on(void **state)
{
	struct item items[4] = {
		{ .number = 1 }, { .number = 2 }, { .number = 3 }, { .number = 4 }
	};
	struct chq_list head;
	int sum = 0;

	(void)state;
	chq_list_init(&head);
	for (int i = 0; i < 4; i++)
		chq_list_add_tail(&head, &items[i].link);
	CHQ_LIST_FOREACH_SAFE(it, after, &head) {
		if (number_of(it) % 2 == 0)
			chq_list_del(it);
	}
	CHQ_LIST_FOREACH(it, &head)
		sum = sum * 10 + number_of(it);
	assert_int_equal(sum, 13);
	chq_list_del(&items[1].link); /* taken out already: harmless */
	chq_list_del(&items[0].link);
	chq_list_del(&items[2].link);
	assert_true(chq_list_empty(&head));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(elements_come_in_the_order_of_adding),
		cmocka_unit_test(a_walk_may_take_out_what_it_stands_on),
	};

	return cmocka_run_group_tests_name("base/list", tests, NULL, NULL);
}
