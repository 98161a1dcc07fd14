#include "lib/base/clock.h"

#include <assert.h>
#include <time.h>

static uint64_t now_ns(clockid_t clock)
{
    struct timespec now;
    const int failed = clock_gettime(clock, &now);

    assert(failed == 0);
    return (uint64_t)now.tv_sec * PS_NS_PER_S + (uint64_t)now.tv_nsec;
}

uint64_t ps_clock_real_ns(void)
{
    return now_ns(CLOCK_REALTIME);
}

uint64_t ps_clock_mono_ns(void)
{
    return now_ns(CLOCK_MONOTONIC);
}

static void put_digits(char *out, uint64_t value, unsigned width)
{
    for (unsigned i = width; i > 0; i--) {
        out[i - 1] = (char)('0' + value % 10);
        value /= 10;
    }
}

/* gmtime is slow for one call per signature; most calls are within the second of the last. */
static void put_seconds(uint64_t seconds, char out[20])
{
    static _Thread_local uint64_t last_seconds;
    static _Thread_local char last[20];

    if (last[0] == '\0' || seconds != last_seconds) {
        const time_t when = (time_t)seconds;
        struct tm parts;

        (void)gmtime_r(&when, &parts);
        put_digits(last, (uint64_t)parts.tm_year + 1900, 4);
        put_digits(last + 5, (uint64_t)parts.tm_mon + 1, 2);
        put_digits(last + 8, (uint64_t)parts.tm_mday, 2);
        put_digits(last + 11, (uint64_t)parts.tm_hour, 2);
        put_digits(last + 14, (uint64_t)parts.tm_min, 2);
        put_digits(last + 17, (uint64_t)parts.tm_sec, 2);
        last[4] = last[7] = '-';
        last[10] = 'T';
        last[13] = last[16] = ':';
        last_seconds = seconds;
    }
    memcpy(out, last, 19);
}

size_t ps_time_format(uint64_t real_ns, unsigned digits, char out[PS_TIME_MAX])
{
    char fraction[9];
    size_t len = 19;

    assert(digits <= 9);
    put_seconds(real_ns / PS_NS_PER_S, out);
    if (digits != 0) {
        put_digits(fraction, real_ns % PS_NS_PER_S, 9);
        out[len++] = '.';
        memcpy(out + len, fraction, digits);
        len += digits;
    }
    out[len++] = 'Z';
    out[len] = '\0';
    return len;
}

void ps_buf_put_time(struct ps_buf *buf, uint64_t real_ns, unsigned digits)
{
    char text[PS_TIME_MAX];
    const size_t len = ps_time_format(real_ns, digits, text);

    ps_buf_put(buf, ps_bytes(text, len));
}

static bool read_digits(struct ps_bytes text, size_t at, unsigned width, int *ret_value)
{
    int value = 0;

    for (size_t i = at; i < at + width; i++) {
        if (text.data[i] < '0' || text.data[i] > '9') {
            return false;
        }
        value = value * 10 + (text.data[i] - '0');
    }
    *ret_value = value;
    return true;
}

static bool read_fraction(struct ps_bytes text, uint64_t *ret_ns)
{
    uint64_t ns = 0;
    uint64_t unit = PS_NS_PER_S / 10;

    *ret_ns = 0;
    if (text.len == 1) {
        return true;
    }
    if (text.len < 3 || text.len > 11 || text.data[0] != '.') {
        return false;
    }
    for (size_t i = 1; i < text.len - 1; i++) {
        if (text.data[i] < '0' || text.data[i] > '9') {
            return false;
        }
        ns += unit * (uint64_t)(text.data[i] - '0');
        unit /= 10;
    }
    *ret_ns = ns;
    return true;
}

static bool read_parts(struct ps_bytes text, struct tm *ret_parts)
{
    struct tm parts = {0};

    if (text.data[4] != '-' || text.data[7] != '-' || text.data[10] != 'T' ||
        text.data[13] != ':' || text.data[16] != ':' || text.data[text.len - 1] != 'Z' ||
        !read_digits(text, 0, 4, &parts.tm_year) || !read_digits(text, 5, 2, &parts.tm_mon) ||
        !read_digits(text, 8, 2, &parts.tm_mday) || !read_digits(text, 11, 2, &parts.tm_hour) ||
        !read_digits(text, 14, 2, &parts.tm_min) || !read_digits(text, 17, 2, &parts.tm_sec)) {
        return false;
    }
    parts.tm_year -= 1900;
    parts.tm_mon -= 1;
    *ret_parts = parts;
    return true;
}

enum ps_err ps_time_parse(struct ps_bytes text, uint64_t *ret_real_ns)
{
    struct tm parts;
    struct tm given;
    uint64_t ns;
    time_t seconds;

    if (text.len < 20 || text.len >= PS_TIME_MAX || !read_parts(text, &given) ||
        !read_fraction(ps_bytes_from(text, 19), &ns) || given.tm_year < 70 || given.tm_year > 361) {
        return ps_fail(PS_E_INPUT, 0, "not a time like 2026-01-02T03:04:05Z");
    }
    parts = given;
    seconds = timegm(&parts);
    /* timegm carries 31 February into March; a time that does not come back as given is none. */
    if (parts.tm_mon != given.tm_mon || parts.tm_mday != given.tm_mday ||
        parts.tm_hour != given.tm_hour || parts.tm_min != given.tm_min ||
        parts.tm_sec != given.tm_sec) {
        return ps_fail(PS_E_INPUT, 0, "no such day or time of day");
    }
    *ret_real_ns = (uint64_t)seconds * PS_NS_PER_S + ns;
    return PS_OK;
}
