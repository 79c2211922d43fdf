#pragma once

/*
 * libchasqui: a Chasqui client as a library. One struct chq_client is one device of one account at one
 * server: it logs in, keeps the session alive over changes of address and restarts of the server,
 * knows the contacts and their presence, and sends and receives messages that are sealed end to end.
 *
 * It has no threads and never blocks (but for name resolution, see chq_client_process()). The application
 * polls chq_client_fd() for reading, calls chq_client_process() when it is readable, and then takes
 * events with chq_client_next_event() until there are none:
 *
 *	struct chq_event ev;
 *
 *	while (poll(&pfd, 1, -1) >= 0) {
 *		chq_client_process(c);
 *		while (chq_client_next_event(c, &ev) == 1)
 *			handle(&ev);
 *	}
 *
 * Everything of one client is to be called from one thread at a time. Texts and names come from other
 * people: they may hold anything, and whoever shows them makes them harmless first.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "client/transport.h"
#include "proto/e2e_account.h"
#include "proto/e2e_fmt.h"
#include "proto/frame.h"
#include "proto/hello.h"

#define CHQ_MESSAGE_MAX	      65536 /* bytes of one message */
#define CHQ_SEND_QUEUE_MAX    1024  /* messages without a final answer */
#define CHQ_NAME_MAX	      256   /* bytes of a login or display name, with the NUL */
#define CHQ_CONTACTS_MAX      131072
#define CHQ_RECEIPT_WAIT_MS   110000 /* then a message has failed; a relay sees silence in 97 s */
#define CHQ_GAP_WAIT_MS	      60000  /* so long a message waits for the one before it */
#define CHQ_HANDSHAKE_GOOD_MS UINT64_C(86400000)
#define CHQ_OLD_SESSION_MS    30000

struct chq_client;

struct chq_client_opts {
	const char *home;			 /* folder of the device's keys; made if absent */
	const struct chq_invitation *invitation; /* NULL: the stored one */
	const char *login;			 /* NULL: the stored one */
	const char *software;	 /* "name version", told to the server; may be NULL */
	const char *device_name; /* shown in the account's list of devices; may be NULL */
	enum chq_client_kind kind;
	bool enroll; /* keep the device at the server: later logins need no password */
	const struct chq_transport_ops *ops; /* NULL: UDP and the system's clocks */
	void *ops_ctx;
	pid_t *holder; /* receives the process that uses the home already; may be NULL */
};

enum chq_connection {
	CHQ_CONN_NONE,	    /* no session, a handshake is under way */
	CHQ_CONN_CONNECTED, /* a session, not logged in */
	CHQ_CONN_LOGGED_IN,
	CHQ_CONN_STOPPED, /* no further attempt is made: see the event before */
};

enum chq_message_state {
	CHQ_MSG_QUEUED,
	CHQ_MSG_SENT,	   /* handed to the server */
	CHQ_MSG_STORED,	   /* waits in the receiver's mailbox */
	CHQ_MSG_DELIVERED, /* a device of the receiver has it */
	CHQ_MSG_FAILED,
};

enum chq_presence {
	CHQ_PRESENCE_UNKNOWN,
	CHQ_PRESENCE_OFFLINE,
	CHQ_PRESENCE_ONLINE,
	CHQ_PRESENCE_AWAY,
	CHQ_PRESENCE_BUSY,
	CHQ_PRESENCE_INVISIBLE, /* one's own only: others are told offline */
};

enum chq_relation {
	CHQ_REL_NONE,
	CHQ_REL_FRIEND,
	CHQ_REL_ASKED,
	CHQ_REL_ASKS_ME,
};

enum chq_event_type {
	CHQ_EV_CONNECTION,	/* connection, err: why a session ended, or 0 */
	CHQ_EV_PASSWORD_NEEDED, /* call chq_client_login() */
	CHQ_EV_LOGGED_IN,	/* account, device */
	CHQ_EV_LOGIN_REFUSED,	/* err, retry_after_s: CHQ_EAUTH, CHQ_ELIMIT, CHQ_EDISABLED, … */
	CHQ_EV_CONTACTS,	/* the contact list is there or has changed */
	CHQ_EV_PRESENCE,	/* account, presence */
	CHQ_EV_MESSAGE,		/* account, device, app, message, data, len, gap, own */
	CHQ_EV_MESSAGE_STATE,	/* account, message, state, err with CHQ_MSG_FAILED */
	CHQ_EV_KEY_CHANGED, /* account: it or its login is known with another key; chq_client_accept_key() */
	CHQ_EV_PEER_KEYS,	/* account, err: answer to chq_client_fetch_keys() */
	CHQ_EV_KEYS_REFUSED,	/* err: the server did not take our keys: nobody can write to us */
	CHQ_EV_REPLACED,	/* a copy of this device has logged in elsewhere: stopped */
	CHQ_EV_DEVICE_ENROLLED, /* device, data: name of a new device of the own account */
	CHQ_EV_DEVICES,		/* err: answer to chq_client_fetch_devices() */
	CHQ_EV_SERVER_MESSAGE, /* message, data, len: text of the server itself, which it could read */
	CHQ_EV_LOGGED_OUT,     /* answer to chq_client_logout() */
	CHQ_EV_GROUPS,	       /* the list of groups is there or has changed */
	CHQ_EV_APP_UNKNOWN, /* as CHQ_EV_MESSAGE, of an application without handler: needs a newer client; no data,
			     * len: its size; err: 0 if it is kept for one, else why it is not */
	CHQ_EV_SEARCH,	     /* err: answer to chq_client_search() */
	CHQ_EV_DEPARTMENTS,  /* err: answer to chq_client_fetch_departments() */
	CHQ_EV_PROFILE,	     /* account, err: answer to chq_client_fetch_profile() */
	CHQ_EV_PROFILE_SET,  /* err: answer to chq_client_set_profile() */
	CHQ_EV_STATUS_SET,   /* err: answer to chq_client_set_status() */
	CHQ_EV_FRIEND,	     /* account, err: answer to chq_client_friend() */
	CHQ_EV_APPS,	     /* err: answer to chq_client_fetch_apps() */
	CHQ_EV_APPS_CHANGED, /* the registry of applications is another one */
	CHQ_EV_APPROVAL_NEEDED, /* device: this one, to be approved on another; chq_client_device_code() */
	CHQ_EV_APPROVED,	/* device: this one has the account key now */
	CHQ_EV_DEVICE_OFFERED,	/* device, data: its name; it asks to be approved here */
	CHQ_EV_DEVICE_APPROVED, /* device, err: answer to chq_client_approve_device() */
	CHQ_EV_DEVICE_REVOKED,	/* device, err: answer to chq_client_revoke_device() */
	CHQ_EV_MEMBERS,		/* group, err: answer to chq_client_fetch_members() */
	CHQ_EV_GROUP_CHANGED,	/* group, err: answer to chq_client_change_group() */
};

/*
 * Reasons in err of a failed message: CHQ_EOFFLINE; CHQ_ENOUSER: unknown, or not a contact; CHQ_ETIMEDOUT:
 * no answer, it may still have arrived; CHQ_EKEYCHANGED; CHQ_EDENIED: this app must not be sealed;
 * CHQ_ECANCELED: the client was stopped.
 */
struct chq_event {
	enum chq_event_type type;
	int err;
	enum chq_connection connection;
	enum chq_message_state state;
	enum chq_presence presence;
	uint32_t retry_after_s;
	uint64_t account;
	uint8_t device;
	uint16_t app;
	bool gap; /* what this device sent before it has not come, or not whole */
	bool own; /* sent to @account by @device of our own account */
	uint64_t message;
	uint32_t group;	     /* of a message in one, and of its state; else 0 */
	uint32_t order;	     /* of a message in a group: rises by one, the same for all members */
	const uint8_t *data; /* valid until the next call of chq_client_next_event() */
	size_t len;	     /* a NUL follows data[len - 1] */
};

struct chq_contact {
	uint64_t account;
	char login[CHQ_NAME_MAX];
	char name[CHQ_NAME_MAX];
	enum chq_relation relation;
	enum chq_presence presence;
	uint64_t grant;	      /* for us to write to it */
	uint64_t reply_grant; /* for it to write to us */
	uint64_t devices_version;
	uint32_t rights; /* what we may do: see 1, presence 2, search 4, message 8, p2p 16 */
	char title[CHQ_NAME_MAX];
};

/* Whoever runs the server can read what is said in a group: that is to be shown. */
struct chq_group {
	uint32_t id;
	char name[1025];     /* of a department: its path */
	uint32_t department; /* 0: made by hand */
	uint32_t rights;     /* enum chq_group_right of proto/group_fmt.h, together */
	uint32_t epoch;	     /* of its key */
	uint32_t members, order;
	uint64_t grant;
};

struct chq_device_info {
	uint8_t number;
	uint8_t kind;
	char name[CHQ_NAME_MAX];
	uint64_t enrolled_ms, last_seen_ms; /* wall clock */
	bool online;
	bool waiting; /* to be approved */
};

/* This device among those of its account. */
enum chq_device_state {
	CHQ_DEVICE_UNKNOWN,  /* the server has not said yet */
	CHQ_DEVICE_APPROVED, /* it is in the account's signed list */
	CHQ_DEVICE_WAITING,  /* another device is to approve it; nothing can be sent before */
	CHQ_DEVICE_REFUSED,  /* see CHQ_EV_KEYS_REFUSED */
};

struct chq_self {
	uint64_t account;
	uint8_t device;
	const char *login;
	const char *name; /* display name, "" before login */
	const char *fingerprint;
	const char *host;
	uint16_t port;
	uint32_t server_id;
	const uint8_t *account_key; /* 32 bytes */
};

/* What a client counts. Everything that it refuses has a reason of its own here. */
/* clang-format off */
#define CHQ_STATS(X)                                                                              \
	X(CHQ_STAT_DATAGRAMS_IN,       "datagrams-in")                                            \
	X(CHQ_STAT_DATAGRAMS_OUT,      "datagrams-out")                                           \
	X(CHQ_STAT_HANDSHAKES,         "handshakes")                                              \
	X(CHQ_STAT_RESENT,             "frames-resent")                                           \
	X(CHQ_STAT_MESSAGES_SHOWN,     "messages-shown")                                          \
	X(CHQ_STAT_COPIES,             "copies-of-messages")                                      \
	X(CHQ_STAT_LEFT,               "messages-left-for-later")                                 \
	X(CHQ_STAT_RECEIPTS_IN,        "receipts-in")                                             \
	X(CHQ_STAT_DROP_TYPE,          "drop-type")                                               \
	X(CHQ_STAT_DROP_MALFORMED,     "drop-malformed")                                          \
	X(CHQ_STAT_DROP_NONCE,         "drop-other-handshake")                                    \
	X(CHQ_STAT_DROP_CERT,          "drop-certificate")                                        \
	X(CHQ_STAT_DROP_WELCOME,       "drop-welcome")                                            \
	X(CHQ_STAT_DROP_DOWNGRADE,     "drop-downgrade")                                          \
	X(CHQ_STAT_DROP_SLOT,          "drop-unknown-session")                                    \
	X(CHQ_STAT_DROP_TAG,           "drop-tag")                                                \
	X(CHQ_STAT_DROP_REPLAY,        "drop-replay")                                             \
	X(CHQ_STAT_DROP_HOP_SEAL,      "drop-hop-seal")                                           \
	X(CHQ_STAT_DROP_CONTROL,       "drop-control-message")                                    \
	X(CHQ_STAT_DROP_NOT_LOGGED_IN, "drop-before-login")                                       \
	X(CHQ_STAT_DROP_HOP_FROM_PEER, "drop-readable-by-server")                                 \
	X(CHQ_STAT_DROP_NO_KEYS,       "drop-sender-keys-unknown")                                \
	X(CHQ_STAT_DROP_KEY_CHANGED,   "drop-account-key-changed")                                \
	X(CHQ_STAT_DROP_PREKEY,        "drop-unknown-prekey")                                     \
	X(CHQ_STAT_DROP_E2E,           "drop-not-authentic")                                      \
	X(CHQ_STAT_DROP_INNER,         "drop-inner-malformed")                                    \
	X(CHQ_STAT_DROP_RECEIPT,       "drop-receipt")                                            \
	X(CHQ_STAT_DROP_HOLD_FULL,     "drop-too-many-held")                                      \
	X(CHQ_STAT_DROP_INCOMPLETE,    "drop-incomplete-message")                                 \
	X(CHQ_STAT_DROP_KEYS,          "drop-keys-not-signed")                                    \
	X(CHQ_STAT_DROP_OLD_LIST,      "drop-lower-list-version")                                 \
	X(CHQ_STAT_DROP_NOTICE,        "drop-notice")                                             \
	X(CHQ_STAT_GAPS,               "gaps-given-up")
/* clang-format on */

enum chq_stat {
#define X(name, text) name,
	CHQ_STATS(X)
#undef X
		CHQ_STAT__COUNT
};

/**
 * chq_client_open() - begin to be a device. Nothing is sent before chq_client_process().
 * @o: copied where needed; ops_ctx must live as long as the client.
 *
 * A home without a key file gets one if invitation and login are given. A stored invitation of the same
 * organisation may get another address.
 *
 * Return: 0; CHQ_ENOENT: no key file and nothing to make one from; CHQ_ELOCKED: another process uses the
 * home; CHQ_EACCES: others may read it; CHQ_EEXIST: it belongs to another login or organisation;
 * CHQ_ECORRUPT; CHQ_ENOMEM; errors of chq_home_open(), chq_identity_make().
 */
int chq_client_open(struct chq_client **out, const struct chq_client_opts *o);

/* End: what is receipted is told, keys are wiped, @c is freed. NULL is ignored. */
void chq_client_close(struct chq_client *c);

/* The descriptor to poll for reading, constant as long as @c. */
int chq_client_fd(const struct chq_client *c);

/* Milliseconds until chq_client_process() has something to do by itself; the descriptor tells it too. */
int chq_client_timeout_ms(const struct chq_client *c);

/**
 * chq_client_process() - take what has come and do what is due. Never waits, but that the name of the
 * server is looked up by the system's resolver when a connection is made; numeric addresses are not.
 *
 * Return: 0; CHQ_ENOMEM: something was left undone, and is tried again.
 */
int chq_client_process(struct chq_client *c);

/**
 * chq_client_next_event() - what has happened.
 *
 * Taking an event says that the one before was handled: only then a message counts as shown, is
 * remembered as such, and its receipt goes out. A crash while handling shows it again.
 * Return: 1; 0 if there is none (@ev untouched).
 */
int chq_client_next_event(struct chq_client *c, struct chq_event *ev);

/**
 * chq_client_login() - name the password; to be called when asked for, or before.
 * It is kept, locked in memory, as long as it may be needed: until login with enroll, else until close.
 *
 * Return: 0: the answer is an event; CHQ_ETOOBIG.
 */
int chq_client_login(struct chq_client *c, const char *password, size_t len);

/**
 * chq_client_take_messages() - are messages wanted? They are, until this says otherwise.
 *
 * While they are not, those that come are left as if they had not come: their senders try again or are told
 * that we have gone. Those that wait as events wait on; what is left at the end comes again later.
 * Without a contact list none is taken yet, since nobody could be told who has written.
 */
void chq_client_take_messages(struct chq_client *c, bool wanted);

/* Log out: others see us offline at once. CHQ_EV_LOGGED_OUT follows, or there is no answer. */
void chq_client_logout(struct chq_client *c);

/* The own address may have changed: go on from a new socket. */
void chq_client_rebind(struct chq_client *c);

enum chq_connection chq_client_connection(const struct chq_client *c);

/* Valid until @c changes. */
void chq_client_self(const struct chq_client *c, struct chq_self *out);

/**
 * chq_client_send() - queue a message; what becomes of it are events.
 * @data: @len bytes, copied; 1 to CHQ_MESSAGE_MAX.
 * @id:   receives its id.
 *
 * Return: 0; CHQ_EINVAL; CHQ_ETOOBIG; CHQ_EFULL: too many are under way; CHQ_EKEYCHANGED: see
 * chq_client_accept_key(); CHQ_EDENIED: this device is not approved yet; CHQ_ENOMEM; errors of the home's files.
 */
int chq_client_send(struct chq_client *c, uint64_t account, uint16_t app, const void *data,
		    size_t len, uint64_t *id);

/* A contact, or NULL; valid until the next chq_client_process(). */
const struct chq_contact *chq_client_contact(const struct chq_client *c, uint64_t account);
const struct chq_contact *chq_client_contact_by_login(const struct chq_client *c,
						      const char *login);

/**
 * chq_client_contacts() - all contacts, by login.
 * @out: receives an array that the caller frees; NULL if there are none.
 * Return: how many; CHQ_ENOMEM.
 */
ssize_t chq_client_contacts(const struct chq_client *c, struct chq_contact **out);

/* --- groups --- */

/* Has their list come? CHQ_EV_GROUPS tells. */
bool chq_client_groups_known(const struct chq_client *c);

/* All groups by name; as chq_client_contacts(). */
ssize_t chq_client_groups(const struct chq_client *c, struct chq_group **out);

/* A group, or NULL; valid until the next chq_client_process(). */
const struct chq_group *chq_client_group(const struct chq_client *c, uint32_t id);
const struct chq_group *chq_client_group_by_name(const struct chq_client *c, const char *name);

/* The login of a member who is no contact, if a message of his has come; else NULL. Valid as above. */
const char *chq_client_group_login(const struct chq_client *c, uint64_t account);

/**
 * chq_client_send_group() - queue a message to a group; CHQ_MSG_DELIVERED says that it has its order there, and
 * so reaches every member.
 * @app: CHQ_APP_ANNOUNCEMENT needs the right to announce, all others that to post.
 *
 * Return: as chq_client_send(); CHQ_EDENIED: the right is missing, or it is no group of ours.
 */
int chq_client_send_group(struct chq_client *c, uint32_t group, uint16_t app, const void *data,
			  size_t len, uint64_t *id);

struct chq_member {
	uint64_t account;
	char login[CHQ_NAME_MAX], name[CHQ_NAME_MAX];
	uint32_t rights; /* enum chq_group_right */
};

/* Ask for a page of a group's members; CHQ_EV_MEMBERS follows. Return: 0; CHQ_EFULL; CHQ_ENOMEM. */
int chq_client_fetch_members(struct chq_client *c, uint32_t group, uint64_t cursor);
/* As last fetched; @next: the cursor of the page behind it, 0 = none. Return: how many. */
size_t chq_client_members(const struct chq_client *c, const struct chq_member **out,
			  uint64_t *next);

enum chq_group_act {
	CHQ_GROUP_ACT_ADD,    /* @account, with @rights; 0: those of all members */
	CHQ_GROUP_ACT_REMOVE, /* @account; to leave needs no right */
	CHQ_GROUP_ACT_RIGHTS, /* of @account, or with account 0 of all who have none of their own */
	CHQ_GROUP_ACT_NAME,   /* @name; of a department's group "" is its path again */
};

/**
 * chq_client_change_group() - change a group that one manages; who is in a department's is not changed here.
 *
 * CHQ_EV_GROUP_CHANGED follows, with err 0; CHQ_EDENIED: the right to manage is missing, it is a department's,
 * or no group of ours; CHQ_ENOUSER: unknown or not visible, or no member; CHQ_EEXIST: a member already.
 * Return: 0; CHQ_EFULL; CHQ_ETOOBIG; CHQ_ENOMEM.
 */
int chq_client_change_group(struct chq_client *c, uint32_t group, enum chq_group_act act,
			    uint64_t account, uint32_t rights, const char *name);

/* Ask the server for somebody's keys; CHQ_EV_PEER_KEYS follows. Return: 0; CHQ_EFULL; CHQ_ENOMEM. */
int chq_client_fetch_keys(struct chq_client *c, uint64_t account);

/**
 * chq_client_safety_number() - the digits that two people compare by another way.
 * If the account's key has changed, they are those of the new one, which is not accepted yet.
 * Return: 0; CHQ_ENOENT if no key of the account is known: chq_client_fetch_keys() first.
 */
int chq_client_safety_number(const struct chq_client *c, uint64_t account,
			     char out[CHQ_SAFETY_LEN + 1]);

/*
 * Is the account's key changed and not accepted? So it is too if its login in the contact list is one by
 * which we know another account: who decides which account a name means decides who reads what is written.
 */
bool chq_client_key_changed(const struct chq_client *c, uint64_t account);

/**
 * chq_client_accept_key() - the user has accepted the account's new key.
 * @safety: the safety number that the user has seen, so that no other key is accepted than that.
 *
 * Return: 0; CHQ_ENOENT if nothing waits to be accepted; CHQ_ESTALE if the number is another one;
 * errors of chq_pins_set().
 */
int chq_client_accept_key(struct chq_client *c, uint64_t account, const char *safety);

/* Ask for the own account's devices; CHQ_EV_DEVICES follows. Return: 0; CHQ_EFULL; CHQ_ENOMEM. */
int chq_client_fetch_devices(struct chq_client *c);

/* The devices as last fetched; valid until chq_client_process(). Return: how many. */
size_t chq_client_devices(const struct chq_client *c, const struct chq_device_info **out);

enum chq_device_state chq_client_device_state(const struct chq_client *c);

/**
 * chq_client_device_code() - what the user compares before a device is approved.
 * @device: one that asks (CHQ_EV_DEVICE_OFFERED), or this one while it waits itself.
 *
 * Both devices show the same, or a server is between them. Takes some 20 ms.
 * Return: 0; CHQ_ENOENT if that device does not ask.
 */
int chq_client_device_code(struct chq_client *c, uint8_t device, char out[CHQ_DEVICE_CODE_LEN + 1]);

/**
 * chq_client_approve_device() - hand the account key to a device, and sign a list with it.
 * @code: as the user has seen it on that device.
 *
 * CHQ_EV_DEVICE_APPROVED follows; its err may be CHQ_ESTALE: another device has changed the list
 * meanwhile, try again.
 * Return: 0; CHQ_ENOENT (it does not ask, or this device is not approved itself); CHQ_EDENIED (another
 * code); CHQ_EINVAL (this device); CHQ_EBUSY (another change is under way); CHQ_EFULL; CHQ_ENOMEM.
 */
int chq_client_approve_device(struct chq_client *c, uint8_t device, const char *code);

/**
 * chq_client_revoke_device() - end a device's sessions for good, and sign a list without it.
 * CHQ_EV_DEVICE_REVOKED follows, unless it is this one. Return: 0; CHQ_EBUSY; CHQ_EFULL; CHQ_ENOMEM.
 */
int chq_client_revoke_device(struct chq_client *c, uint8_t device);

/* --- applications --- */

#define CHQ_APP_HANDLERS_MAX 64
#define CHQ_KEPT_MAX	     (1u << 20) /* bytes of messages that wait for a newer client */

/* A message of the application; @ev is valid during the call, after which it counts as handled. */
typedef void chq_app_fn(void *arg, const struct chq_event *ev);

/**
 * chq_client_on_app() - who handles the messages of an application.
 * @fn: called by chq_client_next_event() instead of giving the event, and at once for each message that was kept
 *      while there was no handler; NULL: they come as CHQ_EV_MESSAGE, as those of chat do by themselves.
 *
 * Without this, a message of any other application than chat is kept in the home, receipted, and told by
 * CHQ_EV_APP_UNKNOWN.
 * Return: 0; CHQ_EFULL; errors of the home's files: then what was kept may come once more.
 */
int chq_client_on_app(struct chq_client *c, uint16_t app, chq_app_fn *fn, void *arg);

/* How many messages are kept for applications without a handler. */
size_t chq_client_kept(const struct chq_client *c);

/* An application as the server registers it. */
struct chq_app {
	uint16_t id;
	char name[CHQ_NAME_MAX];
	bool store, p2p, inspected;
	bool may_post; /* this account */
};

/* Ask for the registry; CHQ_EV_APPS follows. Return: 0; CHQ_EFULL; CHQ_ENOMEM. */
int chq_client_fetch_apps(struct chq_client *c);
/* As last fetched, by number; valid until chq_client_process(). Return: how many. */
size_t chq_client_apps(const struct chq_client *c, const struct chq_app **out);

/* --- people --- */

/*
 * Questions to the server. Each returns 0, CHQ_EFULL (too many requests are under way), CHQ_ETOOBIG or
 * CHQ_ENOMEM; an event follows. What they have brought is valid until the next answer of its kind.
 */

/* @query: begins a login, a word of a name or a number; "" = everybody visible. @department: 0 = any. */
int chq_client_search(struct chq_client *c, const char *query, uint32_t department,
		      uint64_t cursor);
/* @next: the cursor of the page behind it, 0 = none. Return: how many. */
size_t chq_client_found(const struct chq_client *c, const struct chq_contact **out, uint64_t *next);

struct chq_department {
	uint32_t id, parent; /* parent 0: at the top */
	char name[CHQ_NAME_MAX];
};

int chq_client_fetch_departments(struct chq_client *c, uint64_t cursor);
size_t chq_client_departments(const struct chq_client *c, const struct chq_department **out,
			      uint64_t *next);

struct chq_profile {
	uint64_t account;
	char login[CHQ_NAME_MAX], name[CHQ_NAME_MAX], title[CHQ_NAME_MAX], phone[CHQ_NAME_MAX],
		mail[CHQ_NAME_MAX], avatar[1024], number[CHQ_NAME_MAX];
};

enum chq_profile_field {
	CHQ_PROFILE_NAME = 1,
	CHQ_PROFILE_TITLE = 2,
	CHQ_PROFILE_PHONE = 4,
	CHQ_PROFILE_MAIL = 8,
	CHQ_PROFILE_AVATAR = 16,
};

/* @account: 0 = one's own. */
int chq_client_fetch_profile(struct chq_client *c, uint64_t account);
const struct chq_profile *chq_client_profile(const struct chq_client *c);
/* Change one's own. @set: enum chq_profile_field, together. */
int chq_client_set_profile(struct chq_client *c, const struct chq_profile *p, unsigned set);

/* ONLINE, AWAY, BUSY or INVISIBLE, also after the connection was lost. Return: 0; CHQ_EINVAL. */
int chq_client_set_status(struct chq_client *c, enum chq_presence status);

enum chq_friend_act {
	CHQ_FRIEND_ASK,
	CHQ_FRIEND_CONFIRM,
	CHQ_FRIEND_REMOVE, /* also refuses a request, or takes it back */
};

/* @login: used if @account is 0. */
int chq_client_friend(struct chq_client *c, enum chq_friend_act act, uint64_t account,
		      const char *login);

/**
 * chq_client_register() - become an account by an invitation code, instead of logging in.
 * @name: display name. The password follows by chq_client_login(), which sends both.
 * Return: 0; CHQ_ETOOBIG.
 */
int chq_client_register(struct chq_client *c, const char *code, const char *name);

/* CHQ_STAT__COUNT numbers; names are constant. */
const uint64_t *chq_client_stats(const struct chq_client *c);
const char *chq_stat_name(enum chq_stat stat);
