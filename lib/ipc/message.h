#ifndef IPC_MESSAGE_H
#define IPC_MESSAGE_H

#include "lib/base/buf.h"

#include <stdint.h>

/*
 * A message is a struct and a table of its fields. One encoder and one decoder read the tables, so
 * that no struct is ever copied to or from a socket, and PROTOCOL.md can be held against them.
 */
enum ipc_kind {
    IPC_U8,
    IPC_U16,
    IPC_U32,
    IPC_U64,
    IPC_BYTES /* struct ps_bytes, u32 length on the wire, at most `max` octets */
};

struct ipc_field {
    const char *name;
    size_t offset;
    enum ipc_kind kind;
    uint32_t max; /* of IPC_BYTES, else 0 */
};

enum ipc_way {
    IPC_REQUEST,       /* client to server; answered once, under the same id */
    IPC_ANSWER,        /* server to client */
    IPC_CLIENT_NOTICE, /* client to server, no answer; id 0 */
    IPC_SERVER_NOTICE  /* server to client, no answer; id 0 */
};

struct ipc_message {
    const char *name;
    uint16_t type;
    enum ipc_way way;
    size_t size; /* of the struct */
    const struct ipc_field *fields;
    size_t count;
    bool has_descriptor; /* exactly one file descriptor travels with it */
};

/* The message that is a `struct msg_<name>`, with the fields in `msg_<name>_fields`. */
#define IPC_MESSAGE(text, number, goes)                                                            \
    const struct ipc_message msg_##text##_info = {                                                 \
        .name = #text,                                                                             \
        .type = (number),                                                                          \
        .way = (goes),                                                                             \
        .size = sizeof(struct msg_##text),                                                         \
        .fields = msg_##text##_fields,                                                             \
        .count = PS_COUNT_OF(msg_##text##_fields),                                                 \
    }

/* The messages that may travel on one kind of channel: what is not listed ends the channel. */
struct ipc_set {
    const char *name;
    const struct ipc_message *const *messages;
    size_t count;
};

/* Octets of any message struct; decoding happens in a buffer of this size. */
#define IPC_STRUCT_MAX 1024u

/* NULL when the set has no message of this type. */
const struct ipc_message *ipc_set_find(const struct ipc_set *set, uint16_t type);

/*
 * Appends the fields. The room for them is made before the first is written: `out` does not grow
 * with half a message in it.
 * Errors: PS_E_INPUT (a field over its maximum), the buffer's.
 */
PS_MUST_USE enum ps_err ipc_encode(const struct ipc_message *info, const void *message,
                                   struct ps_buf *out);

/*
 * Fills `ret_message` (info->size octets). Octet fields borrow from `payload`.
 * Errors: PS_E_INPUT (short, over a maximum, octets left over).
 */
PS_MUST_USE enum ps_err ipc_decode(const struct ipc_message *info, struct ps_bytes payload,
                                   void *ret_message);

#define IPC_FIELD_U8(type, member)                                                                 \
    {                                                                                              \
#member, offsetof(type, member), IPC_U8, 0                                                 \
    }
#define IPC_FIELD_U16(type, member)                                                                \
    {                                                                                              \
#member, offsetof(type, member), IPC_U16, 0                                                \
    }
#define IPC_FIELD_U32(type, member)                                                                \
    {                                                                                              \
#member, offsetof(type, member), IPC_U32, 0                                                \
    }
#define IPC_FIELD_U64(type, member)                                                                \
    {                                                                                              \
#member, offsetof(type, member), IPC_U64, 0                                                \
    }
#define IPC_FIELD_BYTES(type, member, max)                                                         \
    {                                                                                              \
#member, offsetof(type, member), IPC_BYTES, max                                            \
    }

#endif
