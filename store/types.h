#pragma once
#include <stdbool.h>
#include <stdint.h>

#include "store/login_name.h"

/* What the store keeps, as plain structs: copied out, so valid however long the caller wants. */

enum {
	STORE_NAME_MAX_BYTES = 128,	  /* display name, UTF-8 */
	STORE_DEVICE_NAME_MAX_BYTES = 64, /* UTF-8 */
	STORE_PWHASH_MAX_BYTES = 127,	  /* crypto_pwhash_STRBYTES without its NUL */
	STORE_TITLE_MAX_BYTES = 128,	  /* UTF-8, as the four that follow */
	STORE_PHONE_MAX_BYTES = 64,
	STORE_MAIL_MAX_BYTES = 254,
	STORE_AVATAR_MAX_BYTES = 255,
	STORE_NUMBER_MAX_BYTES = 64,	/* employee number */
	STORE_KEY_BYTES = 32,		/* Ed25519 and X25519 public keys */
	STORE_DEVLIST_MAX_BYTES = 2048, /* signed device list */
	STORE_PREKEY_MAX_BYTES = 512,	/* published prekey of a device */
	STORE_ANSWER_MAX_BYTES = 1200,	/* an answer fits a datagram */
	STORE_ANSWERS_KEPT = 32,	/* per device */
	STORE_DEVICES_MAX = 255,	/* per account, tombstones included */
	STORE_DEPT_MAX_BYTES = 64,	/* name of a department, UTF-8 */
	STORE_PATH_MAX_BYTES = 1024,	/* path of a department */
	STORE_DEPTH_MAX = 64,		/* departments above each other */
	STORE_ROLES_MAX = 64,		/* departments of one account */
	STORE_RULES_MAX = 4096,
	STORE_ATOMS_MAX = 256, /* of a rule's subjects, and of its objects */
	STORE_ATOM_KINDS = 6,
	STORE_APP_NAME_MAX_BYTES = 32, /* UTF-8 */
	STORE_APPS_MAX = 1024,
	STORE_SEALED_MAX_BYTES = 256, /* what one device seals for another */
};

#define STORE_ACCOUNT_ID_MAX ((UINT64_C(1) << 48) - 1)

/* A person. */
struct store_account {
	uint64_t id;				 /* 1..STORE_ACCOUNT_ID_MAX, never reused */
	char login[STORE_LOGIN_MAX_BYTES + 1];	 /* normal form */
	char name[STORE_NAME_MAX_BYTES + 1];	 /* display name, may be empty */
	char pwhash[STORE_PWHASH_MAX_BYTES + 1]; /* crypto_pwhash_str(); empty: no password login */
	bool disabled;		   /* by an operator; only another operator's word ends that */
	uint32_t grant_epoch;	   /* rises when all grants towards this account are revoked */
	uint32_t sender_epoch;	   /* rises when all grants that it holds are revoked; account.h */
	uint64_t contacts_version; /* rises with every change of the contact list */
	uint64_t created_ms;	   /* wall clock, ms since 1970 */
	uint64_t changed_ms;	   /* the same, of the last change by a setter of account.h */
	uint64_t removed_ms;	   /* the same; 0: it is there. Else a tombstone, disabled too */
	char title[STORE_TITLE_MAX_BYTES + 1]; /* this and what follows may be empty */
	char phone[STORE_PHONE_MAX_BYTES + 1];
	char mail[STORE_MAIL_MAX_BYTES + 1];
	char avatar[STORE_AVATAR_MAX_BYTES + 1]; /* a reference, not the picture */
	char number[STORE_NUMBER_MAX_BYTES + 1]; /* of the employee; not unique */
};

/* End-to-end identity of an account: opaque to the store, which verifies no signature. */
struct store_e2e {
	uint8_t account_key[STORE_KEY_BYTES]; /* Ed25519 public key */
	uint64_t list_version;
	uint16_t list_len;
	uint8_t list[STORE_DEVLIST_MAX_BYTES]; /* signed device list */
};

enum store_device_kind {
	STORE_DEVICE_OTHER,
	STORE_DEVICE_ANDROID,
	STORE_DEVICE_IOS,
	STORE_DEVICE_PC,
	STORE_DEVICE__COUNT,
};

/* An enrolled device of an account, or the tombstone of one. */
struct store_device {
	uint64_t account;
	uint8_t number; /* 1..255 */
	bool revoked;	/* tombstone: keeps its number and its key from being used again */
	enum store_device_kind kind;
	uint8_t noise_key[STORE_KEY_BYTES]; /* X25519 static key of the handshake */
	char name[STORE_DEVICE_NAME_MAX_BYTES + 1];
	uint64_t enrolled_ms;  /* wall clock, ms since 1970 */
	uint64_t last_seen_ms; /* the same; 0: not yet */
	uint16_t prekey_len;   /* 0: none published */
	uint8_t prekey[STORE_PREKEY_MAX_BYTES];
};

/* Seen from the owner of the list. The other side's record says the counterpart. */
enum store_friend_state {
	STORE_FRIEND_NONE,    /* never stored */
	STORE_FRIEND_ASKED,   /* the owner has asked, the peer has not answered */
	STORE_FRIEND_WAITING, /* the peer has asked, the owner has not answered */
	STORE_FRIEND_MUTUAL,
	STORE_FRIEND__COUNT,
};

struct store_friend {
	uint64_t peer;
	enum store_friend_state state;
	uint64_t since_ms; /* wall clock, ms since 1970, when the state was reached */
};

/* A department. Their tree gives it its path, "Company/Sales". */
struct store_dept {
	uint32_t id;			     /* 1.., never reused */
	uint32_t parent;		     /* 0: at the top */
	char name[STORE_DEPT_MAX_BYTES + 1]; /* unique among those of one parent */
	uint64_t created_ms;		     /* wall clock, ms since 1970 */
	uint64_t changed_ms;
};

/* An account in a department. */
struct store_member {
	uint32_t dept;
	uint64_t account;
	bool manager;
	uint64_t since_ms; /* wall clock, ms since 1970; in this department, whatever his role */
};

/* A part of a set of people in a rule; what the kinds mean is control's matter. */
struct store_atom {
	uint8_t kind; /* below STORE_ATOM_KINDS */
	bool except;
	uint64_t id; /* department or account, or 0: by its kind */
};

/* Who may, or may not, do what towards whom. */
struct store_rule {
	uint32_t id; /* 1.., never reused */
	bool deny;
	uint8_t rights; /* bits, not 0 */
	char note[STORE_NAME_MAX_BYTES + 1];
	uint64_t changed_ms; /* wall clock, ms since 1970 */
	uint16_t n_subjects, n_objects;
	struct store_atom subjects[STORE_ATOMS_MAX], objects[STORE_ATOMS_MAX];
};

/* Who may send frames of an application. Values are in the database: they never change. */
enum store_app_post {
	STORE_APP_POST_ALL,
	STORE_APP_POST_MANAGERS, /* of any department */
	STORE_APP_POST_SET,	 /* those of store_app.poster */
	STORE_APP_POST__COUNT,
};

/* An application: what a number in frames means. */
struct store_app {
	uint16_t id;
	char name[STORE_APP_NAME_MAX_BYTES + 1]; /* unique */
	bool store;				 /* its messages may wait for who is absent */
	bool p2p;				 /* they may go without the relay */
	bool inspected;				 /* the relay may read them */
	uint8_t post;				 /* enum store_app_post */
	uint64_t changed_ms;			 /* wall clock, ms since 1970 */
	uint16_t n_posters;			 /* of STORE_APP_POST_SET, else 0 */
	struct store_atom poster[STORE_ATOMS_MAX];
};

/* A device that asks the others of its account for the account key, and what they answered. */
struct store_offer {
	uint8_t signing_key[STORE_KEY_BYTES], identity_key[STORE_KEY_BYTES];
	uint64_t offered_ms; /* wall clock, ms since 1970 */
	uint16_t sealed_len; /* 0: not approved yet */
	uint8_t sealed[STORE_SEALED_MAX_BYTES];
};
