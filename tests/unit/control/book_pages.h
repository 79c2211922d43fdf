#pragma once

#include "control/book/book.h"

/* Everybody that @subject sees, by rising account, read in pages of 2. Return: how many. */
size_t book_pages(struct book *b, uint64_t subject, uint64_t *out, size_t max);
