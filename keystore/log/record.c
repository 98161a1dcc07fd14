#include "keystore/log/record.h"

#include "keystore/log/io.h"

#include <stdlib.h>

/* Holds the longest leaf and is a good size for one read. */
#define PIECE (2u * LOG_ENTRY_MAX)

struct record {
    int fd;
    const char *label;
    uint64_t offset; /* in the file, of data[at] */
    uint64_t end;
    size_t at;
    size_t have;
    bool at_end; /* of the file */
    uint8_t data[PIECE];
};

enum ps_err record_new(int fd, const char *label, uint64_t from, uint64_t end,
                       struct record **ret_record)
{
    struct record *record = malloc(sizeof *record);

    if (record == NULL) {
        return ps_fail(PS_E_NO_MEMORY, 0, "out of memory");
    }
    record->fd = fd;
    record->label = label;
    record->offset = from;
    record->end = end;
    record->at = 0;
    record->have = 0;
    record->at_end = false;
    *ret_record = record;
    return PS_OK;
}

void record_free(struct record *record)
{
    free(record);
}

uint64_t record_offset(const struct record *record)
{
    return record->offset;
}

/* Makes `count` octets (at most a leaf and its length) readable at `at`, or all that there are. */
static enum ps_err fill(struct record *record, size_t count)
{
    const size_t have = record->have - record->at;
    const uint64_t next = record->offset + have;
    size_t want = PIECE - have;
    size_t got = 0;

    if (have >= count || record->at_end) {
        return PS_OK;
    }
    memmove(record->data, record->data + record->at, have);
    record->at = 0;
    record->have = have;
    if (next >= record->end) {
        want = 0;
    } else if (want > record->end - next) {
        want = (size_t)(record->end - next);
    }
    PS_TRY(io_read(record->fd, record->data + have, want, next, record->label, "entries", &got));
    record->at_end = got < PIECE - have;
    record->have += got;
    return PS_OK;
}

enum ps_err record_next(struct record *record, enum record_step *ret_step,
                        struct ps_bytes *ret_leaf)
{
    const uint8_t *data;
    size_t len;

    PS_TRY(fill(record, 2));
    if (record->have == record->at) {
        *ret_step = RECORD_END;
        return PS_OK;
    }
    if (record->have - record->at < 2) {
        *ret_step = RECORD_UNFINISHED;
        return PS_OK;
    }
    data = record->data + record->at;
    len = (size_t)data[0] << 8 | data[1];
    if (len == 0 || len > LOG_ENTRY_MAX) {
        *ret_step = RECORD_NO_LEAF;
        return PS_OK;
    }
    PS_TRY(fill(record, 2 + len));
    if (record->have - record->at < 2 + len) {
        *ret_step = RECORD_UNFINISHED;
        return PS_OK;
    }
    *ret_leaf = ps_bytes(record->data + record->at + 2, len);
    *ret_step = RECORD_LEAF;
    record->at += 2 + len;
    record->offset += 2 + len;
    return PS_OK;
}
