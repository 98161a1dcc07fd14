#include "keystore/events/unsigned_end.h"

#include "keystore/events/truth.h"
#include "keystore/load.h"
#include "keystore/log/edge.h"
#include "keystore/operations/operations.h"
#include "keystore/snapshot/snapshot.h"
#include "keystore/state/check.h"
#include "lib/formats/tlog/note.h"

/* How often a start says how far it is. */
#define TELL_LEAVES 256u
#define TELL_NS     (5 * PS_NS_PER_S)

enum ps_err unsigned_end_begin_log(struct derive *derive, struct log *events)
{
    bool done;

    return derive_next(derive) == 0 ? derive_step(derive, events, 1, &done) : PS_OK;
}

/*
 * How many leaves the stored checkpoint covers, if this key signed it. A restored log has one of a
 * later key, which it names; it goes on with judging what made that the log's key.
 */
static enum ps_err look_at_note(struct unsigned_end *end, struct ps_bytes verifier, uint64_t *size)
{
    const struct ps_bytes note = log_checkpoint(end->keeper->events);
    struct checkpoint checkpoint;
    struct note_key key;
    enum ps_err err;

    if (end->is_found) {
        return PS_OK;
    }
    PS_TRY(note_key_parse(verifier, &key));
    err = checkpoint_open(note, &key, &checkpoint);
    if (err != PS_OK && err != PS_E_DENIED) {
        return err;
    }
    end->is_found = err == PS_OK;
    *size = end->is_found ? checkpoint.size : UINT64_MAX;
    return PS_OK;
}

static enum ps_err on_next_key(void *context, struct ps_bytes verifier, uint64_t *size)
{
    return look_at_note(context, verifier, size);
}

static void watch(struct unsigned_end *end)
{
    derive_set_watch(end->derive, &(struct derive_watch){.context = end, .next_key = on_next_key});
}

enum ps_err unsigned_end_begin(struct keeper *keeper, struct derive *derive,
                               struct unsigned_end *ret_end)
{
    const struct ps_bytes text = ps_buf_bytes(&derive_keys(derive)->keys.key);
    uint64_t size = UINT64_MAX;

    *ret_end = (struct unsigned_end){.keeper = keeper, .derive = derive};
    if (log_checkpoint(keeper->events).len == 0) {
        ret_end->is_found = true;
        size = 0;
    } else if (text.len == 0) {
        return ps_fail(PS_E_DENIED, 0, "there is a checkpoint but no log key");
    } else {
        PS_TRY(look_at_note(ret_end, text, &size));
    }
    if (size != UINT64_MAX) {
        derive_set_signed(derive, size);
    }
    watch(ret_end);
    return PS_OK;
}

/* --- What is judged, with everything as it was before it --- */

static enum ps_err name_leaf(enum ps_err err, uint64_t event)
{
    const struct ps_detail why = *ps_detail();

    if (err == PS_E_STORAGE || err == PS_E_NO_MEMORY || err == PS_E_BUSY) {
        return err;
    }
    return ps_fail(PS_E_DENIED, 0, "leaf %llu of events, which no checkpoint covers: %s",
                   (unsigned long long)event, why.text);
}

static enum ps_err on_intent(void *context, const struct past_intent *intent)
{
    const struct unsigned_end *end = context;
    enum ps_err err;

    /* What has to be waited for begins anew when the clock was doubted, then as now. */
    check_note_doubt(end->keeper->check, derive_clock_doubted_ns(end->derive));
    err = operations_judge_intent(end->keeper->operations, derive_recall(end->derive), intent);
    return err == PS_OK ? PS_OK : name_leaf(err, intent->event);
}

static enum ps_err on_result(void *context, const struct past_intent *intent,
                             const struct past_result *result)
{
    const struct unsigned_end *end = context;
    enum ps_err err;

    if (intent == NULL) {
        err = ps_fail(PS_E_DENIED, 0, "the result of an operation that was not begun");
    } else {
        err = operations_retrace(end->keeper->operations, intent, result);
    }
    return err == PS_OK ? PS_OK : name_leaf(err, result->event);
}

/* Octet for octet what the log of uses has by itself. */
static enum ps_err on_shard(void *context, uint64_t number, struct ps_bytes data, uint64_t event)
{
    const struct unsigned_end *end = context;
    struct tree_info closed;
    PS_BUF_AUTO ours = {.max = 1024};

    if (number < log_shard_count(end->keeper->use)) {
        PS_TRY(log_shard_info(end->keeper->use, (size_t)number, &closed));
        leaf_put_shard_data("use", &closed, &ours);
        PS_TRY(ps_buf_status(&ours));
    }
    return ps_bytes_equal(ps_buf_bytes(&ours), data)
               ? PS_OK
               : name_leaf(ps_fail(PS_E_DENIED, 0, "a shard of uses that is not there"), event);
}

/* Everything as it was behind the leaves that are signed for, from which on all are judged. */
static enum ps_err step_over_signed(struct unsigned_end *end, bool *ret_done)
{
    const uint64_t size = derive_signed(end->derive);
    const uint64_t next = derive_next(end->derive);
    /* The genesis has nothing before it that it could be judged by. */
    const uint64_t until = size == 0 ? 1 : size;

    PS_TRY(
        derive_step(end->derive, end->keeper->events, until > next ? until - next : 0, ret_done));
    PS_TRY(derive_finish(end->derive));
    return load_all(end->keeper, derive_catalog(end->derive));
}

/* The rows of all that is signed for, and what follows of them one by one; and so after each key
 * of the log. */
static enum ps_err judge(struct unsigned_end *end)
{
    const struct derive_judge calls = {
        .context = end, .intent = on_intent, .result = on_result, .shard = on_shard};
    bool done = false;

    derive_set_judge(end->derive, &calls);
    while (!done) {
        PS_TRY(step_over_signed(end, &done));
        PS_TRY(derive_step(end->derive, end->keeper->events, UINT64_MAX, &done));
    }
    return PS_OK;
}

/* Nothing of a start that failed half way counts as what was there before. */
static enum ps_err begin_anew(struct keeper *keeper)
{
    PS_CLEANUP(truth_free_cleanup) struct truth *truth = NULL;
    struct keys *keys;

    PS_TRY(truth_new(&truth));
    PS_TRY(keys_new(&keys));
    truth_free(keeper->truth);
    keeper->truth = truth;
    truth = NULL;
    operations_forget_unproven(keeper->operations);
    keys_free(keeper->keys);
    keeper->keys = keys;
    return PS_OK;
}

/* As far as the first key signed: how far later ones did is found again on the way. */
static enum ps_err judge_again(const struct unsigned_end *before)
{
    PS_CLEANUP(derive_free_cleanup) struct derive *again = NULL;
    struct keeper *keeper = before->keeper;
    struct catalog *stored = keeper->catalog;
    struct unsigned_end end = {.keeper = keeper};
    uint64_t size = UINT64_MAX;
    enum ps_err err;

    PS_TRY(begin_anew(keeper));
    PS_TRY(snapshots_derive(keeper->snapshots, &again));
    end.derive = again;
    PS_TRY(unsigned_end_begin_log(again, keeper->events));
    end.is_found = log_checkpoint(keeper->events).len == 0;
    PS_TRY(look_at_note(&end, ps_buf_bytes(&derive_keys(again)->keys.key), &size));
    derive_set_signed(again, derive_first_signed(before->derive));
    watch(&end);
    /* What is there is what the log says up to each leaf, not what the database has now. */
    keeper->catalog = derive_catalog(again);
    err = judge(&end);
    keeper->catalog = stored;
    return err == PS_OK ? log_check_edge(keeper->events, derive_edge(again)) : err;
}

/* Of many leaves it takes minutes, and nobody is answered meanwhile but by the log of lines. */
static enum ps_err read_all(const struct unsigned_end *end)
{
    uint64_t told_ns = ps_clock_mono_ns();
    bool done = false;

    while (!done) {
        PS_TRY(derive_step(end->derive, end->keeper->events, TELL_LEAVES, &done));
        if (ps_clock_mono_ns() - told_ns > TELL_NS) {
            told_ns = ps_clock_mono_ns();
            ps_line(PS_INFO, "events_being_read", PS_NUM("leaves", derive_next(end->derive)),
                    PS_NUM("of", log_tree_size(end->keeper->events)));
        }
    }
    return PS_OK;
}

enum ps_err unsigned_end_judge(struct unsigned_end *end)
{
    PS_TRY(read_all(end));
    if (!end->is_found) {
        return ps_fail(PS_E_DENIED, 0,
                       "the checkpoint of events is of a key that it does not name");
    }
    PS_TRY(log_check_edge(end->keeper->events, derive_edge(end->derive)));
    return derive_has_unsigned(end->derive) ? judge_again(end) : PS_OK;
}
