#pragma once
#include "store/mail_priv.h"

/*
 * The bytes of records of mailboxes; as store/record.h says. Unpacking a frame gives a view into @p.
 * _mail: without account, device and number.
 */

size_t store_record_pack_mail(const struct store_mail *m, uint8_t *buf);
int store_record_unpack_mail(struct store_mail *out, const uint8_t *p, size_t len);

size_t store_record_pack_mail_head(const struct mail_head *h, uint8_t *buf);
int store_record_unpack_mail_head(struct mail_head *out, const uint8_t *p, size_t len);

size_t store_record_pack_mail_sum(const struct store_mail_sum *s, uint8_t *buf);
int store_record_unpack_mail_sum(struct store_mail_sum *out, const uint8_t *p, size_t len);
