#pragma once

/* What control counts, shown by `status show`. Written and read on the loop's thread. */

/* clang-format off */
#define CONTROL_COUNTERS(X)                                                                \
	X(HELLO,            "hello",            "handshakes begun")                        \
	X(HELLO_REPEATED,   "hello_repeated",   "HELLOs answered from memory")             \
	X(HELLO_PENDING,    "hello_pending",    "HELLOs whose handshake was under way")    \
	X(HELLO_BAD,        "hello_bad",        "HELLOs that no client of ours has made")  \
	X(HELLO_BUSY,       "hello_busy",       "HELLOs dropped, too many at once")        \
	X(HELLO_REFUSED,    "hello_refused",    "WELCOMEs without a session")              \
	X(SESSION_OPENED,   "session_opened",   "sessions that a handshake made")          \
	X(SESSION_ADOPTED,  "session_adopted",  "sessions found at the dataplane")         \
	X(SESSION_REPLACED, "session_replaced", "sessions replaced by the same device")    \
	X(SESSION_CLOSED,   "session_closed",   "sessions closed by control")              \
	X(LOGIN_KEY,        "login_key",        "logins by an enrolled device's key")      \
	X(LOGIN_PASSWORD,   "login_password",   "logins by password")                      \
	X(LOGIN_WRONG,      "login_wrong",      "name or password wrong")                  \
	X(LOGIN_DISABLED,   "login_disabled",   "right, but the account is disabled")      \
	X(LOGIN_LIMITED,    "login_limited",    "refused, too many failures")              \
	X(LOGIN_BUSY,       "login_busy",       "refused, too many at once")               \
	X(HASHED,           "hashed",           "password hashes computed")                \
	X(REHASHED,         "rehashed",         "hashes brought to the configured cost")   \
	X(REQUEST,          "request",          "requests of clients")                     \
	X(REQUEST_AGAIN,    "request_again",    "mutations answered from the store")       \
	X(REQUEST_BAD,      "request_bad",      "frames to the server that are no message")\
	X(REQUEST_REFUSED,  "request_refused",  "requests answered by a code")             \
	X(PUSH,             "push",             "pushes sent")                             \
	X(PUSH_AGAIN,       "push_again",       "pushes sent again")                       \
	X(PUSH_OVERFLOW,    "push_overflow",    "sessions told to ask anew instead")       \
	X(PRESENCE_ONLINE,  "presence_online",  "accounts that came")                      \
	X(PRESENCE_OFFLINE, "presence_offline", "accounts that went")                      \
	X(PRESENCE_SENT,    "presence_sent",    "news of presence pushed to one session")  \
	X(PRESENCE_COALESCED, "presence_coalesced", "news that a list asked anew has told")    \
	X(PUNT_OFFLINE,     "punt_offline",     "frames answered by NOTICE offline")       \
	X(PUNT_UNKNOWN,     "punt_unknown",     "frames answered by NOTICE unknown")       \
	X(PUNT_KEY,         "punt_key",         "good grants refused: key given again")    \
	X(MAIL_STORED,      "mail_stored",      "frames stored in mailboxes")              \
	X(MAIL_AGAIN,       "mail_again",       "frames that waited there already")        \
	X(MAIL_HANDED,      "mail_handed",      "frames handed on by control at once")     \
	X(MAIL_SENT,        "mail_sent",        "frames sent out of mailboxes")            \
	X(MAIL_SENT_AGAIN,  "mail_sent_again",  "the same, sent again")                    \
	X(MAIL_DELIVERED,   "mail_delivered",   "acknowledged by their device")            \
	X(MAIL_EXPIRED,     "mail_expired",     "deleted by age")                          \
	X(MAIL_DROPPED,     "mail_dropped",     "deleted with their device or by operators") \
	X(MAIL_BOX_FULL,    "mail_box_full",    "refused, mailbox full")                   \
	X(MAIL_SENDER_FULL, "mail_sender_full", "refused, sender has too many waiting")    \
	X(MAIL_ALL_FULL,    "mail_all_full",    "refused, mailbox.total reached")          \
	X(MAIL_DISK_FULL,   "mail_disk_full",   "refused, too little room on the disk")    \
	X(MAIL_NO_DEVICE,   "mail_no_device",   "refused, device not enrolled")            \
	X(MAIL_FAILED,      "mail_failed",      "not written, by a failure of the store")  \
	X(MAIL_BUSY,        "mail_busy",        "dropped, too many to be written at once") \
	X(GROUP_SAID,       "group_said",       "frames to groups that got their order")    \
	X(GROUP_SAID_AGAIN, "group_said_again", "copies of these, told their order again")  \
	X(GROUP_DENIED,     "group_denied",     "frames to groups answered by unknown")     \
	X(GROUP_BUSY,       "group_busy",       "frames to groups answered by too fast")    \
	X(GROUP_COPY,       "group_copy",       "copies sent to members")                   \
	X(GROUP_AGAIN,      "group_again",      "times nothing was acknowledged in time")   \
	X(GROUP_SKIPPED,    "group_skipped",    "times a member has missed what is not kept")\
	X(DP_CONNECTED,     "dp_connected",     "connections to the dataplane")            \
	X(DP_REFUSED,       "dp_refused",       "commands that could not be sent")         \
	X(STORE_FAILED,     "store_failed",     "reads or writes that failed")             \
	X(CTL_REQUEST,      "ctl_request",      "operators' requests")                     \
	X(CTL_REFUSED,      "ctl_refused",      "operators' requests refused")             \
	X(CTL_DROPPED,      "ctl_dropped",      "operators' connections cut off")
/* clang-format on */

enum control_counter {
#define X(id, name, text) COUNT_##id,
	CONTROL_COUNTERS(X)
#undef X
		COUNT__COUNT
};
