#pragma once

/*
 * Sealed frames that were receipted but cannot be shown yet, because one before them or a part is
 * missing. They are kept on disk, as sealed as they came, so that a restart does not lose them.
 */

#include <stdint.h>

#include "client/home.h"
#include "proto/frame.h"

#define CHQ_HELD_FILE_MAX (8u << 20) /* bytes; beyond, nothing is held and so nothing receipted */

struct chq_held_file {
	const struct chq_home *home;
	int fd;
	size_t bytes;
};

/* One frame of the file; @payload is valid during the call only. */
typedef void chq_held_fn(void *arg, const struct chq_frame_hdr *h, const uint8_t *payload,
			 uint16_t len);

/* Return: 0; a negated errno. */
int chq_held_open(struct chq_held_file *f, const struct chq_home *home);
void chq_held_close(struct chq_held_file *f);

/**
 * chq_held_replay() - hand every whole frame of the file to @fn, oldest first.
 * Return: 0; CHQ_ENOMEM; errors of chq_home_read().
 */
int chq_held_replay(struct chq_held_file *f, chq_held_fn *fn, void *arg);

/**
 * chq_held_add() - keep a frame; of the header flags, app, party and message.
 * Return: 0; CHQ_EFULL; a negated errno: then it is not kept.
 */
int chq_held_add(struct chq_held_file *f, const struct chq_frame_hdr *h, const uint8_t *payload,
		 uint16_t len);

/* Nothing is held any more. Return: 0; a negated errno. */
int chq_held_clear(struct chq_held_file *f);
