#include "lib/ceremony/log/verify.h"

#include "lib/base/counted.h"
#include "lib/ceremony/log/verification.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

/* Where the genesis leaf is looked for when no key was given. */
#define GENESIS_WITHIN 4096u

static void close_fd(int *fd)
{
    if (*fd >= 0) {
        (void)close(*fd);
    }
}

static void verification_clear(struct verification *v)
{
    json_free(v->json);
    log_signers_clear(&v->signers);
    shard_list_clear(&v->shards);
    pruned_list_clear(&v->pruned);
    close_fd(&v->top_fd);
}

void verification_tell(struct verification *v, enum log_verdict verdict, const char *check,
                       const char *tree, const char *text)
{
    log_report_row(&v->report, verdict,
                   &(struct log_where){.check = check, .tree = tree, .leaf = LOG_NOWHERE}, "%s",
                   text);
}

static enum ps_err take_key(struct verification *v, struct ps_bytes text)
{
    PS_TRY(log_signers_begin(&v->signers, text));
    PS_TRY(log_signers_last(&v->signers, &v->key));
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
    char text[LOG_KEY_TEXT_MAX + 100];
    enum ps_err err;

    PS_TRY(log_files_open(v->top_fd, tree, label, &files));
    err = log_files_exported(files) ? expect_some(files) : PS_OK;
    if (err == PS_OK) {
        err = find_genesis(v, files);
    }
    if (err == PS_E_INPUT || err == PS_E_LIMIT) {
        (void)snprintf(text, sizeof text, "%s", ps_detail()->text);
        verification_tell(v, LOG_FAIL, "key", label, text);
        return PS_OK;
    }
    PS_TRY(err);
    v->summary.key_from_genesis = true;
    (void)snprintf(text, sizeof text, "taken from the log's own genesis leaf: %.*s",
                   PS_BYTES_FMT(ps_buf_bytes(&v->signers.texts[0])));
    verification_tell(v, LOG_NOTE, "key", label, text);
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
    } else if (v->has_key && !ps_bytes_equal(text, ps_buf_bytes(&v->signers.texts[0]))) {
        log_report_row(&v->report, LOG_FAIL, where, "the genesis leaf names another key: %.*s",
                       PS_BYTES_FMT(text));
    }
}

static enum ps_err take_result(struct verification *v, const struct log_where *where,
                               const struct log_event *event)
{
    const enum ps_err err = pruned_list_add(&v->pruned, event->data);

    if (err == PS_E_INPUT) {
        log_report_row(&v->report, LOG_FAIL, where, "%s", ps_detail()->text);
        return PS_OK;
    }
    return err;
}

static enum ps_err on_event(void *context, uint64_t index, bool is_covered,
                            const struct log_event *event)
{
    struct verification *v = context;
    const struct log_reader *reader = v->reader;
    const struct log_where genesis = {"key", "events", NULL, index};
    const struct log_where shards = {"shards", "events", NULL, index};
    struct log_shard shard;

    if (reader != NULL && is_covered) {
        PS_TRY(reader->on_event(reader->context, index, event));
    }
    if (ps_bytes_equal_str(event->kind, "genesis")) {
        check_genesis(v, &genesis, event);
        return PS_OK;
    }
    if (ps_bytes_equal_str(event->kind, "result") && is_covered) {
        return take_result(v, &shards, event);
    }
    if (ps_bytes_equal_str(event->kind, LOG_RESTORED_KIND)) {
        shard_list_restart(&v->shards);
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

/* The checkpoint that was given, if it is of this tree and the log signed it; else NULL. */
static const struct checkpoint *find_known(struct verification *v, const struct note_key *tree,
                                           const char *label)
{
    struct checkpoint peeked;
    struct note_key signer = *tree;
    const struct note_key *key = tree;
    char text[200];

    if (v->known.len == 0 || checkpoint_peek(v->known, &peeked) != PS_OK ||
        !ps_bytes_equal(peeked.origin, key->name)) {
        return NULL;
    }
    v->known_is_used = true;
    if (log_signers_choose_of(&v->signers, v->known, &signer) == PS_OK) {
        key = &signer;
    }
    if (checkpoint_open(v->known, key, &v->known_checkpoint) != PS_OK) {
        (void)snprintf(text, sizeof text, "the one given: %.150s", ps_detail()->text);
        verification_tell(v, LOG_FAIL, "checkpoint", label, text);
        return NULL;
    }
    return &v->known_checkpoint;
}

/* Verifies a tree, and what witnesses have seen of it. */
static enum ps_err verify_tree(struct verification *v, const struct log_tree_request *tree,
                               const struct note_key *key, struct log_tree_result *ret_result)
{
    PS_CLEANUP(log_witnessed_clear) struct log_witnessed witnessed = {.count = 0};
    struct log_witnessed_judge judge = {.report = &v->report,
                                        .signers = &v->signers,
                                        .witnesses = v->witnesses,
                                        .reader = v->reader,
                                        .key = *key,
                                        .label = log_files_label(tree->files)};
    struct log_tree_request request = *tree;

    PS_TRY(log_witnessed_read(tree->files, &witnessed));
    request.witnessed = &witnessed;
    PS_TRY(log_tree_verify(&request, ret_result));
    v->summary.trees++;
    v->summary.leaves += ret_result->size;
    v->summary.covered += ret_result->covered;
    if (v->reader != NULL && v->reader->on_tree != NULL) {
        PS_TRY(v->reader->on_tree(v->reader->context,
                                  &(struct log_read_tree){.name = judge.label,
                                                          .covered = ret_result->covered,
                                                          .root = &ret_result->root}));
    }
    judge.leaves = ret_result->size;
    return v->has_key ? log_witnessed_tell(&witnessed, &judge) : PS_OK;
}

/*
 * A restored log is signed by a key that its own leaves make the log's, if people approved that.
 */
static enum ps_err follow_keys(struct verification *v, const char *tree, const char *label)
{
    PS_CLEANUP(log_files_free_cleanup) struct log_files *files = NULL;
    struct log_where where = {"key", label, NULL, LOG_NOWHERE};
    enum ps_err err;

    PS_TRY(log_files_open(v->top_fd, tree, label, &files));
    err = v->has_key ? log_signers_follow(&v->signers, files, v->json, &where.leaf) : PS_OK;
    if (err == PS_E_DENIED || err == PS_E_INPUT || err == PS_E_LIMIT) {
        log_report_row(&v->report, LOG_FAIL, &where, "%s", ps_detail()->text);
        return PS_OK;
    }
    PS_TRY(err);
    for (size_t i = 1; i < v->signers.count; i++) {
        where.leaf = v->signers.since[i];
        log_report_row(&v->report, LOG_NOTE, &where,
                       "restored from a backup: from here on the log is signed by %.*s",
                       PS_BYTES_FMT(ps_buf_bytes(&v->signers.texts[i])));
    }
    return v->has_key ? log_signers_last(&v->signers, &v->key) : PS_OK;
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
    PS_TRY(follow_keys(v, tree, label));
    request.files = files;
    request.known = v->has_key ? find_known(v, &v->key, label) : NULL;
    PS_TRY(verify_tree(v, &request, &v->key, &result));
    v->events_covered = result.covered;
    if (v->genesis_leaves == 0) {
        verification_tell(v, LOG_FAIL, "key", label, "there is no genesis leaf");
    }
    return PS_OK;
}

static enum ps_err begin_shard(struct verification *v, const char *name,
                               const struct shard_entry *entry, struct shard_check *check)
{
    *check = (struct shard_check){.name = name, .entry = entry};
    ps_buf_init(&check->origin, LOG_KEY_TEXT_MAX);
    (void)snprintf(check->label, sizeof check->label, "use/%s", name);
    if (!v->has_key) {
        return PS_OK;
    }
    log_key_put_origin(&v->key, check->label, &check->origin);
    PS_TRY(ps_buf_status(&check->origin));
    PS_TRY(log_key_of_origin(&v->key, ps_buf_bytes(&check->origin), &check->key));
    check->known = find_known(v, &check->key, check->label);
    return PS_OK;
}

static void shard_check_clear(struct shard_check *check)
{
    ps_buf_clear(&check->origin);
}

enum ps_err verification_check_leaves(struct verification *v, const struct shard_check *check,
                                      struct log_files *files)
{
    struct note_key key = check->key;
    struct log_tree_request request = {.report = &v->report,
                                       .json = v->json,
                                       .files = files,
                                       .key = v->has_key ? &key : NULL,
                                       .known = check->known,
                                       .newest = check->newest};
    struct log_tree_result result;
    struct log_shard closed;

    PS_TRY(log_signers_choose(&v->signers, files, &key));
    if (check->entry != NULL) {
        closed = shard_entry_view(check->entry);
        request.closed = &closed;
        request.closed_covered = check->entry->leaf < v->events_covered;
    }
    if (v->reader != NULL) {
        request.on_use = v->reader->on_use;
        request.context = v->reader->context;
    }
    return verify_tree(v, &request, &key, &result);
}

static enum ps_err verify_shard(struct verification *v, const char *tree, const char *name,
                                const struct shard_entry *entry, bool newest)
{
    PS_CLEANUP(log_files_free_cleanup) struct log_files *files = NULL;
    PS_CLEANUP(shard_check_clear) struct shard_check check = {.name = name};

    PS_TRY(begin_shard(v, name, entry, &check));
    check.newest = newest;
    PS_TRY(log_files_open(v->top_fd, tree, check.label, &files));
    /* One without leaves that events does not call complete is a new one. */
    return entry != NULL && log_files_pruned(files) ? verification_check_pruned(v, &check, files)
                                                    : verification_check_leaves(v, &check, files);
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
        verification_tell(
            v, last ? LOG_NOTE : LOG_FAIL, "shards", label,
            last ? "complete, and events does not say so yet; it will after the next start"
                 : "complete, and events says nothing of it");
    }
    if (names->count == 0 && v->shards.count == 0) {
        verification_tell(v, LOG_NOTE, "shards", "use", "none is here");
    }
    for (size_t i = 0; i < v->shards.count; i++) {
        const char *name = v->shards.items[i].name;
        char label[32];

        if (!shard_names_contain(names, name)) {
            (void)snprintf(label, sizeof label, "use/%s", name);
            v->summary.missing_shards++;
            verification_tell(v, LOG_NOTE, "shards", label, "not here: moved to an archive?");
        } else if (names->count != 0 && strcmp(names->items[names->count - 1], name) == 0) {
            (void)snprintf(label, sizeof label, "use/%s", name);
            verification_tell(v, LOG_NOTE, "shards", label,
                              "complete, and its successor is not here");
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
            verification_tell(v, i + 1 == names->count ? LOG_NOTE : LOG_FAIL, "shards", tree,
                              "there is no tree in this directory");
            v->summary.missing_shards += entry != NULL ? 1 : 0;
            err = PS_OK;
        }
        PS_TRY(err);
    }
    compare_shards(v, names);
    return PS_OK;
}

/* A directory that is one tree: its checkpoint's origin says which. */
static enum ps_err verify_single(struct verification *v, const char *directory)
{
    PS_CLEANUP(log_files_free_cleanup) struct log_files *files = NULL;
    PS_BUF_AUTO note;
    struct checkpoint checkpoint;
    struct ps_bytes name;
    char shard[SHARD_NAME_LEN + 1] = "";
    enum ps_err err;

    ps_buf_init(&note, LOG_NOTE_MAX + 1);
    err = log_files_open(v->top_fd, ".", "", &files);
    if (err != PS_OK) {
        return err == PS_E_NOT_FOUND ? ps_fail(err, 0, "there is no log in %.160s", directory)
                                     : err;
    }
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
    PS_TRY(verify_events(v, ".", ""));
    v->summary.missing_shards = (unsigned)v->shards.count;
    return PS_OK;
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
    v->known = request->checkpoint;
    v->archive = request->archive;
    v->witnesses = request->witnesses;
    if (request->key.len != 0) {
        PS_TRY(take_key(v, request->key));
    }
    PS_TRY(json_new(&v->json));
    v->top_fd = open(request->directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (v->top_fd < 0) {
        return ps_fail_errno(errno == ENOENT ? PS_E_NOT_FOUND : PS_E_STORAGE, "%s",
                             request->directory);
    }
    PS_TRY(faccessat(v->top_fd, "events", F_OK, 0) == 0 ? verify_whole(v)
                                                        : verify_single(v, request->directory));
    if (v->known.len != 0 && !v->known_is_used) {
        verification_tell(v, LOG_FAIL, "checkpoint", "",
                          "the one given is of no tree that is here");
    }
    return PS_OK;
}

enum ps_err log_verify(const struct log_verify_request *request, log_row_fn *fn, void *context,
                       struct log_summary *ret_summary)
{
    PS_CLEANUP(verification_clear)
    struct verification v = {
        .reader = request->reader, .report = {.fn = fn, .context = context}, .top_fd = -1};
    enum ps_err err;

    err = verify_all(&v, request);
    if (err != PS_OK && err != PS_E_STORAGE) {
        return err;
    }
    v.summary.failures = v.report.failures;
    *ret_summary = v.summary;
    if (err == PS_OK && v.report.failures != 0) {
        return ps_fail(PS_E_DENIED, 0, "the log does not verify: %s",
                       ps_counted(v.report.failures, "failure", "failures").text);
    }
    return err;
}
