#include "proto/ctl_verbs.h"

#include <string.h>

#include "base/array.h"
#include "base/err.h"

#define WORD_MAX 32 /* longer words are like nothing */

#define VALUE	CHQ_CTL_OPT_VALUE
#define SECRET	(CHQ_CTL_OPT_VALUE | CHQ_CTL_OPT_SECRET | CHQ_CTL_OPT_NEEDED)
#define NEEDED	(CHQ_CTL_OPT_VALUE | CHQ_CTL_OPT_NEEDED)
#define INSTEAD (CHQ_CTL_OPT_VALUE | CHQ_CTL_OPT_INSTEAD)

/* clang-format off */
static const struct chq_ctl_opt opts_none[] = { { NULL, NULL, NULL, 0 } };

static const struct chq_ctl_opt opts_list[] = {
	{ "limit",    "N",      "at most N entries, 1 to 1000 (default 100)", VALUE },
	{ "cursor",   "CURSOR", "go on behind the last page's cursor", VALUE },
	{ NULL, NULL, NULL, 0 },
};

static const struct chq_ctl_opt opts_user_add[] = {
	{ "name",     "TEXT",   "name shown to others (default: the login name)", VALUE },
	{ "password", NULL,     "read from standard input", SECRET },
	{ "device-key", "HEX",  "enrol this X25519 public key; no password is asked for then", INSTEAD },
	{ NULL, NULL, NULL, 0 },
};

static const struct chq_ctl_opt opts_passwd[] = {
	{ "password", NULL,     "read from standard input", SECRET },
	{ NULL, NULL, NULL, 0 },
};

static const struct chq_ctl_opt opts_join[] = {
	{ "manager",  NULL,     "as one who manages it", 0 },
	{ NULL, NULL, NULL, 0 },
};

static const struct chq_ctl_opt opts_policy_add[] = {
	{ "subjects", "SET",    "who: members(D), tree(D), managers(D), account(A), joined by + and -", NEEDED },
	{ "objects",  "SET",    "towards whom; managers(*) are all who manage anything", NEEDED },
	{ "rights",   "LIST",   "see,presence,search,message,p2p, some of them, or all", NEEDED },
	{ "deny",     NULL,     "they may not, whatever other rules allow", 0 },
	{ "note",     "TEXT",   "what the rule is for", VALUE },
	{ NULL, NULL, NULL, 0 },
};

static const struct chq_ctl_opt opts_policy_set[] = {
	{ "subjects", "SET",    "who, instead of those before", VALUE },
	{ "objects",  "SET",    "towards whom, instead of those before", VALUE },
	{ "rights",   "LIST",   "rights, instead of those before", VALUE },
	{ "allow",    NULL,     "they may, unless another rule denies it", 0 },
	{ "deny",     NULL,     "they may not, whatever other rules allow", 0 },
	{ "note",     "TEXT",   "what the rule is for", VALUE },
	{ NULL, NULL, NULL, 0 },
};

static const struct chq_ctl_opt opts_session_list[] = {
	{ "user",     "LOGIN",  "only this user's", VALUE },
	{ "limit",    "N",      "at most N entries, 1 to 1000 (default 100)", VALUE },
	{ "cursor",   "CURSOR", "go on behind the last page's cursor", VALUE },
	{ NULL, NULL, NULL, 0 },
};

static const struct chq_ctl_opt opts_stats[] = {
	{ "all",      NULL,     "counters that are 0 too", 0 },
	{ NULL, NULL, NULL, 0 },
};

static const struct chq_ctl_opt opts_init[] = {
	{ "config",   "FILE",   "configuration to write (default /etc/chasqui/chasqui.yaml)", VALUE },
	{ "state",    "DIR",    "where keys and database will lie (default /var/lib/chasqui)", VALUE },
	{ "run",      "DIR",    "where sockets will lie (default /run/chasqui)", VALUE },
	{ "port",     "PORT",   "UDP port that clients talk to (default 4700)", VALUE },
	{ "server-id", "N",     "number of this server in the organisation (default 1)", VALUE },
	{ NULL, NULL, NULL, 0 },
};

const struct chq_ctl_verb chq_ctl_verbs[] = {
	{ "status", "show", 0, 0, CHQ_CTL_READ, CHQ_CTL_CONTROL, "",
	  "whether the server is well, and what it does", opts_none },

	{ "user", "add", 1, 1, CHQ_CTL_WRITE, CHQ_CTL_CONTROL, "<login>",
	  "make an account; its password comes from standard input", opts_user_add },
	{ "user", "list", 0, 0, CHQ_CTL_READ, CHQ_CTL_CONTROL, "",
	  "list accounts", opts_list },
	{ "user", "show", 1, 1, CHQ_CTL_READ, CHQ_CTL_CONTROL, "<login>",
	  "show an account", opts_none },
	{ "user", "disable", 1, 1, CHQ_CTL_WRITE, CHQ_CTL_CONTROL, "<login>",
	  "end an account's sessions and refuse its logins", opts_none },
	{ "user", "enable", 1, 1, CHQ_CTL_WRITE, CHQ_CTL_CONTROL, "<login>",
	  "let a disabled account log in again", opts_none },
	{ "user", "passwd", 1, 1, CHQ_CTL_WRITE, CHQ_CTL_CONTROL, "<login>",
	  "set a password, read from standard input", opts_passwd },
	{ "user", "friends", 1, 1, CHQ_CTL_READ, CHQ_CTL_CONTROL, "<login>",
	  "list an account's friendships and requests", opts_list },
	{ "user", "sessions", 1, 1, CHQ_CTL_READ, CHQ_CTL_CONTROL, "<login>",
	  "list an account's sessions", opts_list },

	{ "dept", "add", 1, 1, CHQ_CTL_WRITE, CHQ_CTL_CONTROL, "<path>",
	  "make a department, such as Company/Sales; the one above it is there", opts_none },
	{ "dept", "list", 0, 0, CHQ_CTL_READ, CHQ_CTL_CONTROL, "",
	  "list departments by number", opts_list },
	{ "dept", "tree", 0, 1, CHQ_CTL_READ, CHQ_CTL_CONTROL, "[path]",
	  "show departments as they lie below each other", opts_list },
	{ "dept", "show", 1, 1, CHQ_CTL_READ, CHQ_CTL_CONTROL, "<path>",
	  "show a department", opts_none },
	{ "dept", "rename", 2, 2, CHQ_CTL_WRITE, CHQ_CTL_CONTROL, "<path> <name>",
	  "give a department another name; members and rules stay", opts_none },
	{ "dept", "move", 2, 2, CHQ_CTL_WRITE, CHQ_CTL_CONTROL, "<path> <new parent or />",
	  "hang a department, with all below it, under another one or at the top", opts_none },
	{ "dept", "remove", 1, 1, CHQ_CTL_WRITE, CHQ_CTL_CONTROL, "<path>",
	  "remove a department that is empty and that no rule names", opts_none },
	{ "dept", "members", 1, 1, CHQ_CTL_READ, CHQ_CTL_CONTROL, "<path>",
	  "list a department's members, without those of departments below it", opts_list },
	{ "dept", "join", 2, 2, CHQ_CTL_WRITE, CHQ_CTL_CONTROL, "<path> <login>",
	  "make an account a member of a department; it may be in several", opts_join },
	{ "dept", "leave", 2, 2, CHQ_CTL_WRITE, CHQ_CTL_CONTROL, "<path> <login>",
	  "take an account out of a department", opts_none },
	{ "dept", "manager", 3, 3, CHQ_CTL_WRITE, CHQ_CTL_CONTROL, "<set|unset> <path> <login>",
	  "let a member manage a department, or no more", opts_none },

	{ "friend", "request", 2, 2, CHQ_CTL_WRITE, CHQ_CTL_CONTROL, "<from> <to>",
	  "ask for a friendship in somebody's name", opts_none },
	{ "friend", "confirm", 2, 2, CHQ_CTL_WRITE, CHQ_CTL_CONTROL, "<who> <asker>",
	  "confirm a request in the name of who was asked", opts_none },
	{ "friend", "list", 1, 1, CHQ_CTL_READ, CHQ_CTL_CONTROL, "<login>",
	  "list an account's friendships and requests", opts_list },
	{ "friend", "remove", 2, 2, CHQ_CTL_WRITE, CHQ_CTL_CONTROL, "<login> <login>",
	  "end a friendship, or take back a request", opts_none },

	{ "policy", "list", 0, 0, CHQ_CTL_READ, CHQ_CTL_CONTROL, "",
	  "list rules", opts_list },
	{ "policy", "add", 0, 0, CHQ_CTL_WRITE, CHQ_CTL_CONTROL, "",
	  "make a rule: what its subjects may do towards its objects", opts_policy_add },
	{ "policy", "set", 1, 1, CHQ_CTL_WRITE, CHQ_CTL_CONTROL, "<rule>",
	  "change what is given of a rule", opts_policy_set },
	{ "policy", "remove", 1, 1, CHQ_CTL_WRITE, CHQ_CTL_CONTROL, "<rule>",
	  "remove a rule", opts_none },
	{ "policy", "check", 0, 0, CHQ_CTL_READ, CHQ_CTL_CONTROL, "",
	  "list what is odd about rules: nobody is meant, a manager is missing", opts_none },
	{ "policy", "explain", 2, 2, CHQ_CTL_READ, CHQ_CTL_CONTROL, "<subject> <object>",
	  "what one user may do towards another, and which rule decides", opts_none },
	{ "policy", "test", 1, 1, CHQ_CTL_READ, CHQ_CTL_LOCAL, "<file>",
	  "check lines such as: alice bob message deny", opts_none },

	{ "session", "list", 0, 0, CHQ_CTL_READ, CHQ_CTL_CONTROL, "",
	  "list sessions", opts_session_list },
	{ "session", "show", 1, 1, CHQ_CTL_READ, CHQ_CTL_CONTROL, "<slot or slot:generation>",
	  "show a session", opts_none },
	{ "session", "kick", 1, 1, CHQ_CTL_WRITE, CHQ_CTL_CONTROL, "<slot or slot:generation>",
	  "close a session; its client may log in again", opts_none },

	{ "limit", "show", 0, 0, CHQ_CTL_READ, CHQ_CTL_CONTROL, "",
	  "show what sessions, accounts and networks may do in a second", opts_none },
	{ "limit", "set", 2, 2, CHQ_CTL_WRITE, CHQ_CTL_CONTROL, "<limit> <value>",
	  "set a limit at once, until chasqui-control starts anew", opts_none },

	{ "dp", "status", 0, 0, CHQ_CTL_READ, CHQ_CTL_DATAPLANE, "",
	  "the dataplane's driver, workers, tables, or what stands while none runs", opts_none },
	{ "dp", "stats", 0, 0, CHQ_CTL_READ, CHQ_CTL_DATAPLANE, "",
	  "every verdict, reason for a drop and path of frames, counted", opts_stats },
	{ "dp", "ports", 0, 0, CHQ_CTL_READ, CHQ_CTL_DATAPLANE, "",
	  "ports with mode, link, addresses and counters", opts_none },
	{ "dp", "detach", 0, 0, CHQ_CTL_WRITE, CHQ_CTL_LOCAL, "",
	  "take the program off the interfaces and forget the tables", opts_none },

	{ "conf", "check", 0, 1, CHQ_CTL_READ, CHQ_CTL_LOCAL, "[file]",
	  "check a configuration and print what is in effect", opts_none },
	{ "conf", "show", 0, 0, CHQ_CTL_READ, CHQ_CTL_CONTROL, "",
	  "print the configuration that the server runs with", opts_none },

	{ "init", "", 1, 1, CHQ_CTL_WRITE, CHQ_CTL_LOCAL, "<host>",
	  "make keys and configuration, and print the invitation for clients", opts_init },
	{ "completion", "", 1, 1, CHQ_CTL_READ, CHQ_CTL_LOCAL, "<bash|zsh|fish>",
	  "print a completion script", opts_none },
	{ "version", "", 0, 0, CHQ_CTL_READ, CHQ_CTL_LOCAL, "",
	  "print the version", opts_none },
};
/* clang-format on */

const size_t chq_ctl_verb_count = ARRAY_LEN(chq_ctl_verbs);

int
chq_ctl_verb_find(const char *noun, const char *verb)
{
	if (!verb)
		verb = "";
	for (size_t i = 0; i < ARRAY_LEN(chq_ctl_verbs); i++) {
		if (!strcmp(chq_ctl_verbs[i].noun, noun) && !strcmp(chq_ctl_verbs[i].verb, verb))
			return (int)i;
	}
	return CHQ_ENOCMD;
}

static unsigned
min3(unsigned a, unsigned b, unsigned c)
{
	unsigned m = a < b ? a : b;

	return m < c ? m : c;
}

/* Optimal string alignment distance, for words of at most WORD_MAX characters. */
static unsigned
distance(const char *a, size_t a_len, const char *b, size_t b_len)
{
	unsigned row[3][WORD_MAX + 1];

	for (unsigned j = 0; j <= b_len; j++)
		row[0][j] = j;
	for (unsigned i = 1; i <= a_len; i++) {
		unsigned *now = row[i % 3], *last = row[(i + 2) % 3], *before = row[(i + 1) % 3];

		now[0] = i;
		for (unsigned j = 1; j <= b_len; j++) {
			unsigned differ = a[i - 1] != b[j - 1];

			now[j] = min3(last[j] + 1, now[j - 1] + 1, last[j - 1] + differ);
			if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] &&
			    before[j - 2] + 1 < now[j])
				now[j] = before[j - 2] + 1;
		}
	}
	return row[a_len % 3][b_len];
}

struct best {
	const char *word;
	unsigned distance;
};

static void
consider(struct best *best, const char *wrong, const char *word)
{
	size_t wrong_len = strlen(wrong), word_len = strlen(word);
	unsigned bound, d;

	if (wrong_len == 0 || wrong_len > WORD_MAX || word_len == 0 || word_len > WORD_MAX)
		return;
	bound = (unsigned)(word_len < 6 ? (word_len < 3 ? 1 : word_len / 3 + 1) : word_len / 3);
	d = distance(wrong, wrong_len, word, word_len);
	if (d <= bound && d < word_len && d < best->distance) {
		best->word = word;
		best->distance = d;
	}
}

static int
noun_known(const char *noun)
{
	for (size_t i = 0; i < ARRAY_LEN(chq_ctl_verbs); i++) {
		if (!strcmp(chq_ctl_verbs[i].noun, noun))
			return 1;
	}
	return 0;
}

const char *
chq_ctl_verb_suggest(const char *noun, const char *verb)
{
	struct best best = { NULL, WORD_MAX + 1 };
	int known = noun_known(noun);

	for (size_t i = 0; i < ARRAY_LEN(chq_ctl_verbs); i++) {
		const struct chq_ctl_verb *v = &chq_ctl_verbs[i];

		if (!known)
			consider(&best, noun, v->noun);
		else if (verb && !strcmp(v->noun, noun))
			consider(&best, verb, v->verb);
	}
	return best.word;
}

const struct chq_ctl_opt *
chq_ctl_opt_find(const struct chq_ctl_verb *v, const char *name)
{
	for (const struct chq_ctl_opt *o = v->opts; o->name; o++) {
		if (!strcmp(o->name, name))
			return o;
	}
	return NULL;
}
