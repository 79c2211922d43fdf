#pragma once

/* The insides of groups, for the files client/group*.c alone. */

#include "base/list.h"
#include "base/map.h"
#include "client/chasqui.h"
#include "proto/group_fmt.h"

struct chq_client;

#define CHQ_GROUP_HELD_MAX  64 /* frames of a group that wait for others, or for a key */
#define CHQ_GROUP_KEYS_KEPT 8
#define CHQ_GROUPS_MAX	    1024
#define CHQ_GROUP_OUT_MAX   256 /* messages to groups without an answer */

struct chq_group_epoch {
	uint32_t epoch; /* 0: none */
	uint8_t key[CHQ_GROUP_KEY_BYTES];
};

/* A frame whose turn has not come. */
struct chq_group_held {
	struct chq_list node; /* by rising order */
	uint32_t order;
	uint64_t from, message;
	uint16_t app, len;
	uint8_t payload[];
};

/* A message of which parts have come. */
struct chq_group_part {
	struct chq_list node;
	uint64_t from, first; /* message id of the first part */
	uint16_t parts, left;
	uint64_t have; /* bit by part */
	size_t len;    /* of the last part; the others are full */
	uint8_t data[];
};

struct chq_group_state {
	struct chq_group pub;
	bool listed;	 /* the server says that we are in it */
	bool coming;	 /* so does the list that is being fetched */
	bool positioned; /* shown is set */
	bool gap;	 /* something before the next message is lost */
	uint32_t shown;	 /* everything up to it is shown, or on its way to the application */
	uint32_t handled;
	unsigned pending; /* events that the application has not handled */
	struct chq_list held, parts;
	unsigned n_held, n_parts;
	struct chq_group_epoch key[CHQ_GROUP_KEYS_KEPT];
	unsigned key_next;
	bool asking_key, asking_members, members_tried;
	uint64_t members_for;
	uint64_t waiting_ms; /* since when an order is missing; 0: none is */
	unsigned acks_due;
	uint64_t ack_ms;
};

/* A message to a group. */
struct chq_group_out {
	struct chq_list node;
	uint32_t group;
	uint16_t app, parts;
	uint64_t id;
	uint64_t confirmed; /* bit by part */
	uint64_t created_ms, next_ms;
	unsigned tries, refused;
	bool waiting; /* for the list, after a refusal */
	bool told;
	size_t len;
	uint8_t data[];
};

struct chq_group_name {
	uint64_t account;
	char login[CHQ_NAME_MAX], name[CHQ_NAME_MAX];
};

struct chq_groups {
	struct chq_map by_id, names;
	uint64_t version, coming_version, refreshed_ms, lagging_ms;
	bool known, under_way, again, salted;
	uint8_t salt[CHQ_GROUP_SALT_BYTES];
	struct chq_list out;
	unsigned n_out;
	uint64_t pace_us, pause_ms, paused_until_ms;
};

/* group.c */
struct chq_group_state *chq_group_find(const struct chq_client *c, uint32_t id);
struct chq_group_state *chq_group_get(struct chq_client *c, uint32_t id);
/* The key of an epoch, asked for if it is not here. */
const uint8_t *chq_group_epoch(struct chq_client *c, struct chq_group_state *g, uint32_t epoch);
/* Who is this member? Asked for if it is not known. Return: whether to wait for the answer. */
bool chq_group_name_wait(struct chq_client *c, struct chq_group_state *g, uint64_t account);

/* group_receive.c */
void chq_group_drain(struct chq_client *c, struct chq_group_state *g);
void chq_group_forget(struct chq_group_state *g);
uint64_t chq_group_receive_run(struct chq_client *c);

/* group_send.c */
void chq_group_confirmed(struct chq_client *c, uint32_t group, uint64_t message);
/* The list is new: what was refused is tried again, or has failed. */
void chq_group_out_listed(struct chq_client *c);
uint64_t chq_group_send_run(struct chq_client *c);
