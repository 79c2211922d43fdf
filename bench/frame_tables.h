#pragma once
/*
 * bench/frame_tables: tables of one benchmark, on the memory that it asks for, gone with it.
 */
#include <stddef.h>
#include <stdint.h>

#include "dataplane/tables.h"

enum frame_tables {
	FRAME_TABLES_PLAIN, /* memory in pages of 4 KiB */
	FRAME_TABLES_BPF,   /* BPF arrays: the kernel's memory, in pages of 4 KiB */
	FRAME_TABLES_HUGE,  /* huge pages */
	FRAME_TABLES__COUNT
};
extern const char *const frame_tables_name[FRAME_TABLES__COUNT];

/* Return: FRAME_TABLES__COUNT if there is none of that name. */
enum frame_tables frame_tables_named(const char *name);

struct frame_tables_place {
	struct chq_tables_conf conf;
	char dir[32], bpffs[40];
};

/**
 * frame_tables_open() - new tables with places for @sessions and as many accounts.
 * Return: the tables; NULL, and why in @err.
 */
struct chq_tables *frame_tables_open(struct frame_tables_place *at, enum frame_tables kind,
				     uint32_t sessions, char *err, size_t err_size);

void frame_tables_close(struct frame_tables_place *at, struct chq_tables *t);
