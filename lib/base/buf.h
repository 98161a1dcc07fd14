#ifndef PS_BASE_BUF_H
#define PS_BASE_BUF_H

#include "lib/base/bytes.h"
#include "lib/base/err.h"

/*
 * A growing buffer with a hard limit and a sticky error: calls may be made in a row and the error
 * looked at once, at the end, with ps_buf_status. After an error nothing more is added.
 */
struct ps_buf {
    uint8_t *data;
    size_t len;
    size_t cap;
    size_t max;
    enum ps_err err;
    bool is_secret; /* what it lets go of is wiped: when it grows, is cut, emptied or cleared */
};

/* One for secrets, of at most so many octets: PS_BUF_AUTO key = PS_BUF_SECRET(4096); */
#define PS_BUF_SECRET(most) ((struct ps_buf){.max = (most), .is_secret = true})

/* `max`: the most octets it may ever hold. Allocates nothing yet. */
void ps_buf_init(struct ps_buf *buf, size_t max);

/* Frees the memory; the buffer may be used again with its old maximum, and is of its old kind. */
void ps_buf_clear(struct ps_buf *buf);

/* Forgets the content and the error, keeps the memory. */
void ps_buf_reset(struct ps_buf *buf);

/* Forgets the error, and what stands behind the first `len` octets (at most len). */
void ps_buf_cut(struct ps_buf *buf, size_t len);

/* Drops the first `count` octets (at most len). */
void ps_buf_consume(struct ps_buf *buf, size_t count);

/*
 * Makes room for `count` more octets and returns where they go; the caller writes there and then
 * calls ps_buf_commit with how many it wrote. NULL on error (then sticky).
 */
uint8_t *ps_buf_reserve(struct ps_buf *buf, size_t count);
void ps_buf_commit(struct ps_buf *buf, size_t count);

void ps_buf_put_u8(struct ps_buf *buf, uint8_t value);
void ps_buf_put_u16(struct ps_buf *buf, uint16_t value); /* big-endian, as all of these */
void ps_buf_put_u32(struct ps_buf *buf, uint32_t value);
void ps_buf_put_u64(struct ps_buf *buf, uint64_t value);
void ps_buf_put(struct ps_buf *buf, struct ps_bytes octets);
void ps_buf_put_str(struct ps_buf *buf, const char *text); /* without its NUL */
void ps_buf_put_decimal(struct ps_buf *buf, uint64_t value);
PS_PRINTF(2, 3) void ps_buf_printf(struct ps_buf *buf, const char *format, ...);

/* Overwrites four octets at `offset`, which exist: for a length known only afterwards. */
void ps_buf_set_u32(struct ps_buf *buf, size_t offset, uint32_t value);

/* What is in it; valid until the next change. */
static inline struct ps_bytes ps_buf_bytes(const struct ps_buf *buf)
{
    return ps_bytes(buf->data, buf->len);
}

/*
 * PS_OK, PS_E_LIMIT (over max), PS_E_NO_MEMORY, or PS_E_INTERNAL (a caller put what cannot be
 * written), whichever came first.
 */
PS_MUST_USE enum ps_err ps_buf_status(const struct ps_buf *buf);

/*
 * A buffer that is cleared when it goes out of scope. Where anything can return before ps_buf_init,
 * initialise it where it is declared: PS_BUF_AUTO buf = {.max = 4096};
 */
#define PS_BUF_AUTO PS_CLEANUP(ps_buf_clear) struct ps_buf

#endif
