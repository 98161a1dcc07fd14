#ifndef PS_BASE_CLOCK_H
#define PS_BASE_CLOCK_H

#include "lib/base/buf.h"

/* Nanoseconds since 1970-01-01T00:00:00Z. */
uint64_t ps_clock_real_ns(void);

/* Nanoseconds of CLOCK_MONOTONIC: for durations and deadlines. */
uint64_t ps_clock_mono_ns(void);

#define PS_NS_PER_S  UINT64_C(1000000000)
#define PS_NS_PER_MS UINT64_C(1000000)
#define PS_NS_PER_US UINT64_C(1000)

/*
 * RFC 3339 in UTC. `digits`: of the fraction, 0 to 9, cut and not rounded.
 * "2026-01-02T03:04:05.123456Z" is 27 octets.
 */
#define PS_TIME_MAX 31
size_t ps_time_format(uint64_t real_ns, unsigned digits, char out[PS_TIME_MAX]);
void ps_buf_put_time(struct ps_buf *buf, uint64_t real_ns, unsigned digits);

/*
 * Reads RFC 3339 as we write it: "Z" only, capital T, up to 9 digits of fraction, years 1970-2261.
 * Errors: PS_E_INPUT.
 */
PS_MUST_USE enum ps_err ps_time_parse(struct ps_bytes text, uint64_t *ret_real_ns);

#endif
