#include "keystore/operations/internal.h"

#include "keystore/custody/records.h"
#include "keystore/events/events.h"
#include "keystore/keys/keys_table.h"
#include "keystore/state/state.h"

#include <stdio.h>
#include <stdlib.h>

#define ASKED_MAX 4u  /* at the same time: a token has other things to do */
#define BEGUN_MAX 16u /* operations in one turn */
#define PAUSE_S   5u  /* before one that was refused is begun again */

/*
 * Versions of keys of which only a leaf that nobody signed for says which public key they have. Who
 * wrote it could have put in one of their own, and relying parties would verify with that: it is
 * given to nobody before the token, asked for the object, has answered with the same.
 *
 * Later starts believe what a checkpoint covers. Before one covers a version that the token has not
 * shown, its row is `unproven` (key.unproven), and is until the token has shown it (key.proven).
 */
struct unproven {
    struct unproven *next;
    struct operations *operations;
    struct key_version *version;
    bool is_asked;
    bool was_answered;
    bool is_shown;    /* and its row is to say so */
    uint64_t begin_s; /* not before that the operation that says what the token answered */
};

enum ps_err unproven_add(struct operations *operations, struct key_version *version)
{
    struct unproven *unproven;

    if (version == NULL || version->spki == NULL) {
        return PS_OK;
    }
    version->is_unproven = true;
    if (version->is_doubted) {
        return PS_OK;
    }
    unproven = calloc(1, sizeof *unproven);
    if (unproven == NULL) {
        return ps_fail(PS_E_NO_MEMORY, 0, "out of memory");
    }
    *unproven = (struct unproven){
        .next = operations->unproven, .operations = operations, .version = version};
    operations->unproven = unproven;
    version->is_doubted = true;
    version->key->pins++;
    return PS_OK;
}

static void forget(struct unproven *unproven)
{
    struct unproven **at = &unproven->operations->unproven;

    while (*at != unproven) {
        at = &(*at)->next;
    }
    *at = unproven->next;
    unproven->version->is_doubted = false;
    unproven->version->key->pins--;
    free(unproven);
}

void operations_forget_unproven(struct operations *operations)
{
    while (operations->unproven != NULL) {
        forget(operations->unproven);
    }
}

static bool is_same_key(const struct key_version *version, struct ps_bytes octets)
{
    PS_CLEANUP(public_key_free_cleanup) struct public_key *key = NULL;

    return public_key_from_spki(octets, &key) == PS_OK &&
           ps_bytes_equal(public_key_spki(key), version_spki(version));
}

/* One that is not there is looked for again: a soft token may not see yet what it was told. */
static void say_missing(struct keeper *keeper, const struct key_version *version)
{
    char text[96];

    (void)snprintf(text, sizeof text,
                   "the token has not shown version %u, which a leaf that nobody signed for names",
                   version->number);
    events_alarm(keeper, "unproven-key", ps_bytes_str(version->key->name), text);
}

static void say_another(struct keeper *keeper, const struct key_version *version)
{
    char text[288];

    (void)snprintf(text, sizeof text,
                   "the token has another key than a leaf of events, which no checkpoint covers, "
                   "names: version %u of %s",
                   version->number, version->key->name);
    state_raise(keeper, REASON_LOG_DAMAGED, text);
}

static void is_proven(struct unproven *unproven)
{
    struct key_version *version = unproven->version;

    ps_line(PS_INFO, "key_proven", PS_STR("key", version->key->name),
            PS_NUM("version", version->number));
    if (version->is_marked) {
        unproven->is_shown = true;
        return;
    }
    version->is_unproven = false;
    forget(unproven);
}

bool unproven_is_shown(const struct operations *operations, const struct key_version *version)
{
    for (const struct unproven *at = operations->unproven; at != NULL; at = at->next) {
        if (at->version == version) {
            return at->is_shown;
        }
    }
    return false;
}

/* The MAC that the token made covers the public key: what opens shows it. */
static void take_opened(struct unproven *unproven, const struct token_answer *answer)
{
    struct keeper *keeper = unproven->operations->keeper;

    if (answer->outcome == TOKEN_ANSWERED && answer->info == &msg_token_done_info) {
        is_proven(unproven);
    } else if (answer->outcome == TOKEN_REFUSED &&
               answer->problem->problem == PS_PROBLEM_RECORD_DAMAGED) {
        record_alarm(keeper, unproven->version);
    } else {
        say_missing(keeper, unproven->version);
    }
}

static void take_answer(struct unproven *unproven, const struct token_answer *answer)
{
    static const uint8_t pair = TOKEN_HAS_PRIVATE | TOKEN_HAS_PUBLIC;
    struct key_version *version = unproven->version;
    struct keeper *keeper = unproven->operations->keeper;
    const struct msg_token_found *message = answer->message;

    if (version->key->is_wrapped) {
        take_opened(unproven, answer);
    } else if (answer->outcome != TOKEN_ANSWERED || answer->info != &msg_token_found_info ||
               (message->has & pair) != pair) {
        say_missing(keeper, version);
    } else if (!is_same_key(version, message->public_key)) {
        say_another(keeper, version);
    } else {
        is_proven(unproven);
    }
}

static void ask_some(struct operations *operations, bool again);

static void on_found(void *context, const struct token_answer *answer)
{
    struct unproven *unproven = context;
    struct operations *operations = unproven->operations;

    unproven->is_asked = false;
    if (answer->outcome != TOKEN_GONE) {
        unproven->was_answered = true;
        take_answer(unproven, answer);
        ask_some(operations, false);
        state_look(operations->keeper);
    }
}

static bool is_gone(const struct key_version *version)
{
    return version->state == KEY_DESTROYED || version->key->state == KEY_DESTROYED;
}

static enum ps_err send_open(struct unproven *unproven, struct token *token)
{
    const struct key_version *version = unproven->version;
    struct msg_token_open message = {.object_id = version_object_id(version),
                                     .key_type = (uint8_t)version->key->type};
    PS_BUF_AUTO record = {.max = TOKEN_RECORD_MAX};

    PS_TRY(record_of_version(unproven->operations->keeper, version, &record));
    message.record = ps_buf_bytes(&record);
    return tokens_call(token, &msg_token_open_info, &message, 0, on_found, unproven);
}

static enum ps_err send_find(struct unproven *unproven, struct token *token)
{
    const struct key_version *version = unproven->version;
    const struct msg_token_find message = {.object_id = version_object_id(version),
                                           .key_type = (uint8_t)version->key->type};

    return tokens_call(token, &msg_token_find_info, &message, 0, on_found, unproven);
}

static void ask(struct unproven *unproven)
{
    const struct key_version *version = unproven->version;
    struct keeper *keeper = unproven->operations->keeper;
    struct token *token = wrapping_keys_token_for(keeper, version);
    enum ps_err err;

    if (token == NULL) {
        unproven->was_answered = true; /* by nobody, before its token is configured again */
        return;
    }
    if (!tokens_is_ready(token)) {
        return;
    }
    err = version->key->is_wrapped ? send_open(unproven, token) : send_find(unproven, token);
    unproven->is_asked = err == PS_OK;
    if (err == PS_E_STATE) {
        unproven->was_answered = true;
        record_alarm(keeper, version);
    }
}

/* There is nothing left to show, nor anybody to be shown it; or its row says that it was shown. */
static bool is_over(const struct unproven *unproven)
{
    return !unproven->is_asked && (is_gone(unproven->version) || !unproven->version->is_unproven);
}

/* A row that says so is in the log behind the leaf that made the version. */
bool operations_is_proving(const struct operations *operations)
{
    for (const struct unproven *at = operations->unproven; at != NULL; at = at->next) {
        if (!at->version->is_marked && !is_over(at)) {
            return true;
        }
    }
    return false;
}

bool operations_asks_for_proof(const struct operations *operations)
{
    for (const struct unproven *at = operations->unproven; at != NULL; at = at->next) {
        if (at->is_asked && !at->was_answered && !at->version->is_marked) {
            return true;
        }
    }
    return false;
}

static unsigned count_asked(const struct operations *operations)
{
    unsigned count = 0;

    for (const struct unproven *at = operations->unproven; at != NULL; at = at->next) {
        count += at->is_asked ? 1 : 0;
    }
    return count;
}

/* Those first of which nothing was heard yet. */
static void ask_some(struct operations *operations, bool again)
{
    unsigned asked = count_asked(operations);
    struct unproven *next;

    for (struct unproven *at = operations->unproven; at != NULL && asked < ASKED_MAX; at = next) {
        next = at->next;
        if (at->is_asked || at->is_shown || is_gone(at->version) || at->was_answered != again) {
            continue;
        }
        ask(at);
        asked += at->is_asked ? 1 : 0;
    }
}

static void forget_some(struct operations *operations)
{
    struct unproven *next;

    for (struct unproven *at = operations->unproven; at != NULL; at = next) {
        next = at->next;
        if (is_over(at)) {
            forget(at);
        }
    }
}

/* Of keys that were read since: a start reads not all of them at once. */
static void take_marked(struct operations *operations)
{
    struct keys *keys = operations->keeper->keys;
    size_t cursor = 0;
    struct key *key;

    if (!keys_take_marked(keys)) {
        return;
    }
    while ((key = keys_next(keys, &cursor)) != NULL) {
        for (size_t i = 0; i < key->version_count; i++) {
            if (key->versions[i]->is_marked && !is_gone(key->versions[i]) &&
                unproven_add(operations, key->versions[i]) != PS_OK) {
                ps_line(PS_WARNING, "key_not_asked_for", PS_STR("key", key->name));
            }
        }
    }
}

/* NULL: its row is as the token answered, or it has not answered yet. */
static const char *type_due(const struct unproven *unproven)
{
    if (unproven->version->is_marked) {
        return unproven->is_shown ? "key.proven" : NULL;
    }
    return unproven->was_answered ? "key.unproven" : NULL;
}

static void record_some(struct operations *operations)
{
    const uint64_t now_s = ps_clock_mono_ns() / PS_NS_PER_S;
    unsigned begun = 0;

    for (struct unproven *at = operations->unproven; at != NULL && begun < BEGUN_MAX;
         at = at->next) {
        const char *type = type_due(at);

        if (type == NULL || now_s < at->begin_s ||
            operations_has_locked(operations, "key", ps_bytes_str(at->version->key->name))) {
            continue;
        }
        at->begin_s = now_s + PAUSE_S;
        key_proof_begin(operations, at->version, type);
        begun++;
    }
}

void operations_prove(struct operations *operations)
{
    bool is_proving;

    take_marked(operations);
    forget_some(operations);
    record_some(operations);
    ask_some(operations, false);
    ask_some(operations, true);
    is_proving = operations_is_proving(operations);
    if (operations->was_proving && !is_proving) {
        state_look(operations->keeper);
    }
    operations->was_proving = is_proving;
}
