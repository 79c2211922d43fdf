#pragma once

/* What the verbs about users share: ctl_user.c, ctl_user_end.c, ctl_user_set.c, ctl_user_show.c. */

struct ctl_change;

/* The account is in the book as the change has left it. */
int ctl_user_follow(struct ctl_change *c);

/* End the call with the account's number. */
void ctl_user_answer(struct ctl_change *c);
