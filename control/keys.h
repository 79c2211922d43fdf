#pragma once

/*
 * The keys of a server, each in a file of its own: server.key (X25519, 0600), server.cert (signed by
 * the organisation), grants.key (0600), and org.key (Ed25519, 0600), which only signing needs: the
 * daemon neither reads it nor cares where it is kept.
 */

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "proto/hello.h"
#include "proto/keys.h"

#define KEYS_GRANTS_BYTES 32

struct control_keys {
	struct chq_keypair server;
	uint8_t cert_bytes[CHQ_SERVERCERT_LEN];
	struct chq_server_cert cert;
	uint8_t grants[KEYS_GRANTS_BYTES]; /* master key of all grants */
};

/* Why a key was refused, for people; names the file. */
struct keys_error {
	char text[512];
};

/**
 * control_keys_load() - read and check the keys that the daemon needs.
 * @dir:       folder of the files.
 * @server_id: that the certificate is to name.
 *
 * A secret that group or others may read is refused; so are links, files of a wrong length, a
 * certificate for another key or server, or one that its organisation has not signed. Its time is the
 * caller's to judge.
 *
 * Return: 0; CHQ_ENOENT; CHQ_EACCES; CHQ_EMALFORMED; CHQ_EUNTRUSTED; another negated errno. @keys
 * holds nothing then, and @err says why.
 */
int control_keys_load(struct control_keys *keys, const char *dir, uint32_t server_id,
		      struct keys_error *err);

void control_keys_wipe(struct control_keys *keys);

/**
 * control_keys_make() - a new organisation and a server of it.
 * @org_public:    receives the organisation's key.
 * @not_before_ms, @not_after_ms: of the certificate, wall clock.
 *
 * No file is overwritten: if one is there, nothing is made.
 * Return: 0; CHQ_EEXIST; a negated errno. On failure none of the files is left.
 */
int control_keys_make(const char *dir, uint32_t server_id, uint64_t not_before_ms,
		      uint64_t not_after_ms, uint8_t org_public[32], struct keys_error *err);

/**
 * control_keys_give() - let the daemon's user have what the daemon reads, and the folder.
 * org.key stays whose it is: who breaks into the daemon is not to sign servers of his own.
 * Return: 0; a negated errno.
 */
int control_keys_give(const char *dir, uid_t uid, gid_t gid);

/**
 * control_keys_sign_policy() - sign the list of inspected applications with org.key, as the file "policy".
 * @apps: their numbers, in any order; at most CHQ_POLICY_APPS_MAX.
 *
 * Its version is the wall clock's, but above that of the file which is there.
 * Return: 0; CHQ_EINVAL (too many, or one twice); codes of reading org.key as control_keys_load()
 * reads others; another negated errno. On failure the file before stays.
 */
int control_keys_sign_policy(const char *dir, const uint16_t *apps, unsigned n, uint64_t wall_ms,
			     struct keys_error *err);

/* Take back control_keys_make(): no server has begun to use them. */
void control_keys_remove(const char *dir);
