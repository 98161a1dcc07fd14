#include "lib/ceremony/log/signers.h"

#include "lib/ceremony/log/judged_keys.h"
#include "lib/formats/tlog/note.h"

void log_signers_clear(struct log_signers *signers)
{
    for (size_t i = 0; i < signers->count; i++) {
        ps_buf_clear(&signers->texts[i]);
    }
    signers->count = 0;
}

static enum ps_err add(struct log_signers *signers, struct ps_bytes text, uint64_t leaf)
{
    struct note_key key;

    PS_TRY(log_key_parse(text, &key));
    if (signers->count == LOG_SIGNERS_MAX) {
        return ps_fail(PS_E_LIMIT, 0, "a log that was restored more than %u times",
                       LOG_SIGNERS_MAX - 1);
    }
    signers->since[signers->count] = leaf;
    signers->texts[signers->count] = (struct ps_buf){.max = LOG_KEY_TEXT_MAX};
    ps_buf_put(&signers->texts[signers->count], text);
    signers->count++;
    return ps_buf_status(&signers->texts[signers->count - 1]);
}

enum ps_err log_signers_begin(struct log_signers *signers, struct ps_bytes text)
{
    log_signers_clear(signers);
    return add(signers, text, 0);
}

static enum ps_err take(struct log_signers *signers, struct judged_keys *judged,
                        const struct merkle_edge *edge, const struct log_event *event)
{
    const unsigned count = judged->keys.count;

    PS_TRY(judged_keys_take(judged, edge, event));
    return judged->keys.count == count ? PS_OK
                                       : add(signers, ps_buf_bytes(&judged->keys.key), edge->size);
}

static enum ps_err read_all(struct log_signers *signers, struct log_files *files, struct json *json,
                            uint64_t *ret_leaf)
{
    PS_CLEANUP(judged_keys_clear) struct judged_keys judged = {.replay = NULL};
    struct merkle_edge edge = {.size = 0};
    enum log_step step;

    PS_TRY(judged_keys_init(&judged, true));
    ps_buf_put(&judged.keys.key, ps_buf_bytes(&signers->texts[0]));
    do {
        struct log_place place = {.offset = 0};
        struct log_event event;
        struct ps_bytes leaf;

        *ret_leaf = edge.size;
        PS_TRY(log_files_next(files, &step, &leaf, &place));
        if (step != LOG_STEP_LEAF) {
            break;
        }
        /* What is wrong with one is told where all of them are read. */
        if (log_event_read(json, leaf, &event) == PS_OK) {
            PS_TRY(take(signers, &judged, &edge, &event));
        }
        merkle_edge_append(&edge, merkle_leaf_hash(leaf));
    } while (step == LOG_STEP_LEAF);
    return PS_OK;
}

enum ps_err log_signers_follow(struct log_signers *signers, struct log_files *files,
                               struct json *json, uint64_t *ret_leaf)
{
    PS_BUF_AUTO note = {.max = LOG_NOTE_MAX + 1};
    struct checkpoint checkpoint;
    struct note_key key;

    PS_TRY(log_key_parse(ps_buf_bytes(&signers->texts[0]), &key));
    if (log_files_read_checkpoint(files, &note) != PS_OK ||
        checkpoint_open(ps_buf_bytes(&note), &key, &checkpoint) != PS_E_DENIED ||
        checkpoint_peek(ps_buf_bytes(&note), &checkpoint) != PS_OK) {
        return PS_OK;
    }
    log_files_expect(files, checkpoint.size);
    return read_all(signers, files, json, ret_leaf);
}

enum ps_err log_signers_last(const struct log_signers *signers, struct note_key *ret_key)
{
    return log_key_parse(ps_buf_bytes(&signers->texts[signers->count - 1]), ret_key);
}

enum ps_err log_signers_choose_of(const struct log_signers *signers, struct ps_bytes note,
                                  struct note_key *key)
{
    for (size_t i = signers->count; i > 0; i--) {
        struct checkpoint checkpoint;
        struct note_key events;
        struct note_key signer;

        PS_TRY(log_key_parse(ps_buf_bytes(&signers->texts[i - 1]), &events));
        PS_TRY(log_key_of_origin(&events, key->name, &signer));
        if (checkpoint_open(note, &signer, &checkpoint) == PS_OK) {
            *key = signer;
            return PS_OK;
        }
    }
    return PS_OK;
}

enum ps_err log_signers_choose(const struct log_signers *signers, const struct log_files *files,
                               struct note_key *key)
{
    PS_BUF_AUTO note = {.max = LOG_NOTE_MAX + 1};

    if (signers->count < 2 || log_files_read_checkpoint(files, &note) != PS_OK) {
        return PS_OK;
    }
    return log_signers_choose_of(signers, ps_buf_bytes(&note), key);
}
