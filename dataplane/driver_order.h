#pragma once
/* dataplane/driver_order: which drivers `dataplane.driver` stands for. */
#include "base/site_conf.h"

/**
 * chq_driver_order() - which drivers to try, in order.
 * @out:  room for CHQ_DRIVER__COUNT kinds.
 * @why:  static text, for the log.
 * Return: how many.
 */
int chq_driver_order(const struct chq_site_conf *conf, enum chq_conf_driver *out, const char **why);

/** chq_driver_word() - as in the configuration. Static text. */
const char *chq_driver_word(enum chq_conf_driver kind);

/** chq_driver_of_word() - Return: enum chq_conf_driver; CHQ_EUSAGE. */
int chq_driver_of_word(const char *word);
