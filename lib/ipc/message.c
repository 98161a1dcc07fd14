#include "lib/ipc/message.h"

#include "lib/base/reader.h"

#include <assert.h>

const struct ipc_message *ipc_set_find(const struct ipc_set *set, uint16_t type)
{
    for (size_t i = 0; i < set->count; i++) {
        if (set->messages[i]->type == type) {
            return set->messages[i];
        }
    }
    return NULL;
}

/* Octets of a field as it is sent. Errors: PS_E_INPUT (over its maximum). */
static enum ps_err add_encoded_len(const struct ipc_field *field, const void *at, size_t *len)
{
    static const uint8_t sizes[] = {
        [IPC_U8] = 1, [IPC_U16] = 2, [IPC_U32] = 4, [IPC_U64] = 8, [IPC_BYTES] = 4};
    const struct ps_bytes *octets = at;

    *len += sizes[field->kind];
    if (field->kind != IPC_BYTES) {
        return PS_OK;
    }
    if (octets->len > field->max) {
        return ps_fail(PS_E_INPUT, 0, "%s: %zu octets, at most %u", field->name, octets->len,
                       field->max);
    }
    *len += octets->len;
    return PS_OK;
}

static void encode_field(const struct ipc_field *field, const uint8_t *at, struct ps_buf *out)
{
    const void *value = at;
    const struct ps_bytes *octets = value;

    switch (field->kind) {
    case IPC_U8:
        ps_buf_put_u8(out, *at);
        break;
    case IPC_U16:
        ps_buf_put_u16(out, *(const uint16_t *)value);
        break;
    case IPC_U32:
        ps_buf_put_u32(out, *(const uint32_t *)value);
        break;
    case IPC_U64:
        ps_buf_put_u64(out, *(const uint64_t *)value);
        break;
    case IPC_BYTES:
        ps_buf_put_u32(out, (uint32_t)octets->len);
        ps_buf_put(out, *octets);
        break;
    }
}

enum ps_err ipc_encode(const struct ipc_message *info, const void *message, struct ps_buf *out)
{
    size_t len = 0;

    for (size_t i = 0; i < info->count; i++) {
        const struct ipc_field *field = &info->fields[i];

        PS_TRY(add_encoded_len(field, (const uint8_t *)message + field->offset, &len));
    }
    if (ps_buf_reserve(out, len) == NULL) {
        return ps_buf_status(out);
    }
    for (size_t i = 0; i < info->count; i++) {
        const struct ipc_field *field = &info->fields[i];

        encode_field(field, (const uint8_t *)message + field->offset, out);
    }
    return PS_OK;
}

static enum ps_err decode_field(const struct ipc_field *field, struct ps_reader *reader, void *at)
{
    uint32_t len;

    switch (field->kind) {
    case IPC_U8:
        *(uint8_t *)at = ps_reader_u8(reader);
        return PS_OK;
    case IPC_U16:
        *(uint16_t *)at = ps_reader_u16(reader);
        return PS_OK;
    case IPC_U32:
        *(uint32_t *)at = ps_reader_u32(reader);
        return PS_OK;
    case IPC_U64:
        *(uint64_t *)at = ps_reader_u64(reader);
        return PS_OK;
    case IPC_BYTES:
        len = ps_reader_u32(reader);
        if (len > field->max) {
            return ps_fail(PS_E_INPUT, 0, "%s: %u octets, at most %u", field->name, len,
                           field->max);
        }
        *(struct ps_bytes *)at = ps_reader_take(reader, len);
        return PS_OK;
    }
    return ps_fail(PS_E_INTERNAL, 0, "a field of no known kind");
}

enum ps_err ipc_decode(const struct ipc_message *info, struct ps_bytes payload, void *ret_message)
{
    struct ps_reader reader = ps_reader(payload);

    assert(info->size <= IPC_STRUCT_MAX);
    memset(ret_message, 0, info->size);
    for (size_t i = 0; i < info->count; i++) {
        const struct ipc_field *field = &info->fields[i];

        PS_TRY(decode_field(field, &reader, (uint8_t *)ret_message + field->offset));
    }
    return ps_reader_finish(&reader);
}
