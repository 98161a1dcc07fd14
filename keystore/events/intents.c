#include "keystore/events/intents.h"

#include "keystore/log/tree.h"
#include "keystore/snapshot/saved.h"

#include <stdio.h>
#include <stdlib.h>

void intents_remove(struct intents *intents, struct intent *intent)
{
    const size_t at = (size_t)(intent - intents->items);

    free(intent->operation);
    ps_buf_clear(&intent->data);
    intents->count--;
    memmove(intent, intent + 1, (intents->count - at) * sizeof *intent);
}

void intents_clear(struct intents *intents)
{
    while (intents->count != 0) {
        intents_remove(intents, &intents->items[intents->count - 1]);
    }
}

enum ps_err intents_add(struct intents *intents, const struct past_intent *intent,
                        struct intent **ret_intent)
{
    struct intent *added = &intents->items[intents->count];

    if (intents->count == INTENTS_MAX) {
        return ps_fail(PS_E_LIMIT, 0, "more than %u operations are open", INTENTS_MAX);
    }
    *added = (struct intent){.event = intent->event,
                             .operation = ps_bytes_to_str(intent->operation),
                             .time_ns = intent->time_ns};
    ps_buf_init(&added->data, LOG_ENTRY_MAX);
    ps_buf_put(&added->data, intent->data);
    (void)snprintf(added->caller, sizeof added->caller, "%.*s", PS_BYTES_FMT(intent->caller));
    intents->count++;
    if (added->operation == NULL) {
        return ps_fail(PS_E_NO_MEMORY, 0, "out of memory");
    }
    *ret_intent = added;
    return ps_buf_status(&added->data);
}

struct intent *intents_find(struct intents *intents, struct ps_bytes operation)
{
    for (size_t i = 0; i < intents->count; i++) {
        if (ps_bytes_equal_str(operation, intents->items[i].operation)) {
            return &intents->items[i];
        }
    }
    return NULL;
}

struct past_intent intent_view(const struct intent *intent)
{
    return (struct past_intent){.operation = ps_bytes_str(intent->operation),
                                .caller = ps_bytes_str(intent->caller),
                                .data = ps_buf_bytes(&intent->data),
                                .time_ns = intent->time_ns,
                                .event = intent->event};
}

void intents_save(const struct intents *intents, struct ps_buf *out)
{
    ps_buf_put_u32(out, (uint32_t)intents->count);
    for (size_t i = 0; i < intents->count; i++) {
        const struct intent *intent = &intents->items[i];

        saved_put(out, ps_bytes_str(intent->operation));
        saved_put(out, ps_bytes_str(intent->caller));
        saved_put(out, ps_buf_bytes(&intent->data));
        ps_buf_put_u64(out, intent->time_ns);
        ps_buf_put_u64(out, intent->event);
        ps_buf_put_u8(out, intent->has_ended ? 1 : 0);
    }
}

enum ps_err intents_resume(struct intents *intents, struct ps_reader *reader)
{
    const uint32_t count = ps_reader_u32(reader);

    for (uint32_t i = 0; i < count && !reader->failed; i++) {
        struct past_intent past = {.operation = saved_take(reader)};
        struct intent *intent;

        past.caller = saved_take(reader);
        past.data = saved_take(reader);
        past.time_ns = ps_reader_u64(reader);
        past.event = ps_reader_u64(reader);
        PS_TRY(intents_add(intents, &past, &intent));
        intent->has_ended = ps_reader_u8(reader) != 0;
    }
    return PS_OK;
}
