#include "keystore/events/derive.h"

#include "keystore/events/derive_internal.h"
#include "keystore/state/check.h"
#include "lib/base/clock.h"
#include "lib/base/line.h"
#include "lib/base/reader.h"
#include "lib/formats/json/json.h"

#include <stdlib.h>

#define BUNDLE     256u
#define BUNDLE_MAX (BUNDLE * (LOG_ENTRY_MAX + 2u))

static const struct json_limits leaf_limits = {LOG_ENTRY_MAX, 16, 20000};

struct leaf {
    struct ps_bytes caller;
    struct json_value data;
    struct ps_bytes kind;
    struct ps_bytes request;
    struct ps_bytes time;
    uint64_t v;
};

enum ps_err derive_new(struct catalog *into, struct derive **ret_derive)
{
    PS_CLEANUP(derive_free_cleanup) struct derive *derive = calloc(1, sizeof *derive);

    if (derive == NULL) {
        return ps_fail(PS_E_NO_MEMORY, 0, "out of memory");
    }
    ps_buf_init(&derive->bundle, BUNDLE_MAX);
    ps_buf_init(&derive->held, LOG_ENTRY_MAX);
    ps_buf_init(&derive->held_effects, LOG_ENTRY_MAX);
    derived_keys_init(&derive->keys);
    derive->signed_size = UINT64_MAX;
    derive->first_signed = UINT64_MAX;
    derive->rows = into;
    if (into == NULL) {
        PS_TRY(catalog_open_memory(&derive->rows));
        derive->rows_are_ours = true;
    }
    PS_TRY(json_new(&derive->parser));
    PS_TRY(recall_new(&derive->recall));
    PS_TRY(nonces_new(&derive->nonces));
    PS_TRY(encryptions_book_new(&derive->encryptions));
    *ret_derive = derive;
    derive = NULL;
    return PS_OK;
}

void derive_free(struct derive *derive)
{
    if (derive == NULL) {
        return;
    }
    intents_clear(&derive->intents);
    if (derive->rows_are_ours) {
        catalog_close(derive->rows);
    }
    json_free(derive->parser);
    recall_free(derive->recall);
    nonces_free(derive->nonces);
    encryptions_book_free(derive->encryptions);
    ps_buf_clear(&derive->bundle);
    ps_buf_clear(&derive->held);
    ps_buf_clear(&derive->held_effects);
    derived_keys_clear(&derive->keys);
    free(derive);
}

enum ps_err derive_finish(struct derive *derive)
{
    if (derive->held_effects.len == 0) {
        return PS_OK;
    }
    PS_TRY(catalog_apply_effects(derive->rows, ps_buf_bytes(&derive->held_effects),
                                 derive->held_event));
    ps_buf_reset(&derive->held_effects);
    ps_buf_reset(&derive->held);
    return PS_OK;
}

static enum ps_err operation_of(const struct leaf *leaf, struct ps_bytes *ret_operation)
{
    struct json_value value;

    if (leaf->data.doc == NULL || json_type(leaf->data) != JSON_OBJECT ||
        !json_member(leaf->data, "operation", &value)) {
        return ps_fail(PS_E_INPUT, 0, "a leaf %.*s names no operation", PS_BYTES_FMT(leaf->kind));
    }
    return json_string(value, ret_operation);
}

/* --- Leaves that nobody signed for --- */

static bool is_unsigned(const struct derive *derive, uint64_t event)
{
    return event >= derive->signed_size;
}

static enum ps_err judge_intent(struct derive *derive, const struct intent *intent)
{
    struct past_intent past = intent_view(intent);

    if (!is_unsigned(derive, intent->event)) {
        return PS_OK;
    }
    derive->has_unsigned = true;
    past.floor_ns = derive->floor_ns;
    return derive->judge.intent == NULL ? PS_OK
                                        : derive->judge.intent(derive->judge.context, &past);
}

/* intent: NULL when none is open. */
static enum ps_err judge_result(struct derive *derive, const struct leaf *leaf,
                                const struct intent *intent, uint64_t event)
{
    const struct past_result result = {
        .data = json_raw(leaf->data), .time_ns = derive->last_time_ns, .event = event};
    struct past_intent past = {.event = 0};

    if (!is_unsigned(derive, event) || event == 0) {
        return PS_OK;
    }
    derive->has_unsigned = true;
    if (derive->judge.result == NULL) {
        return PS_OK;
    }
    if (intent != NULL) {
        past = intent_view(intent);
    }
    PS_TRY(derive_finish(derive)); /* it is judged by what was there before it */
    return derive->judge.result(derive->judge.context, intent == NULL ? NULL : &past, &result);
}

static enum ps_err judge_shard(struct derive *derive, const struct leaf *leaf, uint64_t event)
{
    if (!is_unsigned(derive, event)) {
        return PS_OK;
    }
    derive->has_unsigned = true;
    if (derive->judge.shard == NULL) {
        return PS_OK;
    }
    return derive->judge.shard(derive->judge.context, derive->shards,
                               leaf->data.doc == NULL ? ps_bytes(NULL, 0) : json_raw(leaf->data),
                               event);
}

/* --- Leaves --- */

static enum ps_err on_intent(struct derive *derive, const struct leaf *leaf, uint64_t event)
{
    struct past_intent past = {.caller = leaf->caller,
                               .data = json_raw(leaf->data),
                               .time_ns = derive->last_time_ns,
                               .event = event};
    struct intent *intent;
    struct ps_bytes operation;

    PS_TRY(operation_of(leaf, &operation));
    past.operation = operation;
    PS_TRY(intents_add(&derive->intents, &past, &intent));
    PS_TRY(judge_intent(derive, intent));
    recall_forget(derive->recall, operation);
    return PS_OK;
}

static enum ps_err hold_back(struct derive *derive, const struct leaf *leaf,
                             struct json_value effects, uint64_t event)
{
    PS_TRY(derive_finish(derive));
    ps_buf_put(&derive->held_effects, json_raw(effects));
    ps_buf_put(&derive->held, json_raw(leaf->data));
    derive->held_event = event;
    PS_TRY(ps_buf_status(&derive->held));
    return ps_buf_status(&derive->held_effects);
}

static enum ps_err on_result(struct derive *derive, const struct leaf *leaf, uint64_t event)
{
    struct json_value effects;
    struct ps_bytes operation;
    struct intent *intent;

    PS_TRY(operation_of(leaf, &operation));
    intent = intents_find(&derive->intents, operation);
    PS_TRY(judge_result(derive, leaf, intent, event));
    if (intent != NULL) {
        intents_remove(&derive->intents, intent);
    }
    if (!json_member(leaf->data, "effects", &effects)) {
        return PS_OK;
    }
    return hold_back(derive, leaf, effects, event);
}

/* What an operation of many results has done so far; it goes on, and is open until its result. */
static enum ps_err on_part(struct derive *derive, const struct leaf *leaf, uint64_t event)
{
    struct json_value effects;
    struct ps_bytes operation;
    const struct intent *intent;

    PS_TRY(operation_of(leaf, &operation));
    if (!json_member(leaf->data, "effects", &effects)) {
        return ps_fail(PS_E_INPUT, 0, "a part without effects");
    }
    intent = intents_find(&derive->intents, operation);
    if (intent == NULL) {
        return ps_fail(PS_E_INPUT, 0, "a part of an operation that is not open");
    }
    PS_TRY(judge_result(derive, leaf, intent, event));
    return hold_back(derive, leaf, effects, event);
}

/*
 * What was signed for a document counts for one operation: another draft of it, with all that
 * people signed, would be the same once more, perhaps after it was undone.
 */
static enum ps_err check_nonce(struct derive *derive, const struct leaf *leaf)
{
    struct json_value document;
    struct json_value nonce;
    struct ps_bytes text;

    if (!json_member(leaf->data, "document", &document) || json_type(document) != JSON_OBJECT ||
        !json_member(document, "nonce", &nonce) || json_string(nonce, &text) != PS_OK) {
        return ps_fail(PS_E_INPUT, 0, "a draft without a nonce");
    }
    return nonces_add(derive->nonces, text);
}

static void leave_out(struct derive *derive, struct ps_bytes operation)
{
    recall_forget(derive->recall, operation);
    ps_line(PS_WARNING, "operation_not_recalled", PS_TEXT("operation", operation),
            PS_STR("detail", ps_detail()->text));
}

/* `draft` and `signature`: of an operation that waits for people. */
static enum ps_err on_waiting(struct derive *derive, const struct leaf *leaf, uint64_t event)
{
    struct recall_leaf recalled = {.kind = leaf->kind,
                                   .caller = leaf->caller,
                                   .request_id = leaf->request,
                                   .time_ns = derive->last_time_ns};
    enum ps_err err;

    /* Whoever wrote it there would have a cooling-off over that has just begun. */
    if (is_unsigned(derive, event) && recalled.time_ns < derive->floor_ns) {
        recalled.time_ns = derive->floor_ns;
    }

    PS_TRY(operation_of(leaf, &recalled.operation));
    recalled.data = json_raw(leaf->data);
    err = ps_bytes_equal_str(leaf->kind, "draft") ? check_nonce(derive, leaf) : PS_OK;
    if (err == PS_OK) {
        err = recall_take(derive->recall, &recalled);
    }
    if (err == PS_E_LIMIT || err == PS_E_INPUT || err == PS_E_CONFLICT) {
        /* Whoever asks too often keeps nobody from starting: all of the operation is left out. */
        leave_out(derive, recalled.operation);
        return PS_OK;
    }
    return err;
}

static enum ps_err on_ended(struct derive *derive, const struct leaf *leaf)
{
    struct ps_bytes operation;
    struct json_value value;
    struct ps_bytes outcome;
    struct ps_bytes by;
    struct intent *intent;

    PS_TRY(operation_of(leaf, &operation));
    recall_forget(derive->recall, operation);
    if (json_member(leaf->data, "outcome", &value)) {
        PS_TRY(json_string(value, &outcome));
        recall_note_end(derive->recall, operation, outcome);
    }
    if (!json_member(leaf->data, "by", &value)) {
        return PS_OK;
    }
    PS_TRY(json_string(value, &by));
    intent = intents_find(&derive->intents, by);
    if (intent != NULL) {
        intent->has_ended = true;
    }
    return PS_OK;
}

static void on_alarm(struct derive *derive, const struct leaf *leaf)
{
    struct json_value alarm;
    struct ps_bytes code;

    if (leaf->data.doc != NULL && json_member(leaf->data, "alarm", &alarm) &&
        json_string(alarm, &code) == PS_OK && ps_bytes_equal_str(code, CHECK_CLOCK_ALARM)) {
        derive->clock_doubted_ns = derive->last_time_ns;
    }
}

/* --- Which key signs --- */

/*
 * The log of before ends here: its shards of uses are elsewhere, and what waited for people, or was
 * begun, was so in another appliance, where it may have been done.
 */
static void begin_restored(struct derive *derive, uint64_t event)
{
    intents_clear(&derive->intents);
    recall_clear(derive->recall);
    derive->shards = 0;
    if (derive->watch.next_key != NULL && derive->signed_size == UINT64_MAX) {
        derive_set_signed(derive, event);
    }
}

/* Behind the leaf itself: the result was judged by now, if nobody signed for it. */
static enum ps_err take_keys(struct derive *derive, struct log *events, const struct leaf *leaf,
                             uint64_t event)
{
    const struct log_event read = {
        .time_ns = derive->last_time_ns, .kind = leaf->kind, .data = leaf->data};
    uint64_t size = derive->signed_size;
    enum derived_keys_change change;

    PS_TRY(derived_keys_take(&derive->keys, events, event, &read, &change));
    if (change == DERIVED_KEYS_RESTORED) {
        begin_restored(derive, event);
    }
    if (change == DERIVED_KEYS_NEXT && derive->watch.next_key != NULL) {
        PS_TRY(derive->watch.next_key(derive->watch.context, ps_buf_bytes(&derive->keys.keys.key),
                                      &size));
        derive_set_signed(derive, size);
    }
    return PS_OK;
}

static enum ps_err take_leaf(struct derive *derive, const struct leaf *leaf, uint64_t event)
{
    const bool is_genesis = ps_bytes_equal_str(leaf->kind, "genesis");

    /* Of the leaf before it: where nobody signed, no time is earlier than one that was. */
    if (event == derive->signed_size ||
        (is_unsigned(derive, event) && derive->last_time_ns > derive->floor_ns)) {
        derive->floor_ns = derive->last_time_ns;
    }
    PS_TRY(ps_time_parse(leaf->time, &derive->last_time_ns));
    if (is_genesis != (event == 0)) {
        return ps_fail(PS_E_INPUT, 0, "leaf %llu: genesis is leaf 0 and no other",
                       (unsigned long long)event);
    }
    if (is_genesis) {
        derive->has_genesis = true;
        return on_result(derive, leaf, event);
    }
    if (ps_bytes_equal_str(leaf->kind, "intent")) {
        return on_intent(derive, leaf, event);
    }
    if (ps_bytes_equal_str(leaf->kind, "result")) {
        return on_result(derive, leaf, event);
    }
    if (ps_bytes_equal_str(leaf->kind, "part")) {
        return on_part(derive, leaf, event);
    }
    if (ps_bytes_equal_str(leaf->kind, "draft") || ps_bytes_equal_str(leaf->kind, "signature")) {
        return on_waiting(derive, leaf, event);
    }
    if (ps_bytes_equal_str(leaf->kind, "ended")) {
        return on_ended(derive, leaf);
    }
    if (ps_bytes_equal_str(leaf->kind, "encryptions")) {
        return encryptions_book_take(derive->encryptions, leaf->data);
    }
    if (ps_bytes_equal_str(leaf->kind, "alarm")) {
        on_alarm(derive, leaf);
    } else if (ps_bytes_equal_str(leaf->kind, "shard")) {
        PS_TRY(judge_shard(derive, leaf, event));
        derive->shards++;
    }
    return PS_OK;
}

static enum ps_err read_leaf(struct derive *derive, struct log *events, struct ps_bytes entry)
{
    static const struct json_field fields[] = {
        JSON_FIELD(struct leaf, caller, JSON_KIND_STRING, false, 128),
        JSON_FIELD(struct leaf, data, JSON_KIND_OBJECT, false, 0),
        JSON_FIELD(struct leaf, kind, JSON_KIND_STRING, true, 32),
        JSON_FIELD(struct leaf, request, JSON_KIND_STRING, false, 64),
        JSON_FIELD(struct leaf, time, JSON_KIND_STRING, true, 32),
        JSON_FIELD(struct leaf, v, JSON_KIND_U64, true, 1),
    };
    struct leaf leaf = {0};
    struct json_value root;

    PS_TRY(json_parse(derive->parser, entry, &leaf_limits, &root));
    PS_TRY(json_read_object(root, fields, PS_COUNT_OF(fields), &leaf, NULL));
    PS_TRY(take_leaf(derive, &leaf, derive->edge.size));
    PS_TRY(take_keys(derive, events, &leaf, derive->edge.size));
    merkle_edge_append(&derive->edge, merkle_leaf_hash(entry));
    return PS_OK;
}

/* Those of the present bundle, up to the leaf `until`. */
static enum ps_err read_bundle(struct derive *derive, struct log *events, uint64_t size,
                               uint64_t until)
{
    const uint64_t bundle = derive->edge.size / BUNDLE;
    const uint64_t left = size - bundle * BUNDLE;
    const unsigned width = left < BUNDLE ? (unsigned)left : BUNDLE;
    struct ps_reader reader;

    ps_buf_reset(&derive->bundle);
    derive->was_unreadable = true;
    PS_TRY(log_read_bundle(events, bundle, width, &derive->bundle));
    derive->was_unreadable = false;
    reader = ps_reader(ps_buf_bytes(&derive->bundle));
    for (uint64_t i = bundle * BUNDLE; i < bundle * BUNDLE + width; i++) {
        const struct ps_bytes entry = ps_reader_take(&reader, ps_reader_u16(&reader));

        if (i >= derive->edge.size && i < until && !derive->pauses) {
            PS_TRY(read_leaf(derive, events, entry));
        }
    }
    return ps_reader_finish(&reader);
}

enum ps_err derive_step(struct derive *derive, struct log *events, uint64_t count, bool *ret_done)
{
    const uint64_t size = log_tree_size(events);
    const uint64_t left = size < derive->edge.size ? 0 : size - derive->edge.size;
    const uint64_t until = derive->edge.size + (count < left ? count : left);

    derive->pauses = false;
    while (derive->edge.size < until && !derive->pauses) {
        PS_TRY(read_bundle(derive, events, size, until));
    }
    *ret_done = derive->edge.size >= size;
    return PS_OK;
}
