#ifndef TESTS_FUZZ_IPC_H
#define TESTS_FUZZ_IPC_H

#include "tests/fuzz/fuzz.h"

#include "lib/ipc/frame.h"

#include <assert.h>

/* Each message has one encoding: what decodes is encoded to the same octets. */
static inline void fuzz_frame(const struct ipc_frame *frame, struct ps_bytes octets)
{
    _Alignas(max_align_t) uint8_t message[IPC_STRUCT_MAX];
    PS_BUF_AUTO again = {.max = IPC_FRAME_MAX};

    if (ipc_decode(frame->info, frame->payload, message) == PS_OK) {
        assert(ipc_frame_put(frame->info, frame->id, message, &again) == PS_OK);
        assert(ps_bytes_equal(ps_buf_bytes(&again), octets));
    }
}

/* Reads frame after frame, as a channel does, at the given end of it. */
static inline void fuzz_frames(const struct ipc_set *set, enum ipc_side side,
                               struct ps_bytes octets)
{
    struct ipc_frame frame;
    size_t len;

    while (ipc_frame_parse(set, side, octets, &frame, &len) == PS_OK && len != 0) {
        fuzz_frame(&frame, ps_bytes(octets.data, len));
        octets = ps_bytes_from(octets, len);
    }
}

static inline void fuzz_set(const struct ipc_set *set, const uint8_t *data, size_t size)
{
    fuzz_frames(set, IPC_CLIENT, ps_bytes(data, size));
    fuzz_frames(set, IPC_SERVER, ps_bytes(data, size));
}

#endif
