#include "keystore/catalog/catalog.h"
#include "keystore/catalog/key_record.h"
#include "keystore/catalog/wrapped_record.h"
#include "keystore/log/leaf.h"
#include "keystore/log/log.h"
#include "keystore/writer.h"
#include "lib/base/clock.h"
#include "lib/base/encode.h"
#include "lib/base/name.h"
#include "lib/formats/tlog/note.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/*
 * Fills the log and the catalog of an appliance that is stopped with keys of the form of one that
 * it has made, through the keeper's own code for leaves and rows:
 *
 *   fill DATA put TEMPLATE PREFIX COUNT TEXT   appends results, and writes the new checkpoint's
 * text fill DATA sign TEXT SIGNATURE              stores the checkpoint with the token's signature
 *
 * Nobody approved these keys and no token made them: their records are octets that open nothing.
 * They are there to be many. Only who can sign with the token's key of the log can add them.
 */
#define PER_LEAF    32u
#define LEAF_MAX    LOG_ENTRY_MAX
#define FILE_MAX    8192u
#define BODY_MAX    4096u
#define OBJECT_ID   16u
#define SYNC_LEAVES 64u

struct fill {
    struct ps_loop *loop;
    struct log_writer *writer;
    struct log *log;
    struct catalog *catalog;
    struct json *parser;
    struct ps_buf key_memory;
    struct ps_buf version_memory;
    struct ps_buf wrapped_memory;
    struct key_record key;
    struct version_record version;
    struct wrapped_row wrapped;
};

struct made {
    char name[PS_NAME_MAX + 1];
    struct ps_buf texts[6]; /* names and bodies of the three rows */
};

static void on_log(void *context, struct log *log)
{
    (void)context;
    (void)log;
}

static enum ps_err open_all(struct fill *fill, const char *data)
{
    static const struct log_handler handler = {.on_durable = on_log, .on_failed = on_log};
    char path[512];
    const struct log_config config = {.directory = path, .name = "events"};

    (void)snprintf(path, sizeof path, "%s/catalog.sqlite", data);
    PS_TRY(catalog_open_sqlite(path, &fill->catalog));
    PS_TRY(ps_loop_new(&fill->loop));
    PS_TRY(log_writer_new(fill->loop, &handler, NULL, &fill->writer));
    (void)snprintf(path, sizeof path, "%s/log/events", data);
    PS_TRY(log_open(fill->writer, &config, &fill->log));
    return json_new(&fill->parser);
}

static void close_all(struct fill *fill)
{
    log_writer_free(fill->writer);
    ps_loop_free(fill->loop);
    catalog_close(fill->catalog);
    json_free(fill->parser);
    ps_buf_clear(&fill->key_memory);
    ps_buf_clear(&fill->version_memory);
    ps_buf_clear(&fill->wrapped_memory);
}

static enum ps_err get_body(struct fill *fill, enum catalog_kind kind, struct ps_bytes name,
                            struct ps_buf *memory, struct json_value *ret_body)
{
    struct catalog_row row;

    ps_buf_init(memory, BODY_MAX);
    PS_TRY(catalog_get(fill->catalog, kind, name, memory, &row));
    return json_parse(fill->parser, row.body, &JSON_LIMITS_REQUEST, ret_body);
}

/* What a parser has read stays until it reads again: each is copied into what outlives that. */
static enum ps_err read_template(struct fill *fill, struct ps_bytes name)
{
    static struct ps_buf kept[4];
    PS_BUF_AUTO row_name = {.max = CATALOG_NAME_MAX};
    struct json_value body;

    version_record_put_name(name, 1, &row_name);
    PS_TRY(get_body(fill, CATALOG_VERSION, ps_buf_bytes(&row_name), &fill->version_memory, &body));
    PS_TRY(version_record_read(body, &fill->version));
    for (size_t i = 0; i < PS_COUNT_OF(kept); i++) {
        const struct ps_bytes fields[] = {fill->version.public_key, fill->version.kid,
                                          fill->version.token, fill->version.object_id};

        ps_buf_init(&kept[i], BODY_MAX);
        ps_buf_put(&kept[i], fields[i]);
        PS_TRY(ps_buf_status(&kept[i]));
    }
    fill->version.public_key = ps_buf_bytes(&kept[0]);
    fill->version.kid = ps_buf_bytes(&kept[1]);
    fill->version.token = ps_buf_bytes(&kept[2]);
    ps_buf_reset(&row_name);
    ps_buf_put_hex(&row_name, ps_buf_bytes(&kept[3]));
    fill->wrapped = (struct wrapped_row){.version = 1, .wrapping = 1};
    return get_body(fill, CATALOG_KEY, name, &fill->key_memory, &body) == PS_OK
               ? key_record_read(body, &fill->key)
               : PS_E_NOT_FOUND;
}

static enum ps_err make_key(const struct fill *fill, struct made *made)
{
    uint8_t random[OBJECT_ID + 80 + WRAPPED_MAC_LEN];
    struct key_record key = fill->key;
    struct version_record version = fill->version;
    struct wrapped_row wrapped = fill->wrapped;

    ps_random(random, sizeof random);
    for (size_t i = 0; i < PS_COUNT_OF(made->texts); i++) {
        ps_buf_reset(&made->texts[i]);
    }
    key.name = version.key = wrapped.key = ps_bytes_str(made->name);
    version.object_id = ps_bytes(random, OBJECT_ID);
    wrapped.blob = ps_bytes(random + OBJECT_ID, 80);
    wrapped.mac = ps_bytes(random + OBJECT_ID + 80, WRAPPED_MAC_LEN);
    ps_buf_put(&made->texts[0], key.name);
    key_record_put(&key, &made->texts[1]);
    version_record_put_name(key.name, 1, &made->texts[2]);
    version_record_put(&version, &made->texts[3]);
    ps_buf_put_hex(&made->texts[4], version.object_id);
    wrapped_row_put(&wrapped, &made->texts[5]);
    for (size_t i = 0; i < PS_COUNT_OF(made->texts); i++) {
        PS_TRY(ps_buf_status(&made->texts[i]));
    }
    return PS_OK;
}

static enum ps_err put_leaf(struct fill *fill, const struct catalog_change *changes, size_t count,
                            uint64_t *ret_event)
{
    PS_BUF_AUTO data = {.max = LEAF_MAX};
    PS_BUF_AUTO leaf = {.max = LEAF_MAX};
    struct writer json = writer(&data);
    uint8_t id[16];

    ps_random(id, sizeof id);
    writer_begin_object(&json, NULL);
    writer_raw(&json, "effects", ps_bytes(NULL, 0));
    catalog_put_effects(changes, count, &data);
    writer_hex(&json, "operation", ps_bytes(id, sizeof id));
    writer_str(&json, "outcome", "done");
    writer_end_object(&json);
    PS_TRY(ps_buf_status(&data));
    leaf_put_event(&(struct event_leaf){.time_ns = ps_clock_real_ns(),
                                        .kind = "result",
                                        .data = ps_buf_bytes(&data)},
                   &leaf);
    PS_TRY(ps_buf_status(&leaf));
    return log_append(fill->log, ps_buf_bytes(&leaf), ret_event);
}

static enum ps_err put_some(struct fill *fill, struct made *made, size_t count)
{
    struct catalog_change changes[3 * PER_LEAF];
    static const enum catalog_kind kinds[] = {CATALOG_KEY, CATALOG_VERSION, CATALOG_WRAPPED};
    uint64_t event;

    for (size_t i = 0; i < count; i++) {
        PS_TRY(make_key(fill, &made[i]));
        for (size_t k = 0; k < PS_COUNT_OF(kinds); k++) {
            changes[3 * i + k] =
                (struct catalog_change){.kind = kinds[k],
                                        .name = ps_buf_bytes(&made[i].texts[2 * k]),
                                        .body = ps_buf_bytes(&made[i].texts[2 * k + 1])};
        }
    }
    PS_TRY(put_leaf(fill, changes, 3 * count, &event));
    if (event % SYNC_LEAVES == 0) {
        PS_TRY(log_sync(fill->log));
    }
    return catalog_apply(fill->catalog, changes, 3 * count, event, NULL);
}

static enum ps_err put_all(struct fill *fill, const char *prefix, unsigned long count)
{
    static struct made made[PER_LEAF];

    for (size_t i = 0; i < PER_LEAF; i++) {
        for (size_t k = 0; k < PS_COUNT_OF(made[i].texts); k++) {
            ps_buf_init(&made[i].texts[k], BODY_MAX);
        }
    }
    for (unsigned long at = 0; at < count;) {
        size_t some = 0;

        while (some < PER_LEAF && at < count) {
            (void)snprintf(made[some].name, sizeof made[some].name, "%s%lu", prefix, at);
            some++;
            at++;
        }
        PS_TRY(put_some(fill, made, some));
    }
    for (size_t i = 0; i < PER_LEAF; i++) {
        for (size_t k = 0; k < PS_COUNT_OF(made[i].texts); k++) {
            ps_buf_clear(&made[i].texts[k]);
        }
    }
    return log_sync(fill->log);
}

static enum ps_err read_file(const char *path, struct ps_buf *out)
{
    FILE *file = fopen(path, "rb");
    uint8_t piece[512];
    size_t got;

    if (file == NULL) {
        return ps_fail_errno(PS_E_STORAGE, "%s", path);
    }
    while ((got = fread(piece, 1, sizeof piece, file)) != 0) {
        ps_buf_put(out, ps_bytes(piece, got));
    }
    (void)fclose(file);
    return ps_buf_status(out);
}

static enum ps_err write_text(struct fill *fill, const char *path)
{
    PS_BUF_AUTO text = {.max = NOTE_OCTETS_MAX};
    struct checkpoint checkpoint;
    FILE *file;

    PS_TRY(checkpoint_peek(log_checkpoint(fill->log), &checkpoint));
    checkpoint.size = log_tree_size(fill->log);
    PS_TRY(log_root(fill->log, checkpoint.size, &checkpoint.root));
    PS_TRY(checkpoint_put(&checkpoint, &text));
    file = fopen(path, "wb");
    if (file == NULL || fwrite(text.data, 1, text.len, file) != text.len || fclose(file) != 0) {
        return ps_fail_errno(PS_E_STORAGE, "%s", path);
    }
    return PS_OK;
}

static enum ps_err find_log_key(struct fill *fill, struct ps_buf *leaf, struct note_key *ret_key)
{
    struct json_value root;
    struct json_value data;
    struct json_value value;
    struct ps_bytes text;

    PS_TRY(log_read_entry(fill->log, 0, leaf));
    PS_TRY(json_parse(fill->parser, ps_buf_bytes(leaf),
                      &(struct json_limits){LOG_ENTRY_MAX, 16, 20000}, &root));
    if (!json_member(root, "data", &data) || !json_member(data, "log_key", &value)) {
        return ps_fail(PS_E_INPUT, 0, "the first leaf names no key of the log");
    }
    PS_TRY(json_string(value, &text));
    return note_key_parse(text, ret_key);
}

static enum ps_err sign(struct fill *fill, const char *text_path, const char *signature_path)
{
    PS_BUF_AUTO leaf = {.max = LOG_ENTRY_MAX};
    PS_BUF_AUTO note = {.max = NOTE_OCTETS_MAX};
    PS_BUF_AUTO signature = {.max = FILE_MAX};
    struct note_key key;

    PS_TRY(find_log_key(fill, &leaf, &key));
    PS_TRY(read_file(text_path, &note));
    PS_TRY(read_file(signature_path, &signature));
    note_put_signature(&key, ps_buf_bytes(&signature), &note, true);
    PS_TRY(ps_buf_status(&note));
    PS_TRY(log_set_checkpoint(fill->log, ps_buf_bytes(&note)));
    return log_sync(fill->log);
}

static enum ps_err run(struct fill *fill, int count, char **words)
{
    PS_TRY(open_all(fill, words[1]));
    if (count == 5 && strcmp(words[2], "sign") == 0) {
        return sign(fill, words[3], words[4]);
    }
    if (count != 7 || strcmp(words[2], "put") != 0) {
        return ps_fail(PS_E_INPUT, 0, "fill DATA put TEMPLATE PREFIX COUNT TEXT, or sign");
    }
    PS_TRY(read_template(fill, ps_bytes_str(words[3])));
    PS_TRY(put_all(fill, words[4], strtoul(words[5], NULL, 10)));
    return write_text(fill, words[6]);
}

int main(int count, char **words)
{
    struct fill fill = {.loop = NULL};
    const enum ps_err err = count < 3 ? PS_E_INPUT : run(&fill, count, words);

    if (err != PS_OK) {
        (void)fprintf(stderr, "fill: %s\n", ps_detail()->text);
    }
    close_all(&fill);
    return err == PS_OK ? 0 : 1;
}
