#include "lib/ipc/frame.h"

#include "lib/base/reader.h"

#include <assert.h>

static bool may_receive(enum ipc_side receiver, enum ipc_way way)
{
    const bool from_client = way == IPC_REQUEST || way == IPC_CLIENT_NOTICE;

    return from_client == (receiver == IPC_SERVER);
}

static bool id_fits(enum ipc_way way, uint64_t id)
{
    const bool is_exchange = way == IPC_REQUEST || way == IPC_ANSWER;

    return is_exchange == (id != 0);
}

static enum ps_err parse_header(const struct ipc_set *set, enum ipc_side receiver,
                                struct ps_reader *reader, struct ipc_frame *ret_frame)
{
    const uint8_t version = ps_reader_u8(reader);
    const uint8_t flags = ps_reader_u8(reader);
    const uint16_t type = ps_reader_u16(reader);
    const struct ipc_message *info = ipc_set_find(set, type);
    const uint64_t id = ps_reader_u64(reader);

    if (version != IPC_VERSION) {
        return ps_fail(PS_E_INPUT, version, "a frame of version %u, not %u", version, IPC_VERSION);
    }
    if (info == NULL || !may_receive(receiver, info->way)) {
        return ps_fail(PS_E_INPUT, type, "type %u may not come here on a %s channel", type,
                       set->name);
    }
    if (flags != (info->has_descriptor ? IPC_FLAG_DESCRIPTOR : 0)) {
        return ps_fail(PS_E_INPUT, flags, "%s with flags %u", info->name, flags);
    }
    if (!id_fits(info->way, id)) {
        return ps_fail(PS_E_INPUT, 0, "%s with a wrong id", info->name);
    }
    *ret_frame = (struct ipc_frame){.info = info, .id = id, .has_descriptor = info->has_descriptor};
    return PS_OK;
}

enum ps_err ipc_frame_parse(const struct ipc_set *set, enum ipc_side receiver,
                            struct ps_bytes octets, struct ipc_frame *ret_frame, size_t *ret_len)
{
    struct ps_reader reader = ps_reader(octets);
    struct ipc_frame frame;
    uint32_t len;

    *ret_len = 0;
    if (octets.len < 4) {
        return PS_OK;
    }
    len = ps_reader_u32(&reader);
    if (len < IPC_HEADER_LEN || len > IPC_FRAME_MAX) {
        return ps_fail(PS_E_INPUT, 0, "a frame of %u octets", len);
    }
    if (octets.len < IPC_HEADER_LEN) {
        return PS_OK;
    }
    PS_TRY(parse_header(set, receiver, &reader, &frame));
    if (octets.len < len) {
        return PS_OK;
    }
    frame.payload = ps_reader_take(&reader, len - IPC_HEADER_LEN);
    *ret_frame = frame;
    *ret_len = len;
    return PS_OK;
}

enum ps_err ipc_frame_put(const struct ipc_message *info, uint64_t id, const void *message,
                          struct ps_buf *out)
{
    const size_t start = out->len;
    enum ps_err err;

    assert(id_fits(info->way, id));
    PS_TRY(ps_buf_status(out));
    ps_buf_put_u32(out, 0);
    ps_buf_put_u8(out, IPC_VERSION);
    ps_buf_put_u8(out, info->has_descriptor ? IPC_FLAG_DESCRIPTOR : 0);
    ps_buf_put_u16(out, info->type);
    ps_buf_put_u64(out, id);
    err = ipc_encode(info, message, out);
    if (err == PS_OK && out->len - start > IPC_FRAME_MAX) {
        err = ps_fail(PS_E_INPUT, 0, "%s: a frame over %u octets", info->name, IPC_FRAME_MAX);
    }
    if (err != PS_OK) {
        /* What is queued before stays sendable. */
        ps_buf_cut(out, start);
        return err;
    }
    ps_buf_set_u32(out, start, (uint32_t)(out->len - start));
    return PS_OK;
}
