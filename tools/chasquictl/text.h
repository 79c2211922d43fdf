#pragma once
/*
 * tools/chasquictl/text: what daemons and people have written, made harmless for a terminal.
 */
#include <stddef.h>

enum tool_text {
	TOOL_TEXT_CELL,	 /* one line for people */
	TOOL_TEXT_LINES, /* the same, but newlines stay */
	TOOL_TEXT_EXACT, /* one line that can be read back: a backslash is doubled */
};

/**
 * tool_text_init() - be able to tell characters and their widths, whatever the user's locale is.
 * Before the first thread. Without it, everything beyond ASCII is escaped.
 */
void tool_text_init(void);

/**
 * tool_text_safe() - a copy that cannot drive a terminal nor deceive about its order.
 * @s:     @len bytes, of any kind.
 * @width: receives the columns it takes (with TOOL_TEXT_LINES those of all lines together); may be NULL.
 *
 * Control characters, what is no UTF-8, and invisible or direction-changing characters are written as
 * \xNN or \u{…}.
 * Return: closed by NUL, to be freed; never NULL (the program ends without memory).
 */
char *tool_text_safe(const char *s, size_t len, enum tool_text how, size_t *width);
