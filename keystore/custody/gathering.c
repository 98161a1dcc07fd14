#include "keystore/custody/internal.h"

#include "keystore/operations/operations.h"
#include "keystore/state/lock.h"

#include <stdio.h>
#include <stdlib.h>

/*
 * Which shares are asked for. Each PIN of each token, and the security officer's for each operation
 * that waits for it, has a key of its own to which its shares are sealed: made when they are asked
 * for, forgotten when they are not any more. So whoever keeps what passes by has nothing that opens
 * another PIN, serves another operation, or serves a second time.
 */

void custody_forget_shares(struct gathering *gathering)
{
    for (size_t i = 0; i < SHARE_COUNT_MAX; i++) {
        ps_secret_free(gathering->shares[i].value);
        gathering->shares[i] = (struct arrived){.value = NULL};
    }
}

/* Shares that did not come to anything are forgotten with the key that they were sealed to. */
static void end(struct gathering *gathering)
{
    custody_forget_shares(gathering);
    one_time_free(gathering->key);
    gathering->key = NULL;
}

static void begin(struct gathering *gathering)
{
    if (gathering->key == NULL && one_time_new(&gathering->key) != PS_OK) {
        ps_line(PS_ERROR, "no_key_for_shares", PS_STR("detail", ps_detail()->text));
    }
}

/* --- Of the security officer's PIN, for each operation --- */

struct sought {
    struct custody_token *known;
    const char *id;
    bool is_there;
};

static void add_missing(void *context, const char *id, const char *type)
{
    struct sought *sought = context;
    struct gathering *gathering = sought->known->so;

    while (gathering != NULL && strcmp(gathering->operation, id) != 0) {
        gathering = gathering->next;
    }
    if (gathering == NULL) {
        gathering = calloc(1, sizeof *gathering);
    }
    if (gathering == NULL) {
        return; /* asked again with the next change */
    }
    if (gathering->key == NULL && gathering->operation[0] == '\0') {
        (void)snprintf(gathering->operation, sizeof gathering->operation, "%s", id);
        gathering->type = type;
        gathering->next = sought->known->so;
        sought->known->so = gathering;
    }
    begin(gathering);
}

static void look_for(void *context, const char *id, const char *type)
{
    struct sought *sought = context;

    (void)type;
    sought->is_there = sought->is_there || strcmp(id, sought->id) == 0;
}

bool custody_wants_so_pin_for(const struct custody *custody, const struct token *token,
                              const char *operation)
{
    struct sought sought = {.id = operation};

    operations_each_want_so_pin(custody->keeper->operations, token, look_for, &sought);
    return sought.is_there;
}

bool custody_wants_so_shares_for(const struct custody *custody, const struct token *token,
                                 const char *operation)
{
    return custody_can_gather_so_pin(custody->keeper, token) &&
           custody_wants_so_pin_for(custody, token, operation);
}

/* One whose leaf is on the way stays until that is there. */
static void remove_ended(const struct custody *custody, struct custody_token *known,
                         const struct token *token)
{
    struct gathering **at = &known->so;

    while (*at != NULL) {
        struct gathering *gathering = *at;

        if (token != NULL && custody_wants_so_shares_for(custody, token, gathering->operation)) {
            at = &gathering->next;
            continue;
        }
        end(gathering);
        if (gathering->release != NULL) {
            at = &gathering->next;
            continue;
        }
        *at = gathering->next;
        free(gathering);
    }
}

void custody_end_gatherings(struct custody *custody)
{
    for (size_t i = 0; i < custody->count; i++) {
        end(&custody->tokens[i].user);
        remove_ended(custody, &custody->tokens[i], NULL);
    }
}

void custody_free_releases(struct custody *custody)
{
    for (size_t i = 0; i < custody->count; i++) {
        struct custody_token *known = &custody->tokens[i];

        release_free(known->user.release);
        known->user.release = NULL;
        for (struct gathering *so = known->so; so != NULL; so = so->next) {
            release_free(so->release);
            so->release = NULL;
        }
    }
}

/* --- All --- */

static bool asks_for_user(const struct custody *custody, const struct token *token)
{
    PIN_ROW_AUTO row = {.parser = NULL};

    return custody_wants_shares(custody, token) &&
           pin_row_read_some(custody->keeper, tokens_name(token), SHARE_PIN_USER, &row) == PS_OK;
}

static void look_at(const struct custody *custody, struct custody_token *known,
                    const struct token *token)
{
    struct sought sought = {.known = known};

    if (asks_for_user(custody, token)) {
        begin(&known->user);
    } else {
        end(&known->user);
    }
    remove_ended(custody, known, token);
    if (custody_can_gather_so_pin(custody->keeper, token)) {
        operations_each_want_so_pin(custody->keeper->operations, token, add_missing, &sought);
    }
}

void custody_look_at_gatherings(struct custody *custody)
{
    const struct keeper *keeper = custody->keeper;
    const bool is_shut = !keeper->started || lock_is_on(keeper);
    const struct token *token;

    if (is_shut) {
        custody_end_gatherings(custody);
        return;
    }
    for (size_t i = 0; (token = tokens_at(keeper->tokens, i)) != NULL; i++) {
        struct custody_token *known = custody_token_find(custody, tokens_name(token));

        if (known != NULL) {
            look_at(custody, known, token);
        }
    }
}

/* Every PIN whose shares are asked for; the function ends it by true. */
static bool each_of(struct custody_token *known, asked_fn *fn, void *context)
{
    if (known->user.key != NULL && fn(known, SHARE_PIN_USER, &known->user, context)) {
        return true;
    }
    for (struct gathering *so = known->so; so != NULL; so = so->next) {
        if (so->key != NULL && fn(known, SHARE_PIN_SO, so, context)) {
            return true;
        }
    }
    return false;
}

bool custody_each_asked(struct custody *custody, asked_fn *fn, void *context)
{
    for (size_t i = 0; i < custody->count; i++) {
        if (each_of(&custody->tokens[i], fn, context)) {
            return true;
        }
    }
    return false;
}
