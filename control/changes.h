#pragma once

/* What a change of the address book means to those online: their lists, their grants, what they are told. */

#include <stdint.h>

struct control;

/* The book of ctl is watched from now on. After it was made anew, too. */
void changes_watch(struct control *ctl);

/* An account has another login, name or title: whoever has it in his list is told to read that again. */
void changes_renamed(struct control *ctl, uint64_t account);

/* The book was made anew: nobody knows what has changed. */
void changes_unknown(struct control *ctl);
