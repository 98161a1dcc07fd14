#ifndef KEYSTORE_CUSTODY_HOLDINGS_H
#define KEYSTORE_CUSTODY_HOLDINGS_H

#include "keystore/internal.h"

/*
 * What the catalog says that a token holds: one entry for each version of a key that lives there,
 * as it was when they were taken. Whether an entry still holds is asked of the catalog again.
 */
struct holding {
    char key[PS_NAME_MAX + 1];
    uint32_t version;
    uint8_t object_id[OBJECT_ID_MAX];
    size_t object_id_len;
    bool is_missing; /* the processes that were asked so far do not have it */
};

struct holdings {
    struct holding *all;
    size_t count;
    struct ps_map *by_id;
};
void holdings_clear(struct holdings *holdings);

/* Replaces what is in them. Errors: PS_E_NO_MEMORY. */
PS_MUST_USE enum ps_err holdings_take(struct holdings *holdings, const struct keeper *keeper,
                                      const struct token *token);

/* NULL: no version has, or is to have, an object with this id. */
struct holding *holdings_find(const struct holdings *holdings, struct ps_bytes object_id);

/*
 * The version of an entry, while it is to be in the token: not destroyed meanwhile, and no
 * operation is about to change that. NULL: say nothing of it.
 */
const struct key_version *holding_version(const struct keeper *keeper,
                                          const struct holding *holding);

/* In how many tokens of the configuration the version is. */
size_t holdings_count(const struct keeper *keeper, const struct key_version *version);

/* Whether the version is to have an object in this token: not what lives outside. */
bool holdings_expect(const struct key_version *version, const struct token *token);

/*
 * The key that an object with this id would be of, as things stand now. It may be destroyed: then
 * the object should be gone. Errors: as record_owner; only PS_E_NOT_FOUND says that it is nobody's.
 */
PS_MUST_USE enum ps_err holdings_owner(const struct keeper *keeper, struct ps_bytes object_id,
                                       const struct key_version **ret_version);

/* Of its errors: what is stored says nothing of it, and will not by itself. */
bool holdings_is_unclear(enum ps_err err);

#endif
