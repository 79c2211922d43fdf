#pragma once
#include <stdbool.h>
#include <stddef.h>

#include "store/backup.h"
#include "store/env.h"

/* Insides of backups: files, for backup.c, restore.c and backup_files.c alone. */

/* All of @len bytes. Return: 0; a negated errno. */
int store_file_write(int fd, const void *p, size_t len);

/* A new file of a folder, 0600. Return: descriptor; CHQ_EEXIST and other negated errno values. */
int store_file_make(const char *dir, const char *name);

/* What names the files reaches the disk. Return: 0; a negated errno. */
int store_folder_sync(const char *dir);

/* Take away a folder with what backups and databases consist of; other files keep it. */
void store_folder_remove(const char *dir);

/**
 * store_env_copy() - the environment's committed pages into a file, fsynced.
 * @m: receives bytes and sha256.
 * Return: 0; CHQ_ECANCELED; codes of files and of LMDB.
 */
int store_env_copy(struct store_env *e, int file, bool compact, const struct store_progress *p,
		   struct store_manifest *m);
