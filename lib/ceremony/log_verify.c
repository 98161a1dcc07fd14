#include "lib/ceremony/log_verify.h"

#include "lib/ceremony/internal.h"
#include "lib/ceremony/log_shards.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

/* Where the genesis leaf is looked for when no key was given. */
#define GENESIS_WITHIN 4096u
#define KEY_MAX        512u

static const char events_suffix[] = "/events";

struct verification {
    struct log_report report;
    struct log_summary summary;
    struct json *json;
    int top_fd;
    struct ps_buf key_text; /* verifier key of events */
    struct note_key key;    /* borrows from it */
    bool has_key;
    uint64_t genesis_leaves;
    uint64_t events_covered;
    struct shard_list shards; /* what `events` says */
};

static void verification_clear(struct verification *v)
{
    json_free(v->json);
    ps_buf_clear(&v->key_text);
    shard_list_clear(&v->shards);
    if (v->top_fd >= 0) {
        (void)close(v->top_fd);
    }
}

static void tell(struct verification *v, enum log_verdict verdict, const char *check,
                 const char *tree, const char *text)
{
    log_report_row(&v->report, verdict,
                   &(struct log_where){.check = check, .tree = tree, .leaf = LOG_NOWHERE}, "%s",
                   text);
}

static bool ends_with(struct ps_bytes text, const char *suffix)
{
    const size_t len = strlen(suffix);

    return text.len > len && memcmp(text.data + text.len - len, suffix, len) == 0;
}

static enum ps_err take_key(struct verification *v, struct ps_bytes text)
{
    ps_buf_reset(&v->key_text);
    ps_buf_put(&v->key_text, text);
    PS_TRY(ps_buf_status(&v->key_text));
    PS_TRY(note_key_parse(ps_buf_bytes(&v->key_text), &v->key));
    if (!ends_with(v->key.name, events_suffix)) {
        return ps_fail(PS_E_INPUT, 0, "not the key of a log of events: its name does not end so");
    }
    v->has_key = true;
    return PS_OK;
}

/* Looks through the first leaves of `events` for the one that names the key. */
static enum ps_err find_genesis(struct verification *v, struct log_files *files)
{
    for (unsigned i = 0; i < GENESIS_WITHIN; i++) {
        enum log_step step;
        struct log_place place = {.offset = 0};
        struct log_event event;
        struct ps_bytes leaf;
        struct ps_bytes text;

        PS_TRY(log_files_next(files, &step, &leaf, &place));
        if (step != LOG_STEP_LEAF) {
            break;
        }
        if (log_event_read(v->json, leaf, &event) == PS_OK &&
            log_genesis_read_key(&event, &text) == PS_OK) {
            return take_key(v, text);
        }
    }
    return ps_fail(PS_E_INPUT, 0, "no genesis leaf names a key");
}

/* An export says how many leaves it has in its checkpoint, which is not verified yet. */
static enum ps_err expect_some(struct log_files *files)
{
    PS_BUF_AUTO note;
    struct checkpoint checkpoint;

    ps_buf_init(&note, LOG_NOTE_MAX + 1);
    PS_TRY(log_files_read_checkpoint(files, &note));
    PS_TRY(checkpoint_peek(ps_buf_bytes(&note), &checkpoint));
    log_files_expect(files, checkpoint.size);
    return PS_OK;
}

static enum ps_err key_from_genesis(struct verification *v, const char *tree, const char *label)
{
    PS_CLEANUP(log_files_free_cleanup) struct log_files *files = NULL;
    char text[KEY_MAX + 100];
    enum ps_err err;

    PS_TRY(log_files_open(v->top_fd, tree, label, &files));
    err = log_files_exported(files) ? expect_some(files) : PS_OK;
    if (err == PS_OK) {
        err = find_genesis(v, files);
    }
    if (err == PS_E_INPUT || err == PS_E_LIMIT) {
        (void)snprintf(text, sizeof text, "%s", ps_detail()->text);
        tell(v, LOG_FAIL, "key", label, text);
        return PS_OK;
    }
    PS_TRY(err);
    v->summary.key_from_genesis = true;
    (void)snprintf(text, sizeof text, "taken from the log's own genesis leaf: %.*s",
                   PS_BYTES_FMT(ps_buf_bytes(&v->key_text)));
    tell(v, LOG_NOTE, "key", label, text);
    return PS_OK;
}

static void check_genesis(struct verification *v, const struct log_where *where,
                          const struct log_event *event)
{
    struct ps_bytes text;

    v->genesis_leaves++;
    if (v->genesis_leaves > 1) {
        log_report_row(&v->report, LOG_FAIL, where, "a second genesis");
    } else if (log_genesis_read_key(event, &text) != PS_OK) {
        log_report_row(&v->report, LOG_FAIL, where, "%s", ps_detail()->text);
    } else if (v->has_key && !ps_bytes_equal(text, ps_buf_bytes(&v->key_text))) {
        log_report_row(&v->report, LOG_FAIL, where, "the genesis leaf names another key: %.*s",
                       PS_BYTES_FMT(text));
    }
}

static enum ps_err on_event(void *context, uint64_t index, const struct log_event *event)
{
    struct verification *v = context;
    const struct log_where genesis = {"key", "events", NULL, index};
    const struct log_where shards = {"shards", "events", NULL, index};
    struct log_shard shard;

    if (ps_bytes_equal_str(event->kind, "genesis")) {
        check_genesis(v, &genesis, event);
        return PS_OK;
    }
    if (!ps_bytes_equal_str(event->kind, "shard")) {
        return PS_OK;
    }
    if (log_shard_read(event->data, &shard) != PS_OK) {
        log_report_row(&v->report, LOG_FAIL, &shards, "%s", ps_detail()->text);
        return PS_OK;
    }
    if (!ps_bytes_equal_str(shard.log, "use")) {
        log_report_row(&v->report, LOG_FAIL, &shards, "a shard of another log than use");
        return PS_OK;
    }
    return shard_list_add(&v->shards, &shard, index, &v->report);
}

static void add_result(struct verification *v, const struct log_tree_result *result)
{
    v->summary.trees++;
    v->summary.leaves += result->size;
    v->summary.covered += result->covered;
}

static enum ps_err verify_events(struct verification *v, const char *tree, const char *label)
{
    PS_CLEANUP(log_files_free_cleanup) struct log_files *files = NULL;
    struct log_tree_request request = {
        .report = &v->report,
        .json = v->json,
        .events = true,
        .key = v->has_key ? &v->key : NULL,
        .newest = true,
        .on_event = on_event,
        .context = v,
    };
    struct log_tree_result result;

    PS_TRY(log_files_open(v->top_fd, tree, label, &files));
    request.files = files;
    PS_TRY(log_tree_verify(&request, &result));
    add_result(v, &result);
    v->events_covered = result.covered;
    if (v->genesis_leaves == 0) {
        tell(v, LOG_FAIL, "key", label, "there is no genesis leaf");
    }
    return PS_OK;
}

/* The verifier of a shard: the same key under the shard's origin. */
static enum ps_err shard_key(const struct verification *v, const char *name, struct ps_buf *origin,
                             struct note_key *ret_key)
{
    ps_buf_put(origin, ps_bytes(v->key.name.data, v->key.name.len - strlen(events_suffix)));
    ps_buf_printf(origin, "/use/%s", name);
    PS_TRY(ps_buf_status(origin));
    return note_key_make(ps_buf_bytes(origin),
                         ps_bytes(v->key.public_key, sizeof v->key.public_key), ret_key);
}

static enum ps_err verify_shard(struct verification *v, const char *tree, const char *name,
                                const struct shard_entry *entry, bool newest)
{
    PS_CLEANUP(log_files_free_cleanup) struct log_files *files = NULL;
    PS_BUF_AUTO origin;
    char label[32];
    struct note_key key;
    struct log_shard closed;
    struct log_tree_request request = {.report = &v->report, .json = v->json, .newest = newest};
    struct log_tree_result result;

    ps_buf_init(&origin, KEY_MAX);
    (void)snprintf(label, sizeof label, "use/%s", name);
    PS_TRY(log_files_open(v->top_fd, tree, label, &files));
    if (v->has_key) {
        PS_TRY(shard_key(v, name, &origin, &key));
        request.key = &key;
    }
    if (entry != NULL) {
        closed = shard_entry_view(entry);
        request.closed = &closed;
        request.closed_covered = entry->leaf < v->events_covered;
    }
    request.files = files;
    PS_TRY(log_tree_verify(&request, &result));
    add_result(v, &result);
    return PS_OK;
}

/* Complete shards that `events` does not know, and shards that were moved away. */
static void compare_shards(struct verification *v, const struct shard_names *names)
{
    for (size_t i = 0; i + 1 < names->count; i++) {
        const bool last = i + 2 == names->count;
        char label[32];

        if (shard_list_find(&v->shards, names->items[i]) != NULL) {
            continue;
        }
        (void)snprintf(label, sizeof label, "use/%s", names->items[i]);
        tell(v, last ? LOG_NOTE : LOG_FAIL, "shards", label,
             last ? "complete, and events does not say so yet; it will after the next start"
                  : "complete, and events says nothing of it");
    }
    for (size_t i = 0; i < v->shards.count; i++) {
        const char *name = v->shards.items[i].name;
        char label[32];

        if (!shard_names_contain(names, name)) {
            (void)snprintf(label, sizeof label, "use/%s", name);
            tell(v, LOG_NOTE, "shards", label, "not here: moved to an archive?");
        } else if (names->count != 0 && strcmp(names->items[names->count - 1], name) == 0) {
            (void)snprintf(label, sizeof label, "use/%s", name);
            tell(v, LOG_NOTE, "shards", label, "complete, and its successor is not here");
        }
    }
}

static enum ps_err verify_shards(struct verification *v, const struct shard_names *names)
{
    for (size_t i = 0; i < names->count; i++) {
        const char *name = names->items[i];
        const struct shard_entry *entry = shard_list_find(&v->shards, name);
        char tree[32];
        enum ps_err err;

        (void)snprintf(tree, sizeof tree, "use/%s", name);
        err = verify_shard(v, tree, name, entry, entry == NULL && i + 1 == names->count);
        if (err == PS_E_NOT_FOUND) {
            tell(v, i + 1 == names->count ? LOG_NOTE : LOG_FAIL, "shards", tree,
                 "there is no tree in this directory");
            err = PS_OK;
        }
        PS_TRY(err);
    }
    compare_shards(v, names);
    return PS_OK;
}

/* A directory that is one tree: its checkpoint's origin says which. */
static enum ps_err verify_single(struct verification *v)
{
    PS_CLEANUP(log_files_free_cleanup) struct log_files *files = NULL;
    PS_BUF_AUTO note;
    struct checkpoint checkpoint;
    struct ps_bytes name;
    char shard[SHARD_NAME_LEN + 1] = "";

    ps_buf_init(&note, LOG_NOTE_MAX + 1);
    PS_TRY(log_files_open(v->top_fd, ".", "", &files));
    PS_TRY(log_files_read_checkpoint(files, &note));
    if (checkpoint_peek(ps_buf_bytes(&note), &checkpoint) != PS_OK) {
        return ps_fail(PS_E_NOT_FOUND, 0, "no checkpoint says which tree this directory has");
    }
    name = checkpoint.origin.len < SHARD_NAME_LEN
               ? checkpoint.origin
               : ps_bytes_from(checkpoint.origin, checkpoint.origin.len - SHARD_NAME_LEN);
    if (name.data != NULL && log_shard_name_valid(name)) {
        memcpy(shard, name.data, SHARD_NAME_LEN);
        return verify_shard(v, ".", shard, NULL, true);
    }
    if (!v->has_key) {
        PS_TRY(key_from_genesis(v, ".", ""));
    }
    return verify_events(v, ".", "");
}

static enum ps_err verify_whole(struct verification *v)
{
    PS_CLEANUP(shard_names_clear) struct shard_names names = {0};

    /* Before `events` is read, so that no shard is completed in between. */
    PS_TRY(shard_names_list(v->top_fd, "use", &names));
    if (!v->has_key) {
        PS_TRY(key_from_genesis(v, "events", "events"));
    }
    PS_TRY(verify_events(v, "events", "events"));
    return verify_shards(v, &names);
}

static enum ps_err verify_all(struct verification *v, const struct log_verify_request *request)
{
    if (request->key.len != 0) {
        PS_TRY(take_key(v, request->key));
    }
    PS_TRY(json_new(&v->json));
    v->top_fd = open(request->directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (v->top_fd < 0) {
        return ps_fail_errno(errno == ENOENT ? PS_E_NOT_FOUND : PS_E_STORAGE, "%s",
                             request->directory);
    }
    return faccessat(v->top_fd, "events", F_OK, 0) == 0 ? verify_whole(v) : verify_single(v);
}

enum ps_err log_verify(const struct log_verify_request *request, log_row_fn *fn, void *context,
                       struct log_summary *ret_summary)
{
    PS_CLEANUP(verification_clear)
    struct verification v = {.report = {.fn = fn, .context = context}, .top_fd = -1};
    enum ps_err err;

    ps_buf_init(&v.key_text, KEY_MAX);
    err = verify_all(&v, request);
    if (err != PS_OK && err != PS_E_STORAGE) {
        return err;
    }
    v.summary.failures = v.report.failures;
    *ret_summary = v.summary;
    if (err == PS_OK && v.report.failures != 0) {
        return ps_fail(PS_E_DENIED, 0, "the log does not verify: %u failures", v.report.failures);
    }
    return err;
}
