#pragma once

/*
 * By what failures to log in are counted: the name that was given, whether it is anybody's or not, and
 * the address it came from (of IPv6 its first 64 bits). Enrolled devices are not held up by either.
 */

#include <stdint.h>

#include "proto/dpcmd.h"
#include "store/login_name.h"

struct control;

struct login_keys {
	uint8_t name[1 + STORE_LOGIN_RAW_BYTES];
	uint16_t name_len;
	uint8_t address[16];
	uint8_t address_len;
};

void login_keys_make(struct login_keys *k, const char *login, const struct chq_dp_path *path);

/**
 * login_keys_charge() - count one failure in advance.
 * @wait_ms: receives how long to wait, when it is refused.
 * Return: 0; CHQ_ELIMIT, CHQ_ENOMEM: nothing is charged then.
 */
int login_keys_charge(struct control *ctl, const struct login_keys *k, uint64_t *wait_ms);

/* It was no failure. */
void login_keys_refund(struct control *ctl, const struct login_keys *k);
