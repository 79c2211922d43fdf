#pragma once

/*
 * Operators' requests as a command line says them: "dept join Sales alice --manager". Words stand
 * between single spaces; "~" is a space within a word, "--name=value" an option.
 */

#include <jansson.h>

#include "tests/unit/control/fixture.h"

/* The whole answer: to be freed by json_decref(). */
json_t *words_ask(struct fixture *f, const char *words);

/* The answer's code is this, "" for a good one, and it names this field, unless that is NULL. */
void words_expect(struct fixture *f, const char *words, const char *code, const char *field);
void words_ok(struct fixture *f, const char *words);

/* A member of the answer's object. */
void words_text(struct fixture *f, const char *words, const char *name, const char *text);
json_int_t words_number(struct fixture *f, const char *words, const char *name);
