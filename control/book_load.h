#pragma once

/*
 * The address book of a running control: made of the store at start, brought up to date after every
 * change that commits, made anew if it cannot follow one. Changes come in the order of their commits.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct book;
struct book_rule;
struct control;
struct store_member;
struct store_rule;
struct store_txn;

/**
 * book_load() - a book of what a snapshot holds: departments, rules, enabled accounts with their roles.
 * @out: to be ended by book_free().
 *
 * Takes time in proportion to the accounts; once a second it says in the log how far it is.
 * Return: 0; CHQ_ENOMEM; CHQ_ECORRUPT; codes of reading.
 */
int book_load(struct store_txn *t, struct book **out);

/**
 * book_rule_of() - a rule of the store as the book takes it.
 * @out: its sets are to be freed by book_set_free().
 *
 * Return: 0; CHQ_ENOMEM, with nothing to free.
 */
int book_rule_of(const struct store_rule *r, struct book_rule *out);

/* --- loop's thread --- */

/* At start: ctl->book. Return: 0; as book_load(); codes of store_read_begin(). */
int control_book_open(struct control *ctl);
void control_book_close(struct control *ctl);

/**
 * control_book_account() - an account is as a change has left it.
 * @roles: of the store; none of a disabled account counts.
 *
 * Return: 0; codes of book_account_set(): then the book is to be made anew.
 */
int control_book_account(struct control *ctl, uint64_t account, bool disabled,
			 const struct store_member *roles, size_t n);

/* @fresh is the book from now on; it was made in the last change that has committed. */
void control_book_take(struct control *ctl, struct book *fresh);

/* Make it anew of the store. While that fails, ctl->book_stale is set and it is tried again. */
void control_book_renew(struct control *ctl);
void control_book_tick(struct control *ctl, uint64_t now_ms);
