#ifndef KEYSTORE_SNAPSHOT_SAVED_H
#define KEYSTORE_SNAPSHOT_SAVED_H

#include "lib/base/buf.h"
#include "lib/base/reader.h"

/*
 * What is known of the log beside the rows, as a snapshot keeps it: whoever knows something has a
 * pair of functions, x_save and x_resume, which write and read it. Texts have their length before
 * them (u32). Only what was sealed is ever read.
 */
static inline void saved_put(struct ps_buf *out, struct ps_bytes octets)
{
    ps_buf_put_u32(out, (uint32_t)octets.len);
    ps_buf_put(out, octets);
}

static inline struct ps_bytes saved_take(struct ps_reader *reader)
{
    return ps_reader_take(reader, ps_reader_u32(reader));
}

#endif
