#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/clock.h"
#include "base/err.h"
#include "tools/chasquictl/snapshot.h"
#include "tools/chasquictl/watch.h"

enum level { WELL, WARNING, CRITICAL, UNKNOWN };
enum { CERT_WARN_DAYS = 30, CERT_CRITICAL_DAYS = 7, MAP_WARN = 80, MAP_CRITICAL = 95 };

static const char *const level_names[] = { "OK", "WARNING", "CRITICAL", "UNKNOWN" };

/* What was looked at. */
struct finding {
	const char *name;
	enum level level;
	double value;
	char text[160];
};

enum { FINDINGS = 5 };

static double
days_left(const json_t *control)
{
	const char *text = json_string_value(json_object_get(control, "certificate_until"));
	struct tm tm = { 0 };

	if (!text || !strptime(text, "%Y-%m-%dT%H:%M:%S", &tm))
		return 0;
	return ((double)timegm(&tm) - (double)(chq_wall_ms() / 1000)) / 86400;
}

static void
find(struct finding *f, const char *name, enum level level, double value, const char *text)
{
	*f = (struct finding){ .name = name, .level = level, .value = value };
	snprintf(f->text, sizeof(f->text), "%s", text);
}

static enum level
over(double value, double warn, double critical)
{
	return value > critical ? CRITICAL : value > warn ? WARNING : WELL;
}

/* Return: how many findings. */
static unsigned
look(const struct tool_snapshot *s, struct finding f[FINDINGS])
{
	const json_t *c = s->control, *w;
	bool ready = json_is_true(tool_json_at(c, "dataplane.ready"));
	double used, busy = 0, days;
	char text[160];
	size_t i;

	if (!c) {
		find(&f[0], "control", UNKNOWN, 0, s->why.message);
		return 1;
	}
	find(&f[0], "dataplane", ready ? WELL : CRITICAL, ready,
	     ready ? "dataplane connected" : "the dataplane is away");
	days = days_left(c);
	snprintf(text, sizeof(text), "certificate good for %.0f days", days);
	find(&f[1], "certificate_days", over(-days, -CERT_WARN_DAYS, -CERT_CRITICAL_DAYS), days,
	     text);
	used = tool_number_at(c, "store.map_max_bytes");
	used = used > 0 ? 100 * tool_number_at(c, "store.used_bytes") / used : 0;
	snprintf(text, sizeof(text), "database %.1f %% of its maximum", used);
	find(&f[2], "store_percent", over(used, MAP_WARN, MAP_CRITICAL), used, text);
	json_array_foreach((json_t *)(uintptr_t)tool_json_at(c, "dataplane.workers"), i, w)
	{
		if (tool_number_at(w, "busy_share") > busy)
			busy = tool_number_at(w, "busy_share");
	}
	snprintf(text, sizeof(text), "busiest worker %.0f %%", busy * 100);
	find(&f[3], "worker_percent", over(busy * 100, 90, 99), busy * 100, text);
	snprintf(text, sizeof(text), "%.0f sessions", tool_number_at(c, "sessions.open"));
	find(&f[4], "sessions", WELL, tool_number_at(c, "sessions.open"), text);
	return FINDINGS;
}

static void
print_nagios(FILE *out, const struct finding *f, unsigned n, enum level worst)
{
	fprintf(out, "CHASQUI %s - ", level_names[worst]);
	for (unsigned i = 0; i < n; i++)
		fprintf(out, "%s%s", i ? ", " : "", f[i].text);
	fputs(" |", out);
	for (unsigned i = 0; i < n; i++)
		fprintf(out, " %s=%.1f", f[i].name, f[i].value);
	fputc('\n', out);
}

static void
print_prometheus(FILE *out, const struct finding *f, unsigned n, enum level worst)
{
	fprintf(out,
		"# HELP chasqui_check_status 0 well, 1 warning, 2 critical, 3 no answer.\n"
		"# TYPE chasqui_check_status gauge\n"
		"chasqui_check_status %d\n"
		"# HELP chasqui_check The same of each thing that was looked at.\n"
		"# TYPE chasqui_check gauge\n",
		(int)worst);
	for (unsigned i = 0; i < n; i++)
		fprintf(out, "chasqui_check{check=\"%s\"} %d\n", f[i].name, (int)f[i].level);
}

static void
print_data(const struct tool_out *o, const struct finding *f, unsigned n, enum level worst)
{
	json_t *checks = json_array(), *data;

	for (unsigned i = 0; i < n; i++)
		json_array_append_new(checks, json_pack("{s:s, s:s, s:f, s:s}", "check", f[i].name,
							"status", level_names[f[i].level], "value",
							f[i].value, "text", f[i].text));
	data = json_pack("{s:s, s:o}", "status", level_names[worst], "checks", checks);
	tool_print_data(o, data, NULL);
	json_decref(data);
}

int
tool_status_check(const struct tool_args *a, const struct tool_out *o, struct chq_ctl_error *e)
{
	const char *format = json_string_value(json_object_get(a->opts, "format"));
	struct tool_out as_json = { .f = o->f, .format = TOOL_JSON };
	struct finding f[FINDINGS];
	enum level worst = WELL;
	struct tool_snapshot s;
	struct tool_site site;
	unsigned n;
	int err;

	if (format && strcmp(format, "nagios") != 0 && strcmp(format, "prometheus") != 0 &&
	    strcmp(format, "json") != 0)
		return chq_ctl_error_set(e, CHQ_EUSAGE, "format",
					 "--format takes nagios, prometheus or json");
	err = tool_snapshot_site(a, &site, e);
	if (err)
		return err;
	tool_snapshot_take(&s, &site, a->timeout_s);
	n = look(&s, f);
	tool_snapshot_free(&s);
	for (unsigned i = 0; i < n; i++)
		worst = f[i].level > worst ? f[i].level : worst;
	if (format && format[0] == 'n') {
		print_nagios(o->f, f, n, worst);
		fflush(o->f);
		exit((int)worst);
	}
	if (format && format[0] == 'p')
		print_prometheus(o->f, f, n, worst);
	else
		print_data(format ? &as_json : o, f, n, worst);
	if (worst == WELL)
		return CHQ_OK;
	return worst == WARNING
		       ? chq_ctl_error_set(e, CHQ_EPARTIAL, NULL, "there are warnings")
		       : chq_ctl_error_set(e, worst == UNKNOWN ? CHQ_EUNAVAIL : CHQ_ECANCELED, NULL,
					   "it is not well");
}
