#pragma once

/* What is done to the database while nobody serves it: by `chasqui-control store-…`, for people. */

struct chq_site_conf;

/* `store-restore`: the backup of folder @dir takes the database's place. Return: what to exit with. */
int store_tool_restore(const struct chq_site_conf *conf, const char *dir);

/* `store-compact`: without free pages. Return: what to exit with. */
int store_tool_compact(const struct chq_site_conf *conf);
