#pragma once
#include <stddef.h>

/**
 * store_text_check() - may this be kept as a name that is shown to people?
 * @s:         UTF-8, need not end in NUL.
 * @len_bytes: bytes in @s; 0 is allowed.
 * @max_bytes: bound of the field.
 *
 * Refuses what would let one name disturb its surroundings when shown: control characters, line and
 * paragraph separators, bidi controls, unassigned code points and noncharacters.
 *
 * Thread: any.
 * Return: 0; CHQ_ENAMELONG; CHQ_ENAMEUTF8; CHQ_ENAMECTRL (control character or line separator);
 * CHQ_ENAMECHAR; CHQ_ENAMEBIDI (bidi control).
 */
int store_text_check(const char *s, size_t len_bytes, size_t max_bytes);
