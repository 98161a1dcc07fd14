#include "keystore/backup/losses.h"

#include "keystore/custody/records.h"
#include "keystore/custody/wrapping_keys.h"
#include "keystore/events/checkpoints.h"
#include "keystore/key_cache.h"
#include "keystore/keys_table.h"
#include "keystore/writer.h"

#include <stdlib.h>

static bool is_live(const struct key_version *version)
{
    return version->state != KEY_DESTROYED && version->state != KEY_WITHDRAWN;
}

static bool is_on_any_token(const struct keeper *keeper, const struct key_version *version)
{
    struct token *token;

    for (size_t i = 0; (token = tokens_at(keeper->tokens, i)) != NULL; i++) {
        if (version_is_on(version, tokens_name(token))) {
            return true;
        }
    }
    return false;
}

/* By the version of the wrapping key that it was wrapped with. */
static bool opens(const struct keeper *keeper, struct ps_bytes object_id)
{
    struct wrapping_keys keys;
    uint32_t number;

    return record_wrapping(keeper, object_id, &number) == PS_OK &&
           wrapping_keys_at(keeper, number, &keys) && is_live(keys.wrapping) &&
           is_on_any_token(keeper, keys.wrapping);
}

/* What is looked for, and what was found of it. */
struct search {
    const struct keeper *keeper;
    bool with_records;
    bool has_wrapping; /* some token of the configuration opens what was wrapped */
    size_t limit;
    struct writer *out;
    size_t count;
    struct json *parser;
};

static struct search search_of(const struct keeper *keeper, bool with_records)
{
    struct wrapping_keys keys;

    return (struct search){.keeper = keeper,
                           .with_records = with_records,
                           .has_wrapping = wrapping_keys_now(keeper, &keys) &&
                                           is_on_any_token(keeper, keys.wrapping)};
}

static bool can_be_had(const struct search *search, const struct key *key,
                       const struct key_version *version)
{
    if (!key->is_wrapped) {
        return is_on_any_token(search->keeper, version);
    }
    return search->with_records ? opens(search->keeper, version_object_id(version))
                                : search->has_wrapping;
}

/* The log and the identity of a restored appliance go on with others. */
static bool is_made_anew(const struct key *key)
{
    return strcmp(key->name, LOG_KEY_NAME) == 0 || strcmp(key->name, IDENTITY_KEY_NAME) == 0;
}

static bool is_lost(const struct search *search, const struct key *key)
{
    if (key->state == KEY_DESTROYED || is_made_anew(key)) {
        return false;
    }
    for (size_t i = 0; i < key->version_count; i++) {
        if (is_live(key->versions[i]) && !can_be_had(search, key, key->versions[i])) {
            return true;
        }
    }
    return false;
}

/* --- Those that are not in memory: wrapped ones, of one version (key_cache.h) --- */

static enum ps_err does_not_open(const struct search *search, struct ps_bytes key, bool *ret_lost)
{
    PS_BUF_AUTO memory = {.max = CATALOG_BODY_MAX + CATALOG_NAME_MAX};
    PS_BUF_AUTO name = {.max = KEY_VERSION_NAME_MAX};
    struct version_record version;
    struct catalog_row row;
    struct json_value body;

    version_record_put_name(key, 1, &name);
    PS_TRY(
        catalog_get(search->keeper->catalog, CATALOG_VERSION, ps_buf_bytes(&name), &memory, &row));
    PS_TRY(json_parse(search->parser, row.body, &JSON_LIMITS_REQUEST, &body));
    PS_TRY(version_record_read(body, &version));
    *ret_lost = version.state != KEY_DESTROYED && version.state != KEY_WITHDRAWN &&
                !opens(search->keeper, version.object_id);
    return PS_OK;
}

static enum ps_err is_away_lost(const struct search *search, const struct catalog_row *row,
                                bool *ret_lost)
{
    struct key_record record;
    struct json_value body;

    PS_TRY(json_parse(search->parser, row->body, &JSON_LIMITS_REQUEST, &body));
    PS_TRY(key_record_read(body, &record));
    *ret_lost = record.state != KEY_DESTROYED && !search->has_wrapping;
    return record.state == KEY_DESTROYED || !search->with_records
               ? PS_OK
               : does_not_open(search, row->name, ret_lost);
}

static enum ps_err on_key(void *context, const struct catalog_row *row)
{
    struct search *search = context;
    const struct key *key = keys_here(search->keeper->keys, row->name);
    bool lost = false;

    if (key != NULL) {
        lost = is_lost(search, key);
    } else {
        PS_TRY(is_away_lost(search, row, &lost));
    }
    if (lost && search->count++ < search->limit) {
        writer_text(search->out, NULL, row->name);
    }
    /* Without the records the number of the others is known. */
    return search->with_records || search->count < search->limit ? PS_OK : PS_E_NOT_FOUND;
}

static enum ps_err walk_catalog(struct search *search)
{
    PS_CLEANUP(json_free_cleanup) struct json *parser = NULL;
    enum ps_err err;

    PS_TRY(json_new(&parser));
    search->parser = parser;
    err = catalog_list(search->keeper->catalog, CATALOG_KEY, ps_bytes(NULL, 0), UINT32_MAX, on_key,
                       search);
    return err == PS_E_NOT_FOUND && !search->with_records ? PS_OK : err;
}

enum ps_err losses_put_all(const struct keeper *keeper, size_t limit, struct writer *out,
                           size_t *ret_count)
{
    struct search search = search_of(keeper, true);

    search.limit = limit;
    search.out = out;
    PS_TRY(walk_catalog(&search));
    *ret_count = search.count;
    return PS_OK;
}

/* --- As quickly as it may be asked for at any time --- */

typedef bool is_listed_fn(const struct search *search, const struct key *key);

/* Keys that live in a token are in memory, all of them. */
static bool is_in_one_token(const struct search *search, const struct key *key)
{
    if (key->is_wrapped || key->state == KEY_DESTROYED || is_made_anew(key)) {
        return false;
    }
    for (size_t i = 0; i < key->version_count; i++) {
        if (is_live(key->versions[i]) && key->versions[i]->replicas == NULL &&
            is_on_any_token(search->keeper, key->versions[i])) {
            return true;
        }
    }
    return false;
}

static int compare(const void *a, const void *b)
{
    return strcmp((*(const struct key *const *)a)->name, (*(const struct key *const *)b)->name);
}

static void free_list(const struct key ***list)
{
    free(*list);
}

static enum ps_err walk_memory(struct search *search, is_listed_fn *is_listed)
{
    const struct keys *keys = search->keeper->keys;
    const size_t all = keys_count(keys);
    PS_CLEANUP(free_list) const struct key **lost = calloc(all + 1, sizeof(const struct key *));
    const struct key *key;
    size_t cursor = 0;

    if (lost == NULL) {
        return ps_fail(PS_E_NO_MEMORY, 0, "out of memory");
    }
    while ((key = keys_next(keys, &cursor)) != NULL && search->count < all) {
        if (is_listed(search, key)) {
            lost[search->count++] = key;
        }
    }
    qsort(lost, search->count, sizeof(const struct key *), compare);
    for (size_t i = 0; i < search->count && i < search->limit; i++) {
        writer_str(search->out, NULL, lost[i]->name);
    }
    return PS_OK;
}

enum ps_err losses_put(const struct keeper *keeper, size_t limit, struct writer *out,
                       size_t *ret_count)
{
    const size_t away = key_cache_away_live(keeper->key_cache);
    struct search search = search_of(keeper, false);
    struct search names = search;

    names.limit = limit;
    names.out = out;
    if (search.has_wrapping || away == 0) {
        PS_TRY(walk_memory(&names, is_lost));
        *ret_count = names.count;
        return PS_OK;
    }
    PS_TRY(walk_catalog(&names));
    PS_TRY(walk_memory(&search, is_lost)); /* for their number */
    *ret_count = search.count + away;
    return PS_OK;
}

enum ps_err losses_put_in_one_token(const struct keeper *keeper, size_t limit, struct writer *out,
                                    size_t *ret_count)
{
    struct search search = search_of(keeper, false);

    search.limit = limit;
    search.out = out;
    PS_TRY(walk_memory(&search, is_in_one_token));
    *ret_count = search.count;
    return PS_OK;
}
