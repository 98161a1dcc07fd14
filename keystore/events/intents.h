#ifndef KEYSTORE_EVENTS_INTENTS_H
#define KEYSTORE_EVENTS_INTENTS_H

#include "keystore/events/past.h"
#include "lib/base/buf.h"
#include "lib/base/name.h"
#include "lib/base/reader.h"

/* Operations that were begun and have no result yet, as the leaves are read. */
#define INTENTS_MAX 256u

struct intent {
    char *operation;
    char caller[PS_NAME_MAX + 1];
    struct ps_buf data;
    uint64_t time_ns;
    uint64_t event;
    bool has_ended; /* another operation */
};

struct intents {
    struct intent items[INTENTS_MAX]; /* oldest first */
    size_t count;
};
void intents_clear(struct intents *intents);

/* Copies what it is given. Errors: PS_E_LIMIT, PS_E_NO_MEMORY. */
PS_MUST_USE enum ps_err intents_add(struct intents *intents, const struct past_intent *intent,
                                    struct intent **ret_intent);
struct intent *intents_find(struct intents *intents, struct ps_bytes operation); /* NULL: none */
void intents_remove(struct intents *intents, struct intent *intent);

/* Of a snapshot (keystore/snapshot/saved.h). Errors: as intents_add. */
void intents_save(const struct intents *intents, struct ps_buf *out);
PS_MUST_USE enum ps_err intents_resume(struct intents *intents, struct ps_reader *reader);

struct past_intent intent_view(const struct intent *intent);

#endif
