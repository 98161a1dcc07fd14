#include "keystore/keys.h"

#include "lib/base/map.h"

#include <assert.h>
#include <stdlib.h>

struct keys {
    struct ps_map *by_name;
    struct json *parser;
};

static const struct json_limits row_limits = {64 * 1024, 8, 4000};

enum ps_err keys_new(struct keys **ret_keys)
{
    PS_CLEANUP(keys_free_cleanup) struct keys *keys = calloc(1, sizeof *keys);

    if (keys == NULL) {
        return ps_fail(PS_E_NO_MEMORY, 0, "out of memory");
    }
    PS_TRY(ps_map_new(&keys->by_name));
    PS_TRY(json_new(&keys->parser));
    *ret_keys = keys;
    keys = NULL;
    return PS_OK;
}

static void free_key(void *value)
{
    struct key *key = value;

    for (size_t i = 0; i < key->version_count; i++) {
        public_key_free(key->versions[i]->public_key);
        free(key->versions[i]->spki);
        free(key->versions[i]);
    }
    free(key->versions);
    free(key->labels);
    free(key);
}

void keys_free(struct keys *keys)
{
    if (keys == NULL) {
        return;
    }
    ps_map_free(keys->by_name, free_key);
    json_free(keys->parser);
    free(keys);
}

static enum ps_err copy_text(struct ps_bytes from, char *to, size_t size)
{
    if (from.len >= size ||
        memchr(from.data == NULL ? (const uint8_t *)"" : from.data, 0, from.len) != NULL) {
        return ps_fail(PS_E_INPUT, 0, "a text of a key's row is too long or holds NUL");
    }
    if (from.data != NULL) {
        memcpy(to, from.data, from.len);
    }
    to[from.len] = 0;
    return PS_OK;
}

static enum ps_err take_texts(struct key *key, const struct key_record *record)
{
    char *labels = NULL;

    PS_TRY(copy_text(record->token, key->token, sizeof key->token));
    PS_TRY(copy_text(record->residence, key->residence, sizeof key->residence));
    PS_TRY(copy_text(record->recovery, key->recovery, sizeof key->recovery));
    PS_TRY(copy_text(record->jwt_type, key->jwt_type, sizeof key->jwt_type));
    PS_TRY(copy_text(record->jwt_issuer, key->jwt_issuer, sizeof key->jwt_issuer));
    if (record->labels.doc != NULL) {
        labels = ps_bytes_to_str(json_raw(record->labels));
        if (labels == NULL) {
            return ps_fail(PS_E_NO_MEMORY, 0, "out of memory");
        }
    }
    free(key->labels);
    key->labels = labels;
    return PS_OK;
}

static void take_values(struct key *key, const struct key_record *record)
{
    key->type = record->type;
    key->usage = record->usage;
    key->formats = 0;
    for (size_t i = 0; i < record->format_count; i++) {
        key->formats |= 1u << record->formats[i];
    }
    memcpy(key->algorithms, record->algorithms, sizeof key->algorithms);
    key->algorithm_count = record->algorithm_count;
    key->state = record->state;
    key->verify = record->verify;
    key->rotation = record->rotation;
    key->validity_s = record->validity_s;
    key->jwt_max_ttl_s = record->jwt_max_ttl_s;
    key->latest = record->latest;
    key->next_change_s = 0;
    key->schedule_s = 0;
    key->epoch++;
}

static enum ps_err add_key(struct keys *keys, struct ps_bytes name, struct key **ret_key)
{
    struct key *key = calloc(1, sizeof *key);
    enum ps_err err;

    if (key == NULL) {
        return ps_fail(PS_E_NO_MEMORY, 0, "out of memory");
    }
    err = copy_text(name, key->name, sizeof key->name);
    if (err == PS_OK) {
        err = ps_map_add(keys->by_name, ps_bytes_str(key->name), key);
    }
    if (err != PS_OK) {
        free(key);
        return err;
    }
    *ret_key = key;
    return PS_OK;
}

enum ps_err keys_put(struct keys *keys, struct ps_bytes body, uint64_t revision)
{
    struct key_record record;
    struct json_value row;
    struct key *key;

    PS_TRY(json_parse(keys->parser, body, &row_limits, &row));
    PS_TRY(key_record_read(row, &record));
    key = keys_find(keys, record.name);
    if (key == NULL) {
        PS_TRY(add_key(keys, record.name, &key));
    }
    PS_TRY(take_texts(key, &record));
    take_values(key, &record);
    key->revision = revision;
    return PS_OK;
}

static enum ps_err add_version(struct key *key, uint32_t number, struct key_version **ret_version)
{
    struct key_version *version;
    struct key_version **versions =
        realloc(key->versions, (key->version_count + 1) * sizeof(struct key_version *));
    size_t at = key->version_count;

    if (versions == NULL) {
        return ps_fail(PS_E_NO_MEMORY, 0, "out of memory");
    }
    key->versions = versions;
    version = calloc(1, sizeof *version);
    if (version == NULL) {
        return ps_fail(PS_E_NO_MEMORY, 0, "out of memory");
    }
    version->key = key;
    version->number = number;
    while (at > 0 && versions[at - 1]->number > number) {
        versions[at] = versions[at - 1];
        at--;
    }
    versions[at] = version;
    key->version_count++;
    *ret_version = version;
    return PS_OK;
}

/* What never changes once the version is made. */
static enum ps_err take_identity(struct key_version *version, const struct version_record *record)
{
    if (record->object_id.len > sizeof version->object_id || record->object_id.len == 0) {
        return ps_fail(PS_E_INPUT, 0, "a version's object id of %zu octets", record->object_id.len);
    }
    memcpy(version->object_id, record->object_id.data, record->object_id.len);
    version->object_id_len = record->object_id.len;
    PS_TRY(copy_text(record->kid, version->kid, sizeof version->kid));
    if (version->spki != NULL || record->public_key.len == 0) {
        return PS_OK;
    }
    version->spki = malloc(record->public_key.len);
    if (version->spki == NULL) {
        return ps_fail(PS_E_NO_MEMORY, 0, "out of memory");
    }
    memcpy(version->spki, record->public_key.data, record->public_key.len);
    version->spki_len = record->public_key.len;
    return PS_OK;
}

enum ps_err keys_put_version(struct keys *keys, struct ps_bytes body)
{
    struct version_record record;
    struct key_version *version;
    struct json_value row;
    struct key *key;

    PS_TRY(json_parse(keys->parser, body, &row_limits, &row));
    PS_TRY(version_record_read(row, &record));
    key = keys_find(keys, record.key);
    if (key == NULL) {
        return ps_fail(PS_E_NOT_FOUND, 0, "a version of a key that is not there");
    }
    version = key_version(key, record.number);
    if (version == NULL) {
        PS_TRY(add_version(key, record.number, &version));
    }
    PS_TRY(take_identity(version, &record));
    version->was_active = version->state == KEY_ACTIVE && record.state == KEY_DEACTIVATED;
    version->finish_ns = 0;
    version->state = record.state;
    version->created_s = record.created_s;
    version->activates_s = record.activates_s;
    version->expires_s = record.expires_s;
    version->retired_s = record.retired_s;
    key->next_change_s = 0;
    key->schedule_s = 0;
    key->epoch++;
    return PS_OK;
}

struct key *keys_find(const struct keys *keys, struct ps_bytes name)
{
    return ps_map_get(keys->by_name, name);
}

struct key *keys_next(const struct keys *keys, size_t *cursor)
{
    return ps_map_next(keys->by_name, cursor);
}

size_t keys_count(const struct keys *keys)
{
    return ps_map_count(keys->by_name);
}

static uint64_t earlier(uint64_t a, uint64_t b)
{
    return a < b ? a : b;
}

static void find_active(struct key *key, uint64_t now_s)
{
    key->active = NULL;
    key->next_change_s = UINT64_MAX;
    for (size_t i = 0; i < key->version_count; i++) {
        struct key_version *version = key->versions[i];

        if (version->state != KEY_ACTIVE) {
            continue;
        }
        if (version->activates_s > now_s) {
            key->next_change_s = earlier(key->next_change_s, version->activates_s);
            continue;
        }
        if (version->expires_s != 0 && version->expires_s <= now_s) {
            continue;
        }
        if (version->expires_s != 0) {
            key->next_change_s = earlier(key->next_change_s, version->expires_s);
        }
        key->active = version;
    }
}

struct key_version *key_active(struct key *key, uint64_t now_s)
{
    if (now_s >= key->next_change_s) {
        find_active(key, now_s);
    }
    return key->active;
}

struct key_version *key_version(const struct key *key, uint32_t number)
{
    size_t low = 0;
    size_t high = key->version_count;

    while (low < high) {
        const size_t middle = low + (high - low) / 2;

        if (key->versions[middle]->number < number) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low < key->version_count && key->versions[low]->number == number ? key->versions[low]
                                                                            : NULL;
}

struct key_version *key_latest(const struct key *key)
{
    return key->version_count == 0 ? NULL : key->versions[key->version_count - 1];
}

enum ps_err version_public_key(struct key_version *version, struct public_key **ret_key)
{
    if (version->public_key == NULL) {
        if (version->spki == NULL) {
            return ps_fail(PS_E_STATE, 0, "%s has no public key", version->key->name);
        }
        PS_TRY(public_key_from_spki(version_spki(version), &version->public_key));
    }
    *ret_key = version->public_key;
    return PS_OK;
}

bool key_has_algorithm(const struct key *key, enum ps_alg alg)
{
    for (size_t i = 0; i < key->algorithm_count; i++) {
        if (key->algorithms[i] == alg) {
            return true;
        }
    }
    return false;
}

bool version_is_published(const struct key_version *version, uint64_t now_s)
{
    const struct key *key = version->key;

    if (version->spki == NULL || key->state == KEY_COMPROMISED || key->state == KEY_DESTROYED) {
        return false;
    }
    switch (version->state) {
    case KEY_PRE_ACTIVATION: /* published ahead */
    case KEY_ACTIVE:
    case KEY_SUSPENDED: /* what it signed before stays good */
        return true;
    case KEY_DEACTIVATED:
        return version->retired_s == 0 || now_s < version->retired_s + key->rotation.retain_s;
    case KEY_COMPROMISED:
    case KEY_DESTROYED:
    case KEY_STATE_COUNT:
        break;
    }
    return false;
}
