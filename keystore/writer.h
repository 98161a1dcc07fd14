#ifndef KEYSTORE_WRITER_H
#define KEYSTORE_WRITER_H

#include "lib/base/buf.h"

/*
 * Writes JSON documents member by member: keeps count of commas, nothing else. The names are
 * literals of ours; in documents that are hashed or signed the caller gives them in lexical order.
 * `name` is NULL inside arrays and for the outermost value.
 */
struct writer {
    struct ps_buf *out;
    uint32_t has_member; /* one bit per depth */
    unsigned depth;      /* at most 31 */
};

static inline struct writer writer(struct ps_buf *out)
{
    return (struct writer){.out = out};
}

void writer_begin_object(struct writer *writer, const char *name);
void writer_end_object(struct writer *writer);
void writer_begin_array(struct writer *writer, const char *name);
void writer_end_array(struct writer *writer);

void writer_text(struct writer *writer, const char *name, struct ps_bytes text);
void writer_str(struct writer *writer, const char *name, const char *text);
void writer_number(struct writer *writer, const char *name, uint64_t number);
/* As a string of digits: what ceremonies.md wants in documents that people sign. */
void writer_decimal(struct writer *writer, const char *name, uint64_t number);
void writer_bool(struct writer *writer, const char *name, bool value);
void writer_octets(struct writer *writer, const char *name, struct ps_bytes octets); /* base64url */
void writer_hex(struct writer *writer, const char *name, struct ps_bytes octets);
void writer_time_s(struct writer *writer, const char *name, uint64_t real_s); /* RFC 3339 */
void writer_time_ns(struct writer *writer, const char *name, uint64_t real_ns);
/* A whole JSON value. */
void writer_raw(struct writer *writer, const char *name, struct ps_bytes json);

/* Left out when the text is empty, the time or the number 0. */
void writer_text_if(struct writer *writer, const char *name, struct ps_bytes text);
void writer_time_s_if(struct writer *writer, const char *name, uint64_t real_s);
void writer_number_if(struct writer *writer, const char *name, uint64_t number);

#endif
