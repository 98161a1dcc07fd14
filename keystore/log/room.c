#include "keystore/log/room.h"

#include <errno.h>
#include <unistd.h>

#define BLOCK UINT64_C(4096)

/* Never written to; static memory of zeros costs nothing until it is read. */
static uint8_t zeros[64 * 1024];

static uint64_t round_up(uint64_t octets, uint64_t step)
{
    return (octets + step - 1) / step * step;
}

static uint64_t step_of(uint64_t octets)
{
    uint64_t step = ROOM_LEAST;

    while (step < octets && step < ROOM_MOST) {
        step *= 2;
    }
    return step;
}

static enum ps_err write_zeros(const struct store *store, uint64_t from, uint64_t to)
{
    while (from < to) {
        const size_t len = to - from < sizeof zeros ? (size_t)(to - from) : sizeof zeros;

        PS_TRY(io_write(store->io, store->fds[STORE_ENTRIES], ps_bytes(zeros, len), from,
                        store->label, "entries"));
        from += len;
    }
    return PS_OK;
}

static bool disk_is_full(void)
{
    const long code = ps_detail()->code;

    return code == ENOSPC || code == EDQUOT || code == EFBIG;
}

enum ps_err room_make(const struct store *store, uint64_t octets, uint64_t needed, uint64_t length,
                      uint64_t *ret_length)
{
    const uint64_t least = octets + needed + 1;
    uint64_t to = round_up(least, step_of(least));
    enum ps_err err;

    if (length >= least) {
        return PS_OK;
    }
    /* Writing behind a cut end would leave a hole of the right length. */
    PS_TRY(store_check_record(store, length));
    err = write_zeros(store, length, to);
    if (err != PS_OK && disk_is_full()) {
        /* The rest of the disk is for the others. */
        PS_TRY(room_cut(store, length));
        to = round_up(least, BLOCK);
        err = write_zeros(store, length, to);
    }
    PS_TRY(err);
    PS_TRY(io_sync(store->io, store->fds[STORE_ENTRIES], store->label, "entries"));
    *ret_length = to;
    return PS_OK;
}

enum ps_err room_cut(const struct store *store, uint64_t octets)
{
    if (ftruncate(store->fds[STORE_ENTRIES], (off_t)octets) != 0) {
        return ps_fail_errno(PS_E_STORAGE, "%s/entries: cutting", store->label);
    }
    return io_sync(store->io, store->fds[STORE_ENTRIES], store->label, "entries");
}

enum ps_err room_check(const struct store *store, uint64_t octets, uint64_t length)
{
    uint8_t piece[BLOCK];

    while (octets < length) {
        const size_t want =
            length - octets < sizeof piece ? (size_t)(length - octets) : sizeof piece;
        size_t got;

        PS_TRY(
            io_read(store->fds[STORE_ENTRIES], piece, want, octets, store->label, "entries", &got));
        if (got != want || memcmp(piece, zeros, got) != 0) {
            return ps_fail(PS_E_INPUT, 0,
                           "%s/entries holds something behind its end, from octet %llu on",
                           store->label, (unsigned long long)octets);
        }
        octets += got;
    }
    return PS_OK;
}
