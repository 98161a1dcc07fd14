#include "appliance/restore/internal.h"

#include "appliance/cli/meter.h"
#include "lib/ceremony/log/files.h"
#include "lib/ceremony/log/judged_keys.h"
#include "lib/system/file.h"

#include <fcntl.h>
#include <inttypes.h>
#include <unistd.h>

#define PIECE (64u * 1024u)

struct gathering {
    const struct gather_request *request;
    struct gathered *result;
    struct json *json;
    struct backup_reader *reader;
    struct merkle_edge edge; /* of what was handed on */
    struct log_seen seen;
    struct ps_buf mirror_key; /* the log's, as the mirror ends; empty: there is no mirror */
};

static void clear(struct gathering *g)
{
    json_free(g->json);
    backup_reader_free(g->reader);
    ps_buf_clear(&g->mirror_key);
}

static void look_at_seen(struct gathering *g)
{
    struct merkle_hash root;

    if (log_seen_wants(&g->seen, g->edge.size)) {
        root = merkle_edge_root(&g->edge);
        log_seen_take(&g->seen, &root);
    }
}

static enum ps_err hand_on(struct gathering *g, struct ps_bytes octets)
{
    struct log_event event;

    PS_TRY(log_event_read(g->json, octets, &event));
    PS_TRY(census_take_event(g->request->census, &event));
    merkle_edge_append(&g->edge, merkle_leaf_hash(octets));
    look_at_seen(g);
    g->result->leaves++;
    return g->request->sink == NULL ? PS_OK
                                    : g->request->sink->leaf(g->request->sink->context, octets);
}

/* --- The backup --- */

/* One that somebody wrote into the catalog, of no form, keeps no key from being restored. */
static enum ps_err on_row(void *context, struct ps_bytes octets)
{
    struct gathering *g = context;
    const enum ps_err err = census_take_row(g->request->census, octets);

    if (err == PS_E_INPUT) {
        g->result->passed_over++;
        return PS_OK;
    }
    PS_TRY(err);
    return g->request->sink == NULL ? PS_OK
                                    : g->request->sink->row(g->request->sink->context, octets);
}

static enum ps_err on_leaf(void *context, uint64_t index, struct ps_bytes octets)
{
    (void)index;
    return hand_on(context, octets);
}

static enum ps_err on_checkpoint(void *context, struct ps_bytes octets)
{
    struct gathering *g = context;

    ps_buf_put(&g->result->checkpoint, octets);
    return ps_buf_status(&g->result->checkpoint);
}

static bool is_written(const struct gathering *g)
{
    return g->request->sink != NULL;
}

static enum ps_err read_backup(struct gathering *g)
{
    const struct backup_trust trust = {.genesis = g->request->genesis};
    const struct backup_calls calls = {
        .context = g, .row = on_row, .leaf = on_leaf, .checkpoint = on_checkpoint};
    PS_CLEANUP(file_close_cleanup) int fd = open(g->request->file, O_RDONLY | O_CLOEXEC);
    PS_CLEANUP(meter_end) struct meter meter = {.what = NULL};
    static uint8_t piece[PIECE];
    ssize_t got = -1;

    if (fd < 0) {
        return ps_fail_errno(PS_E_NOT_FOUND, "cannot open %.160s", g->request->file);
    }
    PS_TRY(backup_reader_new(&trust, &calls, &g->reader));
    meter_begin(&meter, is_written(g) ? "writing from the backup" : "reading the backup",
                meter_size(fd));
    while ((got = read(fd, piece, sizeof piece)) > 0) {
        PS_TRY(backup_reader_feed(g->reader, ps_bytes(piece, (size_t)got)));
        meter_advance(&meter, (uint64_t)got);
    }
    if (got < 0) {
        return ps_fail_errno(PS_E_STORAGE, "cannot read %.160s", g->request->file);
    }
    return backup_reader_finish(g->reader, &g->result->backup);
}

/* --- The mirror --- */

struct mirror {
    struct log_files *files;
    struct ps_buf note;
    struct checkpoint checkpoint;
    struct merkle_edge edge;
    struct judged_keys judged;
};

static void clear_mirror(struct mirror *mirror)
{
    log_files_free(mirror->files);
    ps_buf_clear(&mirror->note);
    judged_keys_clear(&mirror->judged);
}

static enum ps_err open_mirror(const char *directory, struct mirror *mirror)
{
    PS_CLEANUP(file_close_cleanup)
    int fd = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

    if (fd < 0) {
        return ps_fail_errno(PS_E_NOT_FOUND, "%.160s", directory);
    }
    PS_TRY(log_files_open(fd, "events", "events", &mirror->files));
    PS_TRY(log_files_read_checkpoint(mirror->files, &mirror->note));
    PS_TRY(checkpoint_peek(ps_buf_bytes(&mirror->note), &mirror->checkpoint));
    log_files_expect(mirror->files, mirror->checkpoint.size);
    return PS_OK;
}

/* The same log: its root where the backup ends is that of the backup. */
static enum ps_err compare(const struct gathering *g, const struct mirror *mirror)
{
    const struct merkle_hash ours = merkle_edge_root(&g->edge);
    const struct merkle_hash theirs = merkle_edge_root(&mirror->edge);

    return memcmp(&ours, &theirs, sizeof ours) == 0
               ? PS_OK
               : ps_fail(PS_E_DENIED, 0,
                         "the mirror is of another log: its first %" PRIu64
                         " entries are not those of the backup",
                         g->edge.size);
}

static enum ps_err read_mirror(struct gathering *g, struct mirror *mirror, uint64_t from)
{
    PS_CLEANUP(meter_end) struct meter meter = {.what = NULL};

    meter_begin(&meter, is_written(g) ? "writing from the mirror" : "reading the mirror",
                mirror->checkpoint.size);
    while (mirror->edge.size < mirror->checkpoint.size) {
        struct log_place place;
        struct log_event event;
        struct ps_bytes leaf;
        enum log_step step;

        PS_TRY(log_files_next(mirror->files, &step, &leaf, &place));
        if (step != LOG_STEP_LEAF) {
            return ps_fail(PS_E_INPUT, 0, "the mirror is damaged at entry %" PRIu64,
                           mirror->edge.size);
        }
        if (mirror->edge.size == from) {
            PS_TRY(compare(g, mirror));
        }
        PS_TRY(log_event_read(g->json, leaf, &event));
        PS_TRY(judged_keys_take(&mirror->judged, &mirror->edge, &event));
        if (mirror->edge.size >= from) {
            PS_TRY(hand_on(g, leaf));
        }
        merkle_edge_append(&mirror->edge, merkle_leaf_hash(leaf));
        meter_advance(&meter, 1);
    }
    return mirror->edge.size == from ? compare(g, mirror) : PS_OK;
}

/* Nothing is believed of it before its checkpoint has shown that the log's key signed for it. */
static enum ps_err check_mirror(const struct mirror *mirror)
{
    const struct merkle_hash root = merkle_edge_root(&mirror->edge);
    struct checkpoint opened;
    struct note_key key;

    PS_TRY(log_succession_key(&mirror->judged.keys, &key));
    PS_TRY(checkpoint_open(ps_buf_bytes(&mirror->note), &key, &opened));
    return ps_bytes_equal(opened.origin, key.name) && memcmp(&opened.root, &root, sizeof root) == 0
               ? PS_OK
               : ps_fail(PS_E_DENIED, 0, "the mirror's entries are not those of its checkpoint");
}

static enum ps_err add_mirror(struct gathering *g)
{
    PS_CLEANUP(clear_mirror) struct mirror mirror = {.note = {.max = LOG_NOTE_MAX + 1}};
    const uint64_t from = g->edge.size;

    PS_TRY(judged_keys_init(&mirror.judged, true));
    PS_TRY(open_mirror(g->request->mirror, &mirror));
    /* Nobody may take it for knowledge of what came after the backup. */
    if (mirror.checkpoint.size < from) {
        return ps_fail(PS_E_DENIED, 0,
                       "the mirror ends before the backup, at entry %" PRIu64 " of %" PRIu64
                       ": give a newer one, or none",
                       mirror.checkpoint.size, from);
    }
    PS_TRY(read_mirror(g, &mirror, from));
    PS_TRY(check_mirror(&mirror));
    ps_buf_put(&g->mirror_key, ps_buf_bytes(&mirror.judged.keys.key));
    ps_buf_reset(&g->result->checkpoint);
    ps_buf_put(&g->result->checkpoint, ps_buf_bytes(&mirror.note));
    PS_TRY(ps_buf_status(&g->mirror_key));
    return ps_buf_status(&g->result->checkpoint);
}

/* --- What a witness has seen --- */

static enum ps_err judge_by(const struct gathering *g, struct ps_bytes verifier)
{
    struct note_key key;

    PS_TRY(log_key_parse(verifier, &key));
    return log_seen_judge(&g->seen, &key, &g->request->witnesses, g->result->leaves,
                          &g->result->seen);
}

/* A log that was restored in between has had another key when the witness saw it. */
static enum ps_err judge_seen(const struct gathering *g)
{
    const struct ps_bytes key = ps_bytes_str(g->result->backup.log_key);
    enum ps_err err;

    if (g->seen.note.len == 0) {
        return PS_OK;
    }
    err = judge_by(g, key);
    if (err == PS_E_DENIED && g->mirror_key.len != 0 &&
        !ps_bytes_equal(ps_buf_bytes(&g->mirror_key), key)) {
        err = judge_by(g, ps_buf_bytes(&g->mirror_key));
    }
    return err;
}

enum ps_err gather(const struct gather_request *request, struct gathered *ret_gathered)
{
    PS_CLEANUP(clear)
    struct gathering g = {
        .request = request, .result = ret_gathered, .mirror_key = {.max = LOG_KEY_TEXT_MAX}};

    PS_TRY(json_new(&g.json));
    if (request->checkpoint.len != 0) {
        PS_TRY(log_seen_begin(request->checkpoint, &g.seen));
        look_at_seen(&g);
    }
    PS_TRY(read_backup(&g));
    if (request->mirror != NULL) {
        PS_TRY(add_mirror(&g));
    }
    return judge_seen(&g);
}
