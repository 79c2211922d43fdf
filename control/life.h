#pragma once

/* The life of a session as control sees it: confirmed, open, replaced, ended. */

#include <stdint.h>

#include "control/dp_link.h"
#include "control/session.h"
#include "proto/frame.h"

struct control;

/*
 * The first valid frame of a SESSION_NEW: it is open from now on, if its account still may. Nothing
 * for sessions of other states.
 */
void life_confirmed(struct control *ctl, struct session *s);

/* A session that has an account is open: older ones of its device are replaced, its friends told. */
void life_open(struct control *ctl, struct session *s);

/* The dataplane has it no more. @s is freed. */
void life_ended(struct control *ctl, struct session *s);

/*
 * Close it at the dataplane, and be done with it at once. @s is freed.
 * @answer: told when the dataplane has done so; may be NULL. Return: as dp_call_close().
 */
int life_close(struct control *ctl, struct session *s, enum chq_notice notice, dp_answer_fn *answer,
	       void *arg);

/**
 * life_close_account() - close all sessions of an account, or of one of its devices.
 * @device: 0 for all.
 * @answer: called once for each; may be NULL.
 *
 * Return: how many calls of @answer are to come.
 */
unsigned life_close_account(struct control *ctl, uint64_t account, uint8_t device,
			    dp_answer_fn *answer, void *arg);

/* May an account's device have a session? Return: 0 with its epochs; CHQ_EDISABLED; CHQ_ENOENT; codes
 * of reading. */
int life_allowed(struct control *ctl, uint64_t account, uint8_t device,
		 struct grant_epochs *epochs);

/*
 * The dataplane was told these epochs of the session's account. It takes a grant key for sessions that are
 * confirmed alone: one that is not keeps the one it began with, and is told when it is.
 */
void life_epochs_told(struct session *s, const struct grant_epochs *epochs);

/* A session goes by these epochs: tell the dataplane, if it was told others. */
void life_epochs(struct control *ctl, struct session *s, const struct grant_epochs *epochs);

/* End what has waited too long: sessions before login, replaced ones. */
void life_tick(struct control *ctl, uint64_t now_ms);
