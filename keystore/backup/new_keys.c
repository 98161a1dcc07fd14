#include "keystore/backup/new_keys.h"

#include "keystore/custody/wrapping_keys.h"
#include "keystore/events/checkpoints.h"
#include "keystore/events/events.h"
#include "keystore/operations/make.h"
#include "keystore/tokens/approval.h"
#include "keystore/writer.h"
#include "lib/base/encode.h"

#include <stdio.h>
#include <stdlib.h>

static const char *const names[RESTORED_KEYS] = {LOG_KEY_NAME, IDENTITY_KEY_NAME};

struct new_keys {
    struct keeper *keeper;
    new_keys_fn *fn;
    void *context;
    struct token *token;
    struct object objects[RESTORED_KEYS];
    size_t count; /* made so far */
    struct make *make;
    struct restored_offer offer;
    struct ps_defer *later; /* a maker is freed outside of its own calls */
    bool has_failed;
    char why[160]; /* it did */
};

void new_keys_free(struct new_keys *keys)
{
    if (keys == NULL) {
        return;
    }
    make_free(keys->make);
    ps_defer_free(keys->later);
    free(keys);
}

bool new_keys_have(const struct new_keys *keys, struct ps_bytes object_id)
{
    for (size_t i = 0; keys != NULL && i < RESTORED_KEYS; i++) {
        if (ps_bytes_equal(object_id, ps_bytes(keys->objects[i].id, OBJECT_ID_LEN))) {
            return true;
        }
    }
    return false;
}

/* The id is in the catalog before there is an object: what a crash leaves is swept. */
static enum ps_err reserve(struct new_keys *keys, size_t which, bool is_reserved)
{
    PS_BUF_AUTO name = {.max = 2 * OBJECT_ID_LEN};
    PS_BUF_AUTO body = {.max = 1024};
    struct catalog_change change = {.kind = CATALOG_RESERVED, .expected = is_reserved ? 0 : 1};

    ps_buf_put_hex(&name, ps_bytes(keys->objects[which].id, OBJECT_ID_LEN));
    if (is_reserved) {
        reserved_put(keys->token, &body);
    }
    PS_TRY(ps_buf_status(&body));
    change.name = ps_buf_bytes(&name);
    change.body = ps_buf_bytes(&body);
    return catalog_apply(keys->keeper->catalog, &change, 1, 0, NULL);
}

static void fail(struct new_keys *keys)
{
    (void)snprintf(keys->why, sizeof keys->why, "%.159s", ps_detail()->text);
    keys->has_failed = true;
    ps_defer_arm(keys->later);
}

/* --- Recorded --- */

static void on_recorded(void *context, bool is_durable)
{
    struct new_keys *keys = context;

    if (!is_durable) {
        (void)!ps_fail(PS_E_STORAGE, 0, "the log could not be written");
        fail(keys);
        return;
    }
    for (size_t i = 0; i < RESTORED_KEYS; i++) {
        if (reserve(keys, i, false) != PS_OK) {
            ps_line(PS_WARNING, "reserved_id_stays", PS_STR("detail", ps_detail()->text));
        }
    }
    ps_defer_arm(keys->later);
}

static enum ps_err record(struct new_keys *keys)
{
    const struct restored_key *offered = keys->offer.keys;
    PS_BUF_AUTO data = {.max = 2048};
    struct writer json = writer(&data);

    writer_begin_object(&json, NULL);
    writer_hex(&json, "identity_object",
               ps_bytes(offered[RESTORED_IDENTITY].object_id, OBJECT_ID_LEN));
    writer_octets(&json, "identity_public",
                  ps_bytes(offered[RESTORED_IDENTITY].spki, offered[RESTORED_IDENTITY].spki_len));
    writer_hex(&json, "log_object", ps_bytes(offered[RESTORED_LOG].object_id, OBJECT_ID_LEN));
    writer_octets(&json, "log_public",
                  ps_bytes(offered[RESTORED_LOG].spki, offered[RESTORED_LOG].spki_len));
    writer_str(&json, "token", keys->offer.token);
    writer_end_object(&json);
    PS_TRY(ps_buf_status(&data));
    return events_record(keys->keeper,
                         &(struct event_leaf){.time_ns = ps_clock_real_ns(),
                                              .kind = RESTORED_KEYS_KIND,
                                              .data = ps_buf_bytes(&data)},
                         on_recorded, keys);
}

/* --- Made --- */

static enum ps_err make_next(struct new_keys *keys);

static void on_made(void *context, const struct made *made)
{
    struct new_keys *keys = context;
    struct restored_key *key = &keys->offer.keys[keys->count];

    if (made->spki.len > sizeof key->spki) {
        (void)!ps_fail(PS_E_TOKEN, 0, "a public key of %zu octets", made->spki.len);
        fail(keys);
        return;
    }
    memcpy(key->object_id, keys->objects[keys->count].id, OBJECT_ID_LEN);
    memcpy(key->spki, made->spki.data, made->spki.len);
    key->spki_len = made->spki.len;
    keys->count++;
    ps_defer_arm(keys->later);
}

static void on_failed(void *context, enum ps_problem problem, const char *detail)
{
    (void)!ps_fail(PS_E_TOKEN, 0, "%s: %.200s", ps_problem_info(problem)->code, detail);
    fail(context);
}

static enum ps_err make_next(struct new_keys *keys)
{
    static const struct make_calls calls = {.made = on_made, .failed = on_failed};
    static const enum ps_alg algorithms[] = {PS_ALG_EDDSA};
    const struct make_spec spec = {.keeper = keys->keeper,
                                   .token = keys->token,
                                   .type = PS_KEY_ED25519,
                                   .usage = PS_USAGE_SIGN,
                                   .algorithms = algorithms,
                                   .algorithm_count = 1,
                                   .label = ps_bytes_str(names[keys->count])};

    make_free(keys->make);
    keys->make = NULL;
    PS_TRY(make_new(&spec, &keys->objects[keys->count], &calls, keys, &keys->make));
    return make_begin(keys->make);
}

static void on_later(void *context)
{
    struct new_keys *keys = context;
    const bool was_recorded = keys->count > RESTORED_KEYS;

    if (keys->has_failed || was_recorded) {
        keys->fn(keys->context, keys->has_failed ? NULL : &keys->offer, keys->why);
        return;
    }
    if (keys->count == RESTORED_KEYS) {
        keys->count++; /* the next time that this is called it is on record */
        if (record(keys) != PS_OK) {
            fail(keys);
        }
    } else if (make_next(keys) != PS_OK) {
        fail(keys);
    }
}

/* One that holds the keys which wrap others, of as new a version as any, will be needed. */
static struct token *choose_token(const struct keeper *keeper)
{
    struct token *chosen = NULL;
    struct token *token;
    uint32_t newest = 0;

    for (size_t i = 0; (token = tokens_at(keeper->tokens, i)) != NULL; i++) {
        const uint32_t version = wrapping_keys_newest_on(keeper, tokens_name(token));

        if (tokens_is_ready(token) && tokens_is_approved(token) &&
            (chosen == NULL || version > newest)) {
            chosen = token;
            newest = version;
        }
    }
    return chosen;
}

enum ps_err new_keys_begin(struct keeper *keeper, new_keys_fn *fn, void *context,
                           struct new_keys **ret_keys)
{
    PS_CLEANUP(new_keys_free_cleanup) struct new_keys *keys = NULL;
    struct token *token = choose_token(keeper);

    if (token == NULL) {
        return ps_fail(PS_E_TOKEN, 0, "no token is there");
    }
    keys = calloc(1, sizeof *keys);
    if (keys == NULL) {
        return ps_fail(PS_E_NO_MEMORY, 0, "out of memory");
    }
    keys->keeper = keeper;
    keys->fn = fn;
    keys->context = context;
    keys->token = token;
    (void)snprintf(keys->offer.token, sizeof keys->offer.token, "%.*s",
                   PS_BYTES_FMT(tokens_name(token)));
    PS_TRY(ps_defer_new(keeper->loop, on_later, keys, &keys->later));
    for (size_t i = 0; i < RESTORED_KEYS; i++) {
        object_id_choose(ps_bytes_str(keeper->appliance.origin), keys->objects[i].id);
        PS_TRY(reserve(keys, i, true));
    }
    ps_defer_arm(keys->later);
    *ret_keys = keys;
    keys = NULL;
    return PS_OK;
}
