#pragma once
#include <stddef.h>

/*
 * Login names: the profile UsernameCaseMapped of PRECIS (RFC 8265 section 3.3, with the
 * IdentifierClass of RFC 8264), in the Unicode version of libunistring. Two spellings of one name
 * have one normal form, so the unique index over normal forms makes names unique.
 */
enum {
	STORE_LOGIN_MAX_BYTES = 64,  /* of the normal form */
	STORE_LOGIN_RAW_BYTES = 256, /* of what may be typed */
};

/**
 * store_login_normalise() - bring a login name to its normal form.
 * @in:        UTF-8 as typed, need not end in NUL.
 * @len_bytes: bytes in @in.
 * @out:       normal form, NUL-terminated; untouched on failure.
 *
 * Width mapping, lower case, NFC; then every code point is judged by RFC 8264 section 8 with the
 * contextual rules of RFC 5892 appendix A, and the whole by the Bidi Rule of RFC 5893. The result
 * is a fixed point: normalising it again gives the same bytes.
 *
 * Thread: any.
 * Return: 0; CHQ_ENAMEEMPTY; CHQ_ENAMELONG (more than STORE_LOGIN_MAX_BYTES in normal form);
 * CHQ_ENAMEUTF8; CHQ_ENAMECTRL (control character or line separator); CHQ_ENAMESPACE;
 * CHQ_ENAMECHAR (symbol, compatibility form, unassigned, invisible, or out of its context);
 * CHQ_ENAMEBIDI; CHQ_ENOMEM.
 */
int store_login_normalise(const char *in, size_t len_bytes, char out[STORE_LOGIN_MAX_BYTES + 1]);
