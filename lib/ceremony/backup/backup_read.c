#include "lib/ceremony/backup/backup_read.h"

#include "lib/base/clock.h"
#include "lib/base/encode.h"
#include "lib/base/reader.h"
#include "lib/ceremony/log/judged_keys.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#define MAGIC_LEN (sizeof BACKUP_MAGIC - 1)
#define ROOM      (BACKUP_RECORD_HEAD + BACKUP_RECORD_MAX)
#define TIME_LEN  20u /* of "2026-01-02T03:04:05Z" */

struct backup_reader {
    struct backup_trust trust;
    struct backup_calls calls;
    struct json *json;
    struct ps_buf pending; /* of a record that is not whole yet */
    bool has_magic;
    enum backup_kind last; /* of records; 0: none yet */
    uint8_t whole[PS_SHA256_LEN];
    uint8_t rows[PS_SHA256_LEN];
    struct merkle_edge edge;
    struct judged_keys judged; /* of `events` */
    uint64_t named_rows;       /* by the last leaf that says what rows there are */
    uint8_t named_hash[PS_SHA256_LEN];
    bool is_named;
    struct backup_summary summary;
};

enum ps_err backup_reader_new(const struct backup_trust *trust, const struct backup_calls *calls,
                              struct backup_reader **ret_reader)
{
    PS_CLEANUP(backup_reader_free_cleanup) struct backup_reader *reader = calloc(1, sizeof *reader);
    struct note_key key;

    if (reader == NULL) {
        return ps_fail(PS_E_NO_MEMORY, 0, "out of memory");
    }
    if (trust->log_key.len != 0) {
        PS_TRY(log_key_parse(trust->log_key, &key));
    }
    reader->trust = *trust;
    reader->calls = *calls;
    ps_buf_init(&reader->pending, ROOM);
    PS_TRY(judged_keys_init(&reader->judged, !trust->is_ours));
    ps_buf_put(&reader->judged.keys.key, trust->log_key);
    reader->summary.key_from_genesis = trust->log_key.len == 0;
    PS_TRY(json_new(&reader->json));
    *ret_reader = reader;
    reader = NULL;
    return PS_OK;
}

void backup_reader_free(struct backup_reader *reader)
{
    if (reader == NULL) {
        return;
    }
    json_free(reader->json);
    ps_buf_clear(&reader->pending);
    judged_keys_clear(&reader->judged);
    free(reader);
}

void backup_chain_add(uint8_t chain[PS_SHA256_LEN], struct ps_bytes record)
{
    const struct ps_bytes parts[] = {ps_bytes(chain, PS_SHA256_LEN), record};

    ps_hash_parts(PS_SHA256, parts, PS_COUNT_OF(parts), chain);
}

void backup_put_head(enum backup_kind kind, size_t len, uint8_t out[BACKUP_RECORD_HEAD])
{
    out[0] = (uint8_t)kind;
    out[1] = (uint8_t)(len >> 24);
    out[2] = (uint8_t)(len >> 16);
    out[3] = (uint8_t)(len >> 8);
    out[4] = (uint8_t)len;
}

/* --- Records --- */

static enum ps_err take_header(struct backup_reader *reader, struct ps_bytes octets)
{
    struct header {
        struct ps_bytes created;
        struct ps_bytes origin;
        struct ps_bytes version;
    } header;
    static const struct json_field fields[] = {
        JSON_FIELD(struct header, created, JSON_KIND_STRING, true, 39),
        JSON_FIELD(struct header, origin, JSON_KIND_STRING, true, 255),
        JSON_FIELD(struct header, version, JSON_KIND_STRING, true, 64),
    };
    struct json_value root;

    PS_TRY(json_parse(reader->json, octets, &JSON_LIMITS_REQUEST, &root));
    PS_TRY(json_read_object(root, fields, PS_COUNT_OF(fields), &header, NULL));
    memcpy(reader->summary.created, header.created.data, header.created.len);
    memcpy(reader->summary.origin, header.origin.data, header.origin.len);
    return PS_OK;
}

static enum ps_err take_row(struct backup_reader *reader, struct ps_bytes octets)
{
    reader->summary.rows++;
    return reader->calls.row == NULL ? PS_OK : reader->calls.row(reader->calls.context, octets);
}

static enum ps_err take_genesis(struct backup_reader *reader, struct ps_bytes octets)
{
    uint8_t hash[PS_SHA256_LEN];
    PS_BUF_AUTO hex = {.max = 2 * PS_SHA256_LEN};

    ps_sha256(octets, hash);
    if (reader->trust.genesis.len != 0 &&
        !ps_bytes_equal(reader->trust.genesis, ps_bytes(hash, sizeof hash))) {
        return ps_fail(PS_E_DENIED, 0, "its first leaf is not the genesis that was named");
    }
    ps_buf_put_hex(&hex, ps_bytes(hash, sizeof hash));
    PS_TRY(ps_buf_status(&hex));
    memcpy(reader->summary.genesis, hex.data, hex.len);
    return PS_OK;
}

/* What the last leaf of this kind says counts: it was written for this backup. */
static enum ps_err take_names(struct backup_reader *reader, struct json_value data)
{
    struct names {
        struct ps_bytes file;
        uint64_t rows;
        struct ps_bytes rows_hash;
    } names = {.rows = 0};
    static const struct json_field fields[] = {
        JSON_FIELD(struct names, file, JSON_KIND_STRING, true, 128),
        JSON_FIELD(struct names, rows, JSON_KIND_U64, true, 0),
        JSON_FIELD(struct names, rows_hash, JSON_KIND_STRING, true, 64),
    };
    PS_BUF_AUTO hash = {.max = PS_SHA256_LEN};

    PS_TRY(json_read_object(data, fields, PS_COUNT_OF(fields), &names, NULL));
    PS_TRY(ps_hex_decode(names.rows_hash, &hash));
    if (hash.len != PS_SHA256_LEN) {
        return ps_fail(PS_E_INPUT, 0, "`rows_hash` is no SHA-256");
    }
    memcpy(reader->named_hash, hash.data, hash.len);
    (void)snprintf(reader->summary.file, sizeof reader->summary.file, "%.*s",
                   PS_BYTES_FMT(names.file));
    reader->named_rows = names.rows;
    reader->is_named = true;
    return PS_OK;
}

static enum ps_err take_leaf(struct backup_reader *reader, struct ps_bytes octets)
{
    const uint64_t index = reader->edge.size;
    struct log_event event;

    PS_TRY(log_event_read(reader->json, octets, &event));
    if (index == 0) {
        PS_TRY(take_genesis(reader, octets));
    }
    if (index == 0 && !ps_bytes_equal_str(event.kind, "genesis")) {
        return ps_fail(PS_E_INPUT, 0, "its first leaf is no genesis");
    }
    PS_TRY(judged_keys_take(&reader->judged, &reader->edge, &event));
    if (ps_bytes_equal_str(event.kind, BACKUP_LEAF_KIND)) {
        PS_TRY(take_names(reader, event.data));
    }
    merkle_edge_append(&reader->edge, merkle_leaf_hash(octets));
    reader->summary.leaves++;
    return reader->calls.leaf == NULL ? PS_OK
                                      : reader->calls.leaf(reader->calls.context, index, octets);
}

/* The name of a backup is the time when it was begun. */
static bool is_named_after(struct ps_bytes name, struct ps_bytes created)
{
    PS_BUF_AUTO expected = {.max = 64};

    for (size_t i = 0; i < created.len; i++) {
        if (created.data[i] != '-' && created.data[i] != ':') {
            ps_buf_put_u8(&expected, created.data[i]);
        }
    }
    ps_buf_put_str(&expected, BACKUP_SUFFIX);
    return ps_buf_status(&expected) == PS_OK && ps_bytes_equal(name, ps_buf_bytes(&expected));
}

/*
 * Nothing signs the header, and people are told what it says: it is what the log says. Else an old
 * backup would pass for a new one by a few octets.
 */
static enum ps_err check_header(const struct backup_reader *reader, const struct note_key *key)
{
    const struct ps_bytes created = ps_bytes_str(reader->summary.created);
    PS_BUF_AUTO origin = {.max = sizeof reader->summary.origin + sizeof "/events"};
    uint64_t created_ns;

    if (created.len != TIME_LEN || ps_time_parse(created, &created_ns) != PS_OK ||
        !is_named_after(ps_bytes_str(reader->summary.file), created)) {
        return ps_fail(PS_E_DENIED, 0, "its header names another time than its log");
    }
    ps_buf_put_str(&origin, reader->summary.origin);
    ps_buf_put_str(&origin, "/events");
    PS_TRY(ps_buf_status(&origin));
    return ps_bytes_equal(key->name, ps_buf_bytes(&origin))
               ? PS_OK
               : ps_fail(PS_E_DENIED, 0, "its header names another origin than its log");
}

static enum ps_err take_checkpoint(struct backup_reader *reader, struct ps_bytes octets)
{
    const struct merkle_hash root = merkle_edge_root(&reader->edge);
    struct checkpoint checkpoint;
    struct note_key key;

    if (reader->edge.size == 0) {
        return ps_fail(PS_E_INPUT, 0, "it has no leaves");
    }
    PS_TRY(log_succession_key(&reader->judged.keys, &key));
    PS_TRY(checkpoint_open(octets, &key, &checkpoint));
    if (!ps_bytes_equal(checkpoint.origin, key.name) || checkpoint.size != reader->edge.size ||
        memcmp(checkpoint.root.octets, root.octets, sizeof root.octets) != 0) {
        return ps_fail(PS_E_DENIED, 0, "the log's key did not sign for these leaves");
    }
    if (!reader->is_named || reader->named_rows != reader->summary.rows ||
        memcmp(reader->named_hash, reader->rows, sizeof reader->rows) != 0) {
        return ps_fail(PS_E_DENIED, 0, "its rows are not those that its log names");
    }
    PS_TRY(check_header(reader, &key));
    return reader->calls.checkpoint == NULL
               ? PS_OK
               : reader->calls.checkpoint(reader->calls.context, octets);
}

static enum ps_err take_end(const struct backup_reader *reader, struct ps_bytes octets)
{
    return ps_bytes_equal(octets, ps_bytes(reader->whole, sizeof reader->whole))
               ? PS_OK
               : ps_fail(PS_E_DENIED, 0, "its records are not those that were written");
}

/* Headers, checkpoint and end are there once; rows and leaves any number of times. */
static bool may_follow(enum backup_kind last, enum backup_kind kind)
{
    switch (kind) {
    case BACKUP_HEADER:
        return last == 0;
    case BACKUP_ROW:
        return last == BACKUP_HEADER || last == BACKUP_ROW;
    case BACKUP_LEAF:
        return last >= BACKUP_HEADER && last <= BACKUP_LEAF;
    case BACKUP_CHECKPOINT:
        return last == BACKUP_LEAF;
    case BACKUP_END:
        return last == BACKUP_CHECKPOINT;
    }
    return false;
}

static enum ps_err take_octets(struct backup_reader *reader, enum backup_kind kind,
                               struct ps_bytes octets)
{
    switch (kind) {
    case BACKUP_HEADER:
        return take_header(reader, octets);
    case BACKUP_ROW:
        return take_row(reader, octets);
    case BACKUP_LEAF:
        return take_leaf(reader, octets);
    case BACKUP_CHECKPOINT:
        return take_checkpoint(reader, octets);
    case BACKUP_END:
        break;
    }
    return take_end(reader, octets);
}

/* Where it stands, in front of what is wrong there. */
static enum ps_err at_place(const struct backup_reader *reader, enum ps_err err)
{
    const struct ps_detail detail = *ps_detail();

    return ps_fail(err, 0, "at octet %" PRIu64 ": %.180s", reader->summary.octets, detail.text);
}

static enum ps_err take_record(struct backup_reader *reader, struct ps_bytes record)
{
    const enum backup_kind kind = (enum backup_kind)record.data[0];
    enum ps_err err = PS_OK;

    if (!may_follow(reader->last, kind)) {
        err = ps_fail(PS_E_INPUT, 0, "a record of a kind that does not come here");
    }
    if (err == PS_OK && kind == BACKUP_ROW) {
        backup_chain_add(reader->rows, record);
    }
    if (err == PS_OK) {
        err = take_octets(reader, kind, ps_bytes_from(record, BACKUP_RECORD_HEAD));
    }
    if (err != PS_OK) {
        return at_place(reader, err);
    }
    backup_chain_add(reader->whole, record);
    reader->last = kind;
    reader->summary.octets += record.len;
    return PS_OK;
}

/* --- Octets --- */

/* Octets of the next record with its head; 0: its head is not there yet. */
static enum ps_err len_of_next(const struct backup_reader *reader, struct ps_bytes left,
                               size_t *ret_len)
{
    struct ps_reader head = ps_reader(left);
    uint32_t len;

    *ret_len = 0;
    if (left.len < BACKUP_RECORD_HEAD) {
        return PS_OK;
    }
    (void)ps_reader_u8(&head);
    len = ps_reader_u32(&head);
    if (len > BACKUP_RECORD_MAX) {
        (void)!ps_fail(PS_E_INPUT, 0, "a record of %u octets", len);
        return at_place(reader, PS_E_INPUT);
    }
    *ret_len = BACKUP_RECORD_HEAD + len;
    return PS_OK;
}

static enum ps_err take_magic(struct backup_reader *reader, struct ps_bytes *left)
{
    if (reader->has_magic || left->len < MAGIC_LEN) {
        return PS_OK;
    }
    if (memcmp(left->data, BACKUP_MAGIC, MAGIC_LEN) != 0) {
        return ps_fail(PS_E_INPUT, 0, "this is no backup, or one of another version");
    }
    reader->has_magic = true;
    reader->summary.octets = MAGIC_LEN;
    *left = ps_bytes_from(*left, MAGIC_LEN);
    return PS_OK;
}

/* All records that are whole; *left becomes what is behind them. */
static enum ps_err take_whole(struct backup_reader *reader, struct ps_bytes *left)
{
    size_t len;

    PS_TRY(take_magic(reader, left));
    if (!reader->has_magic) {
        return PS_OK;
    }
    PS_TRY(len_of_next(reader, *left, &len));
    while (len != 0 && len <= left->len) {
        PS_TRY(take_record(reader, ps_bytes(left->data, len)));
        *left = ps_bytes_from(*left, len);
        PS_TRY(len_of_next(reader, *left, &len));
    }
    return PS_OK;
}

enum ps_err backup_reader_feed(struct backup_reader *reader, struct ps_bytes octets)
{
    while (octets.len != 0) {
        const size_t room = ROOM - reader->pending.len;
        const size_t count = octets.len < room ? octets.len : room;
        struct ps_bytes left;

        ps_buf_put(&reader->pending, ps_bytes(octets.data, count));
        PS_TRY(ps_buf_status(&reader->pending));
        octets = ps_bytes_from(octets, count);
        left = ps_buf_bytes(&reader->pending);
        PS_TRY(take_whole(reader, &left));
        ps_buf_consume(&reader->pending, reader->pending.len - left.len);
    }
    return PS_OK;
}

enum ps_err backup_reader_finish(struct backup_reader *reader, struct backup_summary *ret_summary)
{
    if (reader->last != BACKUP_END || reader->pending.len != 0) {
        (void)!ps_fail(PS_E_INPUT, 0, "%s",
                       reader->last == BACKUP_END ? "there is something behind its end"
                                                  : "it ends in the middle");
        return at_place(reader, PS_E_INPUT);
    }
    memcpy(reader->summary.log_key, reader->judged.keys.key.data, reader->judged.keys.key.len);
    reader->summary.restored = reader->judged.keys.count;
    *ret_summary = reader->summary;
    return PS_OK;
}
