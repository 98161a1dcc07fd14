#include "keystore/writer.h"

#include "lib/base/clock.h"
#include "lib/base/encode.h"

#include <assert.h>

static void start_value(struct writer *writer, const char *name)
{
    const uint32_t bit = UINT32_C(1) << writer->depth;

    if ((writer->has_member & bit) != 0) {
        ps_buf_put_u8(writer->out, ',');
    }
    writer->has_member |= bit;
    if (name != NULL) {
        ps_buf_put_json_string(writer->out, ps_bytes_str(name));
        ps_buf_put_u8(writer->out, ':');
    }
}

static void begin(struct writer *writer, const char *name, uint8_t bracket)
{
    assert(writer->depth < 31);
    start_value(writer, name);
    ps_buf_put_u8(writer->out, bracket);
    writer->depth++;
    writer->has_member &= ~(UINT32_C(1) << writer->depth);
}

static void end(struct writer *writer, uint8_t bracket)
{
    assert(writer->depth > 0);
    writer->depth--;
    ps_buf_put_u8(writer->out, bracket);
}

void writer_begin_object(struct writer *writer, const char *name)
{
    begin(writer, name, '{');
}

void writer_end_object(struct writer *writer)
{
    end(writer, '}');
}

void writer_begin_array(struct writer *writer, const char *name)
{
    begin(writer, name, '[');
}

void writer_end_array(struct writer *writer)
{
    end(writer, ']');
}

void writer_text(struct writer *writer, const char *name, struct ps_bytes text)
{
    start_value(writer, name);
    ps_buf_put_json_string(writer->out, text);
}

void writer_str(struct writer *writer, const char *name, const char *text)
{
    writer_text(writer, name, ps_bytes_str(text));
}

void writer_number(struct writer *writer, const char *name, uint64_t number)
{
    start_value(writer, name);
    ps_buf_put_decimal(writer->out, number);
}

void writer_decimal(struct writer *writer, const char *name, uint64_t number)
{
    start_value(writer, name);
    ps_buf_put_u8(writer->out, '"');
    ps_buf_put_decimal(writer->out, number);
    ps_buf_put_u8(writer->out, '"');
}

void writer_bool(struct writer *writer, const char *name, bool value)
{
    start_value(writer, name);
    ps_buf_put_str(writer->out, value ? "true" : "false");
}

void writer_octets(struct writer *writer, const char *name, struct ps_bytes octets)
{
    start_value(writer, name);
    ps_buf_put_u8(writer->out, '"');
    ps_buf_put_base64url(writer->out, octets);
    ps_buf_put_u8(writer->out, '"');
}

void writer_hex(struct writer *writer, const char *name, struct ps_bytes octets)
{
    start_value(writer, name);
    ps_buf_put_u8(writer->out, '"');
    ps_buf_put_hex(writer->out, octets);
    ps_buf_put_u8(writer->out, '"');
}

static void put_time(struct writer *writer, const char *name, uint64_t real_ns, unsigned digits)
{
    start_value(writer, name);
    ps_buf_put_u8(writer->out, '"');
    ps_buf_put_time(writer->out, real_ns, digits);
    ps_buf_put_u8(writer->out, '"');
}

void writer_time_s(struct writer *writer, const char *name, uint64_t real_s)
{
    put_time(writer, name, real_s * PS_NS_PER_S, 0);
}

void writer_time_ns(struct writer *writer, const char *name, uint64_t real_ns)
{
    put_time(writer, name, real_ns, 6);
}

void writer_raw(struct writer *writer, const char *name, struct ps_bytes json)
{
    start_value(writer, name);
    ps_buf_put(writer->out, json);
}

void writer_text_if(struct writer *writer, const char *name, struct ps_bytes text)
{
    if (text.len != 0) {
        writer_text(writer, name, text);
    }
}

void writer_time_s_if(struct writer *writer, const char *name, uint64_t real_s)
{
    if (real_s != 0) {
        writer_time_s(writer, name, real_s);
    }
}

void writer_number_if(struct writer *writer, const char *name, uint64_t number)
{
    if (number != 0) {
        writer_number(writer, name, number);
    }
}
