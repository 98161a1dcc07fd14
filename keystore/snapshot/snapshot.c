#include "keystore/snapshot/snapshot.h"

#include "keystore/log/edge.h"
#include "keystore/log/walk.h"
#include "keystore/snapshot/internal.h"
#include "keystore/snapshot/layered.h"
#include "keystore/snapshot/saved.h"
#include "lib/ceremony/log/key.h"
#include "lib/ceremony/log/leaf.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

enum ps_err snapshots_new(struct keeper *keeper, struct snapshots **ret_snapshots)
{
    struct snapshots *snapshots = calloc(1, sizeof *snapshots);

    if (snapshots == NULL) {
        return ps_fail(PS_E_NO_MEMORY, 0, "out of memory");
    }
    snapshots->keeper = keeper;
    snapshots->directory = -1;
    ps_buf_init(&snapshots->text, NOTE_OCTETS_MAX);
    *ret_snapshots = snapshots;
    return PS_OK;
}

void snapshots_free(struct snapshots *snapshots)
{
    if (snapshots == NULL) {
        return;
    }
    snapshots_give_up(snapshots);
    if (snapshots->directory >= 0) {
        (void)close(snapshots->directory);
    }
    table_free(snapshots->table);
    ps_buf_clear(&snapshots->text);
    free(snapshots);
}

enum ps_err snapshot_open_directory(struct snapshots *snapshots)
{
    const struct ps_bytes data = snapshots->keeper->config->data_directory;
    char path[4352];
    const int len = snprintf(path, sizeof path, "%.*s/snapshot", PS_BYTES_FMT(data));

    if (snapshots->directory >= 0) {
        return PS_OK;
    }
    if (len < 0 || (size_t)len >= sizeof path) {
        return ps_fail(PS_E_INPUT, 0, "the data directory's path is too long");
    }
    if (mkdir(path, 0700) != 0 && errno != EEXIST) {
        return ps_fail_errno(PS_E_STORAGE, "cannot make %s", path);
    }
    snapshots->directory = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
    return snapshots->directory < 0 ? ps_fail_errno(PS_E_STORAGE, "%s", path) : PS_OK;
}

void snapshot_put_file(uint64_t size, char out[SNAPSHOT_FILE_MAX])
{
    (void)snprintf(out, SNAPSHOT_FILE_MAX, "%llu.rows", (unsigned long long)size);
}

uint64_t snapshots_claim(struct snapshots *snapshots)
{
    PS_BUF_AUTO note = {.max = NOTE_OCTETS_MAX};
    struct checkpoint checkpoint;

    if (snapshot_read_note(snapshots, &note) != PS_OK || note.len == 0 ||
        checkpoint_peek(ps_buf_bytes(&note), &checkpoint) != PS_OK) {
        return 0;
    }
    return checkpoint.size;
}

/* --- The stored one --- */

/* Under the root of the checkpoint, which need not be read whole for it. */
static enum ps_err check_leaf(struct log *events, uint64_t index, struct ps_bytes leaf,
                              const struct checkpoint *checkpoint)
{
    struct merkle_proof proof;

    PS_TRY(log_prove_inclusion(events, index, checkpoint->size, &proof));
    return merkle_verify_inclusion(&proof, merkle_leaf_hash(leaf), index, checkpoint->size,
                                   checkpoint->root);
}

/* What the row of the appliance in this result says. */
static enum ps_err find_named_key(const struct log_event *event, struct ps_bytes *ret_text)
{
    struct json_value effects;
    struct json_value effect;
    struct json_value value;
    uint32_t cursor = 0;

    if (!ps_bytes_equal_str(event->kind, "result") || event->data.doc == NULL ||
        !json_member(event->data, "effects", &effects) || json_type(effects) != JSON_ARRAY) {
        return ps_fail(PS_E_INPUT, 0, "the leaf names no key of the log");
    }
    while (json_next(effects, &cursor, NULL, &effect)) {
        if (json_type(effect) == JSON_OBJECT && json_member(effect, "row", &value) &&
            json_type(value) == JSON_OBJECT && json_member(value, "log_verifier", &value)) {
            return json_string(value, ret_text);
        }
    }
    return ps_fail(PS_E_INPUT, 0, "the leaf names no key of the log");
}

/*
 * The log's key, as the genesis names it, or a later leaf; and what it has signed for last. Of a
 * later one, whether people approved it, the leaves that were passed over would show: the token
 * does, before anything is done because of it (anchor.h). What is returned borrows from `leaf`.
 */
static enum ps_err find_key(struct log *events, uint64_t named, struct note_key *ret_key,
                            struct checkpoint *ret_checkpoint, struct json *parser,
                            struct ps_buf *leaf)
{
    PS_BUF_AUTO first = {.max = LOG_ENTRY_MAX};
    struct log_event event;
    struct ps_bytes text;

    PS_TRY(log_read_entry(events, named, leaf));
    PS_TRY(log_event_read(parser, ps_buf_bytes(leaf), &event));
    PS_TRY(named == 0 ? log_genesis_read_key(&event, &text) : find_named_key(&event, &text));
    PS_TRY(log_key_parse(text, ret_key));
    PS_TRY(checkpoint_open(log_checkpoint(events), ret_key, ret_checkpoint));
    PS_TRY(check_leaf(events, named, ps_buf_bytes(leaf), ret_checkpoint));
    if (named == 0) {
        return PS_OK;
    }
    PS_TRY(log_read_entry(events, 0, &first));
    return check_leaf(events, 0, ps_buf_bytes(&first), ret_checkpoint);
}

/*
 * The log of now goes on from the one that the note is of, which stands for all that was passed
 * over: the claim of which that was need not have been this note's.
 */
static enum ps_err check_log(struct log *events, const struct checkpoint *ours,
                             const struct checkpoint *newest)
{
    struct merkle_proof proof;

    if (log_unread(events) > ours->size) {
        return ps_fail(PS_E_DENIED, 0, "it is of %llu leaves, and %llu were passed over",
                       (unsigned long long)ours->size, (unsigned long long)log_unread(events));
    }
    if (ours->size == 0 || ours->size > newest->size) {
        return ps_fail(PS_E_DENIED, 0, "it is of %llu leaves, and %llu are signed for",
                       (unsigned long long)ours->size, (unsigned long long)newest->size);
    }
    PS_TRY(log_prove_consistency(events, ours->size, newest->size, &proof));
    return merkle_verify_consistency(&proof, ours->size, ours->root, newest->size, newest->root);
}

/* The payload: who made it, what the keys' cache saved, and what has been derived. */
struct payload {
    struct ps_bytes program;
    struct ps_bytes keys;
    struct ps_bytes derived;
};

static enum ps_err split(const struct table *table, struct payload *ret_payload)
{
    struct ps_reader reader = ps_reader(table_payload(table));
    struct payload payload;

    payload.program = saved_take(&reader);
    payload.keys = saved_take(&reader);
    payload.derived = saved_take(&reader);
    PS_TRY(ps_reader_finish(&reader));
    *ret_payload = payload;
    return PS_OK;
}

enum ps_err snapshot_put_program(const struct keeper *keeper, struct ps_buf *out)
{
    PS_CLEANUP(json_free_cleanup) struct json *parser = NULL;
    struct json_value hashes;
    struct json_value program;
    struct ps_bytes text;

    if (keeper->config->hashes.len == 0) {
        return PS_OK;
    }
    PS_TRY(json_new(&parser));
    PS_TRY(json_parse(parser, keeper->config->hashes, &JSON_LIMITS_REQUEST, &hashes));
    if (json_type(hashes) != JSON_OBJECT || !json_member(hashes, "program", &program)) {
        return PS_OK;
    }
    PS_TRY(json_string(program, &text));
    ps_buf_put(out, text);
    return ps_buf_status(out);
}

/* Another program may make other rows of the same leaves, whatever version it calls itself. */
static enum ps_err check_program(const struct keeper *keeper, const struct table *table)
{
    PS_BUF_AUTO ours = {.max = 256};
    struct payload payload;

    PS_TRY(split(table, &payload));
    PS_TRY(snapshot_put_program(keeper, &ours));
    return ps_bytes_equal(payload.program, ps_buf_bytes(&ours))
               ? PS_OK
               : ps_fail(PS_E_DENIED, 0, "another build of the program made it");
}

static enum ps_err take(struct snapshots *snapshots, struct ps_bytes note)
{
    PS_CLEANUP(json_free_cleanup) struct json *parser = NULL;
    PS_CLEANUP(table_free_cleanup) struct table *table = NULL;
    struct log *events = snapshots->keeper->events;
    PS_BUF_AUTO leaf = {.max = LOG_ENTRY_MAX};
    struct checkpoint newest;
    struct checkpoint ours;
    struct table_seal seal;
    struct note_key key;
    uint64_t named = 0;
    char file[SNAPSHOT_FILE_MAX];

    PS_TRY(json_new(&parser));
    PS_TRY(snapshot_peek_named(note, &named));
    PS_TRY(find_key(events, named, &key, &newest, parser, &leaf));
    PS_TRY(snapshot_open_note(note, &key, &ours, &seal));
    PS_TRY(check_log(events, &ours, &newest));
    snapshot_put_file(ours.size, file);
    PS_TRY(table_open(snapshots->directory, file, &seal, &table));
    PS_TRY(check_program(snapshots->keeper, table));
    snapshots->table = table;
    table = NULL;
    snapshots->size = snapshots->tried = ours.size;
    snapshots->root = ours.root;
    snapshots->seal = seal;
    snapshots->named = named;
    snapshots->stored.size = ours.size;
    memcpy(snapshots->stored.hash, seal.hash, sizeof snapshots->stored.hash);
    return PS_OK;
}

static void forget(struct snapshots *snapshots)
{
    snapshots_give_up(snapshots);
    table_free(snapshots->table);
    snapshots->table = NULL;
    snapshots->size = snapshots->taken = snapshots->tried = snapshots->named = 0;
    snapshots->stored.size = 0;
}

/* Nobody vouches for what was passed over. */
static enum ps_err read_unread(struct log *events)
{
    return log_unread(events) == 0 ? PS_OK : log_check(events);
}

bool snapshots_is_damaged(const struct snapshots *snapshots)
{
    return table_is_damaged(snapshots->table);
}

enum ps_err snapshots_drop(struct snapshots *snapshots)
{
    ps_line(PS_WARNING, "snapshot_damaged", PS_NUM("leaves", snapshots->size),
            PS_NUM("leaves_to_read", log_tree_size(snapshots->keeper->events)));
    forget(snapshots);
    return read_unread(snapshots->keeper->events);
}

bool snapshots_rests_on_token(const struct snapshots *snapshots)
{
    return snapshots->rests_on_token;
}

void snapshots_distrust(struct snapshots *snapshots)
{
    if (snapshots->directory >= 0) {
        snapshot_remove_note(snapshots);
    }
    snapshots->rests_on_token = false;
}

/* What has been derived is of a form that is known here. */
static enum ps_err check_derived(const struct snapshots *snapshots)
{
    PS_CLEANUP(derive_free_cleanup) struct derive *derive = NULL;

    return snapshots_derive(snapshots, &derive);
}

enum ps_err snapshots_take(struct snapshots *snapshots)
{
    struct log *events = snapshots->keeper->events;
    PS_BUF_AUTO note = {.max = NOTE_OCTETS_MAX};
    bool is_there;
    enum ps_err err;

    forget(snapshots);
    err = snapshot_read_note(snapshots, &note);
    is_there = err != PS_OK || note.len != 0; /* one that cannot be read is none, with the line */
    if (err == PS_OK) {
        err = is_there ? take(snapshots, ps_buf_bytes(&note)) : PS_E_NOT_FOUND;
    }
    if (err == PS_OK) {
        err = check_derived(snapshots);
    }
    if (err == PS_OK) {
        snapshots->taken = snapshots->size;
        snapshots->rests_on_token = snapshots->named != 0;
        ps_line(PS_INFO, "snapshot_taken", PS_NUM("leaves", snapshots->size),
                PS_NUM("of", log_tree_size(events)));
        return PS_OK;
    }
    forget(snapshots);
    if (is_there) {
        ps_line(PS_WARNING, "snapshot_not_taken", PS_STR("detail", ps_detail()->text),
                PS_NUM("leaves_to_read", log_tree_size(events)));
    }
    return read_unread(events);
}

uint64_t snapshots_size(const struct snapshots *snapshots)
{
    return snapshots->size;
}

uint64_t snapshots_taken(const struct snapshots *snapshots)
{
    return snapshots->taken;
}

struct ps_bytes snapshots_keys(const struct snapshots *snapshots)
{
    struct payload payload;

    return snapshots->table != NULL && split(snapshots->table, &payload) == PS_OK
               ? payload.keys
               : ps_bytes(NULL, 0);
}

/* What follows goes on from the leaves that the snapshot is of. */
static enum ps_err load_edge(const struct snapshots *snapshots, struct merkle_edge *ret_edge)
{
    struct merkle_hash root;

    PS_TRY(log_load_edge(snapshots->keeper->events, snapshots->size, ret_edge));
    root = merkle_edge_root(ret_edge);
    if (memcmp(&root, &snapshots->root, sizeof root) != 0) {
        return ps_fail(PS_E_INPUT, 0, "the first %llu leaves of events are not the snapshot's",
                       (unsigned long long)snapshots->size);
    }
    return PS_OK;
}

enum ps_err snapshots_derive(const struct snapshots *snapshots, struct derive **ret_derive)
{
    const struct keeper *keeper = snapshots->keeper;
    PS_CLEANUP(catalog_close_cleanup) struct catalog *rows = NULL;
    PS_CLEANUP(derive_free_cleanup) struct derive *derive = NULL;
    struct table *table = snapshots_is_damaged(snapshots) ? NULL : snapshots->table;
    struct merkle_edge edge;
    struct payload payload;

    PS_TRY(layered_open(table, keeper->catalog, keeper->events, &rows));
    PS_TRY(derive_new(rows, &derive));
    derive_adopt(derive);
    rows = NULL;
    if (table != NULL) {
        PS_TRY(load_edge(snapshots, &edge));
        PS_TRY(split(table, &payload));
        PS_TRY(derive_resume(derive, &edge, payload.derived));
    }
    *ret_derive = derive;
    derive = NULL;
    return PS_OK;
}
