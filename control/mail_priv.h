#pragma once
#include "control/mail.h"

/* Insides of mailboxes, for mail*.c alone. */

/* mail_write.c */

/* Queue a frame; its sender is told once it is stored. Return: CHQ_EAGAIN: too many wait; CHQ_ENOMEM. */
int mail_write_put(struct control *ctl, const struct session *s, const struct chq_dp_frame_rx *rx);

/* Take an entry out, some time. Without memory it stays, and is sent again at the next login. */
void mail_write_del(struct control *ctl, uint64_t account, uint8_t device, uint64_t number);

/* Try again what the writer had no room for. */
void mail_write_tick(struct control *ctl);

/* Drop what waits to be written. */
void mail_write_forget(struct control *ctl);

/* mail_age.c */
void mail_age_tick(struct control *ctl, uint64_t now_ms);

/* The open session of a device, or NULL. */
struct session *mail_session(const struct control *ctl, uint64_t account, uint8_t device);
