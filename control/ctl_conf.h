#pragma once

#include <jansson.h>

#include "base/site_conf.h"

struct control;
struct ctl_call;

/**
 * ctl_conf_reload() - read the configuration's file again and take over what needs no restart; on SIGHUP.
 * Thread: the loop's. Return: 0; codes of chq_site_conf_load_over(); CHQ_EUNAVAIL: started without a file.
 */
int ctl_conf_reload(struct control *ctl);

/**
 * ctl_conf_log_reopen() - open log.file anew, as after it was renamed; on SIGUSR1.
 * Return: 0; CHQ_EUNAVAIL: there is none; codes of chq_log_file(), logged.
 */
int ctl_conf_log_reopen(const struct control *ctl);

/* --- of ctl_conf.c, for ctl_conf_stage.c --- */

/* Does a reload take it over? */
bool ctl_conf_is_live(const char *key);

/* The configuration with @overrides behind it, NULL: with the file that operators have set. Return: 0; codes of loading, with @why. */
int ctl_conf_load(struct control *ctl, const char *overrides, struct chq_site_conf *conf,
		  struct chq_conf_error *why);

/* Take over what can be. Return: whether a limit of the dataplane is among it. */
bool ctl_conf_take_over(struct control *ctl, const struct chq_site_conf *conf);

/* End the call by @data, whose reference is taken, when the dataplane has the limits, if @limits. */
void ctl_conf_end(struct ctl_call *call, bool limits, json_t *data);

/* The same where nobody waits. */
void ctl_conf_tell(struct control *ctl, bool limits);

/* --- of ctl_conf_stage.c --- */

/* What runs on trial instead of the operators' file, as its text; NULL: nothing. */
const char *ctl_conf_trial(const struct control *ctl);

/* Note in a row of `conf diff` what is staged for a key. Return: whether something is. */
bool ctl_conf_staged(const struct control *ctl, size_t key, json_t *row);

/* Let what was not confirmed go back. */
void ctl_conf_tick(struct control *ctl, uint64_t now_ms);

/* Forget what is staged, at the end. */
void ctl_conf_forget(struct control *ctl);
