#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Rules of RFC 8264, 5892 and 5893 over strings of code points; login_name.c puts them in order. */

/**
 * store_precis_width_map() - fullwidth or halfwidth form to its ordinary character.
 *
 * Return: the mapped code point, or @cp itself.
 */
uint32_t store_precis_width_map(uint32_t cp);

/**
 * store_precis_check_class() - does every code point belong to the IdentifierClass?
 * @s:       code points.
 * @n:       how many.
 * @context: also apply the contextual rules (RFC 5892 appendix A), which hold for the final form.
 *
 * Return: 0; CHQ_ENAMECTRL; CHQ_ENAMESPACE; CHQ_ENAMECHAR.
 */
int store_precis_check_class(const uint32_t *s, size_t n, bool context);

/**
 * store_precis_check_bidi() - the Bidi Rule (RFC 5893 section 2), for strings that hold any
 * right-to-left character.
 *
 * Return: 0; CHQ_ENAMEBIDI.
 */
int store_precis_check_bidi(const uint32_t *s, size_t n);
