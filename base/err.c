#include "base/err.h"

#include <stddef.h>
#include <string.h>

#include "base/array.h"

static const struct err_entry {
	int code;
	const char *name, *text;
} err_table[] = {
#define X(name, value, text) { value, #name, text },
	CHQ_ERRORS(X)
#undef X
};

static const struct err_entry *
err_find(int err)
{
	int code = err > 0 ? -err : err;

	for (size_t i = 0; i < ARRAY_LEN(err_table); i++) {
		if (err_table[i].code == code)
			return &err_table[i];
	}
	return NULL;
}

const char *
chq_strerror(int err)
{
	const struct err_entry *e = err_find(err);

	if (e)
		return e->text;
	/* An errno without an entry of ours still has the system's text (static for known numbers). */
	if (err > -1000 && err < 1000)
		return strerrordesc_np(err < 0 ? -err : err) ?: "unknown error";
	return "unknown error";
}

const char *
chq_errname(int err)
{
	const struct err_entry *e = err_find(err);

	if (e)
		return e->name + strlen("CHQ_");
	if (err > -1000 && err < 1000)
		return strerrorname_np(err < 0 ? -err : err) ?: "EUNKNOWN";
	return "EUNKNOWN";
}
