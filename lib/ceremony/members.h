#ifndef CEREMONY_MEMBERS_H
#define CEREMONY_MEMBERS_H

#include "lib/base/buf.h"

/*
 * Values of documents that people sign, each in its only form. `name` is the member's, for the
 * detail.
 */

/* Decimal digits without leading zeros, at most `max`. Errors: PS_E_INPUT. */
PS_MUST_USE enum ps_err member_read_decimal(struct ps_bytes text, const char *name, uint64_t max,
                                            uint64_t *ret_number);
PS_MUST_USE enum ps_err member_read_u32(struct ps_bytes text, const char *name, uint32_t max,
                                        uint32_t *ret_number);

/* RFC 3339 in UTC, whole seconds: "2026-01-02T03:04:05Z". Errors: PS_E_INPUT. */
PS_MUST_USE enum ps_err member_read_time(struct ps_bytes text, const char *name,
                                         uint64_t *ret_real_s);

/* As a JSON string. */
void member_put_decimal(struct ps_buf *out, uint64_t number);
void member_put_time(struct ps_buf *out, uint64_t real_s);

#endif
