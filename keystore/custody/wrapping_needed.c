#include "keystore/custody/wrapping_needed.h"

#include "keystore/events/truth.h"
#include "keystore/keys/key_cache.h"
#include "keystore/keys/keys_table.h"

struct need {
    const struct keeper *keeper;
    uint32_t wrapping;
    struct json *parser;
    size_t away; /* keys that were looked at and are not in memory */
    size_t count;
};

static enum ps_err look_at_record(struct need *need, struct ps_bytes object_id)
{
    uint32_t number = 0;
    const enum ps_err err = record_wrapping(need->keeper, object_id, &number);

    if (err == PS_OK) {
        need->count += number == need->wrapping ? 1 : 0;
        return PS_OK;
    }
    need->count++;
    return err == PS_E_NOT_FOUND || err == PS_E_INPUT || err == PS_E_LIMIT ? PS_OK : err;
}

static enum ps_err look_at_key(struct need *need, const struct key *key)
{
    if (!key->is_wrapped || !record_is_used_again(key->state)) {
        return PS_OK;
    }
    for (size_t i = 0; i < key->version_count; i++) {
        if (record_is_used_again(key->versions[i]->state)) {
            PS_TRY(look_at_record(need, version_object_id(key->versions[i])));
        }
    }
    return PS_OK;
}

/* --- Those that are not in memory: wrapped ones, of one version (key_cache.h) --- */

static enum ps_err look_at_version(struct need *need, struct ps_bytes key)
{
    PS_BUF_AUTO memory = {.max = CATALOG_BODY_MAX + CATALOG_NAME_MAX};
    PS_BUF_AUTO name = {.max = KEY_VERSION_NAME_MAX};
    struct version_record version;
    struct catalog_row row;
    struct json_value body;

    version_record_put_name(key, 1, &name);
    PS_TRY(ps_buf_status(&name));
    PS_TRY(truth_get(need->keeper->truth, need->keeper->catalog, CATALOG_VERSION,
                     ps_buf_bytes(&name), &memory, &row));
    PS_TRY(json_parse(need->parser, row.body, &JSON_LIMITS_REQUEST, &body));
    PS_TRY(version_record_read(body, &version));
    return record_is_used_again(version.state) ? look_at_record(need, version.object_id) : PS_OK;
}

static enum ps_err on_key(void *context, const struct catalog_row *row)
{
    struct need *need = context;
    struct key_record record;
    struct json_value body;

    if (keys_here(need->keeper->keys, row->name) != NULL) {
        return PS_OK;
    }
    PS_TRY(truth_check(need->keeper->truth, row));
    PS_TRY(json_parse(need->parser, row->body, &JSON_LIMITS_REQUEST, &body));
    PS_TRY(key_record_read(body, &record));
    need->away++;
    return record_is_used_again(record.state) ? look_at_version(need, row->name) : PS_OK;
}

static enum ps_err walk_away(struct need *need)
{
    const struct keeper *keeper = need->keeper;
    PS_CLEANUP(json_free_cleanup) struct json *parser = NULL;

    if (key_cache_away(keeper->key_cache) == 0) {
        return PS_OK;
    }
    PS_TRY(json_new(&parser));
    need->parser = parser;
    PS_TRY(catalog_list(keeper->catalog, CATALOG_KEY, ps_bytes(NULL, 0), UINT32_MAX, on_key, need));
    return need->away >= key_cache_away(keeper->key_cache)
               ? PS_OK
               : ps_fail(PS_E_DENIED, 0, "rows of keys were removed from the catalog");
}

enum ps_err wrapping_needed(const struct keeper *keeper, uint32_t wrapping, size_t *ret_count)
{
    struct need need = {.keeper = keeper, .wrapping = wrapping};
    const struct key *key;
    size_t cursor = 0;

    while ((key = keys_next(keeper->keys, &cursor)) != NULL) {
        PS_TRY(look_at_key(&need, key));
    }
    PS_TRY(walk_away(&need));
    *ret_count = need.count;
    return PS_OK;
}
