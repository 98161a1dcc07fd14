#ifndef PS_BASE_LINE_H
#define PS_BASE_LINE_H

#include "lib/base/bytes.h"

/*
 * Log lines: one JSON object per line on standard error, one line per request or event. Only
 * processes write them, never library code. Text from outside is escaped.
 */
enum ps_level { PS_DEBUG, PS_INFO, PS_WARNING, PS_ERROR };

/* Called once per process. `process` is a literal such as "keeper" or "token a/0". */
void ps_line_init(const char *process, enum ps_level least);

/* From now on; a number that is no level changes nothing. */
void ps_line_set_level(unsigned least);

struct ps_line_field {
    const char *name;
    enum { PS_LINE_TEXT, PS_LINE_NUMBER } kind;
    struct ps_bytes text;
    uint64_t number;
};

#define PS_TEXT(field_name, octets)                                                                \
    ((struct ps_line_field){.name = (field_name), .kind = PS_LINE_TEXT, .text = (octets)})
#define PS_STR(field_name, string) PS_TEXT(field_name, ps_bytes_str(string))
#define PS_NUM(field_name, value)                                                                  \
    ((struct ps_line_field){.name = (field_name), .kind = PS_LINE_NUMBER, .number = (value)})

bool ps_line_is_told(enum ps_level level);

/* Writes {"time", "level", "process", "event", fields...}. Use through the macro below. */
void ps_line_write(enum ps_level level, const char *event, const struct ps_line_field *fields,
                   size_t count);

/*
 * ps_line(PS_INFO, "token_up", PS_STR("token", name), PS_NUM("sessions", n));
 * The fields are worked out only when the line is written.
 */
#define ps_line(level, event, ...)                                                                 \
    (ps_line_is_told(level)                                                                        \
         ? ps_line_write((level), (event), (const struct ps_line_field[]){__VA_ARGS__},            \
                         sizeof((const struct ps_line_field[]){__VA_ARGS__}) /                     \
                             sizeof(struct ps_line_field))                                         \
         : (void)0)

#endif
