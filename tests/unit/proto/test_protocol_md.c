/* PROTOCOL.md against the headers: the tables of types, flags, codes, offsets and sizes. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/array.h"
#include "proto/e2e_fmt.h"
#include "proto/frame.h"
#include "proto/hello.h"
#include "proto/password.h"

#define FILE_NAME "PROTOCOL.md"
#define CELL_MAX  512

static char *text;

static int
load(void **state)
{
	FILE *f = fopen(FILE_NAME, "rb");
	size_t n;

	(void)state;
	text = calloc(1, 1 << 20);
	if (!f || !text)
		return -1;
	n = fread(text, 1, (1 << 20) - 1, f);
	fclose(f);
	return n > 1000 ? 0 : -1;
}

static int
unload(void **state)
{
	(void)state;
	free(text);
	return 0;
}

/* The line below a table's head and rule, by what the head begins with, after @heading. */
static const char *
table(const char *heading, const char *head)
{
	const char *at = strstr(text, heading);

	assert_non_null(at);
	at = strstr(at, head);
	assert_non_null(at);
	for (int i = 0; i < 2; i++) {
		at = strchr(at, '\n');
		assert_non_null(at);
		at++;
	}
	return at;
}

/* Cell @n (from 0) of the table row at @row, without blanks around it; 0 if there is no such row. */
static int
cell(const char *row, unsigned n, char out[CELL_MAX])
{
	const char *end;
	size_t len;

	if (*row != '|')
		return 0;
	for (row++; n; n--, row++) {
		row = strchr(row, '|');
		assert_non_null(row);
	}
	end = strchr(row, '|');
	assert_non_null(end);
	while (*row == ' ')
		row++;
	while (end > row && end[-1] == ' ')
		end--;
	len = (size_t)(end - row);
	assert_true(len < CELL_MAX);
	memcpy(out, row, len);
	out[len] = '\0';
	return 1;
}

static const char *
next_row(const char *row)
{
	return strchr(row, '\n') + 1;
}

struct named {
	long value;
	const char *name;
};

/* The table's rows must be exactly these, its first cell the value and its second the name. */
static void
assert_table(const char *row, const struct named *want, size_t n)
{
	char value[CELL_MAX], name[CELL_MAX];

	for (size_t i = 0; i < n; i++, row = next_row(row)) {
		assert_true(cell(row, 0, value));
		assert_true(cell(row, 1, name));
		assert_int_equal(strtol(value, NULL, 0), want[i].value);
		assert_string_equal(name, want[i].name);
	}
	assert_false(cell(row, 0, value));
}

static void
the_types_of_datagrams_are_those_of_the_document(void **state)
{
	static const struct named types[] = {
		{ CHQ_TYPE_HELLO, "HELLO" },	 { CHQ_TYPE_RETRY, "RETRY" },
		{ CHQ_TYPE_WELCOME, "WELCOME" }, { CHQ_TYPE_FRAME, "FRAME" },
		{ CHQ_TYPE_DIRECT, "DIRECT" },	 { CHQ_TYPE_TRUNK, "TRUNK" },
	};

	(void)state;
	assert_table(table("## 1. Transport", "| byte | name |"), types, ARRAY_LEN(types));
}

static void
the_codes_of_a_notice_are_those_of_the_document(void **state)
{
	static const struct named codes[] = {
		{ CHQ_NOTICE_UNKNOWN, "unknown" },   { CHQ_NOTICE_OFFLINE, "offline" },
		{ CHQ_NOTICE_TOO_FAST, "too fast" }, { CHQ_NOTICE_PATH, "path" },
		{ CHQ_NOTICE_EXPIRED, "expired" },   { CHQ_NOTICE_SEAL, "seal" },
		{ CHQ_NOTICE_MOVED, "moved" },	     { CHQ_NOTICE_STORED, "stored" },
		{ CHQ_NOTICE_REPLACED, "replaced" }, { CHQ_NOTICE_CLOSED, "closed" },
	};

	(void)state;
	assert_table(table("### 4.1 NOTICE", "| code | name |"), codes, ARRAY_LEN(codes));
}

static void
the_kinds_of_parties_are_those_of_the_document(void **state)
{
	static const struct named kinds[] = {
		{ CHQ_KIND_SERVER, "the server" },
		{ CHQ_KIND_ACCOUNT, "account" },
		{ CHQ_KIND_GROUP, "group" },
	};

	(void)state;
	assert_table(table("## 2. Parties", "| kind | meaning |"), kinds, ARRAY_LEN(kinds));
}

struct field {
	size_t offset, size;
};

#define FIELD(s, f)                                               \
	{                                                         \
		offsetof(struct s, f), sizeof(((struct s *)0)->f) \
	}

static void
the_header_of_a_frame_lies_as_in_the_document(void **state)
{
	static const struct field fields[] = {
		FIELD(chq_frame_hdr, type),    FIELD(chq_frame_hdr, flags),
		FIELD(chq_frame_hdr, app),     FIELD(chq_frame_hdr, slot),
		FIELD(chq_frame_hdr, seq),     FIELD(chq_frame_hdr, party),
		FIELD(chq_frame_hdr, message), FIELD(chq_frame_hdr, grant),
		FIELD(chq_frame_hdr, tag),
	};
	const char *row = table("## 4. FRAME", "| offset | size |");
	char c[CELL_MAX];

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(fields); i++, row = next_row(row)) {
		assert_true(cell(row, 0, c));
		assert_int_equal(strtol(c, NULL, 10), fields[i].offset);
		assert_true(cell(row, 1, c));
		assert_int_equal(strtol(c, NULL, 10), fields[i].size);
	}
	assert_true(cell(row, 0, c)); /* the payload's row */
	assert_int_equal(strtol(c, NULL, 10), CHQ_FRAME_HDR_LEN);
	assert_false(cell(next_row(row), 0, c));
}

/* Offsets and sizes must join without a gap, from 0 to @end. A row may hold several of a size. */
static void
assert_gapless(const char *row, long end)
{
	char offset[CELL_MAX], size[CELL_MAX];
	long at = 0;

	for (; cell(row, 0, offset); row = next_row(row)) {
		char *o = offset, *s = size;

		assert_true(cell(row, 1, size));
		for (;;) {
			assert_int_equal(strtol(o, &o, 10), at);
			at += strtol(s, &s, 10);
			if (*o != ',')
				break;
			o += 2;
			if (*s == ',')
				s += 2;
			else
				s = size; /* "1 each" */
		}
	}
	assert_int_equal(at, end);
}

static void
the_tables_of_retry_and_welcome_join_to_their_lengths(void **state)
{
	(void)state;
	assert_gapless(table("### 3.2 RETRY", "| offset | size |"), CHQ_RETRY_LEN);
	assert_gapless(table("Its payload, 48 bytes", "| offset | size |"), CHQ_WELCOME_BODY_LEN);
}

static void
flags_are_those_of_the_document(void **state)
{
	static const struct named flags[] = {
		{ CHQ_F_HOP, "HOP" },	{ CHQ_F_RECEIPT, "RECEIPT" }, { CHQ_F_STORE, "STORE" },
		{ CHQ_F_PING, "PING" }, { CHQ_F_NOTICE, "NOTICE" },
	};
	const char *line = strstr(text, "\nFlags: ");
	char want[64];

	(void)state;
	assert_non_null(line);
	for (size_t i = 0; i < ARRAY_LEN(flags); i++) {
		const char *at;

		snprintf(want, sizeof(want), "0x%02lX %s", (unsigned long)flags[i].value,
			 flags[i].name);
		at = strstr(line, want);
		assert_non_null(at);
		assert_true(at < strchr(line + 1, '\n'));
	}
}

static void
assert_says(const char *format, unsigned long number)
{
	char want[128];

#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
	snprintf(want, sizeof(want), format, number);
#pragma GCC diagnostic pop
	if (!strstr(text, want))
		fail_msg("%s does not say \"%s\"", FILE_NAME, want);
}

static void
sizes_and_bounds_are_those_of_the_document(void **state)
{
	(void)state;
	assert_says("more than %lu bytes of UDP payload", CHQ_DGRAM_MAX);
	assert_says("(%lu unless the invitation names another)", CHQ_PORT_DEFAULT);
	assert_says("HELLO, exactly %lu bytes", CHQ_HELLO_LEN);
	assert_says("n ≤ %lu |", CHQ_NOISE1_MAX);
	assert_says("| %lu | n | Noise message 1", CHQ_NOISE1_OFF);
	assert_says("### 3.2 RETRY, %lu bytes", CHQ_RETRY_LEN);
	assert_says("**Server certificate**, %lu bytes", CHQ_SERVERCERT_LEN);
	assert_says("‖ key): %lu characters", CHQ_FINGERPRINT_LEN);
	assert_says("server id (4): %lu bytes", CHQ_PROLOGUE_LEN);
	assert_says("(%lu in version 1)", CHQ_WELCOME_LEN - 20);
	assert_says("UTF-8, ≤ %lu bytes", CHQ_SOFTWARE_MAX);
	assert_says("At most %lu bytes of plaintext", CHQ_HOP_BODY_MAX);
	assert_says("at most %lu bytes encoded", CHQ_HOP_BODY_MAX);
	assert_says("‖ zeros, %lu bytes; AES-GCM", CHQ_PASSWORD_SEALED_LEN - 16);
	assert_says("1 to %lu devices", CHQ_DEVICES_MAX);
	assert_says("at most %lu bytes of text", CHQ_INNER_TEXT_MAX);
	assert_says("in m ≤ %lu parts", CHQ_INNER_PARTS_MAX);
	assert_says("next multiple of %lu", CHQ_INNER_PAD);
	assert_says("1 to %lu message ids", CHQ_RECEIPT_IDS_MAX);
	assert_says("for each, %lu digits", CHQ_SAFETY_LEN / 2);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_types_of_datagrams_are_those_of_the_document),
		cmocka_unit_test(the_codes_of_a_notice_are_those_of_the_document),
		cmocka_unit_test(the_kinds_of_parties_are_those_of_the_document),
		cmocka_unit_test(the_header_of_a_frame_lies_as_in_the_document),
		cmocka_unit_test(the_tables_of_retry_and_welcome_join_to_their_lengths),
		cmocka_unit_test(flags_are_those_of_the_document),
		cmocka_unit_test(sizes_and_bounds_are_those_of_the_document),
	};

	return cmocka_run_group_tests(tests, load, unload);
}
