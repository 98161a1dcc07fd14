#include "lib/ceremony/internal.h"

#include "lib/base/clock.h"
#include "lib/base/counted.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

/* See docs/log-format.md section 4: derived files are durable up to a multiple of this. */
#define DERIVED_STEP UINT64_C(65536)

struct tree_check {
    const struct log_tree_request *request;
    const char *label;
    struct ps_buf note;
    bool has_checkpoint; /* one that verified */
    struct checkpoint checkpoint;
    uint64_t certain; /* hashes of leaves below this cannot be missing */
    uint64_t missing; /* hashes and offsets not written yet */
    uint64_t newest_ns;
    uint64_t back_steps;
    uint64_t back_ns; /* the largest one */
    uint64_t back_leaf;
    struct ps_buf cells[TILES_LEVELS];
    struct merkle_hash stored[TILES_WIDTH];
    struct tiles_edge edge;
    struct merkle_hash covered_root; /* once so many leaves were read */
};

void log_report_row(struct log_report *report, enum log_verdict verdict,
                    const struct log_where *where, const char *format, ...)
{
    char text[400];
    struct log_row row = {
        .verdict = verdict,
        .check = where->check,
        .tree = where->tree,
        .file = where->place == NULL ? "" : where->place->file,
        .offset = where->place == NULL ? LOG_NOWHERE : where->place->offset,
        .leaf = where->leaf,
        .text = text,
    };
    va_list args;

    if (verdict == LOG_FAIL) {
        report->failures++;
        report->in_tree++;
        if (report->in_tree > LOG_FAILURES_MAX) {
            return;
        }
    }
    va_start(args, format);
    (void)vsnprintf(text, sizeof text, format, args);
    va_end(args);
    for (char *at = text; *at != '\0'; at++) {
        if ((unsigned char)*at < 0x20 || (unsigned char)*at >= 0x7f) {
            *at = '?';
        }
    }
    report->fn(report->context, &row);
}

#define ROW(check, verdict, name, where_place, where_leaf, ...)                                    \
    log_report_row((check)->request->report, (verdict),                                            \
                   &(struct log_where){(name), (check)->label, (where_place), (where_leaf)},       \
                   __VA_ARGS__)

static bool is_zero(const void *octets, size_t len)
{
    const uint8_t *at = octets;

    for (size_t i = 0; i < len; i++) {
        if (at[i] != 0) {
            return false;
        }
    }
    return true;
}

/* Reads the checkpoint and verifies its signature, before any leaf is read. */
static enum ps_err open_checkpoint(struct tree_check *check)
{
    const struct note_key *key = check->request->key;
    struct log_place place = {.offset = 0};
    enum ps_err err;

    (void)snprintf(place.file, sizeof place.file, "%s%scheckpoint", check->label,
                   check->label[0] == '\0' ? "" : "/");
    err = log_files_read_checkpoint(check->request->files, &check->note);
    if (err == PS_OK && check->note.len == 0) {
        return PS_OK;
    }
    if (err == PS_OK && key != NULL) {
        err = checkpoint_open(ps_buf_bytes(&check->note), key, &check->checkpoint);
    }
    if (err == PS_E_STORAGE || err == PS_E_NO_MEMORY) {
        return err;
    }
    if (err != PS_OK || key == NULL) {
        ROW(check, LOG_FAIL, "checkpoint", &place, LOG_NOWHERE, "%s",
            key == NULL ? "there is no key to verify it with" : ps_detail()->text);
        return PS_OK;
    }
    if (!ps_bytes_equal(check->checkpoint.origin, key->name)) {
        ROW(check, LOG_FAIL, "checkpoint", &place, LOG_NOWHERE, "its origin is %.*s and not %.*s",
            PS_BYTES_FMT(check->checkpoint.origin), PS_BYTES_FMT(key->name));
        return PS_OK;
    }
    if (check->checkpoint.extension.len != 0) {
        ROW(check, LOG_FAIL, "checkpoint", &place, LOG_NOWHERE, "it has extension lines");
        return PS_OK;
    }
    check->has_checkpoint = true;
    return PS_OK;
}

/* The leaves from which on hashes and offsets may be missing. */
static void set_certain(struct tree_check *check)
{
    const struct log_tree_request *request = check->request;

    if (!request->newest || log_files_exported(request->files)) {
        check->certain = UINT64_MAX;
    } else if (check->has_checkpoint) {
        check->certain = check->checkpoint.size / DERIVED_STEP * DERIVED_STEP;
    }
}

/* Compares the hashes that a level's buffer holds with those that are stored, from `from` on. */
static enum ps_err compare_hashes(struct tree_check *check, unsigned level, uint64_t from)
{
    const struct ps_buf *cells = &check->cells[level];
    const unsigned count = (unsigned)(cells->len / PS_SHA256_LEN);
    struct merkle_hash *stored = check->stored;
    struct log_place place;
    unsigned got;

    PS_TRY(log_files_read_tile(check->request->files, level, from / TILES_WIDTH, count, stored,
                               &got, &place));
    for (unsigned i = 0; i < count; i++) {
        const uint64_t number = from + i;
        const uint64_t last_leaf = ((number + 1) << (8 * level)) - 1;
        const bool absent = i >= got || is_zero(&stored[i], sizeof stored[i]);
        const struct log_place at = place;

        if (i < got && memcmp(&stored[i], cells->data + i * PS_SHA256_LEN, sizeof stored[i]) == 0) {
            continue;
        }
        place.offset += (uint64_t)i * PS_SHA256_LEN;
        if (absent && last_leaf >= check->certain) {
            check->missing++;
        } else {
            ROW(check, LOG_FAIL, "hashes", &place, level == 0 ? number : LOG_NOWHERE,
                absent ? "level %u: hash %llu is missing"
                       : "level %u: hash %llu does not follow from the leaves",
                level, (unsigned long long)number);
        }
        place = at;
        if (absent && i >= got && last_leaf < check->certain) {
            break; /* the rest is missing with it */
        }
    }
    return PS_OK;
}

static enum ps_err compare_full_tiles(struct tree_check *check)
{
    for (unsigned level = 0; level < TILES_LEVELS; level++) {
        const uint64_t count = tiles_count(check->edge.size, level);

        PS_TRY(ps_buf_status(&check->cells[level]));
        if (check->cells[level].len != TILES_WIDTH * PS_SHA256_LEN) {
            return PS_OK; /* the levels above have nothing new either */
        }
        PS_TRY(compare_hashes(check, level, count - TILES_WIDTH));
        ps_buf_reset(&check->cells[level]);
    }
    return PS_OK;
}

static enum ps_err compare_partial_tiles(struct tree_check *check)
{
    for (unsigned level = 0; level < TILES_LEVELS; level++) {
        const uint64_t count = tiles_count(check->edge.size, level);

        if (check->cells[level].len != 0) {
            PS_TRY(compare_hashes(check, level, count / TILES_WIDTH * TILES_WIDTH));
        }
    }
    return PS_OK;
}

static enum ps_err compare_offset(struct tree_check *check, uint64_t offset)
{
    const uint64_t leaf = check->edge.size;
    struct log_place place;
    uint64_t found;
    bool stored;

    if (leaf % TILES_WIDTH != 0 || log_files_exported(check->request->files)) {
        return PS_OK;
    }
    PS_TRY(
        log_files_read_offset(check->request->files, leaf / TILES_WIDTH, &stored, &found, &place));
    if (stored && found == offset) {
        return PS_OK;
    }
    if ((!stored || found == 0) && leaf >= check->certain) {
        check->missing++;
        return PS_OK;
    }
    ROW(check, LOG_FAIL, "offsets", &place, leaf,
        stored ? "bundle %llu does not begin where it says"
               : "the offset of bundle %llu is missing",
        (unsigned long long)(leaf / TILES_WIDTH));
    return PS_OK;
}

static void check_time(struct tree_check *check, uint64_t time_ns)
{
    if (time_ns >= check->newest_ns) {
        check->newest_ns = time_ns;
        return;
    }
    if (check->back_steps == 0) {
        check->back_leaf = check->edge.size;
    }
    check->back_steps++;
    if (check->newest_ns - time_ns > check->back_ns) {
        check->back_ns = check->newest_ns - time_ns;
    }
}

static uint64_t covered_of(const struct tree_check *check)
{
    const uint64_t by_events = check->request->closed_covered ? check->request->closed->size : 0;
    const uint64_t by_itself = check->has_checkpoint ? check->checkpoint.size : 0;

    return by_events > by_itself ? by_events : by_itself;
}

static enum ps_err check_content(struct tree_check *check, struct ps_bytes leaf,
                                 const struct log_place *place)
{
    const struct log_tree_request *request = check->request;
    const bool is_covered = check->edge.size < covered_of(check);
    struct log_event event;
    struct log_use use;
    enum ps_err err = request->events ? log_event_read(request->json, leaf, &event)
                                      : log_use_read(request->json, leaf, &use);

    if (err == PS_E_NO_MEMORY) {
        return err;
    }
    if (err != PS_OK) {
        ROW(check, LOG_FAIL, "leaves", place, check->edge.size, "%s", ps_detail()->text);
        return PS_OK;
    }
    check_time(check, request->events ? event.time_ns : use.time_ns);
    if (request->events) {
        return request->on_event == NULL
                   ? PS_OK
                   : request->on_event(request->context, check->edge.size, is_covered, &event);
    }
    return request->on_use == NULL || !is_covered ? PS_OK : request->on_use(request->context, &use);
}

/* A log that was put back, or rewritten, is another than that of which somebody keeps this. */
static void check_known(struct tree_check *check)
{
    const struct checkpoint *known = check->request->known;
    struct merkle_hash root;

    if (known == NULL || known->size != check->edge.size) {
        return;
    }
    root = tiles_edge_root(&check->edge);
    if (memcmp(&root, &known->root, sizeof root) == 0) {
        ROW(check, LOG_PASS, "checkpoint", NULL, LOG_NOWHERE,
            "it goes on from the checkpoint given, of %s",
            ps_counted(known->size, "leaf", "leaves").text);
    } else {
        ROW(check, LOG_FAIL, "checkpoint", NULL, LOG_NOWHERE,
            "it does not go on from the checkpoint given, of %s",
            ps_counted(known->size, "leaf", "leaves").text);
    }
}

/* Compares the root of the leaves so far, where the checkpoint or the shard's leaf names one. */
static void check_root(struct tree_check *check)
{
    const struct log_shard *closed = check->request->closed;
    struct merkle_hash root;

    check_known(check);
    if (check->request->witnessed != NULL) {
        log_witnessed_take(check->request->witnessed, &check->edge);
    }
    if (check->edge.size == covered_of(check)) {
        check->covered_root = tiles_edge_root(&check->edge);
    }
    if (check->has_checkpoint && check->checkpoint.size == check->edge.size) {
        root = tiles_edge_root(&check->edge);
        if (memcmp(&root, &check->checkpoint.root, sizeof root) == 0) {
            ROW(check, LOG_PASS, "checkpoint", NULL, LOG_NOWHERE,
                "signed by %.*s for the tree of %s", PS_BYTES_FMT(check->request->key->name),
                ps_counted(check->edge.size, "leaf", "leaves").text);
        } else {
            ROW(check, LOG_FAIL, "checkpoint", NULL, LOG_NOWHERE,
                "its root is not that of the tree of %s",
                ps_counted(check->edge.size, "leaf", "leaves").text);
        }
    }
    if (closed != NULL && closed->size == check->edge.size) {
        root = tiles_edge_root(&check->edge);
        if (memcmp(&root, &closed->root, sizeof root) != 0) {
            ROW(check, LOG_FAIL, "shards", NULL, LOG_NOWHERE,
                "the root in events is not that of these leaves");
        }
    }
}

static enum ps_err add_leaf(struct tree_check *check, struct ps_bytes leaf,
                            const struct log_place *place)
{
    PS_TRY(compare_offset(check, place->offset));
    PS_TRY(check_content(check, leaf, place));
    tiles_edge_append(&check->edge, merkle_leaf_hash(leaf), check->cells);
    if (check->edge.size % TILES_WIDTH == 0) {
        PS_TRY(compare_full_tiles(check));
    }
    check_root(check);
    return PS_OK;
}

static const char *step_text(enum log_step step)
{
    switch (step) {
    case LOG_STEP_UNFINISHED:
        return "the last leaf is unfinished";
    case LOG_STEP_NO_LEAF:
        return "no leaf begins here";
    case LOG_STEP_ROOM:
        return "zeros follow";
    case LOG_STEP_SURPLUS:
        return "more than the leaves of this bundle";
    case LOG_STEP_ABSENT:
        return "this bundle is missing";
    case LOG_STEP_LEAF:
    case LOG_STEP_END:
        break;
    }
    return "the leaves end here";
}

/* Everything that is stored beside the record ends where the leaves do. */
static enum ps_err check_surplus(struct tree_check *check, bool *ret_content)
{
    const uint64_t size = check->edge.size;
    const struct log_files *files = check->request->files;

    *ret_content = false;
    for (unsigned file = 0; file < LOG_DERIVED_FILES && !log_files_exported(files); file++) {
        const uint64_t from = file == 0 ? (size + TILES_WIDTH - 1) / TILES_WIDTH * sizeof(uint64_t)
                                        : tiles_count(size, file - 1) * PS_SHA256_LEN;
        struct log_surplus surplus;
        struct log_place place;

        PS_TRY(log_files_find_surplus(files, file, from, &surplus, &place));
        if (surplus.content || (surplus.any && !check->request->newest)) {
            ROW(check, LOG_FAIL, file == 0 ? "offsets" : "hashes", &place, LOG_NOWHERE,
                "more than follows from the %llu leaves", (unsigned long long)size);
        }
        *ret_content = *ret_content || surplus.content;
    }
    return PS_OK;
}

/* Leaves that there have to be. */
static uint64_t demanded_of(const struct tree_check *check)
{
    const struct log_shard *closed = check->request->closed;
    const struct checkpoint *known = check->request->known;
    uint64_t demanded = covered_of(check);

    demanded = closed != NULL && closed->size > demanded ? closed->size : demanded;
    return known != NULL && known->size > demanded ? known->size : demanded;
}

static void no_checkpoint(struct tree_check *check)
{
    if (check->edge.size == 0 && !check->request->events && check->request->newest) {
        return; /* a shard that waits for its first leaf */
    }
    if (check->request->closed != NULL) {
        ROW(check, LOG_NOTE, "checkpoint", NULL, LOG_NOWHERE,
            "no checkpoint of its own; its root stands in events%s",
            check->request->closed_covered ? "" : ", in a leaf that is not yet checkpointed");
    } else if (!check->request->events && check->request->newest) {
        ROW(check, LOG_NOTE, "checkpoint", NULL, LOG_NOWHERE,
            "no checkpoint yet: nobody has signed for these leaves");
    } else {
        ROW(check, LOG_FAIL, "checkpoint", NULL, LOG_NOWHERE,
            "no checkpoint: nobody has signed for these leaves");
    }
}

/* Where the leaves ended, and whether they may. */
static enum ps_err check_end(struct tree_check *check, enum log_step step,
                             const struct log_place *place)
{
    const struct log_tree_request *request = check->request;
    const uint64_t size = check->edge.size;
    bool content;

    if (check->note.len == 0) {
        no_checkpoint(check);
    }
    PS_TRY(check_surplus(check, &content));
    if (size < demanded_of(check)) {
        ROW(check, LOG_FAIL, "leaves", place, size, "%s, and there were %llu", step_text(step),
            (unsigned long long)demanded_of(check));
    } else if (request->closed != NULL && size != request->closed->size) {
        ROW(check, LOG_FAIL, "shards", place, request->closed->size,
            "more leaves than the complete shard has");
    } else if (step == LOG_STEP_END || (step == LOG_STEP_ROOM && request->newest)) {
        return PS_OK;
    } else if (request->newest && !content && !log_files_exported(request->files)) {
        ROW(check, LOG_NOTE, "leaves", place, size,
            "%s, as after a crash; the appliance cuts it at its next start", step_text(step));
    } else {
        ROW(check, LOG_FAIL, "leaves", place, size, "%s", step_text(step));
    }
    return PS_OK;
}

static enum ps_err read_leaves(struct tree_check *check)
{
    struct log_place place = {.offset = 0};
    enum log_step step;

    check_root(check); /* a checkpoint over no leaves */
    for (;;) {
        struct ps_bytes leaf;

        PS_TRY(log_files_next(check->request->files, &step, &leaf, &place));
        if (step != LOG_STEP_LEAF) {
            PS_TRY(compare_partial_tiles(check));
            return check_end(check, step, &place);
        }
        PS_TRY(add_leaf(check, leaf, &place));
    }
}

static void summarize(struct tree_check *check)
{
    const struct log_report *report = check->request->report;
    const uint64_t size = check->edge.size;
    const uint64_t covered = covered_of(check);

    if (check->back_steps != 0) {
        ROW(check, LOG_NOTE, "times", NULL, check->back_leaf,
            "the clock stepped back before %s, by at most %llu us; this is the first",
            ps_counted(check->back_steps, "leaf", "leaves").text,
            (unsigned long long)(check->back_ns / PS_NS_PER_US));
    }
    if (check->missing != 0) {
        ROW(check, LOG_NOTE, "hashes", NULL, LOG_NOWHERE, "%s",
            ps_counted(check->missing, "hash or offset was not written yet; the appliance adds it",
                       "hashes or offsets were not written yet; the appliance adds them")
                .text);
    }
    if (size > covered && (check->has_checkpoint || check->request->closed != NULL)) {
        ROW(check, LOG_NOTE, "checkpoint", NULL, covered, "%s not yet checkpointed",
            ps_counted(size - covered, "leaf is", "leaves are").text);
    }
    if (report->in_tree > LOG_FAILURES_MAX) {
        ROW(check, LOG_NOTE, "leaves", NULL, LOG_NOWHERE, "%s not shown",
            ps_counted(report->in_tree - LOG_FAILURES_MAX, "more failure is", "more failures are")
                .text);
    }
    if (report->in_tree == 0) {
        ROW(check, LOG_PASS, "leaves", NULL, LOG_NOWHERE, "%s",
            ps_counted(size, "leaf is of its schema, and all hashes follow from it",
                       "leaves are of their schema, and all hashes follow from them")
                .text);
    }
}

static void check_free(struct tree_check *check)
{
    if (check == NULL) {
        return;
    }
    for (unsigned level = 0; level < TILES_LEVELS; level++) {
        ps_buf_clear(&check->cells[level]);
    }
    ps_buf_clear(&check->note);
    free(check);
}
PS_DEFINE_CLEANUP(struct tree_check, check_free)

enum ps_err log_tree_verify(const struct log_tree_request *request,
                            struct log_tree_result *ret_result)
{
    PS_CLEANUP(check_free_cleanup) struct tree_check *check = calloc(1, sizeof *check);

    if (check == NULL) {
        return ps_fail(PS_E_NO_MEMORY, 0, "out of memory");
    }
    check->request = request;
    check->label = log_files_label(request->files);
    ps_buf_init(&check->note, LOG_NOTE_MAX + 1);
    for (unsigned level = 0; level < TILES_LEVELS; level++) {
        ps_buf_init(&check->cells[level], TILES_WIDTH * PS_SHA256_LEN);
    }
    request->report->in_tree = 0;
    PS_TRY(open_checkpoint(check));
    set_certain(check);
    log_files_expect(request->files, demanded_of(check));
    PS_TRY(read_leaves(check));
    summarize(check);
    ret_result->size = check->edge.size;
    ret_result->covered =
        covered_of(check) < check->edge.size ? covered_of(check) : check->edge.size;
    ret_result->root = check->covered_root;
    return PS_OK;
}
