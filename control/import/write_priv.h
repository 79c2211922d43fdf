#pragma once
#include <pthread.h>

#include "control/import/import_priv.h"

/* The second pass under way: write.c, write_last.c. */

struct store_reader;

enum {
	OPS_A_JOB = 2000,      /* rows: some tens of ms of the writer */
	ARENA_BYTES = 1 << 20, /* of their texts */
};

/* A row in a job. */
struct op {
	uint64_t line;
	enum import_section section;
	const char *field[IMPORT_COLUMNS_MAX]; /* in the arena */
	uint32_t dept;			       /* of a member */
	uint64_t id, peer;		       /* of an account: its own; else results of the job */
	bool later;			       /* result: it concerns who was there before */
};

/* A membership or a friendship that the last job makes. */
struct later {
	uint64_t line, account, peer;
	uint32_t dept; /* 0: friends */
	bool flag;     /* manager; or asked only */
};

/* A department: of the file, or one that was there. */
struct dept {
	uint32_t id, parent;
	bool old;
	uint64_t line;
	char path[]; /* its name is behind the last slash */
};

/* A rule's texts, in one block behind it. */
struct rule {
	uint64_t line;
	const char *field[IMPORT_COLUMNS_MAX];
};

struct list {
	void **item;
	size_t n, cap;
};

struct writing {
	struct import *im;
	struct store_reader *reader;
	uint64_t account, account_end; /* number of the next one; behind the last one reserved */
	uint32_t dept, dept_end;       /* the same */
	struct op op[OPS_A_JOB];
	unsigned ops;
	size_t used;
	char arena[ARENA_BYTES];
	struct chq_map by_path;	  /* struct dept */
	struct list depts, rules; /* in the order of the file */
	struct later *later;
	size_t laters, later_cap;
	uint64_t failed_line; /* of the row that a job failed at */
	const char *failed;   /* its column */

	pthread_mutex_t lock; /* over what follows: of the last job */
	pthread_cond_t last;
	bool last_ended;
	int last_rc;
};

/* The last job, and wait for it. Return: codes of the writer, of the store for what a row names. */
int import_write_last(struct writing *w);
