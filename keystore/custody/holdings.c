#include "keystore/custody/holdings.h"

#include "keystore/custody/records.h"
#include "keystore/operations/operations.h"
#include "lib/base/map.h"

#include <stdlib.h>

void holdings_clear(struct holdings *holdings)
{
    ps_map_free(holdings->by_id, NULL);
    free(holdings->all);
    *holdings = (struct holdings){.all = NULL};
}

static bool is_there(const struct key *key, const struct key_version *version)
{
    return key->state != KEY_DESTROYED && version->state != KEY_DESTROYED;
}

bool holdings_expect(const struct key_version *version, const struct token *token)
{
    return !version->key->is_wrapped && version_is_on(version, tokens_name(token));
}

size_t holdings_count(const struct keeper *keeper, const struct key_version *version)
{
    const struct token *token;
    size_t count = 0;

    for (size_t i = 0; (token = tokens_at(keeper->tokens, i)) != NULL; i++) {
        count += version_is_on(version, tokens_name(token)) ? 1 : 0;
    }
    return count;
}

static size_t count_versions(const struct keeper *keeper)
{
    size_t count = 0;
    size_t cursor = 0;
    const struct key *key;

    while ((key = keys_next(keeper->keys, &cursor)) != NULL) {
        count += key->is_wrapped ? 0 : key->version_count;
    }
    return count;
}

static void take_key(struct holdings *holdings, const struct key *key, const struct token *token)
{
    for (size_t i = 0; i < key->version_count; i++) {
        const struct key_version *version = key->versions[i];
        struct holding *holding = &holdings->all[holdings->count];

        if (!is_there(key, version) || !holdings_expect(version, token)) {
            continue;
        }
        *holding =
            (struct holding){.version = version->number, .object_id_len = version->object_id_len};
        memcpy(holding->key, key->name, sizeof holding->key);
        memcpy(holding->object_id, version->object_id, version->object_id_len);
        holdings->count++;
    }
}

/* In the order of names, so that two inventories of the same say the same. */
static int compare(const void *a, const void *b)
{
    const struct holding *first = a;
    const struct holding *second = b;
    const int names = strcmp(first->key, second->key);

    return names != 0 ? names
                      : (first->version > second->version) - (first->version < second->version);
}

static enum ps_err index_all(struct holdings *holdings)
{
    PS_TRY(ps_map_new(&holdings->by_id));
    for (size_t i = 0; i < holdings->count; i++) {
        struct holding *holding = &holdings->all[i];
        const struct ps_bytes id = ps_bytes(holding->object_id, holding->object_id_len);

        if (ps_map_get(holdings->by_id, id) == NULL) {
            PS_TRY(ps_map_add(holdings->by_id, id, holding));
        }
    }
    return PS_OK;
}

enum ps_err holdings_take(struct holdings *holdings, const struct keeper *keeper,
                          const struct token *token)
{
    const size_t room = count_versions(keeper);
    size_t cursor = 0;
    const struct key *key;

    holdings_clear(holdings);
    holdings->all = calloc(room + 1, sizeof *holdings->all);
    if (holdings->all == NULL) {
        return ps_fail(PS_E_NO_MEMORY, 0, "out of memory");
    }
    while ((key = keys_next(keeper->keys, &cursor)) != NULL) {
        take_key(holdings, key, token);
    }
    qsort(holdings->all, holdings->count, sizeof *holdings->all, compare);
    return index_all(holdings);
}

struct holding *holdings_find(const struct holdings *holdings, struct ps_bytes object_id)
{
    return ps_map_get(holdings->by_id, object_id);
}

const struct key_version *holding_version(const struct keeper *keeper,
                                          const struct holding *holding)
{
    const struct ps_bytes name = ps_bytes_str(holding->key);
    const struct key *key = keys_find(keeper->keys, name);
    const struct key_version *version = key == NULL ? NULL : key_version(key, holding->version);

    return version == NULL || !is_there(key, version) ||
                   operations_has_locked(keeper->operations, "key", name)
               ? NULL
               : version;
}

enum ps_err holdings_owner(const struct keeper *keeper, struct ps_bytes object_id,
                           const struct key_version **ret_version)
{
    size_t cursor = 0;
    const struct key *key;

    while ((key = keys_next(keeper->keys, &cursor)) != NULL) {
        for (size_t i = 0; i < key->version_count; i++) {
            if (ps_bytes_equal(version_object_id(key->versions[i]), object_id)) {
                *ret_version = key->versions[i];
                return PS_OK;
            }
        }
    }
    return record_owner(keeper, object_id, ret_version); /* of those that are not in memory */
}

bool holdings_is_unclear(enum ps_err err)
{
    return err == PS_E_INPUT || err == PS_E_LIMIT || err == PS_E_STATE;
}
