#include "tools/chasquictl/watch_view.h"

#include <stdarg.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "tools/chasquictl/text.h"

enum { DROPS_MAX = 64, LINE_MAX = 512 };

/* Lines, cut to the screen. */
struct screen {
	FILE *f;
	unsigned rows, cols, used;
};

static void __attribute__((format(printf, 2, 3))) line(struct screen *s, const char *fmt, ...)
{
	char text[LINE_MAX];
	va_list args;
	char *safe;

	if (s->rows && s->used == s->rows)
		return;
	va_start(args, fmt);
	vsnprintf(text, sizeof(text), fmt, args);
	va_end(args);
	if (s->cols && strlen(text) > s->cols)
		text[s->cols] = '\0';
	safe = tool_text_safe(text, strlen(text), TOOL_TEXT_CELL, NULL);
	fprintf(s->f, "%s%s", s->used ? "\n" : "", safe);
	free(safe);
	s->used++;
}

static double
elapsed_s(const struct tool_snapshot *was, const struct tool_snapshot *now)
{
	return was->at_ns ? (double)(now->at_ns - was->at_ns) / 1e9 : 0;
}

/* How fast a counter rises; negative: not known. One that fell began anew with its process. */
static double
rate(const json_t *was, const json_t *now, const char *path, double s)
{
	double a = tool_number_at(was, path), b = tool_number_at(now, path);

	return was && now && s > 0 && b >= a ? (b - a) / s : -1;
}

static const char *
rate_text(double r, char out[24])
{
	if (r < 0)
		snprintf(out, 24, "-");
	else
		snprintf(out, 24, r < 10 ? "%.1f" : "%.0f", r);
	return out;
}

static const char *
text_at(const json_t *o, const char *path)
{
	const char *text = json_string_value(tool_json_at(o, path));

	return text ? text : "-";
}

static void
show_control(struct screen *o, const struct tool_snapshot *was, const struct tool_snapshot *now,
	     double s)
{
	const json_t *c = now->control, *b = was->control;
	char r[4][24];

	if (!c) {
		line(o, "control: no answer (%s)", now->why.message);
		return;
	}
	line(o, "%s, server %.0f: %s; started %s", text_at(c, "name"), tool_number_at(c, "server"),
	     json_is_true(json_object_get(c, "well")) ? "well" : "NOT WELL", text_at(c, "started"));
	line(o, "sessions  %.0f open, %.0f new, %.0f before login, %.0f replaced; %.0f accounts",
	     tool_number_at(c, "sessions.open"), tool_number_at(c, "sessions.new"),
	     tool_number_at(c, "sessions.prelogin"), tool_number_at(c, "sessions.replaced"),
	     tool_number_at(c, "sessions.accounts"));
	line(o, "logins/s  %s by device, %s by password, %s wrong, %s refused for their number",
	     rate_text(rate(b, c, "counters.login_key", s), r[0]),
	     rate_text(rate(b, c, "counters.login_password", s), r[1]),
	     rate_text(rate(b, c, "counters.login_wrong", s), r[2]),
	     rate_text(rate(b, c, "counters.login_limited", s), r[3]));
	line(o, "store     %s commits/s, %s changes/s, %.0f MiB",
	     rate_text(rate(b, c, "store.commits", s), r[0]),
	     rate_text(rate(b, c, "store.jobs", s), r[1]),
	     tool_number_at(c, "store.used_bytes") / 1048576);
	line(o, "mailboxes %.0f waiting, %s stored/s, %s delivered/s, %.0f refused as full",
	     tool_number_at(c, "mailboxes.messages"),
	     rate_text(rate(b, c, "counters.mail_stored", s), r[0]),
	     rate_text(rate(b, c, "counters.mail_delivered", s), r[1]),
	     tool_number_at(c, "counters.mail_box_full"));
}

static void
show_workers(struct screen *o, const struct tool_snapshot *was, const struct tool_snapshot *now,
	     double s)
{
	const json_t *list = tool_json_at(now->stats, "workers");
	size_t n = json_array_size(list);
	char r[2][24];

	line(o, "%-10s%12s%12s%8s  %s", "worker", "received/s", "forwarded/s", "busy", "sheds");
	for (size_t i = 0; i < n; i++) {
		const json_t *a = json_array_get(tool_json_at(was->stats, "workers"), i);
		const json_t *b = json_array_get(list, i);
		const json_t *w = json_array_get(tool_json_at(now->dp, "workers"), i);

		line(o, "%-10zu%12s%12s%7.0f%%  %s", i, rate_text(rate(a, b, "rx", s), r[0]),
		     rate_text(rate(a, b, "forward", s), r[1]),
		     tool_number_at(w, "busy_share") * 100, text_at(w, "sheds"));
	}
	if (tool_json_at(now->stats, "program"))
		line(o, "%-10s%12s%12s%8s", "program",
		     rate_text(rate(tool_json_at(was->stats, "program"),
				    tool_json_at(now->stats, "program"), "rx", s),
			       r[0]),
		     rate_text(rate(tool_json_at(was->stats, "program"),
				    tool_json_at(now->stats, "program"), "forward", s),
			       r[1]),
		     "");
}

struct drop {
	const char *reason;
	double total, per_s;
};

static int
by_rate(const void *x, const void *y)
{
	const struct drop *a = x, *b = y;

	if (a->per_s != b->per_s)
		return a->per_s < b->per_s ? 1 : -1;
	return a->total < b->total ? 1 : a->total > b->total ? -1 : strcmp(a->reason, b->reason);
}

/* Reasons that have ever counted, the fastest first. Return: how many. */
static size_t
drops_of(const struct tool_snapshot *was, const struct tool_snapshot *now, double s,
	 struct drop drops[DROPS_MAX])
{
	const json_t *total = tool_json_at(now->stats, "total");
	const char *name;
	size_t n = 0;
	json_t *v;

	json_object_foreach((json_t *)(uintptr_t)total, name, v)
	{
		if (strncmp(name, "drop-", 5) != 0 || json_number_value(v) == 0 || n == DROPS_MAX)
			continue;
		drops[n++] =
			(struct drop){ name + 5, json_number_value(v),
				       rate(tool_json_at(was->stats, "total"), total, name, s) };
	}
	qsort(drops, n, sizeof(*drops), by_rate);
	return n;
}

static void
show_drops(struct screen *o, const struct tool_snapshot *was, const struct tool_snapshot *now,
	   double s)
{
	struct drop drops[DROPS_MAX];
	size_t n = drops_of(was, now, s, drops);
	char r[24];

	line(o, "%-22s%12s%14s", n ? "dropped" : "dropped: nothing", n ? "/s" : "",
	     n ? "in all" : "");
	for (size_t i = 0; i < n; i++)
		line(o, "%-22s%12s%14.0f", drops[i].reason, rate_text(drops[i].per_s, r),
		     drops[i].total);
}

void
tool_watch_text(FILE *f, const struct tool_snapshot *was, const struct tool_snapshot *now,
		unsigned rows, unsigned cols)
{
	struct screen o = { f, rows, cols < LINE_MAX ? cols : 0, 0 };
	double s = elapsed_s(was, now);

	show_control(&o, was, now, s);
	line(&o, "%s", "");
	if (now->stats) {
		show_workers(&o, was, now, s);
		line(&o, "%s", "");
		show_drops(&o, was, now, s);
	} else {
		line(&o, "dataplane: no answer");
	}
	fputc('\n', f);
}

static void
set_rate(json_t *o, const char *name, double r)
{
	json_object_set_new(o, name, r < 0 ? json_null() : json_real(r));
}

json_t *
tool_watch_json(const struct tool_snapshot *was, const struct tool_snapshot *now)
{
	const json_t *c = now->control, *b = was->control;
	json_t *out = json_object(), *reasons = json_object();
	double s = elapsed_s(was, now);
	struct drop drops[DROPS_MAX];
	size_t n = drops_of(was, now, s, drops);

	json_object_set_new(out, "control", json_boolean(c != NULL));
	json_object_set_new(out, "dataplane", json_boolean(now->stats != NULL));
	json_object_set_new(out, "sessions",
			    c ? json_deep_copy(tool_json_at(c, "sessions")) : json_null());
	set_rate(out, "logins_by_device_per_second", rate(b, c, "counters.login_key", s));
	set_rate(out, "logins_by_password_per_second", rate(b, c, "counters.login_password", s));
	set_rate(out, "received_per_second", rate(was->stats, now->stats, "total.rx", s));
	set_rate(out, "forwarded_per_second", rate(was->stats, now->stats, "total.forward", s));
	for (size_t i = 0; i < n; i++)
		set_rate(reasons, drops[i].reason, drops[i].per_s);
	json_object_set_new(out, "dropped_per_second", reasons);
	return out;
}
