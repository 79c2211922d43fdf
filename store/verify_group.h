#pragma once
#include "store/verify.h"

/**
 * store_verify_groups() - the part of store_verify_all() that is about groups.
 *
 * Checked: each record unpacks; groups made by hand are in the index of names, which leads to nothing else;
 * others are of departments; members stand in both tables and exist; logs have no hole, end at their
 * group's last order and are in the index of what was sent; cursors are not ahead of their group.
 * @out: faults and groups are counted there. Return: 0; codes of reading.
 */
int store_verify_groups(struct store_txn *t, struct store_verify *out, store_fault_fn *fault,
			void *arg);
