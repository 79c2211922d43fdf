#pragma once

/*
 * The folder that holds what one device of one account must remember: key file, pins, messages shown.
 * Folder 0700, files 0600, every change whole or not at all.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#define CHQ_HOME_FILE_MAX (128u << 20) /* bytes; a larger file is damaged */

struct chq_home {
	char path[3072];
	int dirfd;
	int lockfd;
};

/**
 * chq_home_default() - the folder for an account: $XDG_CONFIG_HOME/chasqui/<fingerprint prefix>-<login>,
 * or under ~/.config. Characters of the login that could mean something to a file system become %XX.
 *
 * Return: 0; CHQ_ENOENT if neither variable is set; CHQ_ENAMETOOLONG.
 */
int chq_home_default(const char *fingerprint, const char *login, char *out, size_t size);

/**
 * chq_home_open() - open the folder and be the only one who uses it.
 * @path:   its parents are made too, if @create.
 * @holder: process that has it now, or 0, on CHQ_ELOCKED; may be NULL.
 *
 * Return: 0; CHQ_ENOENT; CHQ_ELOCKED; CHQ_EACCES if others than the owner may enter it; CHQ_ENOTDIR;
 * another negated errno. On error nothing is held.
 */
int chq_home_open(struct chq_home *h, const char *path, bool create, pid_t *holder);
void chq_home_close(struct chq_home *h);

/**
 * chq_home_read() - a whole file.
 * @data: receives memory that the caller wipes and frees; a NUL follows the @len bytes.
 *
 * Return: 0; CHQ_ENOENT; CHQ_EACCES if group or world may read it or it is another's; CHQ_ETOOBIG;
 * CHQ_ENOMEM; CHQ_EIO; another negated errno.
 */
int chq_home_read(const struct chq_home *h, const char *name, uint8_t **data, size_t *len);

/**
 * chq_home_write() - replace a file as a whole: temporary file, fsync, rename, fsync of the folder.
 * Return: 0; a negated errno: then the old file is untouched.
 */
int chq_home_write(const struct chq_home *h, const char *name, const void *data, size_t len);

/**
 * chq_home_append() - a descriptor that appends to a file, made with mode 0600 if absent.
 * Return: descriptor, the caller closes it; a negated errno.
 */
int chq_home_append(const struct chq_home *h, const char *name);
