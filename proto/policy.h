/*
 * The organisation's signed list of inspected apps (PROTOCOL.md, section 5). No list means that none is.
 *
 * Thread: any. chq_crypto_init() (proto/aead.h) comes first.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "proto/keys.h"

#define CHQ_POLICY_APPS_MAX   64
#define CHQ_POLICY_LEN(count) (26 + 2 * (size_t)(count) + 64)
#define CHQ_POLICY_MAX	      CHQ_POLICY_LEN(CHQ_POLICY_APPS_MAX)

struct chq_policy {
	uint64_t version;
	uint16_t count;			   /* 0..CHQ_POLICY_APPS_MAX */
	uint16_t app[CHQ_POLICY_APPS_MAX]; /* in rising order */
};

/**
 * chq_policy_build() - pack and sign.
 * @out: room for @size bytes; CHQ_POLICY_LEN(policy->count) are needed.
 *
 * Return: its length; CHQ_EINVAL if count or order is wrong; CHQ_ENOBUFS.
 */
int chq_policy_build(const struct chq_policy *policy, const struct chq_signkey *org_key,
		     uint8_t *out, size_t size);

/**
 * chq_policy_parse() - read and verify the signature by @org_key, the organisation's public key.
 * The caller refuses a version below one that it has seen.
 *
 * Return: 0; CHQ_EMALFORMED; CHQ_ECRYPTO. @policy is valid on 0 only.
 */
int chq_policy_parse(const uint8_t *buf, size_t len, const uint8_t org_key[32],
		     struct chq_policy *policy);

/**
 * chq_policy_inspects() - is this app inspected? Return: 1 or 0.
 */
int chq_policy_inspects(const struct chq_policy *policy, uint16_t app);
