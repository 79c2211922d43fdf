#pragma once

/*
 * What the server tells a session by itself: numbered from 1, sent again until acknowledged, bounded.
 * A newer presence of the same account, and a newer change of the contact list, takes the place of one
 * that is not acknowledged yet. When too many wait, they are all replaced by one "contacts changed",
 * after which the client asks for its list anew.
 */

#include <stdint.h>

#include "proto/control_msg.h"
#include "proto/dpcmd.h"

struct control;
struct session;

enum { PUSHES_MAX = 64 }; /* per session */

void push_presence(struct control *ctl, struct session *s, uint64_t account, Chasqui__Status status,
		   const struct chq_dp_path *where);

/* @delay_ms: sent then for the first time. */
void push_contacts_changed(struct control *ctl, struct session *s, uint64_t version,
			   unsigned delay_ms);

/* Its groups, or its rights in them, have changed. @delay_ms: sent then for the first time. */
void push_groups_changed(struct control *ctl, struct session *s, uint64_t version,
			 unsigned delay_ms);

void push_device_enrolled(struct control *ctl, struct session *s, uint8_t number, const char *name);

void push_replaced(struct control *ctl, struct session *s, const struct chq_dp_path *by);

void push_apps_changed(struct control *ctl, struct session *s, uint64_t version);

/* Any push: @body_case and its member are set. A waiting one of the same case and @about is replaced. */
void push_message(struct control *ctl, struct session *s, Chasqui__Push *body, uint64_t about);

/* The client has acknowledged a number. */
void push_acked(struct control *ctl, struct session *s, uint32_t epoch, uint64_t number);

/* Send what is due. */
void push_tick(struct control *ctl, uint64_t now_ms);

/* Free all that waits; the session ends. */
void push_forget(struct session *s);

/*
 * An address as clients see it: IPv4 as 4 bytes. @out points into @path, which must live as long.
 */
void push_address(Chasqui__Address *out, const struct chq_dp_path *path);
