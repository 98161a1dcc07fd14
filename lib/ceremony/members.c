#include "lib/ceremony/members.h"

#include "lib/base/clock.h"

#define TIME_LEN 20u /* YYYY-MM-DDThh:mm:ssZ */

enum ps_err member_read_decimal(struct ps_bytes text, const char *name, uint64_t max,
                                uint64_t *ret_number)
{
    uint64_t number = 0;

    if (text.len == 0 || (text.len > 1 && text.data[0] == '0')) {
        return ps_fail(PS_E_INPUT, 0, "member \"%s\": not a number in decimal digits", name);
    }
    for (size_t i = 0; i < text.len; i++) {
        const uint64_t digit = (uint64_t)text.data[i] - '0';

        if (text.data[i] < '0' || text.data[i] > '9') {
            return ps_fail(PS_E_INPUT, 0, "member \"%s\": not a number in decimal digits", name);
        }
        if (number > max / 10 || digit > max - number * 10) {
            return ps_fail(PS_E_INPUT, 0, "member \"%s\": more than %llu", name,
                           (unsigned long long)max);
        }
        number = number * 10 + digit;
    }
    *ret_number = number;
    return PS_OK;
}

enum ps_err member_read_u32(struct ps_bytes text, const char *name, uint32_t max,
                            uint32_t *ret_number)
{
    uint64_t number;

    PS_TRY(member_read_decimal(text, name, max, &number));
    *ret_number = (uint32_t)number;
    return PS_OK;
}

enum ps_err member_read_time(struct ps_bytes text, const char *name, uint64_t *ret_real_s)
{
    uint64_t real_ns;

    if (text.len != TIME_LEN || ps_time_parse(text, &real_ns) != PS_OK) {
        return ps_fail(PS_E_INPUT, 0, "member \"%s\": not a time such as 2026-01-02T03:04:05Z",
                       name);
    }
    *ret_real_s = real_ns / PS_NS_PER_S;
    return PS_OK;
}

void member_put_decimal(struct ps_buf *out, uint64_t number)
{
    ps_buf_put_u8(out, '"');
    ps_buf_put_decimal(out, number);
    ps_buf_put_u8(out, '"');
}

void member_put_time(struct ps_buf *out, uint64_t real_s)
{
    ps_buf_put_u8(out, '"');
    ps_buf_put_time(out, real_s * PS_NS_PER_S, 0);
    ps_buf_put_u8(out, '"');
}
