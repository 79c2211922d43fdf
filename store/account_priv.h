#pragma once
#include "store/account.h"

/* Insides of accounts, shared by the files account….c alone. */

int store_account_write(struct store_txn *t, const struct store_account *a);

/* This normal form is the account's. Return: 0; CHQ_EEXIST; codes of the writer. */
int store_account_claim(struct store_txn *t, const char *login, uint64_t id);

/* A record of what is new, without its number. Return: 0; codes of store_account_add(). */
int store_account_make(const struct store_account_new *new, struct store_account *a);

/* Name, record and words of a new one. Return: 0; CHQ_EEXIST; codes of the writer. */
int store_account_insert(struct store_txn *t, const struct store_account *a);

/* Take over what is not NULL. Return: 0; a code of store_text_check(), then nothing has changed. */
int store_account_apply(struct store_account *a, const struct store_profile *p);

/* Return: 0; CHQ_EINVAL. */
int store_account_apply_pwhash(struct store_account *a, const char *pwhash);
