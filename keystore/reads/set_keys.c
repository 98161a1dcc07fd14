#include "keystore/reads/set_keys.h"

#include "keystore/events/truth.h"
#include "keystore/keys/key_cache.h"

#include <stdlib.h>

#define LISTS_MORE "it would list more than 512 keys"

struct walk {
    const struct keeper *keeper;
    const struct key_set *set;
    struct set_keys *found;
    struct ps_bytes start; /* of the names that are gone through */
    size_t looked;         /* keys, of all patterns */
    size_t octets;         /* of rows, of all patterns */
    bool is_past;          /* what comes does not begin so */
};

static enum ps_err fail_large(const struct key_set *set, const char *why)
{
    return set == NULL
               ? ps_fail(PS_E_LIMIT, 0,
                         "the JWK set `" DEFAULT_SET "` lists all keys of format jws while nobody "
                         "has made one, and %s: make a set `" DEFAULT_SET "` that names fewer",
                         why)
               : ps_fail(PS_E_LIMIT, 0, "the JWK set `%s` is too large: %s", set->name, why);
}

bool set_lists(const struct key_set *set, const struct key *key)
{
    return set != NULL ? key_set_matches(set, key)
                       : key->usage == PS_USAGE_SIGN && key_has_format(key, PS_FORMAT_JWS) &&
                             !ps_name_reserved(ps_bytes_str(key->name));
}

bool set_would_list(const struct key_set *set, const struct key_record *record,
                    struct ps_bytes name)
{
    bool is_jws = false;
    bool is_cose = false;

    for (size_t i = 0; i < record->format_count; i++) {
        is_jws |= record->formats[i] == PS_FORMAT_JWS;
        is_cose |= record->formats[i] == PS_FORMAT_COSE;
    }
    return record->usage == PS_USAGE_SIGN && !ps_name_reserved(name) &&
           (set == NULL ? is_jws : (is_jws || is_cose) && key_set_covers(set, name));
}

static bool has(const struct set_keys *found, const struct key *key)
{
    for (size_t i = 0; i < found->count; i++) {
        if (found->all[i] == key) {
            return true;
        }
    }
    return false;
}

/* Two patterns may cover one name. */
static enum ps_err take(struct walk *walk, struct key *key)
{
    if (key->state == KEY_DESTROYED || !set_lists(walk->set, key) || has(walk->found, key)) {
        return PS_OK;
    }
    if (walk->found->count == SET_KEYS_ROOM) {
        return fail_large(walk->set, LISTS_MORE);
    }
    walk->found->all[walk->found->count++] = key;
    return PS_OK;
}

/* A key of the log that cannot be read would be missing. */
static enum ps_err take_name(struct walk *walk, struct ps_bytes name)
{
    struct key *key = keys_find(walk->keeper->keys, name);

    if (key != NULL) {
        return take(walk, key);
    }
    return truth_has(walk->keeper->truth, CATALOG_KEY, name)
               ? ps_fail(PS_E_STATE, 0, "the rows of %.*s cannot be read", PS_BYTES_FMT(name))
               : PS_OK;
}

/* As rows are written: what is in a string of theirs has its quotation marks escaped. */
static bool says(const struct catalog_row *row, const char *text)
{
    return memmem(row->body.data, row->body.len, text, strlen(text)) != NULL;
}

/* What is not listed is passed over as it stands, if it stands as it was recorded. */
static enum ps_err on_row(void *context, const struct catalog_row *row)
{
    struct walk *walk = context;

    if (!ps_bytes_starts_with(row->name, walk->start)) {
        walk->is_past = true;
        return PS_E_NOT_FOUND; /* ends the walk */
    }
    walk->octets += row->name.len + row->body.len;
    if (walk->octets > SET_OCTETS_MAX) {
        return fail_large(walk->set, "more than 64 MiB of keys would have to be gone through");
    }
    if (says(row, "\"state\":\"destroyed\"") || (!says(row, "\"jws\"") && !says(row, "\"cose\""))) {
        return truth_check(walk->keeper->truth, row);
    }
    if (walk->looked++ == SET_ROWS_MAX) {
        return fail_large(walk->set, "more than 16384 keys would have to be looked at");
    }
    return take_name(walk, row->name);
}

/* Names with the pattern's beginning follow each other, and follow the beginning itself. */
static enum ps_err walk_pattern(struct walk *walk, struct ps_bytes pattern)
{
    const bool is_open = pattern.len != 0 && pattern.data[pattern.len - 1] == '*';
    const struct ps_bytes start = ps_bytes(pattern.data, pattern.len - (is_open ? 1 : 0));
    enum ps_err err;

    PS_TRY(start.len == 0 ? PS_OK : take_name(walk, start));
    if (!is_open) {
        return PS_OK;
    }
    walk->start = start;
    walk->is_past = false;
    err = catalog_list(walk->keeper->catalog, CATALOG_KEY, start, UINT32_MAX, on_row, walk);
    return walk->is_past ? PS_OK : err;
}

static enum ps_err walk_catalog(struct walk *walk)
{
    struct ps_bytes left;

    if (walk->set == NULL) {
        return walk_pattern(walk, ps_bytes_str("*"));
    }
    left = ps_buf_bytes(&walk->set->patterns);
    while (left.len != 0) {
        const struct ps_bytes pattern = ps_bytes_str((const char *)left.data);

        PS_TRY(walk_pattern(walk, pattern));
        left = ps_bytes_from(left, pattern.len + 1);
    }
    return PS_OK;
}

static enum ps_err walk_memory(struct walk *walk)
{
    size_t cursor = 0;
    struct key *key;

    while ((key = keys_next(walk->keeper->keys, &cursor)) != NULL) {
        PS_TRY(take(walk, key));
    }
    return PS_OK;
}

/* What is destroyed is listed nowhere. */
static bool are_all_here(const struct keeper *keeper, const struct key_set *set)
{
    return (set == NULL ? key_cache_away_jws(keeper->key_cache)
                        : key_cache_away_live(keeper->key_cache)) == 0;
}

static int compare_names(const void *a, const void *b)
{
    const struct key *const *left = a;
    const struct key *const *right = b;

    return strcmp((*left)->name, (*right)->name);
}

enum ps_err set_keys_find(const struct keeper *keeper, const struct key_set *set,
                          struct set_keys *ret_keys)
{
    struct walk walk = {.keeper = keeper, .set = set, .found = ret_keys};

    ret_keys->count = 0;
    PS_TRY(are_all_here(keeper, set) ? walk_memory(&walk) : walk_catalog(&walk));
    qsort(ret_keys->all, ret_keys->count, sizeof(const struct key *), compare_names);
    return PS_OK;
}

/* Of a JWK, at most: its members, a thumbprint as its name, and numbers in base64url. */
static size_t jwk_octets(enum ps_key_type type)
{
    const struct ps_key_type_info *info = ps_key_type_info(type);
    size_t numbers;

    if (info == NULL) {
        return 0;
    }
    numbers = info->family == PS_FAMILY_RSA  ? info->bits / 8
              : info->family == PS_FAMILY_EC ? 2 * info->coordinate
                                             : 64;
    return 192 + (numbers + 2) / 3 * 4;
}

static size_t octets_of(const struct set_keys *keys)
{
    const uint64_t now_s = real_now_s();
    size_t octets = 0;

    for (size_t i = 0; i < keys->count; i++) {
        const struct key *key = keys->all[i];

        for (size_t at = 0; at < key->version_count; at++) {
            octets += version_is_published(key->versions[at], now_s) ? jwk_octets(key->type) : 0;
        }
    }
    return octets;
}

enum ps_err set_keys_check_room(const struct keeper *keeper, const struct key_set *set, size_t more,
                                enum ps_key_type type)
{
    struct set_keys keys;

    PS_TRY(set_keys_find(keeper, set, &keys));
    if (keys.count + more > SET_KEYS_MAX) {
        return fail_large(set, LISTS_MORE);
    }
    return octets_of(&keys) + more * jwk_octets(type) <= SET_JWKS_MAX
               ? PS_OK
               : fail_large(set, "its public keys would take more than 512 KiB");
}
