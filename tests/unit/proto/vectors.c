#include "tests/unit/proto/vectors.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/hex.h"

json_t *
vectors_load(const char *path)
{
	json_error_t err;
	json_t *root = json_load_file(path, JSON_REJECT_DUPLICATES, &err);

	if (!root)
		fail_msg("%s:%d: %s", path, err.line, err.text);
	return root;
}

size_t
vectors_hex(const char *text, uint8_t *out, size_t size)
{
	ssize_t len = chq_hex_decode(out, size, text, strlen(text));

	assert_true(len >= 0);
	return (size_t)len;
}

size_t
vectors_bytes(const json_t *object, const char *member, uint8_t *out, size_t size)
{
	const char *text = json_string_value(json_object_get(object, member));

	assert_non_null(text);
	return vectors_hex(text, out, size);
}

void
vectors_key(const json_t *object, const char *member, uint8_t out[32])
{
	assert_int_equal(vectors_bytes(object, member, out, 32), 32);
}

uint64_t
vectors_u64(const json_t *value)
{
	const char *text = json_string_value(value);
	char *end;
	uint64_t n;

	if (json_is_integer(value))
		return (uint64_t)json_integer_value(value);
	assert_non_null(text);
	assert_memory_equal(text, "0x", 2);
	n = strtoull(text + 2, &end, 16);
	assert_int_equal(*end, '\0');
	return n;
}

uint64_t
vectors_number(const json_t *object, const char *member)
{
	return vectors_u64(json_object_get(object, member));
}
