#ifndef IPC_FRAME_H
#define IPC_FRAME_H

#include "lib/ipc/channel.h"

/*
 * A frame: u32 length of the whole frame, u8 version, u8 flags, u16 type, u64 id, then the fields.
 * All numbers are big-endian.
 */
struct ipc_frame {
    const struct ipc_message *info;
    uint64_t id;
    struct ps_bytes payload;
    bool has_descriptor;
};

enum { IPC_FLAG_DESCRIPTOR = 1 };

/*
 * Looks at the front of `octets`. *ret_len is the frame's length, or 0 when more octets are needed.
 * Errors: PS_E_INPUT for what no peer of ours sends: another version, unknown flags, a type outside
 * the set or against its direction, a length outside its bounds, a missing or unexpected id.
 */
PS_MUST_USE enum ps_err ipc_frame_parse(const struct ipc_set *set, enum ipc_side receiver,
                                        struct ps_bytes octets, struct ipc_frame *ret_frame,
                                        size_t *ret_len);

/* Appends a whole frame. Errors: PS_E_INPUT (a field too long), the buffer's. */
PS_MUST_USE enum ps_err ipc_frame_put(const struct ipc_message *info, uint64_t id,
                                      const void *message, struct ps_buf *out);

#endif
