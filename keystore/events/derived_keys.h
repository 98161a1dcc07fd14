#ifndef KEYSTORE_EVENTS_DERIVED_KEYS_H
#define KEYSTORE_EVENTS_DERIVED_KEYS_H

#include "keystore/log/log.h"
#include "lib/ceremony/log/succession.h"

/* What the leaves say of the key that signs the log, and of an appliance that was restored. */
struct derived_keys {
    struct log_succession keys;
    struct ps_buf restored;  /* `data` of the last leaf `restored` */
    uint64_t restored_event; /* its index */
    uint64_t named_event;    /* of the result that named the log's key; 0: the genesis did */
    struct ps_buf offered;   /* `data` of the last leaf `restored-keys` that counts still */
};

#define RESTORED_KEYS_KIND "restored-keys"

void derived_keys_init(struct derived_keys *keys);
void derived_keys_clear(struct derived_keys *keys);

enum derived_keys_change {
    DERIVED_KEYS_NONE,
    DERIVED_KEYS_RESTORED, /* the log of before ends with this leaf */
    DERIVED_KEYS_NEXT      /* another key signs from here on */
};

/* The next leaf. Errors: as log_succession_take, PS_E_STORAGE. */
PS_MUST_USE enum ps_err derived_keys_take(struct derived_keys *keys, struct log *events,
                                          uint64_t event, const struct log_event *leaf,
                                          enum derived_keys_change *ret_change);

#endif
