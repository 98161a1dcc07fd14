#ifndef TESTS_UNIT_MESSAGES_H
#define TESTS_UNIT_MESSAGES_H

#include "tests/unit/support.h"

#include "lib/ipc/channel.h"
#include "lib/ipc/messages_keeper.h"
#include "lib/ipc/messages_supervisor.h"
#include "lib/ipc/messages_token.h"

/* Every message of every set, filled from the tables. */

static const struct ipc_set *const all_sets[] = {&keeper_set, &supervisor_set, &token_set};

static const uint8_t fill_octets[IPC_PAYLOAD_MAX + 1024 * 1024];

/* One message struct, aligned for any. */
union any_message {
    uint8_t octets[IPC_STRUCT_MAX];
    max_align_t align;
};

/* Gives each field a value of its own; octet fields have `len` octets, or their maximum if less. */
static inline PS_UNUSED void fill_message(const struct ipc_message *info, size_t len,
                                          union any_message *message)
{
    memset(message, 0, sizeof *message);
    for (size_t i = 0; i < info->count; i++) {
        const struct ipc_field *field = &info->fields[i];
        void *at = message->octets + field->offset;

        switch (field->kind) {
        case IPC_U8:
            *(uint8_t *)at = (uint8_t)(0xa0 + i);
            break;
        case IPC_U16:
            *(uint16_t *)at = (uint16_t)(0xb100 + i);
            break;
        case IPC_U32:
            *(uint32_t *)at = (uint32_t)(0xc1000000u + i);
            break;
        case IPC_U64:
            *(uint64_t *)at = 0xd100000000000000ull + i;
            break;
        case IPC_BYTES:
            *(struct ps_bytes *)at = ps_bytes(fill_octets + i, len < field->max ? len : field->max);
            break;
        }
    }
}

static inline PS_UNUSED bool field_equal(const struct ipc_field *field, const union any_message *a,
                                         const union any_message *b)
{
    static const size_t sizes[] = {[IPC_U8] = 1, [IPC_U16] = 2, [IPC_U32] = 4, [IPC_U64] = 8};
    const void *left = a->octets + field->offset;
    const void *right = b->octets + field->offset;

    if (field->kind == IPC_BYTES) {
        return ps_bytes_equal(*(const struct ps_bytes *)left, *(const struct ps_bytes *)right);
    }
    return memcmp(left, right, sizes[field->kind]) == 0;
}

static inline PS_UNUSED void assert_same_message(const struct ipc_message *info,
                                                 const union any_message *a,
                                                 const union any_message *b)
{
    for (size_t i = 0; i < info->count; i++) {
        if (!field_equal(&info->fields[i], a, b)) {
            fail_msg("%s.%s differs", info->name, info->fields[i].name);
        }
    }
}

static inline PS_UNUSED uint64_t id_for(const struct ipc_message *info)
{
    return info->way == IPC_REQUEST || info->way == IPC_ANSWER ? 0x1122334455667788ull : 0;
}

static inline PS_UNUSED enum ipc_side receiver_of(const struct ipc_message *info)
{
    return info->way == IPC_REQUEST || info->way == IPC_CLIENT_NOTICE ? IPC_SERVER : IPC_CLIENT;
}

/* Calls `check` for each message of each set. */
static inline PS_UNUSED void for_each_message(void (*check)(const struct ipc_set *,
                                                            const struct ipc_message *))
{
    for (size_t s = 0; s < PS_COUNT_OF(all_sets); s++) {
        for (size_t m = 0; m < all_sets[s]->count; m++) {
            check(all_sets[s], all_sets[s]->messages[m]);
        }
    }
}

#endif
