#pragma once

/*
 * The insides of struct chq_client, for the files of this folder alone. Each part stands beside the file
 * that owns it: others call its functions and do not write its fields.
 */

#include "base/list.h"
#include "base/map.h"
#include "client/chasqui.h"
#include "client/event.h"
#include "client/groups.h"
#include "client/held.h"
#include "client/identity.h"
#include "client/pin.h"
#include "client/replay.h"
#include "client/seen.h"
#include "proto/control_msg.h"
#include "proto/e2e_account.h"
#include "proto/noise.h"
#include "proto/password.h"

#define CHQ_NEVER UINT64_MAX /* no deadline */

/* session.c: keys and counters of one session; all times are the transport's monotonic ms. */
struct chq_session {
	bool used;
	bool logged_in;
	uint32_t slot;
	struct chq_session_keys keys;
	uint8_t hash[CHQ_NOISE_HASH_BYTES]; /* handshake hash */
	uint64_t seq;			    /* last one sent */
	uint64_t hop_sealed;		    /* frames sealed to the server */
	uint64_t opened_ms, renew_ms;
	uint64_t drop_ms; /* of a replaced one: end of its life */
	struct chq_replay replay;
	uint32_t attempt; /* last password attempt */
	uint16_t keepalive_s;
	uint32_t server_id;
	/* push.c */
	uint32_t push_epoch, push_epoch_before;
	bool push_known;
	struct chq_replay pushes;
};

/* handshake.c */
enum chq_hs_state {
	CHQ_HS_IDLE,
	CHQ_HS_WAIT,  /* begins at next_ms */
	CHQ_HS_FIRST, /* HELLO without cookie is out */
	CHQ_HS_SECOND,
};

struct chq_handshake {
	enum chq_hs_state state;
	uint64_t next_ms; /* of the next repeat, or of the begin */
	uint64_t begun_ms;
	uint64_t retried_ms; /* when the last RETRY was taken */
	int repeats;
	int failures; /* sessions in a row that did not last */
	uint8_t hello[CHQ_HELLO_LEN];
	uint8_t nonce[CHQ_NONCE_LEN];
	struct chq_noise noise;
	uint32_t server_id;
	/* The last RETRY that was good. */
	bool have_cookie;
	uint64_t cookie_ms;
	uint8_t cookie[CHQ_COOKIE_LEN];
	struct chq_server_cert cert;
};

/* path.c: is the other side there? */
struct chq_path {
	uint64_t last_in_ms, last_out_ms;
	uint64_t asked_ms; /* since when an answer is missed, 0 if none is */
	uint64_t ping_id;
	int pings; /* unanswered ones */
	uint64_t next_ping_ms;
	uint64_t reopened_ms;
	bool send_failed;
};

/* request.c */
#define CHQ_REQUESTS_MAX 64

/* @err: 0 with a response (of any code); CHQ_ETIMEDOUT; CHQ_ECANCELED. */
typedef void chq_reply_fn(struct chq_client *c, int err, const Chasqui__Response *r, uint64_t arg);

struct chq_request {
	uint64_t id;
	Chasqui__Method method;
	chq_reply_fn *fn;
	uint64_t arg;
	uint64_t next_ms, give_up_ms;
	uint32_t wait_ms;
	uint16_t len;
	uint8_t body[]; /* a whole ToServer */
};

struct chq_requests {
	struct chq_request *slot[CHQ_REQUESTS_MAX];
	uint64_t last_id;
	uint64_t server_ms,
		heard_ms; /* the server's wall clock at that time of ours; 0 = unknown */
};

/* login.c */
struct chq_login {
	uint8_t *password; /* sodium_malloc, length byte first; NULL if none */
	bool asked;	   /* the application was asked for a password */
	bool enroll;
	char device_name[CHQ_NAME_MAX];
	char display_name[CHQ_NAME_MAX];
	char code[CHQ_NAME_MAX]; /* of an invitation to register; empty: log in */
	char new_name[CHQ_NAME_MAX];
	uint32_t epoch;
	bool announced;	   /* CHQ_EV_LOGGED_IN was given */
	bool refused;	   /* no answer but a new password goes on */
	uint64_t again_ms; /* next attempt after E_BUSY and its like */
};

/* publish.c */
struct chq_publish {
	bool prekey_done, with_list, under_way;
	uint64_t next_ms;
};

/* own.c: this device among those of its account */
enum chq_own_state {
	CHQ_OWN_UNKNOWN, /* what is published is being asked for */
	CHQ_OWN_UNLISTED, /* the account key is ours, and a list with this device is to be published */
	CHQ_OWN_KNOWN,	  /* it is in the published list */
	CHQ_OWN_WAITING, /* another account key is published: to be approved by another device */
	CHQ_OWN_REFUSED, /* nothing more is tried before the next login */
};

/* A device that asks to be approved by us. */
struct chq_offered {
	uint8_t number;
	uint8_t sign[32], ident[32];
};

struct chq_own {
	enum chq_own_state state;
	uint64_t again_ms;
	int tries;		     /* lists refused since login */
	uint8_t account_key[32];     /* WAITING: the published one */
	bool offered_us;	     /* WAITING: the server has our offer */
	struct chq_device_list list; /* the published one, as last verified; count 0: none */
	struct chq_device_list next; /* of a request under way */
	bool next_used, changing;
	struct chq_offered offered[CHQ_DEVICES_MAX];
	unsigned n_offered;
};

/* apps.c */
struct chq_app_handler {
	uint16_t app;
	chq_app_fn *fn;
	void *arg;
};

struct chq_apps {
	struct chq_app_handler handler[CHQ_APP_HANDLERS_MAX];
	unsigned n;
	uint8_t *kept; /* the file of what has no handler, as it is on disk */
	size_t kept_len;
	int kept_count;
};

/* ask.c: the last answers */
struct chq_answers {
	struct chq_contact *found;
	size_t n_found;
	uint64_t found_next;
	struct chq_department *department;
	size_t n_departments;
	uint64_t departments_next;
	struct chq_app *app;
	size_t n_apps;
	struct chq_member *member;
	size_t n_members;
	uint64_t members_next;
	struct chq_profile profile;
	enum chq_presence status; /* that was set; 0: none */
};

/* contacts.c */
struct chq_contacts {
	struct chq_map now, coming; /* struct chq_contact by account */
	uint64_t version;	    /* of now; 0 = nothing */
	uint64_t coming_version;
	uint64_t refreshed_ms;
	bool known, under_way, again;
	int restarts, pages;
};

/* peer.c: another account, and what its devices and we send each other. */
#define CHQ_IN_KEYS	  4
#define CHQ_FLIGHT_MAX	  32
#define CHQ_AHEAD_MAX	  128 /* frames sent after one that has no receipt yet */
#define CHQ_HOLD_MAX	  256 /* frames of one device that wait for others */
#define CHQ_STRANGERS_MAX 256 /* accounts that wrote to us and are no contacts */
#define CHQ_PEERS_MAX	  (CHQ_CONTACTS_MAX + CHQ_STRANGERS_MAX) /* also of contacts that change */
#define CHQ_KEYS_FRESH_MS 30000 /* so long keys of others are taken for what there is */
#define CHQ_PARKED_MAX	  64	/* frames of one account that wait for its keys */

struct chq_in_key {
	uint32_t prekey_id;
	uint8_t eph[32];
	uint8_t key[32];
	uint64_t used_ms;
	bool have;
};

struct chq_dev {
	struct chq_peer *peer;
	uint64_t party; /* kind, device, account */
	struct chq_device_keys keys;
	struct chq_prekey prekey; /* the newest known; id 0 = none */
	/* e2e.c: K to it, and the Ks from it that were good */
	bool out_have;
	uint8_t out_key[32];
	uint8_t out_eph[32];
	uint32_t out_prekey;
	uint64_t out_made_ms;
	uint32_t out_count;
	bool out_receipted; /* a receipt came since K was made: our reply grant has arrived */
	struct chq_in_key in_key[CHQ_IN_KEYS];
	/* send.c */
	struct chq_list flight, waiting; /* struct chq_out_frame */
	struct chq_list late;		 /* late.c: what waits in its mailbox */
	int late_count;
	int in_flight;
	uint64_t entered; /* frames that ever were in flight */
	uint64_t last_id; /* the next frame's previous id */
	uint64_t answered_ms;
	/* receive.c */
	struct chq_list held; /* struct chq_in_frame by rising id */
	int held_count;
	int unhandled; /* events that the application has not handled */
	bool gap;      /* something before the next one to be shown has not come */
	/* receipt.c */
	uint64_t receipt[CHQ_RECEIPT_IDS_MAX];
	int receipts;
};

struct chq_peer {
	uint64_t account;
	bool have_keys;
	bool changed; /* its account key is not the pinned one */
	bool stranger;
	uint8_t account_key[32]; /* good, or with changed the new one */
	uint64_t list_version;
	struct chq_dev *dev[CHQ_DEVICES_MAX];
	int devs;
	bool fetching, announce;
	int keys_pages; /* that have come of the keys being fetched */
	uint64_t fetched_ms;
	uint64_t grant;	      /* of GRANT; 0 = none */
	uint64_t reply_grant; /* that came in its last message with one, to answer by; 0 = none */
	bool asking_grant;
	uint64_t grant_ms;	/* when it was asked for */
	struct chq_list parked; /* struct chq_parked */
	int parked_count;
	struct chq_list queue; /* struct chq_out that wait for keys */
	struct chq_list node;  /* in chq_peers.all */
};

struct chq_peers {
	struct chq_map by_account;
	struct chq_list all;
	int strangers;
};

/* send.c */
struct chq_sender {
	size_t count; /* messages without a final answer */
	uint64_t last_id, reserved_id;
	uint64_t pace_us; /* theoretical arrival time of the next frame (GCRA) */
	uint64_t pause_until_ms;
	uint32_t pause_ms;
};

/* mail.c */
struct chq_mail {
	struct chq_map coming; /* by party and message: numbers of frames that are not safe yet */
	uint64_t *ack;	       /* numbers to be acknowledged */
	size_t acks, ack_room;
	uint64_t empty_ms; /* wall clock: the server said that nothing waits; 0: it never did */
	uint64_t ask_ms;   /* when to ask again */
};

struct chq_client {
	struct chq_home home;
	struct chq_identity id;
	struct chq_pins pins;
	struct chq_seen seen;
	struct chq_held_file held_file;
	struct chq_transport net;
	struct chq_events events;
	struct chq_client_info info;

	uint64_t now_ms; /* monotonic, at the begin of the call from outside */
	uint64_t wall_ms;
	uint64_t next_ms; /* when chq_client_process() is due */
	bool no_memory;
	bool stopped;
	bool resolved;
	bool held_replayed;
	bool leave_messages; /* for whoever uses this home later */

	enum chq_connection connection;
	struct chq_handshake hs;
	struct chq_session cur, old;
	struct chq_path path;
	struct chq_requests requests;
	struct chq_login login;
	struct chq_publish publish;
	struct chq_own own;
	struct chq_apps apps;
	struct chq_answers answers;
	struct chq_contacts contacts;
	struct chq_groups groups;
	struct chq_mail mail;
	struct chq_peers peers;
	struct chq_sender sender;
	bool receipts_due;
	size_t held_total;
	size_t unhandled; /* messages that the application has not handled */
	struct chq_device_info *devices;
	size_t device_count;
	uint64_t stat[CHQ_STAT__COUNT];
};

static inline uint64_t
chq_min64(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

static inline void
chq_count(struct chq_client *c, enum chq_stat stat)
{
	c->stat[stat]++;
}

static inline bool
chq_online(const struct chq_client *c)
{
	return c->cur.used && c->cur.logged_in;
}

/* client.c: read the clocks; a call from outside begins. */
void chq_client_now(struct chq_client *c);
/* chq_client_process() is due at once. */
void chq_client_wake(struct chq_client *c);
/* Queue an event without data. */
void chq_client_event(struct chq_client *c, const struct chq_event *ev);
/* Change the state of the connection and tell it. @err: why, or 0. */
void chq_client_set_connection(struct chq_client *c, enum chq_connection state, int err);
/* No further attempt: everything under way fails with @err. */
void chq_client_stop(struct chq_client *c, int err);

/*
 * The _run() functions do what is due at c->now_ms and return when they are due again.
 */

/* handshake.c */
void chq_handshake_begin(struct chq_client *c, uint64_t delay_ms);
void chq_handshake_stop(struct chq_client *c);
void chq_handshake_forget_cookie(struct chq_client *c);
/* Any repeat of the present handshake now, from a new address. */
void chq_handshake_retry(struct chq_client *c, const uint8_t *buf, size_t len);
void chq_handshake_welcome(struct chq_client *c, const uint8_t *buf, size_t len);
uint64_t chq_handshake_run(struct chq_client *c);

/* session.c */
/* @s->keys, hash, slot … are set: it becomes the current one, the one before goes on for 30 s. */
void chq_session_install(struct chq_client *c, const struct chq_session *s);
void chq_session_drop(struct chq_session *s);
/* Send a frame; @h: flags, app, party, message, grant. Not sent without a session: no error. */
void chq_session_send(struct chq_client *c, struct chq_session *s, const struct chq_frame_hdr *h,
		      const void *payload, size_t len);
void chq_session_send_hop(struct chq_client *c, struct chq_session *s, uint64_t message,
			  const void *body, size_t len);
void chq_session_frame(struct chq_client *c, uint8_t *buf, size_t len);
uint64_t chq_session_run(struct chq_client *c);

/* path.c */
int chq_path_transmit(struct chq_client *c, const void *buf, size_t len);
void chq_path_heard(struct chq_client *c);
/* Something was sent that is to be answered soon. */
void chq_path_expect(struct chq_client *c);
void chq_path_pong(struct chq_client *c, const struct chq_frame_hdr *h);
/* A NOTICE path: prove this address with the token. */
void chq_path_challenge(struct chq_client *c, struct chq_session *s, uint64_t token);
void chq_path_reset(struct chq_client *c);
int chq_path_reopen(struct chq_client *c);
uint64_t chq_path_run(struct chq_client *c);

/* notice.c */
void chq_notice(struct chq_client *c, struct chq_session *s, const struct chq_frame_hdr *h);

/* request.c */
int chq_request_send(struct chq_client *c, Chasqui__Method method, const ProtobufCMessage *body,
		     uint32_t timeout_ms, chq_reply_fn *fn, uint64_t arg);
/* The server's clock is so now: ids are taken from it. */
void chq_request_clock(struct chq_client *c, uint64_t server_ms);
void chq_request_response(struct chq_client *c, const Chasqui__Response *r);
/* A new session is there: what is under way goes over it, but LOGIN. */
void chq_request_session(struct chq_client *c);
void chq_request_cancel_all(struct chq_client *c);
uint64_t chq_request_run(struct chq_client *c);
/* The body of a response as a message of @type, or NULL; the caller frees it. */
ProtobufCMessage *chq_reply_body(struct chq_client *c, const Chasqui__Response *r,
				 const ProtobufCMessageDescriptor *type);

/* push.c: the plaintext of a frame from the server. */
void chq_control_input(struct chq_client *c, struct chq_session *s, const uint8_t *buf, size_t len);

/* login.c */
void chq_login_session(struct chq_client *c);
void chq_login_wipe(struct chq_client *c);
uint64_t chq_login_run(struct chq_client *c);

/* publish.c */
void chq_publish_due(struct chq_client *c);
uint64_t chq_publish_run(struct chq_client *c);

/* own.c */
/* Ask what is published for the own account. */
void chq_own_refresh(struct chq_client *c);
/* Logged in. */
void chq_own_login(struct chq_client *c);
/* The answer: nothing; none came; or a list that @key has signed. Return: 0: good; why it is not. */
void chq_own_none(struct chq_client *c);
void chq_own_unknown(struct chq_client *c);
int chq_own_keys(struct chq_client *c, const uint8_t key[32], const struct chq_device_list *list);
/* A list to be published with the prekey. Return: its length, 0 if none is due; CHQ_ENOBUFS and the like. */
int chq_own_list_make(struct chq_client *c, uint8_t *out, size_t size);
void chq_own_list_published(struct chq_client *c);
/* Return: true if it is tried again by itself. */
bool chq_own_list_refused(struct chq_client *c);
/* Nobody can write to this device: tell why. */
void chq_own_refused(struct chq_client *c, int err);
/* Another device has sealed the account key for us. */
void chq_own_sealed(struct chq_client *c, const uint8_t *sealed, size_t len);
/* Another device asks us. */
void chq_own_offered(struct chq_client *c, uint32_t number, const char *name,
		     const ProtobufCBinaryData *sign, const ProtobufCBinaryData *ident);
uint64_t chq_own_run(struct chq_client *c);

/* apps.c */
int chq_apps_load(struct chq_client *c);
void chq_apps_free(struct chq_client *c);
/* A message for the application. Return: true if a handler has it; else @ev is what is given instead. */
bool chq_apps_dispatch(struct chq_client *c, struct chq_event *ev);

/* ask.c */
void chq_status_send(struct chq_client *c);
void chq_answers_free(struct chq_client *c);

/* contacts.c */
void chq_contact_of(struct chq_contact *k, const Chasqui__Contact *m);
void chq_contacts_refresh(struct chq_client *c, bool whole);
void chq_contacts_presence(struct chq_client *c, uint64_t account, int status);
void chq_contacts_free(struct chq_client *c);
uint64_t chq_contacts_run(struct chq_client *c);

/* group.c, group_receive.c, group_send.c */
void chq_groups_init(struct chq_client *c);
void chq_groups_free(struct chq_client *c);
/* Ask for the list anew. */
void chq_groups_refresh(struct chq_client *c);
/* A frame that a group has delivered. */
void chq_group_frame(struct chq_client *c, const struct chq_frame_hdr *h, const uint8_t *payload,
		     size_t len);
/* The application has handled a message of a group. */
void chq_group_handled(struct chq_client *c, const struct chq_queued *e);
void chq_group_notice(struct chq_client *c, uint32_t group, uint64_t message, uint16_t code);
/* What is to be acknowledged is so now. */
void chq_groups_flush(struct chq_client *c);
void chq_groups_fail_all(struct chq_client *c, int err);
uint64_t chq_groups_run(struct chq_client *c);

/* mail.c */
void chq_mail_init(struct chq_client *c);
void chq_mail_free(struct chq_client *c);
/* A frame has come; with a number in @h->grant it is out of the mailbox. */
void chq_mail_came(struct chq_client *c, const struct chq_frame_hdr *h);
/* It is safe here, or will never be opened: the mailbox need not keep it. */
void chq_mail_safe(struct chq_client *c, uint64_t party, uint64_t message);
/* Acknowledge what is safe. */
void chq_mail_flush(struct chq_client *c);
/* The server has told the number of the newest frame that waits; 0: none. */
void chq_mail_told(struct chq_client *c, uint64_t newest);
/* Ask it for that, unless asked lately. */
void chq_mail_ask(struct chq_client *c);
/* A message of the server itself. */
void chq_mail_text(struct chq_client *c, const Chasqui__ServerMessage *m);

/* peer.c */
struct chq_peer *chq_peer_find(const struct chq_client *c, uint64_t account);
struct chq_peer *chq_peer_get(struct chq_client *c, uint64_t account, bool stranger);
struct chq_dev *chq_peer_dev(const struct chq_peer *p, uint8_t device);
/* Ask for keys, unless asked within @min_age_ms. */
void chq_peer_refresh(struct chq_client *c, struct chq_peer *p, uint64_t min_age_ms);
void chq_peers_free(struct chq_client *c);

/* peer_keys.c: judge keys that the server has handed out. */
int chq_peer_keys(struct chq_client *c, struct chq_peer *p, const Chasqui__KeysReply *reply);
/* A page after the first, which was good: prekeys alone. */
int chq_peer_prekeys(struct chq_client *c, struct chq_peer *p, const Chasqui__KeysReply *reply);
/* Remember the login that the contact list gives to an account. Errors of chq_pins_name(). */
int chq_peer_name(struct chq_client *c, uint64_t account);
/* The contact list is new: judge the logins that it gives to those whose keys we have. */
void chq_peer_names(struct chq_client *c);

/* grants.c */
/* A grant to write to @p, 0 if none; it is asked for then. */
uint64_t chq_grant_for(struct chq_client *c, struct chq_peer *p);
/* Ask for a fresh one, unless asked within @min_age_ms. */
void chq_grant_refresh(struct chq_client *c, struct chq_peer *p, uint64_t min_age_ms);
/* What goes with a message, so that @d can answer; 0 once it has it, or if there is none. */
uint64_t chq_grant_handed(const struct chq_client *c, const struct chq_dev *d);

/* e2e.c */
/* K for sending is there, and @d's prekey is good? Makes it; CHQ_EAGAIN if newer keys are needed. */
int chq_e2e_ready(struct chq_client *c, struct chq_dev *d);
void chq_e2e_reset(struct chq_dev *d);
/* Erase the keys that no message may use any more. */
void chq_e2e_forget(struct chq_client *c);
/* Payload length or a negative error; chq_e2e_ready() was 0. */
int chq_e2e_seal_inner(struct chq_client *c, struct chq_dev *d, const struct chq_frame_hdr *h,
		       const struct chq_inner *in, uint8_t out[CHQ_E2E_PAYLOAD_MAX]);
/* @inner backs in->text. 0, CHQ_ENOENT (prekey), CHQ_ECRYPTO, CHQ_EMALFORMED. */
int chq_e2e_open_inner(struct chq_client *c, struct chq_dev *d, const struct chq_frame_hdr *h,
		       const uint8_t *payload, size_t len, uint8_t inner[CHQ_INNER_MAX],
		       struct chq_inner *in);

/* msgid.c */
/* @n consecutive ids; the first is returned, 0 if it could not be reserved on disk. */
uint64_t chq_msgid_take(struct chq_client *c, unsigned int n);
int chq_msgid_load(struct chq_client *c);
void chq_msgid_save(struct chq_client *c);

/* send.c */
void chq_send_keys(struct chq_client *c, struct chq_peer *p, int err);
void chq_send_rekeyed(struct chq_client *c, struct chq_dev *d, bool chain_anew);
void chq_send_blocked(struct chq_client *c, struct chq_peer *p, int err);
void chq_send_granted(struct chq_client *c, struct chq_peer *p, int err);
void chq_send_receipt(struct chq_client *c, struct chq_dev *d, const uint64_t *ids, int n);
void chq_send_notice(struct chq_client *c, uint64_t to, uint64_t message, uint16_t code);
void chq_late_free(struct chq_dev *d);
void chq_send_device_gone(struct chq_client *c, struct chq_dev *d);
void chq_send_fail_all(struct chq_client *c, int err);
uint64_t chq_send_run(struct chq_client *c);

/* receive.c */
void chq_receive_frame(struct chq_client *c, const struct chq_frame_hdr *h, const uint8_t *payload,
		       size_t len);
void chq_receive_unpark(struct chq_client *c, struct chq_peer *p);
void chq_receive_free(struct chq_peer *p);
uint64_t chq_receive_run(struct chq_client *c);

/* order.c */
struct chq_dev;
void chq_order_accept(struct chq_client *c, struct chq_dev *d, const struct chq_frame_hdr *h,
		      const uint8_t *payload, size_t len, const struct chq_inner *in,
		      bool replayed);
void chq_order_handled(struct chq_client *c, const struct chq_queued *e);
uint64_t chq_order_run(struct chq_client *c, struct chq_dev *d);
/* A device that is no more: what waits for others is shown as it is. */
void chq_order_end(struct chq_client *c, struct chq_dev *d);
/* Nothing more is shown; what is on disk stays there. */
void chq_order_free(struct chq_client *c, struct chq_dev *d);

/* receipt.c */
void chq_receipt_add(struct chq_client *c, struct chq_dev *d, uint64_t id);
uint64_t chq_receipt_flush(struct chq_client *c);
