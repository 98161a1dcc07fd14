#include "lib/ceremony/bundle/internal.h"

#include "lib/base/encode.h"
#include "lib/ceremony/bundle/choice.h"
#include "lib/ceremony/log/files.h"
#include "lib/ceremony/log/leaf.h"
#include "lib/ceremony/script/script.h"
#include "lib/ceremony/transcript_line.h"
#include "lib/formats/tlog/note.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

/* 100 million leaves: their hashes fit into memory twice. */
#define LOG_LEAVES_MAX UINT64_C(100000000)

struct building {
    const struct bundle_source *source;
    int top_fd;
    struct json *json;
    struct bundle_choice *choice;
    struct ps_buf note;
    struct checkpoint checkpoint;
    struct ps_buf hashes; /* of all leaves that the checkpoint covers */
    struct ps_buf leaves; /* the section */
    size_t count;
};

static void clear(struct building *b)
{
    json_free(b->json);
    bundle_choice_free(b->choice);
    ps_buf_clear(&b->note);
    ps_buf_clear(&b->hashes);
    ps_buf_clear(&b->leaves);
    if (b->top_fd >= 0) {
        (void)close(b->top_fd);
    }
}

/* --- What is wanted --- */

static enum ps_err want_line(struct building *b, struct ps_bytes octets)
{
    struct transcript_line line;

    PS_TRY(transcript_line_read(b->json, octets, &line));
    return ps_bytes_equal_str(line.what, "made") ? bundle_choice_ask(b->choice, line.id) : PS_OK;
}

/* Calls `fn` for each line of the room's transcript. */
static enum ps_err each_line(struct building *b,
                             enum ps_err (*fn)(struct building *b, struct ps_bytes line))
{
    struct ps_bytes text = b->source->lines;

    while (text.len != 0) {
        const uint8_t *end = memchr(text.data, '\n', text.len);
        const size_t len = end == NULL ? text.len : (size_t)(end - text.data);

        PS_TRY(fn(b, ps_bytes(text.data, len)));
        text = ps_bytes_from(text, len + (end == NULL ? 0 : 1));
    }
    return PS_OK;
}

static enum ps_err want_all(struct building *b)
{
    PS_TRY(each_line(b, want_line));
    for (size_t i = 0; i < b->source->operation_count; i++) {
        PS_TRY(bundle_choice_ask(b->choice, b->source->operations[i]));
    }
    return PS_OK;
}

/* --- The log, from its first leaf on --- */

/* Once the roots and proofs need, and for what to look for; or to write what is wanted. */
static enum ps_err read_log(struct building *b,
                            enum ps_err (*fn)(struct building *b, uint64_t index,
                                              struct ps_bytes leaf, const struct log_event *event))
{
    PS_CLEANUP(log_files_free_cleanup) struct log_files *files = NULL;

    PS_TRY(log_files_open(b->top_fd, "events", "events", &files));
    log_files_expect(files, b->checkpoint.size);
    for (uint64_t i = 0; i < b->checkpoint.size; i++) {
        struct log_place place;
        struct log_event event;
        struct ps_bytes leaf;
        enum log_step step;

        PS_TRY(log_files_next(files, &step, &leaf, &place));
        if (step != LOG_STEP_LEAF) {
            return ps_fail(PS_E_INPUT, 0, "the log is damaged at leaf %llu: `privyseal log verify`",
                           (unsigned long long)i);
        }
        PS_TRY(log_event_read(b->json, leaf, &event));
        PS_TRY(fn(b, i, leaf, &event));
    }
    return PS_OK;
}

static enum ps_err take_leaf(struct building *b, uint64_t index, struct ps_bytes leaf,
                             const struct log_event *event)
{
    const struct merkle_hash hash = merkle_leaf_hash(leaf);

    ps_buf_put(&b->hashes, ps_bytes(hash.octets, sizeof hash.octets));
    PS_TRY(ps_buf_status(&b->hashes));
    return bundle_choice_look(b->choice, index, event);
}

static enum ps_err look_again(struct building *b, uint64_t index, struct ps_bytes leaf,
                              const struct log_event *event)
{
    (void)index;
    (void)leaf;
    return bundle_choice_look_again(b->choice, event);
}

static enum ps_err open_log(struct building *b)
{
    PS_CLEANUP(log_files_free_cleanup) struct log_files *files = NULL;

    b->top_fd = open(b->source->directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (b->top_fd < 0) {
        return ps_fail_errno(errno == ENOENT ? PS_E_NOT_FOUND : PS_E_STORAGE, "%s",
                             b->source->directory);
    }
    PS_TRY(log_files_open(b->top_fd, "events", "events", &files));
    PS_TRY(log_files_read_checkpoint(files, &b->note));
    PS_TRY(checkpoint_peek(ps_buf_bytes(&b->note), &b->checkpoint));
    return b->checkpoint.size <= LOG_LEAVES_MAX
               ? PS_OK
               : ps_fail(PS_E_LIMIT, 0, "a log of more leaves than there is memory for");
}

/* --- Proofs --- */

static enum ps_err read_hash(void *context, unsigned level, uint64_t index,
                             struct merkle_hash *ret_hash)
{
    const struct building *b = context;
    const uint64_t first = index << level;
    const uint64_t count = UINT64_C(1) << level;
    struct merkle_edge edge = {.size = 0};

    if ((first + count) * PS_SHA256_LEN > b->hashes.len) {
        return ps_fail(PS_E_INTERNAL, 0, "a hash behind the end of the log");
    }
    for (uint64_t i = first; i < first + count; i++) {
        struct merkle_hash leaf;

        memcpy(leaf.octets, b->hashes.data + i * PS_SHA256_LEN, PS_SHA256_LEN);
        merkle_edge_append(&edge, leaf);
    }
    *ret_hash = merkle_edge_root(&edge);
    return PS_OK;
}

static enum ps_err check_root(struct building *b)
{
    const struct merkle_source source = {.read_hash = read_hash, .context = b};
    struct merkle_hash root;

    PS_TRY(merkle_root(&source, b->checkpoint.size, &root));
    return memcmp(&root, &b->checkpoint.root, sizeof root) == 0
               ? PS_OK
               : ps_fail(
                     PS_E_INPUT, 0,
                     "the log's leaves are not those of its checkpoint: `privyseal log verify`");
}

static enum ps_err put_leaf(struct building *b, uint64_t index, struct ps_bytes leaf)
{
    const struct merkle_source source = {.read_hash = read_hash, .context = b};
    struct merkle_proof proof;

    if (b->count == BUNDLE_LEAVES_MAX) {
        return ps_fail(PS_E_LIMIT, 0, "more than %u leaves", BUNDLE_LEAVES_MAX);
    }
    PS_TRY(merkle_prove_inclusion(&source, index, b->checkpoint.size, &proof));
    ps_buf_printf(&b->leaves, "%s{\"index\":%llu,\"leaf\":", b->count++ == 0 ? "" : ",",
                  (unsigned long long)index);
    ps_buf_put(&b->leaves, leaf);
    ps_buf_put_str(&b->leaves, ",\"proof\":[");
    for (size_t i = 0; i < proof.count; i++) {
        ps_buf_put_str(&b->leaves, i == 0 ? "\"" : ",\"");
        ps_buf_put_base64url(&b->leaves, ps_bytes(proof.hashes[i].octets, PS_SHA256_LEN));
        ps_buf_put_u8(&b->leaves, '"');
    }
    ps_buf_put_str(&b->leaves, "]}");
    return ps_buf_status(&b->leaves);
}

static enum ps_err write_leaf(struct building *b, uint64_t index, struct ps_bytes leaf,
                              const struct log_event *event)
{
    return bundle_choice_has(b->choice, index, event) ? put_leaf(b, index, leaf) : PS_OK;
}

/* --- The bundle --- */

static enum ps_err put_room(const struct building *b, struct ps_buf *out)
{
    struct ps_bytes text = b->source->lines;

    ps_buf_put_str(out, "{\"lines\":[");
    while (text.len != 0) {
        const uint8_t *end = memchr(text.data, '\n', text.len);
        const size_t len = end == NULL ? text.len : (size_t)(end - text.data);

        if (text.data != b->source->lines.data) {
            ps_buf_put_u8(out, ',');
        }
        ps_buf_put_json_string(out, ps_bytes(text.data, len));
        text = ps_bytes_from(text, len + (end == NULL ? 0 : 1));
    }
    ps_buf_put_str(out, "],\"script\":");
    ps_buf_put_json_string(out, b->source->script);
    ps_buf_put_u8(out, '}');
    return ps_buf_status(out);
}

static enum ps_err assemble(struct building *b, struct ps_buf *out)
{
    PS_BUF_AUTO room = {.max = BUNDLE_OCTETS_MAX};
    PS_BUF_AUTO note = {.max = (size_t)4 * LOG_NOTE_MAX};
    struct ps_bytes sections[BUNDLE_SECTIONS];

    ps_buf_put_json_string(&note, ps_buf_bytes(&b->note));
    PS_TRY(ps_buf_status(&note));
    PS_TRY(put_room(b, &room));
    ps_buf_put_str(&b->leaves, "[");
    PS_TRY(read_log(b, write_leaf));
    ps_buf_put_str(&b->leaves, "]");
    PS_TRY(ps_buf_status(&b->leaves));
    sections[BUNDLE_CHECKPOINT] = ps_buf_bytes(&note);
    sections[BUNDLE_LEAVES] = ps_buf_bytes(&b->leaves);
    sections[BUNDLE_ROOM] = ps_buf_bytes(&room);
    bundle_put_all(sections, ps_bytes_str("[]"), out);
    return ps_buf_status(out);
}

enum ps_err bundle_build(const struct bundle_source *source, struct ps_buf *out)
{
    PS_CLEANUP(clear)
    struct building b = {.source = source,
                         .top_fd = -1,
                         .note = {.max = LOG_NOTE_MAX + 1},
                         .hashes = {.max = LOG_LEAVES_MAX * PS_SHA256_LEN},
                         .leaves = {.max = BUNDLE_OCTETS_MAX}};

    PS_TRY(json_new(&b.json));
    PS_TRY(bundle_choice_new(&b.choice));
    PS_TRY(want_all(&b));
    PS_TRY(open_log(&b));
    PS_TRY(read_log(&b, take_leaf));
    if (bundle_choice_looks_again(b.choice)) {
        PS_TRY(read_log(&b, look_again));
    }
    PS_TRY(check_root(&b));
    PS_TRY(bundle_choice_check(b.choice));
    return assemble(&b, out);
}
