#ifndef KEYSTORE_EVENTS_DERIVE_INTERNAL_H
#define KEYSTORE_EVENTS_DERIVE_INTERNAL_H

#include "keystore/events/derive.h"
#include "keystore/events/intents.h"
#include "keystore/gate/nonces.h"
#include "keystore/keys/encryptions.h"

/* derive.c reads the leaves; derive_view.c says what it knows. */
struct derive {
    struct catalog *rows;
    bool rows_are_ours;
    struct json *parser;
    struct ps_buf bundle;
    struct merkle_edge edge; /* of the leaves as they were read; its size: the next one's index */
    struct ps_buf held;
    struct ps_buf held_effects;
    uint64_t held_event;
    struct intents intents;
    struct recall *recall;
    struct nonces *nonces;
    struct encryptions_book *encryptions;
    struct derived_keys keys;
    uint64_t signed_size;
    uint64_t first_signed; /* the first one that was said of it */
    bool pauses;           /* the size changed while somebody judges */
    struct derive_watch watch;
    uint64_t floor_ns; /* the latest time from the last of them on */
    bool has_unsigned;
    struct derive_judge judge;
    uint64_t shards;
    uint64_t last_time_ns;
    uint64_t clock_doubted_ns;
    bool has_genesis;
    bool was_unreadable; /* the last step ended because a leaf could not be read */
};

#endif
