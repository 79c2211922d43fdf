#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "store/types.h"

/*
 * Answers to devices' mutations, kept with the mutation's effect in one job, so that a request
 * asked twice is done once. A device numbers its requests upwards; its 32 answers of the highest
 * numbers are kept.
 */

struct store_txn;

/**
 * store_answer_get() - was this request done, and what was the answer?
 * @buf: receives the answer; room for STORE_ANSWER_MAX_BYTES.
 *
 * Thread: job or snapshot. To be sure that a request is not being done at the same time, the job
 * that does it asks again. Return: 0 with *@len; CHQ_ENOENT: not done, may be done now;
 * CHQ_EEXPIRED: older than all that are kept, and some are not kept any more, so nobody can tell;
 * CHQ_ECORRUPT.
 */
int store_answer_get(struct store_txn *t, uint64_t account, uint8_t device, uint64_t request_id,
		     uint8_t *buf, size_t *len);

/**
 * store_answer_put() - keep the answer of a request that the same job does; the oldest may go.
 *
 * Thread: write job.
 * Return: 0; CHQ_EEXIST (done already); CHQ_EEXPIRED as above; CHQ_EINVAL (longer than
 * STORE_ANSWER_MAX_BYTES); codes of the writer.
 */
int store_answer_put(struct store_txn *t, uint64_t account, uint8_t device, uint64_t request_id,
		     const uint8_t *answer, size_t len);

/* All answers of a device. Thread: write job. Return: 0; codes of the writer. */
int store_answer_forget(struct store_txn *t, uint64_t account, uint8_t device);
