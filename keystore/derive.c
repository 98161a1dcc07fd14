#include "keystore/derive.h"

#include "lib/base/clock.h"
#include "lib/base/line.h"
#include "lib/base/reader.h"
#include "lib/formats/json.h"

#include <stdlib.h>

#define BUNDLE      256u
#define INTENTS_MAX 256u
#define BUNDLE_MAX  (BUNDLE * (LOG_ENTRY_MAX + 2u))

static const struct json_limits leaf_limits = {LOG_ENTRY_MAX, 16, 20000};

struct intent {
    char *operation;
    struct ps_buf data;
    uint64_t event;
};

struct derive {
    struct catalog *rows;
    bool rows_are_ours;
    struct json *parser;
    struct ps_buf bundle;
    uint64_t next; /* index of the next leaf */
    struct ps_buf held;
    struct ps_buf held_effects;
    uint64_t held_event;
    struct intent intents[INTENTS_MAX];
    size_t intent_count;
    struct recall *recall;
    uint64_t shards;
    uint64_t last_time_ns;
    bool has_genesis;
};

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
    derive->rows = into;
    if (into == NULL) {
        PS_TRY(catalog_open_memory(&derive->rows));
        derive->rows_are_ours = true;
    }
    PS_TRY(json_new(&derive->parser));
    PS_TRY(recall_new(&derive->recall));
    *ret_derive = derive;
    derive = NULL;
    return PS_OK;
}

static void forget_intent(struct derive *derive, size_t at)
{
    free(derive->intents[at].operation);
    ps_buf_clear(&derive->intents[at].data);
    derive->intent_count--;
    memmove(&derive->intents[at], &derive->intents[at + 1],
            (derive->intent_count - at) * sizeof derive->intents[0]);
}

void derive_free(struct derive *derive)
{
    if (derive == NULL) {
        return;
    }
    while (derive->intent_count != 0) {
        forget_intent(derive, derive->intent_count - 1);
    }
    if (derive->rows_are_ours) {
        catalog_close(derive->rows);
    }
    json_free(derive->parser);
    recall_free(derive->recall);
    ps_buf_clear(&derive->bundle);
    ps_buf_clear(&derive->held);
    ps_buf_clear(&derive->held_effects);
    free(derive);
}

struct catalog *derive_catalog(struct derive *derive)
{
    return derive->rows;
}

struct ps_bytes derive_held_effects(const struct derive *derive)
{
    return ps_buf_bytes(&derive->held_effects);
}

struct ps_bytes derive_held_data(const struct derive *derive)
{
    return ps_buf_bytes(&derive->held);
}

uint64_t derive_held_event(const struct derive *derive)
{
    return derive->held_event;
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

static enum ps_err on_intent(struct derive *derive, const struct leaf *leaf, uint64_t event)
{
    struct intent *intent = &derive->intents[derive->intent_count];
    struct ps_bytes operation;

    PS_TRY(operation_of(leaf, &operation));
    recall_forget(derive->recall, operation);
    if (derive->intent_count == INTENTS_MAX) {
        return ps_fail(PS_E_LIMIT, 0, "more than %u operations are open", INTENTS_MAX);
    }
    *intent = (struct intent){.event = event, .operation = ps_bytes_to_str(operation)};
    ps_buf_init(&intent->data, LOG_ENTRY_MAX);
    ps_buf_put(&intent->data, json_raw(leaf->data));
    derive->intent_count++;
    if (intent->operation == NULL) {
        return ps_fail(PS_E_NO_MEMORY, 0, "out of memory");
    }
    return ps_buf_status(&intent->data);
}

static enum ps_err on_result(struct derive *derive, const struct leaf *leaf, uint64_t event)
{
    struct json_value effects;
    struct ps_bytes operation;

    PS_TRY(operation_of(leaf, &operation));
    for (size_t i = 0; i < derive->intent_count; i++) {
        if (ps_bytes_equal_str(operation, derive->intents[i].operation)) {
            forget_intent(derive, i);
            break;
        }
    }
    if (!json_member(leaf->data, "effects", &effects)) {
        return PS_OK;
    }
    PS_TRY(derive_finish(derive));
    ps_buf_put(&derive->held_effects, json_raw(effects));
    ps_buf_put(&derive->held, json_raw(leaf->data));
    derive->held_event = event;
    PS_TRY(ps_buf_status(&derive->held));
    return ps_buf_status(&derive->held_effects);
}

/* `draft` and `signature`: of an operation that waits for people. */
static enum ps_err on_waiting(struct derive *derive, const struct leaf *leaf)
{
    struct recall_leaf recalled = {.kind = leaf->kind,
                                   .caller = leaf->caller,
                                   .request_id = leaf->request,
                                   .time_ns = derive->last_time_ns};
    enum ps_err err;

    PS_TRY(operation_of(leaf, &recalled.operation));
    recalled.data = json_raw(leaf->data);
    err = recall_take(derive->recall, &recalled);
    if (err == PS_E_LIMIT) {
        /* Whoever asks too often keeps nobody from starting: all of the operation is left out. */
        recall_forget(derive->recall, recalled.operation);
        ps_line(PS_WARNING, "operation_not_recalled", PS_TEXT("operation", recalled.operation),
                PS_STR("detail", ps_detail()->text));
        return PS_OK;
    }
    return err;
}

static enum ps_err on_ended(struct derive *derive, const struct leaf *leaf)
{
    struct ps_bytes operation;

    PS_TRY(operation_of(leaf, &operation));
    recall_forget(derive->recall, operation);
    return PS_OK;
}

static enum ps_err take_leaf(struct derive *derive, const struct leaf *leaf, uint64_t event)
{
    const bool is_genesis = ps_bytes_equal_str(leaf->kind, "genesis");

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
    if (ps_bytes_equal_str(leaf->kind, "draft") || ps_bytes_equal_str(leaf->kind, "signature")) {
        return on_waiting(derive, leaf);
    }
    if (ps_bytes_equal_str(leaf->kind, "ended")) {
        return on_ended(derive, leaf);
    }
    if (ps_bytes_equal_str(leaf->kind, "shard")) {
        derive->shards++;
    }
    return PS_OK;
}

static enum ps_err read_leaf(struct derive *derive, struct ps_bytes entry)
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
    PS_TRY(take_leaf(derive, &leaf, derive->next));
    derive->next++;
    return PS_OK;
}

static enum ps_err read_bundle(struct derive *derive, struct log *events, uint64_t size)
{
    const uint64_t bundle = derive->next / BUNDLE;
    const uint64_t left = size - bundle * BUNDLE;
    const unsigned width = left < BUNDLE ? (unsigned)left : BUNDLE;
    struct ps_reader reader;

    ps_buf_reset(&derive->bundle);
    PS_TRY(log_read_bundle(events, bundle, width, &derive->bundle));
    reader = ps_reader(ps_buf_bytes(&derive->bundle));
    for (uint64_t i = bundle * BUNDLE; i < bundle * BUNDLE + width; i++) {
        const struct ps_bytes entry = ps_reader_take(&reader, ps_reader_u16(&reader));

        if (i >= derive->next) {
            PS_TRY(read_leaf(derive, entry));
        }
    }
    return ps_reader_finish(&reader);
}

enum ps_err derive_step(struct derive *derive, struct log *events, uint64_t count, bool *ret_done)
{
    const uint64_t size = log_tree_size(events);
    const uint64_t start = derive->next;

    while (derive->next < size && derive->next - start < count) {
        PS_TRY(read_bundle(derive, events, size));
    }
    *ret_done = derive->next >= size;
    return PS_OK;
}

struct ps_bytes derive_open_intent(const struct derive *derive, size_t at, uint64_t *ret_event)
{
    if (at >= derive->intent_count) {
        return ps_bytes(NULL, 0);
    }
    *ret_event = derive->intents[at].event;
    return ps_buf_bytes(&derive->intents[at].data);
}

const struct recall *derive_recall(const struct derive *derive)
{
    return derive->recall;
}

uint64_t derive_shards(const struct derive *derive)
{
    return derive->shards;
}

uint64_t derive_last_time_ns(const struct derive *derive)
{
    return derive->last_time_ns;
}

bool derive_has_genesis(const struct derive *derive)
{
    return derive->has_genesis;
}
