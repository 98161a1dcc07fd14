#include "keystore/custody/records.h"

#include "keystore/custody/row_reader.h"
#include "keystore/events/events.h"
#include "keystore/events/truth.h"
#include "keystore/operations/operations.h"
#include "lib/base/encode.h"
#include "lib/base/line.h"

#include <assert.h>
#include <stdio.h>

#define NAME_MAX_HEX (2u * KEY_OBJECT_ID_MAX)

enum ps_err record_put(const struct record_of *of, const struct wrapping_keys *keys,
                       const struct record_made *made, struct ps_buf *out)
{
    uint8_t algorithms[KEY_ALGS_MAX];
    struct wrapped_record record = {
        .name = of->key,
        .version = of->version,
        .usage = (uint8_t)of->usage,
        .algorithms = ps_bytes(algorithms, of->algorithm_count),
        .wrapping_id = version_object_id(wrapping_keys_for(keys, of->type)),
        .mac_id = version_object_id(keys->mac),
        .public_key = made->public_key,
        .blob = made->blob,
        .mac = made->mac,
    };

    assert(of->algorithm_count <= KEY_ALGS_MAX);
    for (size_t i = 0; i < of->algorithm_count; i++) {
        algorithms[i] = (uint8_t)of->algorithms[i];
    }
    return ipc_encode(&wrapped_record_info, &record, out);
}

void record_put_name(struct ps_bytes object_id, struct ps_buf *out)
{
    ps_buf_put_hex(out, object_id);
}

static enum ps_err read_row(const struct keeper *keeper, struct ps_bytes object_id,
                            struct wrapped_row *ret_row)
{
    return row_reader_get(keeper->row_reader, keeper->catalog, object_id, ret_row);
}

static enum ps_err fail_damaged(const struct key_version *version)
{
    return ps_fail(PS_E_STATE, 0, "what is stored of %s, version %u, is no record of it",
                   version->key->name, version->number);
}

enum ps_err record_put_version(const struct key_version *version, const struct wrapping_keys *keys,
                               const struct record_made *made, struct ps_buf *out)
{
    const struct key *key = version->key;
    const struct record_of of = {.key = ps_bytes_str(key->name),
                                 .version = version->number,
                                 .type = key->type,
                                 .usage = key->usage,
                                 .algorithms = key->algorithms,
                                 .algorithm_count = key->algorithm_count};

    return record_put(&of, keys, made, out);
}

/* A row that names another key, or another version, is not the one that was written for this. */
static bool is_said_of(const struct wrapped_row *row, const struct key_version *version)
{
    return ps_bytes_equal_str(row->key, version->key->name) && row->version == version->number;
}

enum ps_err record_of_version(const struct keeper *keeper, const struct key_version *version,
                              struct ps_buf *out)
{
    struct wrapped_row row;
    struct wrapping_keys keys;
    const enum ps_err err = read_row(keeper, version_object_id(version), &row);

    if (err == PS_E_NOT_FOUND || err == PS_E_INPUT || err == PS_E_LIMIT) {
        return fail_damaged(version);
    }
    PS_TRY(err);
    if (!is_said_of(&row, version) || !wrapping_keys_at(keeper, row.wrapping, &keys)) {
        return fail_damaged(version);
    }
    return record_put_version(version, &keys,
                              &(struct record_made){.public_key = version_spki(version),
                                                    .blob = row.blob,
                                                    .mac = row.mac},
                              out);
}

enum ps_err record_wrapping(const struct keeper *keeper, struct ps_bytes object_id,
                            uint32_t *ret_wrapping)
{
    struct wrapped_row row;

    PS_TRY(read_row(keeper, object_id, &row));
    *ret_wrapping = row.wrapping;
    return PS_OK;
}

/* By the id that the log has, whatever number the row says. NULL: none of the key's. */
static const struct key_version *find_version(const struct key *key, struct ps_bytes object_id)
{
    for (size_t i = 0; i < key->version_count; i++) {
        if (ps_bytes_equal(version_object_id(key->versions[i]), object_id)) {
            return key->versions[i];
        }
    }
    return NULL;
}

enum ps_err record_owner(const struct keeper *keeper, struct ps_bytes object_id,
                         const struct key_version **ret_version)
{
    struct wrapped_row row;
    const struct key_version *version;
    const struct key *key;

    if (object_id.len > KEY_OBJECT_ID_MAX) {
        return PS_E_NOT_FOUND;
    }
    PS_TRY(read_row(keeper, object_id, &row));
    key = keys_find(keeper->keys, row.key);
    if (key == NULL) {
        return truth_has(keeper->truth, CATALOG_KEY, row.key)
                   ? ps_fail(PS_E_STATE, 0, "the rows of %.*s cannot be read",
                             PS_BYTES_FMT(row.key))
                   : PS_E_NOT_FOUND;
    }
    version = find_version(key, object_id);
    if (version == NULL) {
        return PS_E_NOT_FOUND;
    }
    *ret_version = version;
    return PS_OK;
}

enum ps_err record_remove(struct keeper *keeper, struct ps_bytes object_id)
{
    PS_BUF_AUTO memory = {.max = CATALOG_BODY_MAX + CATALOG_NAME_MAX};
    PS_BUF_AUTO name = {.max = NAME_MAX_HEX};
    struct catalog_change change = {.kind = CATALOG_WRAPPED};
    struct catalog_row found;
    enum ps_err err;

    record_put_name(object_id, &name);
    change.name = ps_buf_bytes(&name);
    err = catalog_get(keeper->catalog, CATALOG_WRAPPED, change.name, &memory, &found);
    if (err != PS_OK) {
        return err == PS_E_NOT_FOUND ? PS_OK : err;
    }
    change.expected = found.revision;
    return catalog_apply(keeper->catalog, &change, 1, 0, NULL);
}

bool record_is_used_again(enum key_state state)
{
    return state != KEY_COMPROMISED && state != KEY_DESTROYED && state != KEY_WITHDRAWN;
}

/* --- Under a version of the wrapping key --- */

/* A row ends with that number, being in RFC 8785 form: nothing has to be parsed. */
struct under {
    char end[32];
    size_t end_len;
    size_t count;
    uint8_t object_id[KEY_OBJECT_ID_MAX]; /* of the first of them */
    size_t object_id_len;
    uint64_t revision;
    uint8_t last[CATALOG_NAME_MAX]; /* that was looked at, whole: the walk goes on behind it */
    size_t last_len;
    size_t seen;
};

static void init_under(struct under *under, uint32_t wrapping)
{
    *under = (struct under){.count = 0};
    under->end_len = (size_t)snprintf(under->end, sizeof under->end, ",\"wrapping\":%u}", wrapping);
}

/* As record_put_name writes them: what has another name no key has, and somebody else put there. */
static bool read_name(struct ps_bytes name, struct ps_buf *id)
{
    return ps_hex_decode(name, id) == PS_OK && id->len != 0;
}

static void note_name(struct under *under, struct ps_bytes name)
{
    assert(name.len <= sizeof under->last); /* the catalog refuses others */
    memcpy(under->last, name.data, name.len);
    under->last_len = name.len;
    under->seen++;
}

static enum ps_err look_at(void *context, const struct catalog_row *row)
{
    struct under *under = context;
    PS_BUF_AUTO id = {.max = KEY_OBJECT_ID_MAX};

    note_name(under, row->name);
    if (row->body.len < under->end_len ||
        memcmp(row->body.data + row->body.len - under->end_len, under->end, under->end_len) != 0) {
        return PS_OK;
    }
    if (!read_name(row->name, &id)) {
        ps_line(PS_WARNING, "record_of_no_key", PS_TEXT("row", row->name));
        return PS_OK;
    }
    if (under->count++ == 0) {
        memcpy(under->object_id, id.data, id.len);
        under->object_id_len = id.len;
        under->revision = row->revision;
    }
    return PS_OK;
}

enum ps_err records_count_under(const struct keeper *keeper, uint32_t wrapping, size_t *ret_count)
{
    struct under under;

    init_under(&under, wrapping);
    PS_TRY(catalog_list(keeper->catalog, CATALOG_WRAPPED, ps_bytes(NULL, 0), UINT32_MAX, look_at,
                        &under));
    *ret_count = under.count;
    return PS_OK;
}

/* So many rows are read to find one. */
#define LOOK_AT 32u

/* The first row of that number behind that name, whatever it is of. */
static enum ps_err find_under(const struct keeper *keeper, uint32_t wrapping, struct ps_bytes after,
                              struct under *under)
{
    uint8_t from[CATALOG_NAME_MAX];
    size_t from_len = after.len;

    assert(after.len <= sizeof from);
    memcpy(from, after.data, after.len);
    do {
        init_under(under, wrapping);
        PS_TRY(catalog_list(keeper->catalog, CATALOG_WRAPPED, ps_bytes(from, from_len), LOOK_AT,
                            look_at, under));
        memcpy(from, under->last, under->last_len);
        from_len = under->last_len;
    } while (under->count == 0 && under->seen == LOOK_AT);
    return under->count != 0 ? PS_OK : PS_E_NOT_FOUND;
}

static void take_due(const struct under *under, struct record_due *due)
{
    *due = (struct record_due){.object_id_len = under->object_id_len, .revision = under->revision};
    memcpy(due->object_id, under->object_id, under->object_id_len);
}

/* PS_E_NOT_FOUND: nobody uses again what it is of. */
static enum ps_err judge_due(const struct keeper *keeper, struct record_due *due)
{
    const struct ps_bytes id = ps_bytes(due->object_id, due->object_id_len);
    const struct key_version *version;
    const enum ps_err err = record_owner(keeper, id, &version);

    if (err == PS_OK) {
        return record_is_used_again(version->state) && record_is_used_again(version->key->state)
                   ? PS_OK
                   : PS_E_NOT_FOUND;
    }
    if (err == PS_E_NOT_FOUND) {
        due->is_unclear = operations_has_reserved(keeper->operations, id);
        return due->is_unclear ? PS_OK : PS_E_NOT_FOUND;
    }
    due->is_unclear = true;
    return err == PS_E_INPUT || err == PS_E_LIMIT || err == PS_E_STATE ? PS_OK : err;
}

enum ps_err records_next_under(const struct keeper *keeper, uint32_t wrapping,
                               const struct record_due *after, struct record_due *ret_due)
{
    struct record_due due = *after;
    struct under under;
    enum ps_err err;

    do {
        PS_BUF_AUTO name = {.max = NAME_MAX_HEX};

        record_put_name(ps_bytes(due.object_id, due.object_id_len), &name);
        PS_TRY(ps_buf_status(&name));
        PS_TRY(find_under(keeper, wrapping, ps_buf_bytes(&name), &under));
        take_due(&under, &due);
        err = judge_due(keeper, &due);
    } while (err == PS_E_NOT_FOUND);
    PS_TRY(err);
    *ret_due = due;
    return PS_OK;
}

void record_alarm(struct keeper *keeper, const struct key_version *version)
{
    char text[200];

    (void)snprintf(text, sizeof text,
                   "version %u: what is stored of it is not what the token made, and is not opened",
                   version->number);
    events_alarm(keeper, "record-damaged", ps_bytes_str(version->key->name), text);
}

static enum ps_err note_any(void *context, const struct catalog_row *row)
{
    (void)row;
    *(bool *)context = true;
    return PS_OK;
}

struct lost {
    struct json *parser;
    size_t count;
};

/* A key whose versions should have rows. One that cannot be read is told of by who compares. */
static enum ps_err count_lost(void *context, const struct catalog_row *row)
{
    static const struct json_limits key_limits = {CATALOG_BODY_MAX, 8, 4000};
    struct lost *lost = context;
    struct key_record record;
    struct json_value body;
    const enum ps_err err = json_parse(lost->parser, row->body, &key_limits, &body);

    if (err == PS_E_NO_MEMORY) {
        return err;
    }
    if (err == PS_OK && key_record_read(body, &record) == PS_OK &&
        ps_bytes_equal_str(record.residence, "wrapped") && record_is_used_again(record.state)) {
        lost->count++;
    }
    return PS_OK;
}

enum ps_err records_alarm_if_lost(struct keeper *keeper)
{
    PS_CLEANUP(json_free_cleanup) struct json *parser = NULL;
    struct lost lost = {.count = 0};
    bool has_any = false;
    char text[160];

    if (keys_find(keeper->keys, ps_bytes_str(WRAPPING_KEY_NAME)) == NULL) {
        return PS_OK; /* nothing can have been wrapped */
    }
    PS_TRY(
        catalog_list(keeper->catalog, CATALOG_WRAPPED, ps_bytes(NULL, 0), 1, note_any, &has_any));
    if (has_any) {
        return PS_OK;
    }
    PS_TRY(json_new(&parser));
    lost.parser = parser;
    PS_TRY(catalog_list(keeper->catalog, CATALOG_KEY, ps_bytes(NULL, 0), UINT32_MAX, count_lost,
                        &lost));
    if (lost.count != 0) {
        (void)snprintf(text, sizeof text,
                       "%zu keys live outside the tokens, and the catalog has nothing of them",
                       lost.count);
        events_alarm(keeper, "record-damaged", ps_bytes(NULL, 0), text);
    }
    return PS_OK;
}
