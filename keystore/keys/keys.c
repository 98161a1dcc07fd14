#include "keystore/keys/keys.h"

#include "keystore/keys/keys_table.h"
#include "lib/base/encode.h"
#include "lib/base/map.h"

#include <assert.h>
#include <stdlib.h>

struct keys {
    struct ps_map *by_name;
    struct json *parser;
    keys_read_fn *read;
    void *reader;
    bool has_marked; /* since it was asked last: keys_take_marked */
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
        free(key->versions[i]->check);
        free(key->versions[i]->tokens);
        free(key->versions[i]->certificate);
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
    key->is_wrapped = strcmp(key->residence, "wrapped") == 0;
    PS_TRY(copy_text(record->recovery, key->recovery, sizeof key->recovery));
    PS_TRY(copy_text(record->issuer, key->issuer, sizeof key->issuer));
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
    key->class = record->class;
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

struct key *keys_here(const struct keys *keys, struct ps_bytes name)
{
    return ps_map_get(keys->by_name, name);
}

enum ps_err keys_put(struct keys *keys, struct ps_bytes body, uint64_t revision)
{
    struct key_record record;
    struct json_value row;
    struct key *key;

    PS_TRY(json_parse(keys->parser, body, &row_limits, &row));
    PS_TRY(key_record_read(row, &record));
    key = keys_here(keys, record.name);
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

/* Once, where there are any. */
static enum ps_err copy_octets(struct ps_bytes octets, uint8_t **to)
{
    if (*to != NULL || octets.len == 0) {
        return PS_OK;
    }
    *to = malloc(octets.len);
    if (*to == NULL) {
        return ps_fail(PS_E_NO_MEMORY, 0, "out of memory");
    }
    memcpy(*to, octets.data, octets.len);
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
    PS_TRY(copy_octets(record->check, &version->check));
    PS_TRY(copy_octets(record->public_key, &version->spki));
    version->check_len = record->check.len;
    version->spki_len = record->public_key.len;
    return PS_OK;
}

static enum ps_err take_tokens(struct key_version *version, const struct version_record *record)
{
    PS_BUF_AUTO lines = {.max = (VERSION_REPLICAS_MAX + 1) * (PS_NAME_MAX + 1)};
    char *tokens;

    ps_buf_put(&lines, record->token);
    ps_buf_put_u8(&lines, '\n');
    for (size_t i = 0; i < record->replica_count; i++) {
        ps_buf_put(&lines, record->replicas[i]);
        ps_buf_put_u8(&lines, '\n');
    }
    PS_TRY(ps_buf_status(&lines));
    tokens = ps_bytes_to_str(ps_buf_bytes(&lines));
    if (tokens == NULL) {
        return ps_fail(PS_E_NO_MEMORY, 0, "out of memory");
    }
    free(version->tokens);
    version->tokens = tokens;
    return PS_OK;
}

/* What is doubted without a word in its row stays so, whatever else of the row changes. */
static void take_mark(struct keys *keys, struct key_version *version, bool is_marked)
{
    if (is_marked || version->is_marked) {
        version->is_unproven = is_marked;
    }
    version->is_marked = is_marked;
    keys->has_marked = keys->has_marked || is_marked;
}

bool keys_take_marked(struct keys *keys)
{
    const bool has_marked = keys->has_marked;

    keys->has_marked = false;
    return has_marked;
}

enum ps_err keys_put_version(struct keys *keys, struct ps_bytes body)
{
    struct version_record record;
    struct key_version *version;
    struct json_value row;
    struct key *key;

    PS_TRY(json_parse(keys->parser, body, &row_limits, &row));
    PS_TRY(version_record_read(row, &record));
    key = keys_here(keys, record.key);
    if (key == NULL) {
        return ps_fail(PS_E_NOT_FOUND, 0, "a version of a key that is not there");
    }
    version = key_version(key, record.number);
    if (version == NULL) {
        PS_TRY(add_version(key, record.number, &version));
    }
    PS_TRY(take_identity(version, &record));
    PS_TRY(take_tokens(version, &record));
    take_mark(keys, version, record.is_unproven);
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

enum ps_err keys_put_certificate(struct keys *keys, struct ps_bytes body)
{
    struct certificate_record record;
    struct key_certificate *certificate;
    struct key_version *version;
    struct json_value row;
    struct key *key;

    PS_TRY(json_parse(keys->parser, body, &row_limits, &row));
    PS_TRY(certificate_record_read(row, &record));
    key = keys_here(keys, record.key);
    version = key == NULL ? NULL : key_version(key, record.number);
    if (version == NULL) {
        return ps_fail(PS_E_NOT_FOUND, 0, "a certificate of a version that is not there");
    }
    PS_TRY(key_certificate_new(&record, &certificate));
    free(version->certificate);
    version->certificate = certificate;
    key->next_change_s = 0;
    key->schedule_s = 0;
    return PS_OK;
}

struct key *keys_find(const struct keys *keys, struct ps_bytes name)
{
    struct key *key = keys_here(keys, name);

    if (key == NULL && keys->read != NULL) {
        keys->read(keys->reader, name);
        key = keys_here(keys, name);
    }
    if (key != NULL) {
        key->was_asked_for = true;
    }
    return key;
}

void keys_set_reader(struct keys *keys, keys_read_fn *fn, void *context)
{
    keys->read = fn;
    keys->reader = context;
}

void keys_let_go(struct keys *keys, struct key *key)
{
    assert(key->pins == 0 && !key->is_blocked);
    free_key(ps_map_remove(keys->by_name, ps_bytes_str(key->name)));
}

struct key *keys_next(const struct keys *keys, size_t *cursor)
{
    return ps_map_next(keys->by_name, cursor);
}

size_t keys_count(const struct keys *keys)
{
    return ps_map_count(keys->by_name);
}

enum key_class keys_class_of(const struct keys *keys, struct ps_bytes pattern)
{
    size_t cursor = 0;
    const struct key *key;

    while ((key = keys_next(keys, &cursor)) != NULL) {
        if (key->class == KEY_CLASS_A && ps_pattern_matches(pattern, ps_bytes_str(key->name))) {
            return KEY_CLASS_A;
        }
    }
    return KEY_CLASS_B;
}

enum key_class key_class_of(const struct key *key)
{
    return ps_name_reserved(ps_bytes_str(key->name)) ? KEY_CLASS_A : key->class;
}

static uint64_t earlier(uint64_t a, uint64_t b)
{
    return a < b ? a : b;
}

/* When the version ends at the latest; 0: never. */
static uint64_t end_of(const struct key_version *version)
{
    const struct key_certificate *certificate = version_certificate(version);

    if (certificate == NULL || !version->key->rotation.stops) {
        return version->expires_s;
    }
    return version->expires_s == 0 ? certificate->not_after_s
                                   : earlier(version->expires_s, certificate->not_after_s);
}

bool version_protects(const struct key_version *version, uint64_t now_s)
{
    const uint64_t end_s = end_of(version);

    return version->state == KEY_ACTIVE && version->activates_s <= now_s &&
           (end_s == 0 || now_s < end_s);
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
        if (end_of(version) != 0 && end_of(version) <= now_s) {
            continue;
        }
        if (end_of(version) != 0) {
            key->next_change_s = earlier(key->next_change_s, end_of(version));
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

static bool is_named(const struct key_version *version, struct ps_bytes kid)
{
    const struct key_certificate *certificate = version_certificate(version);
    char hash[PUBLIC_KEY_KID_LEN];

    if (ps_bytes_equal_str(kid, version->kid)) {
        return true;
    }
    if (certificate == NULL) {
        return false;
    }
    ps_base64url_encode(ps_bytes(certificate->leaf_hash, sizeof certificate->leaf_hash), hash);
    return ps_bytes_equal(kid, ps_bytes(hash, sizeof hash));
}

struct key_version *key_version_by_kid(const struct key *key, struct ps_bytes kid)
{
    for (size_t i = key->version_count; kid.len != 0 && i > 0; i--) {
        if (is_named(key->versions[i - 1], kid)) {
            return key->versions[i - 1];
        }
    }
    return NULL;
}

struct key_version *key_latest(const struct key *key)
{
    return key->version_count == 0 ? NULL : key->versions[key->version_count - 1];
}

struct key_version *key_successor(const struct key *key)
{
    struct key_version *latest = key_latest(key);

    return latest != NULL && latest->state == KEY_PRE_ACTIVATION ? latest : NULL;
}

enum ps_err version_public_key(struct key_version *version, struct public_key **ret_key)
{
    if (version->is_unproven) {
        return ps_fail(PS_E_TOKEN, 0, "the token has not shown yet that it has %s",
                       version->key->name);
    }
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

/* What an issuer signs while it has no certificate can be verified by nobody. */
bool key_successors_need_certificates(const struct key *key)
{
    return key->rotation.certificates != KEY_CERTIFICATES_NONE ||
           (key->usage == PS_USAGE_CERTIFY && key_has_format(key, PS_FORMAT_X509));
}

/* The first version of a key that issues is used once: to sign its root, or the request for it. */
static bool needs_certificate(const struct key_version *version)
{
    return version->number == 1 ? version->key->rotation.certificates != KEY_CERTIFICATES_NONE
                                : key_successors_need_certificates(version->key);
}

bool version_lacks_certificate(const struct key_version *version, uint64_t now_s)
{
    const struct key_certificate *certificate = version_certificate(version);

    return needs_certificate(version) && (certificate == NULL || certificate->not_after_s <= now_s);
}

bool version_is_published(const struct key_version *version, uint64_t now_s)
{
    const struct key *key = version->key;

    if (version->spki == NULL || version->is_unproven || key->state == KEY_COMPROMISED ||
        key->state == KEY_DESTROYED) {
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
    case KEY_WITHDRAWN:
    case KEY_STATE_COUNT:
        break;
    }
    return false;
}
