#include "keystore/events/checkpoints.h"

#include "keystore/backup/restored.h"
#include "keystore/events/anchor.h"
#include "keystore/events/events.h"
#include "keystore/operations/operations.h"
#include "keystore/state/lock.h"
#include "keystore/state/state.h"

#include <stdio.h>
#include <stdlib.h>

/* Leaves go on while the token is away, for so long. */
#define LATE_NS               (3600 * PS_NS_PER_S)
#define FIRST_LINE_NS         (5 * PS_NS_PER_S)   /* of one that waits, a line; */
#define LINE_NS               (600 * PS_NS_PER_S) /* and then so often */
#define WAITERS_MAX           64u
#define SHARDS_FIRST          16u
#define NOTE_MAX              16384u
#define CHECKPOINT_ORIGIN_MAX 256u
#define ED25519_SPKI_LEN      44u

struct waiter {
    checkpoint_fn *fn;
    void *context;
    uint64_t size; /* of `events` that it wants signed */
};

/* One tree that gets checkpoints: `events`, the present shard of `use`, or a completed one. */
struct target {
    struct log *log;
    const char *log_name;
    struct tree_info tree;
};

struct checkpoints {
    struct keeper *keeper;
    bool is_busy;          /* a signature is in flight */
    struct target current; /* what it is for */
    struct ps_buf text;
    uint64_t events_signed; /* sizes */
    uint64_t use_signed;
    char use_shard[TREE_NAME_MAX + 1]; /* of which shard `use_signed` is */
    uint64_t news_since_ns; /* of a leaf that waits, since the last signature; 0: none waits */
    uint64_t next_line_ns;  /* so long after that */
    char why_not[240];      /* the last attempt came to no signature */
    struct waiter waiters[WAITERS_MAX]; /* for `events` */
    size_t waiter_count;
    struct tree_info *shards; /* completed, not signed yet */
    size_t shard_count;
    size_t shard_room;
};

static void sign_what_is_due(struct checkpoints *checkpoints);

enum ps_err checkpoints_new(struct keeper *keeper, struct checkpoints **ret_checkpoints)
{
    struct checkpoints *checkpoints = calloc(1, sizeof *checkpoints);

    if (checkpoints == NULL) {
        return ps_fail(PS_E_NO_MEMORY, 0, "out of memory");
    }
    checkpoints->keeper = keeper;
    ps_buf_init(&checkpoints->text, NOTE_MAX);
    *ret_checkpoints = checkpoints;
    return PS_OK;
}

void checkpoints_free(struct checkpoints *checkpoints)
{
    if (checkpoints == NULL) {
        return;
    }
    ps_buf_clear(&checkpoints->text);
    free(checkpoints->shards);
    free(checkpoints);
}

static struct key_version *log_key(const struct keeper *keeper)
{
    struct key *key = keys_find(keeper->keys, ps_bytes_str(LOG_KEY_NAME));

    return key == NULL ? NULL : key_active(key, real_now_s());
}

static void put_origin(const char *origin, const char *log_name, const char *shard, char *out)
{
    (void)snprintf(out, CHECKPOINT_ORIGIN_MAX, "%s/%s%s%s", origin, log_name,
                   shard[0] == 0 ? "" : "/", shard);
}

/* The 32 octets at the end of an Ed25519 SubjectPublicKeyInfo (RFC 8410 section 4). */
static enum ps_err note_key_of(const char *name, struct ps_bytes spki, struct note_key *ret_key)
{
    if (spki.len != ED25519_SPKI_LEN) {
        return ps_fail(PS_E_STATE, 0, "the log key is no Ed25519 key");
    }
    return note_key_make(ps_bytes_str(name), ps_bytes_from(spki, ED25519_SPKI_LEN - 32), ret_key);
}

enum ps_err checkpoints_put_verifier(const char *origin, const char *log_name, const char *shard,
                                     struct ps_bytes spki, struct ps_buf *out)
{
    char name[CHECKPOINT_ORIGIN_MAX];
    struct note_key key;

    put_origin(origin, log_name, shard, name);
    PS_TRY(note_key_of(name, spki, &key));
    note_put_key(&key, out);
    return ps_buf_status(out);
}

enum ps_err checkpoints_find_key(const struct keeper *keeper, const char *tree,
                                 struct ps_buf *origin, struct note_key *ret_key)
{
    struct key_version *version = log_key(keeper);

    if (version == NULL) {
        return ps_fail(PS_E_STATE, 0, "there is no log key");
    }
    ps_buf_printf(origin, "%s/%s", keeper->appliance.origin, tree);
    ps_buf_put_u8(origin, '\0');
    PS_TRY(ps_buf_status(origin));
    return note_key_of((const char *)origin->data, version_spki(version), ret_key);
}

static void note_why_not(struct checkpoints *checkpoints, const char *why)
{
    (void)snprintf(checkpoints->why_not, sizeof checkpoints->why_not, "%s", why);
}

const char *checkpoints_why_not(const struct checkpoints *checkpoints)
{
    return checkpoints->why_not;
}

/* A checkpoint that was in flight already may not reach as far as a waiter wants. */
static void tell_waiters(struct checkpoints *checkpoints, bool is_signed)
{
    struct waiter told[WAITERS_MAX];
    size_t count = 0;
    size_t kept = 0;

    for (size_t i = 0; i < checkpoints->waiter_count; i++) {
        const struct waiter waiter = checkpoints->waiters[i];

        if (is_signed && waiter.size > checkpoints->events_signed) {
            checkpoints->waiters[kept++] = waiter;
        } else {
            told[count++] = waiter;
        }
    }
    checkpoints->waiter_count = kept;
    /* A waiter may ask for the next one. */
    for (size_t i = 0; i < count; i++) {
        told[i].fn(told[i].context, is_signed);
    }
}

static void note_signed(struct checkpoints *checkpoints)
{
    const struct target *target = &checkpoints->current;

    checkpoints->news_since_ns = 0; /* under load there are leaves again already */
    if (target->log == checkpoints->keeper->events) {
        checkpoints->events_signed = target->tree.size;
        tell_waiters(checkpoints, true);
        return;
    }
    /* A shard may have been completed while a smaller checkpoint of it was in flight. */
    if (checkpoints->shard_count != 0 &&
        strcmp(checkpoints->shards[0].name, target->tree.name) == 0 &&
        checkpoints->shards[0].size == target->tree.size) {
        checkpoints->shard_count--;
        memmove(&checkpoints->shards[0], &checkpoints->shards[1],
                checkpoints->shard_count * sizeof checkpoints->shards[0]);
        return;
    }
    checkpoints->use_signed = target->tree.size;
    memcpy(checkpoints->use_shard, target->tree.name, sizeof checkpoints->use_shard);
}

/* The note is checked as others will check it, before it is kept. */
static enum ps_err keep_note(struct checkpoints *checkpoints, struct ps_bytes signature)
{
    const struct keeper *keeper = checkpoints->keeper;
    const struct target *target = &checkpoints->current;
    struct key_version *version = log_key(keeper);
    char origin[CHECKPOINT_ORIGIN_MAX];
    struct note_key key;
    struct checkpoint opened;
    PS_BUF_AUTO note;

    ps_buf_init(&note, NOTE_MAX);
    if (version == NULL || signature.len != 64) {
        return ps_fail(PS_E_TOKEN, 0, "no usable signature of the log key");
    }
    put_origin(keeper->appliance.origin, target->log_name, target->tree.name, origin);
    PS_TRY(note_key_of(origin, version_spki(version), &key));
    ps_buf_put(&note, ps_buf_bytes(&checkpoints->text));
    note_put_signature(&key, signature, &note, true);
    PS_TRY(ps_buf_status(&note));
    PS_TRY(checkpoint_open(ps_buf_bytes(&note), &key, &opened));
    return log_set_checkpoint(target->log, ps_buf_bytes(&note));
}

static enum ps_err take_signature(struct checkpoints *checkpoints,
                                  const struct token_answer *answer)
{
    const struct msg_token_signed *message = answer->message;

    if (answer->outcome == TOKEN_REFUSED) {
        return ps_fail(PS_E_TOKEN, 0, "%.*s", PS_BYTES_FMT(answer->problem->detail));
    }
    if (answer->outcome == TOKEN_GONE) {
        return ps_fail(PS_E_TOKEN, 0, "the token process that was asked has ended");
    }
    if (answer->info != &msg_token_signed_info) {
        return ps_fail(PS_E_DENIED, 0, "the token answered with something else");
    }
    return keep_note(checkpoints, message->signature);
}

static void on_signed(void *context, const struct token_answer *answer)
{
    struct checkpoints *checkpoints = context;
    enum ps_err err;

    checkpoints->is_busy = false;
    err = take_signature(checkpoints, answer);
    if (err != PS_OK) {
        note_why_not(checkpoints, ps_detail()->text);
        if (answer->outcome == TOKEN_ANSWERED) {
            events_alarm(checkpoints->keeper, "checkpoint", ps_bytes_str(LOG_KEY_NAME),
                         checkpoints->why_not);
        }
        if (err == PS_E_DENIED) {
            tokens_condemn(answer->process, "wrong-signature");
        }
        tell_waiters(checkpoints, false);
        return;
    }
    note_signed(checkpoints);
    sign_what_is_due(checkpoints);
}

static enum ps_err sign(struct checkpoints *checkpoints, const struct target *target)
{
    struct keeper *keeper = checkpoints->keeper;
    struct key_version *version = log_key(keeper);
    struct token *token = keeper_main_token(keeper);
    char origin[CHECKPOINT_ORIGIN_MAX];
    struct msg_token_sign message = {.algorithm = PS_ALG_EDDSA, .key_type = PS_KEY_ED25519};

    if (version == NULL || token == NULL) {
        return ps_fail(PS_E_TOKEN, 0, "the log key is away");
    }
    put_origin(keeper->appliance.origin, target->log_name, target->tree.name, origin);
    ps_buf_reset(&checkpoints->text);
    PS_TRY(checkpoint_put(&(struct checkpoint){.origin = ps_bytes_str(origin),
                                               .size = target->tree.size,
                                               .root = target->tree.root},
                          &checkpoints->text));
    message.object_id = version_object_id(version);
    message.data = ps_buf_bytes(&checkpoints->text);
    checkpoints->current = *target;
    PS_TRY(tokens_call(token, &msg_token_sign_info, &message, 0, on_signed, checkpoints));
    checkpoints->is_busy = true;
    note_why_not(checkpoints, "the token has not answered yet");
    return PS_OK;
}

static bool use_is_due(const struct checkpoints *checkpoints)
{
    struct log *use = checkpoints->keeper->use;

    return log_tree_size(use) != 0 && (strcmp(log_shard(use), checkpoints->use_shard) != 0 ||
                                       log_tree_size(use) != checkpoints->use_signed);
}

/* False when nothing is due. */
static bool choose(const struct checkpoints *checkpoints, struct target *ret_target)
{
    struct keeper *keeper = checkpoints->keeper;

    if (log_tree_size(keeper->events) > checkpoints->events_signed) {
        *ret_target = (struct target){.log = keeper->events, .log_name = "events"};
        return true;
    }
    *ret_target = (struct target){.log = keeper->use, .log_name = "use"};
    if (checkpoints->shard_count != 0) {
        ret_target->tree = checkpoints->shards[0];
        return true;
    }
    if (use_is_due(checkpoints)) {
        memcpy(ret_target->tree.name, log_shard(keeper->use), strlen(log_shard(keeper->use)) + 1);
        return true;
    }
    return false;
}

static enum ps_err sign_next(struct checkpoints *checkpoints)
{
    struct target target;

    if (!choose(checkpoints, &target)) {
        tell_waiters(checkpoints, true);
        return PS_OK;
    }
    if (target.tree.size == 0) {
        target.tree.size = log_tree_size(target.log);
        PS_TRY(log_root(target.log, target.tree.size, &target.tree.root));
    }
    return sign(checkpoints, &target);
}

bool checkpoints_may_vouch(const struct keeper *keeper)
{
    return !keeper->state.is_set[REASON_LOG_DAMAGED] && !operations_is_proving(keeper->operations);
}

/* NULL: nothing. A log that was put back to an earlier state must not get a signature for it. */
static const char *what_forbids(const struct keeper *keeper)
{
    if (!keeper->appliance.exists) {
        return "there was no genesis";
    }
    if (lock_is_on(keeper) || restored_waits(keeper->restored)) {
        return "the appliance is locked";
    }
    if (log_has_failed(keeper->events) || log_has_failed(keeper->use)) {
        return "a log cannot be written";
    }
    if (!anchor_is_checked(keeper->anchor)) {
        return "the token with the log key has not shown its anchor of the logs yet";
    }
    if (!checkpoints_may_vouch(keeper)) {
        return keeper->state.is_set[REASON_LOG_DAMAGED]
                   ? "the log is damaged"
                   : "a token has not shown a key yet that only an unsigned leaf names";
    }
    return NULL;
}

static void sign_what_is_due(struct checkpoints *checkpoints)
{
    const struct keeper *keeper = checkpoints->keeper;
    const char *why;

    if (checkpoints->is_busy) {
        return;
    }
    why = what_forbids(keeper);
    if (why == NULL && sign_next(checkpoints) != PS_OK) {
        why = ps_detail()->text;
    }
    if (why == NULL) {
        return;
    }
    note_why_not(checkpoints, why);
    /* Who waits is told when the token has answered. */
    if (!operations_asks_for_proof(keeper->operations)) {
        tell_waiters(checkpoints, false);
    }
}

void checkpoints_request(struct checkpoints *checkpoints, checkpoint_fn *fn, void *context)
{
    if (checkpoints->waiter_count == WAITERS_MAX) {
        note_why_not(checkpoints, "too many wait for it");
        fn(context, false);
        return;
    }
    checkpoints->waiters[checkpoints->waiter_count++] = (struct waiter){
        .fn = fn, .context = context, .size = log_tree_size(checkpoints->keeper->events)};
    sign_what_is_due(checkpoints);
}

static void say_it_waits(struct checkpoints *checkpoints, uint64_t waited_ns)
{
    if (waited_ns > checkpoints->next_line_ns) {
        checkpoints->next_line_ns = waited_ns + LINE_NS;
        ps_line(PS_WARNING, "checkpoint_waits", PS_NUM("seconds", waited_ns / PS_NS_PER_S),
                PS_STR("why", checkpoints->why_not));
    }
}

static void watch_lateness(struct checkpoints *checkpoints)
{
    struct keeper *keeper = checkpoints->keeper;
    const struct token *token = keeper_main_token(keeper);
    const uint64_t now = ps_clock_mono_ns();
    struct target target;

    /* While it is locked nothing is signed, and what is late then is late by order. */
    if (!keeper->appliance.exists || lock_is_on(keeper) || restored_waits(keeper->restored) ||
        !choose(checkpoints, &target)) {
        checkpoints->news_since_ns = 0;
        state_lower(keeper, REASON_CHECKPOINT_LATE);
        return;
    }
    if (checkpoints->news_since_ns == 0) {
        checkpoints->news_since_ns = now;
        checkpoints->next_line_ns = FIRST_LINE_NS;
    }
    say_it_waits(checkpoints, now - checkpoints->news_since_ns);
    if (now - checkpoints->news_since_ns > LATE_NS && (token == NULL || !tokens_is_ready(token))) {
        state_raise(keeper, REASON_CHECKPOINT_LATE,
                    "the token with the log key has been away for too long");
    }
}

uint64_t checkpoints_signed(const struct checkpoints *checkpoints)
{
    return checkpoints->events_signed;
}

void checkpoints_tick(struct checkpoints *checkpoints)
{
    sign_what_is_due(checkpoints);
    watch_lateness(checkpoints);
}

void checkpoints_note_shard(struct checkpoints *checkpoints, struct log *log,
                            const struct tree_info *closed)
{
    PS_BUF_AUTO data;

    (void)log;
    checkpoints_complete_shard(checkpoints, closed);
    ps_buf_init(&data, 1024);
    leaf_put_shard_data("use", closed, &data);
    if (events_record(checkpoints->keeper,
                      &(struct event_leaf){.time_ns = ps_clock_real_ns(),
                                           .kind = "shard",
                                           .data = ps_buf_bytes(&data)},
                      NULL, NULL) != PS_OK) {
        ps_line(PS_ERROR, "shard_not_recorded", PS_STR("shard", closed->name),
                PS_STR("detail", ps_detail()->text));
    }
    sign_what_is_due(checkpoints);
}

static bool has_room_for_shard(struct checkpoints *checkpoints)
{
    const size_t room = checkpoints->shard_room == 0 ? SHARDS_FIRST : 2 * checkpoints->shard_room;
    struct tree_info *shards;

    if (checkpoints->shard_count < checkpoints->shard_room) {
        return true;
    }
    shards = reallocarray(checkpoints->shards, room, sizeof *shards);
    if (shards == NULL) {
        return false;
    }
    checkpoints->shards = shards;
    checkpoints->shard_room = room;
    return true;
}

void checkpoints_complete_shard(struct checkpoints *checkpoints, const struct tree_info *closed)
{
    for (size_t i = 0; i < checkpoints->shard_count; i++) {
        if (strcmp(checkpoints->shards[i].name, closed->name) == 0) {
            return;
        }
    }
    if (has_room_for_shard(checkpoints)) {
        checkpoints->shards[checkpoints->shard_count++] = *closed;
    } else {
        ps_line(PS_ERROR, "checkpoint_waits_for_a_start", PS_STR("shard", closed->name),
                PS_STR("detail", "out of memory"));
    }
}

/* By the newest version of the log's key that signed it: a restored log has one of before. */
static enum ps_err open_note(const struct keeper *keeper, struct ps_bytes note, const char *origin,
                             struct checkpoint *ret_opened)
{
    const struct key *log = keys_find(keeper->keys, ps_bytes_str(LOG_KEY_NAME));
    enum ps_err err = ps_fail(PS_E_DENIED, 0, "there is a checkpoint but no log key");
    struct note_key key;

    for (size_t i = log == NULL ? 0 : log->version_count; err != PS_OK && i > 0; i--) {
        PS_TRY(note_key_of(origin, version_spki(log->versions[i - 1]), &key));
        err = checkpoint_open(note, &key, ret_opened);
    }
    return err;
}

static enum ps_err check_note(const struct keeper *keeper, struct log *log, const char *log_name,
                              uint64_t *ret_size)
{
    const struct ps_bytes note = log_checkpoint(log);
    char origin[CHECKPOINT_ORIGIN_MAX];
    struct checkpoint opened;

    *ret_size = 0;
    if (note.len == 0) {
        return PS_OK;
    }
    put_origin(keeper->appliance.origin, log_name, log_shard(log), origin);
    PS_TRY(open_note(keeper, note, origin, &opened));
    if (!ps_bytes_equal_str(opened.origin, origin)) {
        return ps_fail(PS_E_DENIED, 0, "the checkpoint of %s has another origin", log_name);
    }
    *ret_size = opened.size;
    return PS_OK;
}

enum ps_err checkpoints_check_stored(struct keeper *keeper)
{
    struct checkpoints *checkpoints = keeper->checkpoints;

    PS_TRY(check_note(keeper, keeper->events, "events", &checkpoints->events_signed));
    PS_TRY(check_note(keeper, keeper->use, "use", &checkpoints->use_signed));
    memcpy(checkpoints->use_shard, log_shard(keeper->use), strlen(log_shard(keeper->use)) + 1);
    return PS_OK;
}
