#pragma once
/* tests/parity/seen: did the packets show anything? */
#include "tests/parity/parity.h"

#define SEEN_FRAMES 100000 /* below that, what is rare need not have come */

/**
 * seen_check() - every verdict and every reason to hand up must have come, else the packets have not
 * shown what they should; says on standard output what did not. Return: 0; CHQ_ENOENT.
 */
int seen_check(const struct parity_totals *t);
