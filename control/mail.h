#pragma once

/*
 * Mailboxes: what an enrolled device cannot take now is stored for it, and handed to it when it is here,
 * in the order of its numbers, until it says that it has it. The formats are PROTOCOL.md's, "Mailboxes".
 *
 * Frames to be stored and acknowledgements wait in one queue; what has gathered while a write was on its
 * way is written by the next one, so a busy server commits many at once. All here is on the loop's thread.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/list.h"
#include "proto/control_msg.h"
#include "proto/dpcmd.h"
#include "store/mail.h"

struct control;
struct session;
struct store_txn;

enum {
	MAIL_WINDOW = 32,	    /* frames under way to a device that it may have not seen yet */
	MAIL_OUTSTANDING_MAX = 128, /* with those that it does not acknowledge */
	MAIL_PATIENCE = 4,	    /* sendings after which a frame keeps no other one from going */
};

/* Part of struct control; mail.c's. */
struct mail {
	struct chq_list queue; /* struct mail_item, in order */
	unsigned queued, writes;
	struct chq_list delivering; /* sessions with a window */
	bool disk_low;
	/* The walk that takes out what is too old. */
	uint64_t age_due_ms, age_account;
	uint8_t age_device;
	bool age_walking, age_busy;
};

/* What is under way to a session; NULL while nothing is. */
struct mail_window;

void mail_init(struct control *ctl);
/* Nothing is written any more: forget what waits. */
void mail_deinit(struct control *ctl);

/* Limits of boxes, from the configuration. */
struct store_mail_limits mail_limits(const struct control *ctl);

/**
 * mail_frame() - a frame that a client may send to a device of an account, which the stages could not
 * bring there.
 * @s: its sender's session.
 *
 * Is the device there after all, the frame is handed on. Else, with STORE, it waits to be written, and
 * its sender is told then.
 * Return: 0: taken care of; or the NOTICE to be sent now.
 */
enum chq_notice mail_frame(struct control *ctl, const struct session *s,
			   const struct chq_dp_frame_rx *rx);

/* A session is open: what waits for its device goes to it. */
void mail_open(struct control *ctl, struct session *s);

/* A job has put something into the box of a device, or of all devices of an account (@device 0). */
void mail_arrived(struct control *ctl, uint64_t account, uint8_t device);

/* The client has these. */
void mail_acked(struct control *ctl, const struct session *s, const Chasqui__MailAck *ack);

/* The session ends, or another one takes over. */
void mail_forget(struct session *s);

/* The device is no more: what waits for it goes, in a while. */
void mail_device_gone(struct control *ctl, uint64_t account, uint8_t device);

/* The account is no more: so does what waits for any of its devices. */
void mail_account_gone(struct control *ctl, uint64_t account);

/* Number of the newest entry that waits for a device, 0 if none. Return: 0; codes of reading. */
int mail_waiting(struct control *ctl, uint64_t account, uint8_t device, uint64_t *last);

/* Send what is due, look at the disk, go on with the walk. */
void mail_tick(struct control *ctl, uint64_t now_ms);
