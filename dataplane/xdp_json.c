#include "dataplane/xdp_json.h"

#include <time.h>

json_t *
chq_xdp_prog_json(const struct chq_xdp_prog *p)
{
	time_t s = (time_t)(p->since_ms / 1000);
	char since[32] = "";
	struct tm tm;

	if (p->since_ms && gmtime_r(&s, &tm))
		strftime(since, sizeof(since), "%Y-%m-%dT%H:%M:%SZ", &tm);
	return json_pack("{s:I, s:s, s:s, s:s}", "id", (json_int_t)p->id, "name", p->name, "tag",
			 p->tag, "since", since);
}

json_t *
chq_xdp_counts_json(const struct chq_xdp_counts *counts, bool all)
{
	json_t *o = json_object();

	for (int c = 0; c < CHQ_C__COUNT; c++) {
		if (counts->n[c] || all)
			json_object_set_new(o, chq_counter_name[c],
					    json_integer((json_int_t)counts->n[c]));
	}
	return o;
}

static const char *
mode_text(const struct chq_xdp_status *s)
{
	if (!s->linked)
		return "not attached";
	if (s->ifindex == 0)
		return "interface is gone";
	if (!s->seen)
		return "unknown: another network namespace";
	return s->native ? "native" : "generic";
}

json_t *
chq_xdp_status_json(const struct chq_xdp_status *s)
{
	json_t *o = json_pack("{s:s, s:b, s:s, s:I, s:o}", "interface", s->ifname, "present",
			      (int)(s->ifindex != 0), "mode", mode_text(s), "link",
			      (json_int_t)s->link_id, "program", chq_xdp_prog_json(&s->prog));

	if (o && s->has_conf)
		json_object_set_new(o, "driver",
				    json_string(s->conf.mode == CHQ_XDP_STEER ? "af_xdp" : "xdp"));
	if (o && s->seen && !s->native && s->has_conf)
		json_object_set_new(o, "why_generic", json_string(s->conf.why_generic));
	if (o && s->has_counts)
		json_object_set_new(o, "counts", chq_xdp_counts_json(&s->counts, false));
	return o;
}
