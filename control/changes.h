#pragma once

/* What a change of the address book means to those online: their lists, their grants, what they are told. */

struct control;

/* The book of ctl is watched from now on. After it was made anew, too. */
void changes_watch(struct control *ctl);

/* The book was made anew: nobody knows what has changed. */
void changes_unknown(struct control *ctl);
