#pragma once
/* dataplane/instance: the names and places of one dataplane, and what can be said and done while none runs. */
#include <jansson.h>

#include "base/site_conf.h"
#include "dataplane/tables.h"

struct chq_instance {
	const struct chq_site_conf *conf;
	char lock[128], socket[128], status[128]; /* files */
	char pins[1200];			  /* folder of pinned maps and links */
	struct chq_tables_conf tables;
};

/** chq_instance_init() - names only; @conf must live as long. Return: 0; CHQ_ENAMETOOLONG. */
int chq_instance_init(struct chq_instance *in, const struct chq_site_conf *conf);

/**
 * chq_instance_lock() - be the one process of this instance; makes the run folder.
 * @holder: pid of who has it, 0 if unknown. Return: descriptor; CHQ_ELOCKED; a negated errno.
 */
int chq_instance_lock(const struct chq_instance *in, pid_t *holder);

/** chq_instance_status() - what stands pinned, attached and running, without a process. New reference; NULL without memory. */
json_t *chq_instance_status(const struct chq_instance *in);

/** chq_instance_stats() - what the programs on interfaces have counted so far, without a process: {"program": {name: n, ...}}. New
 * reference; NULL without memory. */
json_t *chq_instance_stats(const struct chq_instance *in);

/**
 * chq_instance_drop_strays() - take programs and settings off interfaces that an earlier start has used and @driver does
 * not: a program would keep from it what clients send. Logged. The caller holds the lock.
 */
void chq_instance_drop_strays(const struct chq_instance *in, enum chq_conf_driver driver);

/**
 * chq_instance_detach() - remove programs, links, pins and tables. The caller holds the lock.
 * @err: at least 256 bytes: on failure a text for operators.
 * Return: how many things were removed; CHQ_ELOCKED (a process works on the tables: nothing was removed); a negated errno.
 */
int chq_instance_detach(const struct chq_instance *in, char *err, size_t err_size);
