#include "appliance/restore/internal.h"

#include "lib/base/clock.h"
#include "lib/base/encode.h"
#include "lib/base/map.h"
#include "lib/ceremony/backup/backup_row.h"

#include <stdio.h>
#include <stdlib.h>

#define ID_LEN BACKUP_ROW_ID_LEN

/* A version of a key, as its last row had it. Texts are one allocation, `text`. */
struct version {
    char *name;   /* "<key>/<number>": the map's key */
    char *tokens; /* "NAME\n" of each that holds it */
    uint8_t object_id[ID_LEN];
    bool is_live;
};

struct kept_key {
    char *name;
    bool is_wrapped;
    bool is_live;
};

/* What there is of a wrapped key, and by which version of the wrapping key it opens. */
struct kept_row {
    uint8_t object_id[ID_LEN];
    uint32_t wrapping; /* 0: none that can be */
};

struct census {
    struct json *json;
    struct ps_map *keys;
    struct ps_map *versions;
    struct kept_row *rows;
    size_t row_count;
    size_t row_room;
    bool is_sorted;
    char shard[16]; /* the last one that a leaf names; "": none */
};

static void free_version(void *value)
{
    struct version *version = value;

    free(version->name);
    free(version->tokens);
    free(version);
}

static void free_key(void *value)
{
    struct kept_key *key = value;

    free(key->name);
    free(key);
}

void census_free(struct census *census)
{
    if (census == NULL) {
        return;
    }
    ps_map_free(census->keys, free_key);
    ps_map_free(census->versions, free_version);
    json_free(census->json);
    free(census->rows);
    free(census);
}

enum ps_err census_new(struct census **ret_census)
{
    PS_CLEANUP(census_free_cleanup) struct census *census = calloc(1, sizeof *census);

    if (census == NULL) {
        return ps_fail(PS_E_NO_MEMORY, 0, "out of memory");
    }
    PS_TRY(json_new(&census->json));
    PS_TRY(ps_map_new(&census->keys));
    PS_TRY(ps_map_new(&census->versions));
    *ret_census = census;
    census = NULL;
    return PS_OK;
}

/* --- What the leaves say --- */

static struct ps_bytes text_of(struct json_value object, const char *name)
{
    struct json_value value;
    struct ps_bytes text;

    return json_member(object, name, &value) && json_string(value, &text) == PS_OK
               ? text
               : ps_bytes(NULL, 0);
}

static bool is_over(struct json_value row)
{
    const struct ps_bytes state = text_of(row, "state");

    return ps_bytes_equal_str(state, "destroyed") || ps_bytes_equal_str(state, "withdrawn");
}

static enum ps_err find_key(struct census *census, struct ps_bytes name, struct kept_key **ret_key)
{
    struct kept_key *key = ps_map_get(census->keys, name);
    enum ps_err err;

    if (key == NULL) {
        key = calloc(1, sizeof *key);
        if (key == NULL || (key->name = ps_bytes_to_str(name)) == NULL) {
            free(key);
            return ps_fail(PS_E_NO_MEMORY, 0, "out of memory");
        }
        err = ps_map_add(census->keys, ps_bytes_str(key->name), key);
        if (err != PS_OK) {
            free_key(key);
            return err;
        }
    }
    *ret_key = key;
    return PS_OK;
}

static enum ps_err take_key(struct census *census, struct ps_bytes name, struct json_value row)
{
    struct kept_key *key;

    PS_TRY(find_key(census, name, &key));
    key->is_wrapped = ps_bytes_equal_str(text_of(row, "residence"), "wrapped");
    key->is_live = !is_over(row);
    return PS_OK;
}

static enum ps_err find_version(struct census *census, struct ps_bytes name,
                                struct version **ret_version)
{
    struct version *version = ps_map_get(census->versions, name);
    enum ps_err err;

    if (version == NULL) {
        version = calloc(1, sizeof *version);
        if (version == NULL || (version->name = ps_bytes_to_str(name)) == NULL) {
            free(version);
            return ps_fail(PS_E_NO_MEMORY, 0, "out of memory");
        }
        err = ps_map_add(census->versions, ps_bytes_str(version->name), version);
        if (err != PS_OK) {
            free_version(version);
            return err;
        }
    }
    *ret_version = version;
    return PS_OK;
}

static void put_tokens(struct json_value row, struct ps_buf *out)
{
    struct json_value list;
    struct json_value value;
    struct ps_bytes text;
    uint32_t cursor = 0;

    ps_buf_printf(out, "%.*s\n", PS_BYTES_FMT(text_of(row, "token")));
    if (!json_member(row, "replicas", &list)) {
        return;
    }
    while (json_next(list, &cursor, NULL, &value)) {
        if (json_string(value, &text) == PS_OK) {
            ps_buf_printf(out, "%.*s\n", PS_BYTES_FMT(text));
        }
    }
}

static enum ps_err take_version(struct census *census, struct ps_bytes name, struct json_value row)
{
    PS_BUF_AUTO tokens = {.max = 4096};
    PS_BUF_AUTO id = {.max = 32};
    struct version *version;

    PS_TRY(find_version(census, name, &version));
    put_tokens(row, &tokens);
    PS_TRY(ps_buf_status(&tokens));
    PS_TRY(ps_base64url_decode(text_of(row, "object_id"), &id));
    if (id.len == ID_LEN) {
        memcpy(version->object_id, id.data, ID_LEN);
    }
    free(version->tokens);
    version->tokens = ps_bytes_to_str(ps_buf_bytes(&tokens));
    version->is_live = !is_over(row);
    return version->tokens == NULL ? ps_fail(PS_E_NO_MEMORY, 0, "out of memory") : PS_OK;
}

static enum ps_err take_effect(struct census *census, struct json_value effect)
{
    const struct ps_bytes kind = text_of(effect, "kind");
    const struct ps_bytes name = text_of(effect, "name");
    struct json_value row;

    if (!json_member(effect, "row", &row)) {
        return PS_OK;
    }
    if (ps_bytes_equal_str(kind, "key")) {
        return take_key(census, name, row);
    }
    return ps_bytes_equal_str(kind, "version") ? take_version(census, name, row) : PS_OK;
}

static void note_shard(struct census *census, const struct log_event *event)
{
    struct log_shard shard;

    if (log_shard_read(event->data, &shard) == PS_OK && shard.name.len < sizeof census->shard) {
        memcpy(census->shard, shard.name.data, shard.name.len);
        census->shard[shard.name.len] = '\0';
    }
}

enum ps_err census_take_event(struct census *census, const struct log_event *event)
{
    struct json_value effects;
    struct json_value effect;
    uint32_t cursor = 0;

    if (event->data.doc == NULL) {
        return PS_OK;
    }
    if (ps_bytes_equal_str(event->kind, "shard")) {
        note_shard(census, event);
    }
    if (!json_member(event->data, "effects", &effects) || json_type(effects) != JSON_ARRAY) {
        return PS_OK;
    }
    while (json_next(effects, &cursor, NULL, &effect)) {
        if (json_type(effect) == JSON_OBJECT) {
            PS_TRY(take_effect(census, effect));
        }
    }
    return PS_OK;
}

/* --- The rows --- */

static uint32_t wrapping_of(struct json_value body)
{
    struct json_value value;
    int64_t number;

    return json_member(body, "wrapping", &value) && json_integer(value, &number) == PS_OK &&
                   number > 0 && number <= UINT32_MAX
               ? (uint32_t)number
               : 0;
}

enum ps_err census_take_row(struct census *census, struct ps_bytes octets)
{
    struct backup_row found;
    struct kept_row *row;

    PS_TRY(backup_row_read(census->json, octets, &found));
    if (census->row_count == census->row_room) {
        const size_t room = census->row_room == 0 ? 1024 : census->row_room * 2;
        void *rows = reallocarray(census->rows, room, sizeof *census->rows);

        if (rows == NULL) {
            return ps_fail(PS_E_NO_MEMORY, 0, "out of memory");
        }
        census->rows = rows;
        census->row_room = room;
    }
    row = &census->rows[census->row_count++];
    memcpy(row->object_id, found.object_id, ID_LEN);
    row->wrapping = wrapping_of(found.body);
    census->is_sorted = false;
    return PS_OK;
}

/* The id is the first member of a row, and all of a key. */
static int compare_ids(const void *a, const void *b)
{
    return memcmp(a, b, ID_LEN);
}

static const struct kept_row *find_row(struct census *census, const struct version *version)
{
    if (!census->is_sorted && census->row_count != 0) {
        qsort(census->rows, census->row_count, sizeof *census->rows, compare_ids);
    }
    census->is_sorted = true;
    return census->row_count == 0 ? NULL
                                  : bsearch(version->object_id, census->rows, census->row_count,
                                            sizeof *census->rows, compare_ids);
}

/* --- What is lost --- */

static bool is_held(const struct version *version, const struct census_tokens *tokens)
{
    for (size_t i = 0; i < tokens->count; i++) {
        const size_t len = strlen(tokens->names[i]);

        for (const char *at = version->tokens; *at != '\0'; at += strcspn(at, "\n") + 1) {
            if (strncmp(at, tokens->names[i], len) == 0 && at[len] == '\n') {
                return true;
            }
        }
    }
    return false;
}

static const struct version *version_at(const struct census *census, const char *key,
                                        unsigned number)
{
    char name[192];

    (void)snprintf(name, sizeof name, "%s/%u", key, number);
    return ps_map_get(census->versions, ps_bytes_str(name));
}

/* By the version of the wrapping key that it was wrapped with, which has not been destroyed since.
 */
static bool opens(struct census *census, const struct version *version,
                  const struct census_tokens *tokens)
{
    const struct kept_row *row = find_row(census, version);
    const struct version *wrapping =
        row == NULL ? NULL : version_at(census, "privyseal.wrapping", row->wrapping);

    return wrapping != NULL && wrapping->is_live && is_held(wrapping, tokens);
}

/* The numbers of a key's versions have no gaps. */
static bool is_lost(struct census *census, const struct kept_key *key,
                    const struct census_tokens *tokens)
{
    const struct version *version;

    for (unsigned number = 1; (version = version_at(census, key->name, number)) != NULL; number++) {
        if (version->is_live &&
            !(key->is_wrapped ? opens(census, version, tokens) : is_held(version, tokens))) {
            return true;
        }
    }
    return false;
}

static int compare_names(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

static void free_list(char ***list)
{
    free(*list);
}

enum ps_err census_lost(struct census *census, const struct census_tokens *tokens,
                        void (*fn)(void *context, const char *name), void *context)
{
    PS_CLEANUP(free_list) char **lost = calloc(ps_map_count(census->keys) + 1, sizeof *lost);
    const struct kept_key *key;
    size_t cursor = 0;
    size_t count = 0;

    if (lost == NULL) {
        return ps_fail(PS_E_NO_MEMORY, 0, "out of memory");
    }
    while ((key = ps_map_next(census->keys, &cursor)) != NULL) {
        /* The log and the identity go on with keys that are made anew. */
        if (key->is_live && strcmp(key->name, "privyseal.log") != 0 &&
            strcmp(key->name, "privyseal.identity") != 0 && is_lost(census, key, tokens)) {
            lost[count++] = key->name;
        }
    }
    qsort(lost, count, sizeof *lost, compare_names);
    for (size_t i = 0; i < count; i++) {
        fn(context, lost[i]);
    }
    return PS_OK;
}

/* One further: the shard that was being written then has no leaf yet. */
void census_put_next_shard(const struct census *census, uint64_t now_ns, char out[16])
{
    char now[PS_TIME_MAX];
    unsigned number = 2;

    (void)ps_time_format(now_ns, 0, now);
    if (census->shard[0] != '\0' && memcmp(now, census->shard, 7) <= 0) {
        memcpy(now, census->shard, 7);
        number = (unsigned)strtoul(census->shard + 8, NULL, 10) + 2;
    }
    (void)snprintf(out, 16, "%.7s-%04u", now, number % 10000);
}
