#include "keystore/tokens/tokens.h"

#include "keystore/tokens/internal.h"
#include "keystore/tokens/origin.h"
#include "lib/base/clock.h"
#include "lib/base/hash.h"

#include <stdlib.h>
#include <unistd.h>

static void on_tick(void *context);

enum ps_err tokens_new(struct ps_loop *loop, const struct tokens_handler *handler, void *context,
                       uint32_t timeout_ms, struct tokens **ret_tokens)
{
    PS_CLEANUP(tokens_free_cleanup) struct tokens *tokens = calloc(1, sizeof *tokens);

    if (tokens == NULL) {
        return ps_fail(PS_E_NO_MEMORY, 0, "out of memory");
    }
    tokens->loop = loop;
    tokens->handler = handler;
    tokens->context = context;
    tokens->timeout_ns = (uint64_t)timeout_ms * PS_NS_PER_MS;
    PS_TRY(ps_timer_new(loop, on_tick, tokens, &tokens->tick));
    ps_timer_set_in(tokens->tick, 0);
    *ret_tokens = tokens;
    tokens = NULL;
    return PS_OK;
}

static void token_free(struct token *token)
{
    for (size_t i = 0; i < token->process_count; i++) {
        process_free(token->processes[i]);
    }
    ps_secret_free(token->pin);
    ps_secret_free(token->so_pin);
    free(token);
}

void tokens_free(struct tokens *tokens)
{
    if (tokens == NULL) {
        return;
    }
    ps_timer_free(tokens->tick);
    for (size_t i = 0; i < tokens->count; i++) {
        token_free(tokens->tokens[i]);
    }
    free(tokens);
}

struct token *tokens_find(const struct tokens *tokens, struct ps_bytes name)
{
    for (size_t i = 0; i < tokens->count; i++) {
        if (ps_bytes_equal(name, tokens_name(tokens->tokens[i]))) {
            return tokens->tokens[i];
        }
    }
    return NULL;
}

struct token *tokens_at(const struct tokens *tokens, size_t index)
{
    return index < tokens->count ? tokens->tokens[index] : NULL;
}

size_t tokens_using(const struct tokens *tokens)
{
    size_t count = 0;

    for (size_t i = 0; i < tokens->count; i++) {
        const struct token *token = tokens->tokens[i];

        for (size_t j = 0; j < token->process_count; j++) {
            count += token->processes[j]->signing;
        }
    }
    return count;
}

static enum ps_err find_or_make(struct tokens *tokens, struct ps_bytes name,
                                struct token **ret_token)
{
    struct token *token = tokens_find(tokens, name);

    if (token != NULL) {
        *ret_token = token;
        return PS_OK;
    }
    if (!ps_name_valid(name) || tokens->count == TOKENS_MAX) {
        return ps_fail(PS_E_INPUT, 0, "no valid name of a token, or too many tokens");
    }
    token = calloc(1, sizeof *token);
    if (token == NULL) {
        return ps_fail(PS_E_NO_MEMORY, 0, "out of memory");
    }
    token->tokens = tokens;
    memcpy(token->name_octets, name.data, name.len);
    token->name_len = name.len;
    tokens->tokens[tokens->count++] = token;
    *ret_token = token;
    return PS_OK;
}

/* Ends the process of this number, if there is one, and makes room for another in its place. */
static enum ps_err place_of(struct token *token, uint32_t number, size_t *ret_at)
{
    for (size_t i = 0; i < token->process_count; i++) {
        struct token_process *process = token->processes[i];

        if (process->number == number) {
            process_end(process);
            process_free(process);
            token->processes[i] = token->processes[--token->process_count];
            break;
        }
    }
    if (token->process_count == PROCESSES_MAX) {
        return ps_fail(PS_E_INPUT, 0, "more than %u processes of one token", PROCESSES_MAX);
    }
    *ret_at = token->process_count;
    return PS_OK;
}

static enum ps_err find_place(struct tokens *tokens, const struct token_origin *origin,
                              struct token **ret_token, size_t *ret_at)
{
    if (origin->module_hash.len != PS_SHA256_LEN) {
        return ps_fail(PS_E_INPUT, 0, "a token process without a hash of its module");
    }
    PS_TRY(find_or_make(tokens, origin->name, ret_token));
    return place_of(*ret_token, origin->number, ret_at);
}

enum ps_err tokens_add_process(struct tokens *tokens, const struct token_origin *origin, int fd)
{
    struct token *token = NULL;
    size_t at = 0;
    const enum ps_err err = find_place(tokens, origin, &token, &at);

    if (err != PS_OK) {
        (void)close(fd);
        return err;
    }
    PS_TRY(process_new(token, origin->number, fd, &token->processes[at]));
    token_text_set(&token->processes[at]->module_hash, origin->module_hash);
    token->process_count++;
    tokens->handler->on_change(tokens->context, token);
    return PS_OK;
}

static enum ps_err replace_secret(struct ps_secret **secret, struct ps_bytes octets,
                                  bool *ret_changed)
{
    struct ps_secret *fresh = NULL;

    *ret_changed = *secret == NULL ? octets.len != 0
                                   : !ps_bytes_equal_secret(ps_secret_bytes(*secret), octets);
    if (!*ret_changed) {
        return PS_OK;
    }
    if (octets.len != 0) {
        PS_TRY(ps_secret_new(octets, &fresh));
    }
    ps_secret_free(*secret);
    *secret = fresh;
    return PS_OK;
}

enum ps_err tokens_set_pin(struct tokens *tokens, struct ps_bytes name, struct ps_bytes pin,
                           bool is_so)
{
    struct token *token;
    bool changed;

    PS_TRY(find_or_make(tokens, name, &token));
    PS_TRY(replace_secret(is_so ? &token->so_pin : &token->pin, pin, &changed));
    if (changed && !is_so) {
        token->pin_is_new = token->pin_refused;
        token->pin_refused = false;
        /* What a process says of a wrong PIN is not about this one. */
        for (size_t i = 0; i < token->process_count; i++) {
            token->processes[i]->login_sent = false;
        }
        login_where_due(token);
    }
    return PS_OK;
}

enum ps_err tokens_set_profile_hash(struct tokens *tokens, struct ps_bytes name,
                                    struct ps_bytes hash)
{
    struct token *token;

    PS_TRY(find_or_make(tokens, name, &token));
    token_text_set(&token->profile_hash, hash);
    return PS_OK;
}

static void end_overdue(struct token_process *process)
{
    struct token *token = process->token;
    const struct tokens_handler *handler = token->tokens->handler;

    process_end(process);
    handler->on_hung(token->tokens->context, token, process->number, "no-answer");
    login_where_due(token);
    handler->on_change(token->tokens->context, token);
}

static void on_tick(void *context)
{
    struct tokens *tokens = context;
    const uint64_t now = ps_clock_mono_ns();
    uint64_t interval = tokens->timeout_ns / 4;

    for (size_t i = 0; i < tokens->count; i++) {
        login_where_due(tokens->tokens[i]);
        for (size_t k = 0; k < tokens->tokens[i]->process_count; k++) {
            if (process_is_overdue(tokens->tokens[i]->processes[k], now)) {
                end_overdue(tokens->tokens[i]->processes[k]);
            }
        }
    }
    interval = interval < 10 * PS_NS_PER_MS ? 10 * PS_NS_PER_MS : interval;
    interval = interval > 250 * PS_NS_PER_MS ? 250 * PS_NS_PER_MS : interval;
    ps_timer_set_in(tokens->tick, interval);
}
