#include "lib/base/line.h"

#include "lib/base/clock.h"
#include "lib/base/encode.h"

#include <unistd.h>

#define LINE_MAX_OCTETS 4096u

static const char *process_name = "?";
static enum ps_level least_level = PS_INFO;
static const char *const level_names[] = {"debug", "info", "warning", "error"};

void ps_line_init(const char *process, enum ps_level least)
{
    process_name = process;
    least_level = least;
}

void ps_line_set_level(unsigned least)
{
    if (least <= PS_ERROR) {
        least_level = (enum ps_level)least;
    }
}

static void put_field(struct ps_buf *buf, const struct ps_line_field *field)
{
    ps_buf_put_u8(buf, ',');
    ps_buf_put_json_string(buf, ps_bytes_str(field->name));
    ps_buf_put_u8(buf, ':');
    if (field->kind == PS_LINE_NUMBER) {
        ps_buf_put_decimal(buf, field->number);
    } else {
        ps_buf_put_json_string(buf, field->text);
    }
}

bool ps_line_is_told(enum ps_level level)
{
    return level >= least_level;
}

void ps_line_write(enum ps_level level, const char *event, const struct ps_line_field *fields,
                   size_t count)
{
    PS_BUF_AUTO buf = {.max = LINE_MAX_OCTETS};
    size_t whole;

    if (!ps_line_is_told(level)) {
        return;
    }
    ps_buf_put_str(&buf, "{\"time\":\"");
    ps_buf_put_time(&buf, ps_clock_real_ns(), 6);
    ps_buf_printf(&buf, "\",\"level\":\"%s\",\"process\":\"%s\",\"event\":", level_names[level],
                  process_name);
    ps_buf_put_json_string(&buf, ps_bytes_str(event));
    whole = buf.len;
    for (size_t i = 0; i < count; i++) {
        put_field(&buf, &fields[i]);
        /* A field that does not fit is left out whole, so that a line is always valid JSON. */
        if (buf.err != PS_OK || buf.len > LINE_MAX_OCTETS - 2) {
            buf.len = whole;
            buf.err = PS_OK;
        }
        whole = buf.len;
    }
    ps_buf_put_str(&buf, "}\n");
    if (buf.err == PS_OK) {
        /* There is nobody to tell when standard error itself is broken. */
        const ssize_t written = write(STDERR_FILENO, buf.data, buf.len);
        (void)written;
    }
}
