#include "keystore/events/anchor.h"

#include "keystore/backup/restored.h"
#include "keystore/events/checkpoints.h"
#include "keystore/events/events.h"
#include "keystore/operations/operations.h"
#include "keystore/snapshot/snapshot.h"
#include "keystore/state/state.h"
#include "keystore/writer.h"
#include "lib/base/counted.h"
#include "lib/base/encode.h"

#include <stdlib.h>

#define PERIOD_NS  (60 * PS_NS_PER_S)
#define ANCHOR_MAX 1024u
#define OBJECTS    2u

static const char *const object_names[OBJECTS] = {"privyseal.anchor", "privyseal.anchor.2"};

bool anchor_owns(struct ps_bytes label)
{
    return ps_bytes_equal_str(label, object_names[0]) || ps_bytes_equal_str(label, object_names[1]);
}
static const struct json_limits limits = {ANCHOR_MAX, 3, 32};

struct heads {
    struct json_value events;
    struct ps_bytes key; /* empty: it is the one of the genesis, or was not written yet */
    uint64_t serial;
    struct json_value use;
    uint64_t v;
};

struct head {
    uint64_t size;
    struct ps_bytes root;
    struct ps_bytes shard;
};

/* What one object says. */
struct kept {
    bool is_there;
    uint64_t serial; /* rises with each one written */
    uint64_t events_size;
    struct merkle_hash events_root;
    uint64_t use_size;
    struct merkle_hash use_root;
    char shard[TREE_NAME_MAX + 1];
    bool has_key;
    uint8_t key[PS_SHA256_LEN];
};

struct anchor {
    struct keeper *keeper;
    struct json *parser;
    bool is_checked;
    bool is_busy;
    bool succeeds;  /* what it reads is of a log before this one */
    size_t reading; /* which object */
    struct kept kept[OBJECTS];
    uint64_t serial;
    uint64_t written_ns; /* monotonic; 0: not yet */
    uint64_t written_events;
    uint64_t written_use;
    uint64_t events_in_flight;
    uint64_t use_in_flight;
    bool knows_key;
    bool key_in_flight;
    anchor_fn *fn;
    void *context;
};

enum ps_err anchor_new(struct keeper *keeper, struct anchor **ret_anchor)
{
    PS_CLEANUP(anchor_free_cleanup) struct anchor *anchor = calloc(1, sizeof *anchor);

    if (anchor == NULL) {
        return ps_fail(PS_E_NO_MEMORY, 0, "out of memory");
    }
    anchor->keeper = keeper;
    PS_TRY(json_new(&anchor->parser));
    *ret_anchor = anchor;
    anchor = NULL;
    return PS_OK;
}

void anchor_free(struct anchor *anchor)
{
    if (anchor == NULL) {
        return;
    }
    json_free(anchor->parser);
    free(anchor);
}

bool anchor_is_checked(const struct anchor *anchor)
{
    return anchor->is_checked;
}

void anchor_begin(struct anchor *anchor)
{
    anchor->is_checked = true;
}

static enum ps_err take_root(struct ps_bytes octets, struct merkle_hash *ret_root)
{
    if (octets.len != sizeof ret_root->octets) {
        return ps_fail(PS_E_INPUT, 0, "a root of %zu octets", octets.len);
    }
    memcpy(ret_root->octets, octets.data, sizeof ret_root->octets);
    return PS_OK;
}

static enum ps_err parse(struct anchor *anchor, struct ps_bytes octets, struct kept *ret_kept)
{
    static const struct json_field fields[] = {
        JSON_FIELD(struct heads, events, JSON_KIND_OBJECT, true, 0),
        JSON_FIELD(struct heads, key, JSON_KIND_OCTETS, false, PS_SHA256_LEN),
        JSON_FIELD(struct heads, serial, JSON_KIND_U64, true, 0),
        JSON_FIELD(struct heads, use, JSON_KIND_OBJECT, true, 0),
        JSON_FIELD(struct heads, v, JSON_KIND_U64, true, 2),
    };
    static const struct json_field head_fields[] = {
        JSON_FIELD(struct head, root, JSON_KIND_OCTETS, true, 32),
        JSON_FIELD(struct head, shard, JSON_KIND_STRING, false, TREE_NAME_MAX),
        JSON_FIELD(struct head, size, JSON_KIND_U64, true, 0),
    };
    struct heads all = {0};
    struct head events = {0};
    struct head use = {0};
    struct json_value root;

    PS_TRY(json_parse(anchor->parser, octets, &limits, &root));
    PS_TRY(json_read_object(root, fields, PS_COUNT_OF(fields), &all, NULL));
    PS_TRY(json_read_object(all.events, head_fields, PS_COUNT_OF(head_fields), &events, NULL));
    PS_TRY(json_read_object(all.use, head_fields, PS_COUNT_OF(head_fields), &use, NULL));
    *ret_kept = (struct kept){
        .is_there = true, .serial = all.serial, .events_size = events.size, .use_size = use.size};
    PS_TRY(take_root(events.root, &ret_kept->events_root));
    PS_TRY(take_root(use.root, &ret_kept->use_root));
    if (all.key.len == PS_SHA256_LEN) {
        ret_kept->has_key = true;
        memcpy(ret_kept->key, all.key.data, PS_SHA256_LEN);
    }
    if (use.shard.len != 0) {
        memcpy(ret_kept->shard, use.shard.data, use.shard.len);
    }
    return PS_OK;
}

/* A log whose first leaves are no longer those that the anchor knew was put back or rewritten. */
static enum ps_err compare_tree(struct log *log, const char *shard, uint64_t size,
                                const struct merkle_hash *root, const char *name)
{
    const struct tree *tree;
    struct merkle_hash present;

    if (size == 0) {
        return PS_OK;
    }
    if (log_find_tree(log, ps_bytes_str(shard), &tree) != PS_OK) {
        return ps_fail(PS_E_DENIED, 0, "shard %s of %s, which the token knows, is not there", shard,
                       name);
    }
    if (tree_size(tree) < size) {
        return ps_fail(PS_E_DENIED, 0, "%s has %s; the token knows of %llu", name,
                       ps_counted(tree_size(tree), "leaf", "leaves").text,
                       (unsigned long long)size);
    }
    if (tree_is_pruned(tree) && size != tree_size(tree)) {
        return PS_OK; /* its whole root stands in `events`, which is compared too */
    }
    PS_TRY(tree_root(tree, size, &present));
    if (memcmp(present.octets, root->octets, sizeof present.octets) != 0) {
        return ps_fail(PS_E_DENIED, 0, "the first %llu leaves of %s are not those the token knows",
                       (unsigned long long)size, name);
    }
    return PS_OK;
}

static const struct kept *find_newest(const struct anchor *anchor)
{
    const struct kept *newest = NULL;

    for (size_t i = 0; i < OBJECTS; i++) {
        const struct kept *kept = &anchor->kept[i];

        if (kept->is_there && (newest == NULL || kept->serial > newest->serial)) {
            newest = kept;
        }
    }
    return newest;
}

/* False: the log goes on with the key of its genesis. */
static bool hash_later_key(const struct keeper *keeper, uint8_t out[PS_SHA256_LEN])
{
    const struct key *key = keys_find(keeper->keys, ps_bytes_str(LOG_KEY_NAME));
    const struct key_version *version = key == NULL ? NULL : key_latest(key);

    if (version == NULL || version->number == 1) {
        return false;
    }
    ps_sha256(version_spki(version), out);
    return true;
}

bool anchor_knows_key(const struct anchor *anchor)
{
    uint8_t ours[PS_SHA256_LEN];

    return anchor->knows_key || !hash_later_key(anchor->keeper, ours);
}

/* Rows that nobody derived, by a key that no genesis names, are good if the token knows that. */
static enum ps_err compare_key(struct anchor *anchor, const struct kept *newest)
{
    struct snapshots *snapshots = anchor->keeper->snapshots;
    uint8_t ours[PS_SHA256_LEN];
    const bool is_later = hash_later_key(anchor->keeper, ours);

    if (newest->has_key ? is_later && memcmp(newest->key, ours, sizeof ours) == 0
                        : !snapshots_rests_on_token(snapshots)) {
        anchor->knows_key = newest->has_key;
        return PS_OK;
    }
    snapshots_distrust(snapshots);
    return ps_fail(PS_E_DENIED, 0, "the token knows another key of the log");
}

static enum ps_err compare(struct anchor *anchor)
{
    struct keeper *keeper = anchor->keeper;
    const struct kept *newest = find_newest(anchor);

    if (newest == NULL) {
        return ps_fail(PS_E_DENIED, 0, "the token has no anchor of the logs");
    }
    anchor->serial = newest->serial;
    PS_TRY(compare_key(anchor, newest));
    PS_TRY(compare_tree(keeper->events, "", newest->events_size, &newest->events_root, "events"));
    return compare_tree(keeper->use, newest->shard, newest->use_size, &newest->use_root, "use");
}

static void tell(struct anchor *anchor, bool is_written)
{
    anchor_fn *fn = anchor->fn;

    anchor->fn = NULL;
    if (fn != NULL) {
        fn(anchor->context, is_written);
    }
}

/* Nothing was read: who waits for more than a comparison hears of it. */
static void give_up(struct anchor *anchor)
{
    if (anchor->succeeds) {
        anchor->succeeds = false;
        tell(anchor, false);
    }
}

static void succeed(struct anchor *anchor);

static void conclude(struct anchor *anchor)
{
    struct keeper *keeper = anchor->keeper;

    if (anchor->succeeds) {
        succeed(anchor);
        return;
    }
    if (compare(anchor) != PS_OK) {
        state_raise(keeper, REASON_ANCHOR, ps_detail()->text);
        events_alarm(keeper, "anchor", ps_bytes_str(keeper->appliance.token), ps_detail()->text);
        return;
    }
    anchor->is_checked = true;
    operations_prove(keeper->operations);
    state_look(keeper);
}

static void read_next(struct anchor *anchor);

static void on_read(void *context, const struct token_answer *answer)
{
    struct anchor *anchor = context;
    struct kept *kept = &anchor->kept[anchor->reading];
    const struct msg_token_octets *message = answer->message;

    anchor->is_busy = false;
    *kept = (struct kept){0};
    if (answer->outcome == TOKEN_ANSWERED && answer->info == &msg_token_octets_info) {
        /* One that cannot be read counts as none: the other one may be whole. */
        if (parse(anchor, message->octets, kept) != PS_OK) {
            *kept = (struct kept){0};
        }
    } else if (answer->outcome != TOKEN_REFUSED ||
               answer->problem->problem != PS_PROBLEM_NOT_FOUND) {
        give_up(anchor);
        return; /* the token went away; anchor_look begins anew */
    }
    anchor->reading++;
    if (anchor->reading == OBJECTS) {
        conclude(anchor);
    } else {
        read_next(anchor);
    }
}

static void read_next(struct anchor *anchor)
{
    struct token *token = keeper_main_token(anchor->keeper);
    const struct msg_token_data_read message = {.name =
                                                    ps_bytes_str(object_names[anchor->reading])};

    if (token != NULL &&
        tokens_call(token, &msg_token_data_read_info, &message, 0, on_read, anchor) == PS_OK) {
        anchor->is_busy = true;
    } else {
        give_up(anchor);
    }
}

void anchor_look(struct anchor *anchor)
{
    const struct keeper *keeper = anchor->keeper;
    const struct token *token = keeper_main_token(keeper);

    /* What the token of before knows of the log is not what a restored one is held against. */
    if (restored_waits(keeper->restored) || anchor->is_checked || anchor->is_busy ||
        token == NULL || !tokens_is_ready(token) || keeper->state.is_set[REASON_ANCHOR] ||
        keeper->state.is_set[REASON_LOG_DAMAGED]) {
        return;
    }
    anchor->reading = 0;
    read_next(anchor);
}

static void put_head(struct writer *json, const char *name, const struct merkle_hash *root,
                     const char *shard, uint64_t size)
{
    writer_begin_object(json, name);
    writer_octets(json, "root", ps_bytes(root->octets, sizeof root->octets));
    writer_text_if(json, "shard", ps_bytes_str(shard));
    writer_number(json, "size", size);
    writer_end_object(json);
}

static enum ps_err put_anchor(struct anchor *anchor, struct ps_buf *out)
{
    struct keeper *keeper = anchor->keeper;
    struct writer json = writer(out);
    struct merkle_hash events_root;
    struct merkle_hash use_root;
    uint8_t key[PS_SHA256_LEN];

    /* Of a log that is about to go on with another key there is none yet. */
    anchor->key_in_flight = !anchor->succeeds && hash_later_key(keeper, key);
    anchor->events_in_flight = log_tree_size(keeper->events);
    anchor->use_in_flight = log_tree_size(keeper->use);
    PS_TRY(log_root(keeper->events, anchor->events_in_flight, &events_root));
    PS_TRY(log_root(keeper->use, anchor->use_in_flight, &use_root));
    writer_begin_object(&json, NULL);
    put_head(&json, "events", &events_root, "", anchor->events_in_flight);
    if (anchor->key_in_flight) {
        writer_octets(&json, "key", ps_bytes(key, sizeof key));
    }
    writer_number(&json, "serial", anchor->serial + 1);
    put_head(&json, "use", &use_root, log_shard(keeper->use), anchor->use_in_flight);
    writer_number(&json, "v", anchor->key_in_flight ? 2 : 1);
    writer_end_object(&json);
    return ps_buf_status(out);
}

static void on_written(void *context, const struct token_answer *answer)
{
    struct anchor *anchor = context;
    const bool succeeds = anchor->succeeds;

    anchor->is_busy = false;
    anchor->succeeds = false;
    if (answer->outcome != TOKEN_ANSWERED) {
        tell(anchor, false);
        return;
    }
    /* Only now: a write that was cut short is tried again on the same object. */
    anchor->serial++;
    anchor->written_events = anchor->events_in_flight;
    anchor->written_use = anchor->use_in_flight;
    anchor->knows_key = anchor->key_in_flight;
    anchor->is_checked |= succeeds;
    tell(anchor, true);
}

static enum ps_err write_now(struct anchor *anchor)
{
    struct keeper *keeper = anchor->keeper;
    struct token *token = keeper_main_token(keeper);
    struct msg_token_data_write message = {0};
    PS_BUF_AUTO octets;

    ps_buf_init(&octets, ANCHOR_MAX);
    if (token == NULL || log_has_failed(keeper->events) || log_has_failed(keeper->use)) {
        return ps_fail(PS_E_TOKEN, 0, "token or logs are away");
    }
    PS_TRY(put_anchor(anchor, &octets));
    /* Never over the newest one, which is all there is if this write is cut short. */
    message.name = ps_bytes_str(object_names[(anchor->serial + 1) % OBJECTS]);
    message.octets = ps_buf_bytes(&octets);
    PS_TRY(tokens_call(token, &msg_token_data_write_info, &message, 0, on_written, anchor));
    anchor->is_busy = true;
    anchor->written_ns = ps_clock_mono_ns();
    return PS_OK;
}

/* The heads of this log have to be newer than those of the one before. */
static void succeed(struct anchor *anchor)
{
    const struct kept *newest = find_newest(anchor);

    anchor->serial = newest == NULL ? 0 : newest->serial;
    if (write_now(anchor) != PS_OK) {
        give_up(anchor);
    }
}

void anchor_write(struct anchor *anchor, anchor_fn *fn, void *context)
{
    if (!anchor->is_checked || anchor->is_busy || !checkpoints_may_vouch(anchor->keeper)) {
        /* The next tick writes what is new; who wants to wait for it asks again. */
        anchor->written_ns = 0;
        if (fn != NULL) {
            fn(context, false);
        }
        return;
    }
    anchor->fn = fn;
    anchor->context = context;
    if (write_now(anchor) != PS_OK) {
        tell(anchor, false);
    }
}

void anchor_succeed(struct anchor *anchor, anchor_fn *fn, void *context)
{
    if (anchor->is_busy) {
        fn(context, false);
        return;
    }
    anchor->succeeds = true;
    anchor->fn = fn;
    anchor->context = context;
    anchor->reading = 0;
    read_next(anchor);
}

void anchor_withdraw(struct anchor *anchor)
{
    anchor->is_checked = false;
}

void anchor_tick(struct anchor *anchor)
{
    const struct keeper *keeper = anchor->keeper;
    const uint64_t now = ps_clock_mono_ns();

    anchor_look(anchor);
    if (!keeper->appliance.exists || !anchor->is_checked || anchor->is_busy ||
        !checkpoints_may_vouch(keeper) ||
        (anchor->written_ns != 0 && now - anchor->written_ns < PERIOD_NS)) {
        return;
    }
    if (log_tree_size(keeper->events) == anchor->written_events &&
        log_tree_size(keeper->use) == anchor->written_use) {
        return;
    }
    anchor_write(anchor, NULL, NULL);
}
