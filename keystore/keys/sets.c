#include "keystore/keys/sets.h"

#include "keystore/catalog/records.h"

#include <stdlib.h>

#define PATTERNS_MAX (SET_PATTERNS_MAX * (PS_NAME_MAX + 2u))

struct sets {
    struct json *parser;
    struct key_set *sets;
    size_t count;
};

enum ps_err sets_new(struct sets **ret_sets)
{
    PS_CLEANUP(sets_free_cleanup) struct sets *sets = calloc(1, sizeof *sets);

    if (sets == NULL) {
        return ps_fail(PS_E_NO_MEMORY, 0, "out of memory");
    }
    PS_TRY(json_new(&sets->parser));
    *ret_sets = sets;
    sets = NULL;
    return PS_OK;
}

static void forget(struct sets *sets)
{
    for (size_t i = 0; i < sets->count; i++) {
        key_set_clear(&sets->sets[i]);
    }
    free(sets->sets);
    sets->sets = NULL;
    sets->count = 0;
}

void sets_free(struct sets *sets)
{
    if (sets == NULL) {
        return;
    }
    forget(sets);
    json_free(sets->parser);
    free(sets);
}

void key_set_clear(struct key_set *set)
{
    ps_buf_clear(&set->patterns);
}

enum ps_err key_set_init(struct key_set *set, const struct set_record *record)
{
    struct json_value value;
    struct ps_bytes pattern;
    uint32_t cursor = 0;

    *set = (struct key_set){.max_age_s = record->max_age_s};
    ps_buf_init(&set->patterns, PATTERNS_MAX);
    if (record->name.len > PS_NAME_MAX) {
        return ps_fail(PS_E_INPUT, 0, "a set's name of %zu octets", record->name.len);
    }
    memcpy(set->name, record->name.data, record->name.len);
    while (json_next(record->keys, &cursor, NULL, &value)) {
        PS_TRY(json_string(value, &pattern));
        ps_buf_put(&set->patterns, pattern);
        ps_buf_put_u8(&set->patterns, 0);
    }
    return ps_buf_status(&set->patterns);
}

static enum ps_err on_row(void *context, const struct catalog_row *row)
{
    struct sets *sets = context;
    struct set_record record;
    struct json_value body;
    struct key_set *grown;

    PS_TRY(json_parse(sets->parser, row->body, &JSON_LIMITS_REQUEST, &body));
    PS_TRY(set_record_read(body, &record));
    grown = realloc(sets->sets, (sets->count + 1) * sizeof *grown);
    if (grown == NULL) {
        return ps_fail(PS_E_NO_MEMORY, 0, "out of memory");
    }
    sets->sets = grown;
    return key_set_init(&sets->sets[sets->count++], &record);
}

enum ps_err sets_load(struct sets *sets, struct catalog *from)
{
    forget(sets);
    return catalog_list(from, CATALOG_SET, ps_bytes(NULL, 0), UINT32_MAX, on_row, sets);
}

const struct key_set *sets_find(const struct sets *sets, struct ps_bytes name)
{
    for (size_t i = 0; i < sets->count; i++) {
        if (ps_bytes_equal_str(name, sets->sets[i].name)) {
            return &sets->sets[i];
        }
    }
    return NULL;
}

const struct key_set *sets_at(const struct sets *sets, size_t index)
{
    return index < sets->count ? &sets->sets[index] : NULL;
}

/*
 * Whoever trusts a JWK set takes what its keys sign for JWS. What keys of the other formats sign
 * is octets that a caller chose, and those can be a JWS signing input: such a key stands in no set.
 */
static bool is_of_jose(const struct key *key)
{
    return key_has_format(key, PS_FORMAT_JWS) || key_has_format(key, PS_FORMAT_COSE);
}

bool key_set_covers(const struct key_set *set, struct ps_bytes name)
{
    struct ps_bytes left = ps_buf_bytes(&set->patterns);

    while (left.len != 0) {
        const struct ps_bytes pattern = ps_bytes_str((const char *)left.data);

        if (ps_pattern_matches(pattern, name)) {
            return true;
        }
        left = ps_bytes_from(left, pattern.len + 1);
    }
    return false;
}

bool key_set_matches(const struct key_set *set, const struct key *key)
{
    return key->usage == PS_USAGE_SIGN && is_of_jose(key) &&
           key_set_covers(set, ps_bytes_str(key->name));
}
