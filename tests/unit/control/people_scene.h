#pragma once

/* What the address book's rules mean to clients: two departments, and what their people are told. */

#include <stdbool.h>
#include <stdint.h>

#include "tests/unit/control/fixture.h"

enum { ALICE = 1, BOB, CAROL };

/* Departments Dev (alice, bob) and Sales (carol); each sees and may write within itself. */
int people_setup(void **state);

/* A page of somebody's list. Free it. */
Chasqui__ContactsPage *ask_list(struct fixture *f, struct fix_client *c, uint64_t version,
				uint64_t cursor, bool deltas);

Chasqui__Contact *row_of(const Chasqui__ContactsPage *p, uint64_t account);

/* Who is in somebody's list, as bits by account. */
unsigned sees(struct fixture *f, struct fix_client *c);

uint64_t grant_of(struct fixture *f, struct fix_client *c, uint64_t account);

/* Would the dataplane forward by this grant, from one client to the other? */
bool forwards(const struct fixture *f, const struct fix_client *from, const struct fix_client *to,
	      uint64_t grant);
