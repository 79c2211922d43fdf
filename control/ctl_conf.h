#pragma once

struct control;

/**
 * ctl_conf_reload() - read the configuration's file again and take over what needs no restart; on SIGHUP.
 * Thread: the loop's. Return: 0; codes of chq_site_conf_load(); CHQ_EUNAVAIL: started without a file.
 */
int ctl_conf_reload(struct control *ctl);
