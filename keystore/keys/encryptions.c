#include "keystore/keys/encryptions.h"

#include "keystore/events/events.h"
#include "keystore/signing/signer.h"
#include "keystore/snapshot/saved.h"
#include "keystore/writer.h"
#include "lib/base/line.h"
#include "lib/base/map.h"

#include <stdlib.h>

#define HALF (ENCRYPTIONS_MAX / 2)

static void on_reserved(void *context, bool is_durable)
{
    struct key_version *version = context;
    struct encryptions *count = &version->encryptions;
    struct keeper *keeper = count->keeper;

    count->keeper = NULL;
    if (is_durable) {
        count->reserved += ENCRYPTIONS_BLOCK;
    }
    signer_reserved(keeper->signer, version, is_durable);
}

static enum ps_err record(struct keeper *keeper, struct key_version *version)
{
    PS_BUF_AUTO data = {.max = 512};
    struct writer json = writer(&data);

    writer_begin_object(&json, NULL);
    writer_str(&json, "key", version->key->name);
    writer_number(&json, "reserved", version->encryptions.reserved + ENCRYPTIONS_BLOCK);
    writer_number(&json, "version", version->number);
    writer_end_object(&json);
    PS_TRY(ps_buf_status(&data));
    return events_record(keeper,
                         &(struct event_leaf){.time_ns = ps_clock_real_ns(),
                                              .kind = "encryptions",
                                              .data = ps_buf_bytes(&data)},
                         on_reserved, version);
}

static void warn(struct keeper *keeper, const struct key_version *version)
{
    const uint64_t reserved = version->encryptions.reserved;

    if (reserved == HALF) {
        events_alarm(keeper, "encryptions", ps_bytes_str(version->key->name),
                     "a version has encrypted 2^31 times, half as often as it may: rotate the key");
    } else if (reserved == ENCRYPTIONS_MAX - HALF / 8) {
        events_alarm(keeper, "encryptions", ps_bytes_str(version->key->name),
                     "a version is near its last encryption, and will refuse: rotate the key");
    }
}

static void reserve(struct keeper *keeper, struct key_version *version)
{
    struct encryptions *count = &version->encryptions;

    warn(keeper, version);
    count->keeper = keeper;
    if (record(keeper, version) != PS_OK) {
        count->keeper = NULL;
        ps_line(PS_ERROR, "encryptions_not_reserved", PS_STR("key", version->key->name),
                PS_STR("detail", ps_detail()->text));
    }
}

enum encryptions_verdict encryptions_count(struct keeper *keeper, struct key_version *version)
{
    struct encryptions *count = &version->encryptions;
    const uint64_t left = count->reserved - count->done;
    const bool is_last = count->reserved >= ENCRYPTIONS_MAX;

    if (left <= ENCRYPTIONS_BLOCK / 2 && !is_last && count->keeper == NULL) {
        reserve(keeper, version);
    }
    if (left != 0) {
        count->done++;
        return ENCRYPTIONS_GO;
    }
    if (is_last) {
        return ENCRYPTIONS_OVER;
    }
    return count->keeper != NULL ? ENCRYPTIONS_WAIT : ENCRYPTIONS_UNRECORDED;
}

bool encryptions_want_rotation(const struct key_version *version)
{
    return version->encryptions.reserved >= HALF;
}

/* --- The log --- */

struct entry {
    char *name; /* "<key>/<version>", the key of the map */
    uint64_t reserved;
    uint32_t version;
    size_t key_len;
};

struct encryptions_book {
    struct ps_map *entries;
};

enum ps_err encryptions_book_new(struct encryptions_book **ret_book)
{
    struct encryptions_book *book = calloc(1, sizeof *book);
    enum ps_err err;

    if (book == NULL) {
        return ps_fail(PS_E_NO_MEMORY, 0, "out of memory");
    }
    err = ps_map_new(&book->entries);
    if (err != PS_OK) {
        free(book);
        return err;
    }
    *ret_book = book;
    return PS_OK;
}

static void free_entry(void *value)
{
    struct entry *entry = value;

    if (entry != NULL) {
        free(entry->name);
        free(entry);
    }
}

void encryptions_book_free(struct encryptions_book *book)
{
    if (book != NULL) {
        ps_map_free(book->entries, free_entry);
        free(book);
    }
}

struct leaf_data {
    struct ps_bytes key;
    uint64_t reserved;
    uint32_t version;
};

static enum ps_err read_data(struct json_value data, struct leaf_data *ret_data)
{
    static const struct json_field fields[] = {
        JSON_FIELD(struct leaf_data, key, JSON_KIND_NAME, true, PS_NAME_MAX),
        JSON_FIELD(struct leaf_data, reserved, JSON_KIND_U64, true, ENCRYPTIONS_MAX),
        JSON_FIELD(struct leaf_data, version, JSON_KIND_U32, true, UINT32_MAX),
    };

    if (data.doc == NULL || json_type(data) != JSON_OBJECT) {
        return ps_fail(PS_E_INPUT, 0, "a leaf encryptions without data");
    }
    return json_read_object(data, fields, PS_COUNT_OF(fields), ret_data, NULL);
}

static enum ps_err add_entry(struct encryptions_book *book, const struct leaf_data *data,
                             struct ps_bytes name, struct entry **ret_entry)
{
    struct entry *entry = calloc(1, sizeof *entry);
    enum ps_err err;

    if (entry == NULL || (entry->name = ps_bytes_to_str(name)) == NULL) {
        free(entry);
        return ps_fail(PS_E_NO_MEMORY, 0, "out of memory");
    }
    entry->key_len = data->key.len;
    entry->version = data->version;
    err = ps_map_add(book->entries, ps_bytes_str(entry->name), entry);
    if (err != PS_OK) {
        free_entry(entry);
        return err;
    }
    *ret_entry = entry;
    return PS_OK;
}

enum ps_err encryptions_book_take(struct encryptions_book *book, struct json_value data)
{
    struct leaf_data read;
    struct entry *entry;
    PS_BUF_AUTO name = {.max = KEY_VERSION_NAME_MAX};

    PS_TRY(read_data(data, &read));
    version_record_put_name(read.key, read.version, &name);
    PS_TRY(ps_buf_status(&name));
    entry = ps_map_get(book->entries, ps_buf_bytes(&name));
    if (entry == NULL) {
        PS_TRY(add_entry(book, &read, ps_buf_bytes(&name), &entry));
    }
    /* The count of a version never goes back, whatever the order of leaves. */
    entry->reserved = read.reserved > entry->reserved ? read.reserved : entry->reserved;
    return PS_OK;
}

void encryptions_book_save(const struct encryptions_book *book, struct ps_buf *out)
{
    const struct entry *entry;
    size_t cursor = 0;

    ps_buf_put_u32(out, (uint32_t)ps_map_count(book->entries));
    while ((entry = ps_map_next(book->entries, &cursor)) != NULL) {
        saved_put(out, ps_bytes(entry->name, entry->key_len));
        ps_buf_put_u32(out, entry->version);
        ps_buf_put_u64(out, entry->reserved);
    }
}

enum ps_err encryptions_book_resume(struct encryptions_book *book, struct ps_reader *reader)
{
    const uint32_t count = ps_reader_u32(reader);

    for (uint32_t i = 0; i < count && !reader->failed; i++) {
        struct leaf_data data = {.key = saved_take(reader)};
        struct entry *entry;
        PS_BUF_AUTO name = {.max = KEY_VERSION_NAME_MAX};

        data.version = ps_reader_u32(reader);
        data.reserved = ps_reader_u64(reader);
        version_record_put_name(data.key, data.version, &name);
        PS_TRY(ps_buf_status(&name));
        PS_TRY(add_entry(book, &data, ps_buf_bytes(&name), &entry));
        entry->reserved = data.reserved;
    }
    return PS_OK;
}

void encryptions_book_apply(const struct encryptions_book *book, struct keys *keys)
{
    const struct entry *entry;
    size_t cursor = 0;

    while ((entry = ps_map_next(book->entries, &cursor)) != NULL) {
        struct key *key = keys_find(keys, ps_bytes(entry->name, entry->key_len));
        struct key_version *version = key == NULL ? NULL : key_version(key, entry->version);

        if (version != NULL && version->encryptions.reserved < entry->reserved) {
            version->encryptions.done = version->encryptions.reserved = entry->reserved;
        }
    }
}
