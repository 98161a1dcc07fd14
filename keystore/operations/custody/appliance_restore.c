#include "keystore/operations/custody/restore.h"

#include "keystore/backup/losses.h"
#include "keystore/events/anchor.h"
#include "keystore/events/checkpoints.h"
#include "keystore/operations/custody/handlers.h"
#include "lib/base/encode.h"

#include <stdio.h>
#include <stdlib.h>

/*
 * A restored appliance goes on: from here the log is signed by a key that it made in a token of its
 * own, and that people have approved. What they approved names both public keys, so that nobody
 * can put another log in its place with the same approvals.
 */

#define LOST_MAX 64u
#define GONE_MAX 16u

static const char *const names[RESTORED_KEYS] = {LOG_KEY_NAME, IDENTITY_KEY_NAME};

/* --- What there is to approve --- */

struct gone {
    struct operation *op;
    struct writer *json;
    size_t count;
};

static enum ps_err on_token(void *context, const struct catalog_row *row)
{
    struct gone *gone = context;

    if (tokens_find(gone->op->keeper->tokens, row->name) == NULL && gone->count++ < GONE_MAX) {
        writer_text(gone->json, NULL, row->name);
    }
    return PS_OK;
}

static enum ps_err put_params(struct operation *op, const struct restored_offer *offer)
{
    const struct restored *restored = op->keeper->restored;
    const struct restored_key *log = &offer->keys[RESTORED_LOG];
    const struct restored_key *identity = &offer->keys[RESTORED_IDENTITY];
    struct writer json = writer(&op->resolved);
    struct gone gone = {.op = op, .json = &json};
    struct losses losses;

    writer_begin_object(&json, NULL);
    writer_begin_array(&json, "gone");
    PS_TRY(catalog_list(op->keeper->known, CATALOG_TOKEN, ps_bytes(NULL, 0), UINT32_MAX, on_token,
                        &gone));
    writer_end_array(&json);
    writer_octets(&json, "identity_public", ps_bytes(identity->spki, identity->spki_len));
    writer_decimal(&json, "leaves", restored_leaves(restored));
    writer_octets(&json, "log_public", ps_bytes(log->spki, log->spki_len));
    writer_begin_array(&json, "lost");
    PS_TRY(losses_put_all(op->keeper, LOST_MAX, &json, &losses));
    writer_end_array(&json);
    writer_decimal(&json, "lost_count", losses.lost);
    writer_bool(&json, "mirrored", restored_is_mirrored(restored));
    writer_begin_array(&json, "objects");
    writer_hex(&json, NULL, ps_bytes(log->object_id, OBJECT_ID_LEN));
    writer_hex(&json, NULL, ps_bytes(identity->object_id, OBJECT_ID_LEN));
    writer_end_array(&json);
    writer_str(&json, "token", offer->token);
    writer_end_object(&json);
    return gone.count <= GONE_MAX ? PS_OK : ps_fail(PS_E_LIMIT, 0, "more than 16 tokens are gone");
}

/* Whether there is something to approve now. */
static const struct restored_offer *find_offer(struct operation *op)
{
    const struct restored_offer *offer = restored_offer(op->keeper->restored);

    if (!restored_waits(op->keeper->restored)) {
        operation_refuse(op, PS_PROBLEM_REFUSED,
                         "the appliance was not made from a backup, or goes on already");
        return NULL;
    }
    if (offer == NULL) {
        operation_refuse(op, PS_PROBLEM_TOKEN_UNAVAILABLE,
                         "its new keys are not made yet: it waits for a token of its "
                         "configuration that can be logged in to");
    }
    return offer;
}

bool appliance_restore_resolve(struct operation *op, struct json_value request)
{
    const struct restored_offer *offer;
    enum ps_err err;

    if (json_count(request) != 0) {
        operation_refuse(op, PS_PROBLEM_MALFORMED, "this has no parameters");
        return false;
    }
    offer = find_offer(op);
    if (offer == NULL) {
        return false;
    }
    err = put_params(op, offer);
    if (err != PS_OK) {
        operation_refuse_error(op, err);
    }
    return err == PS_OK;
}

/* --- What was approved --- */

static enum ps_err read_octets(const struct operation *op, const char *name,
                               struct restored_key *ret_key)
{
    PS_BUF_AUTO spki = {.max = sizeof ret_key->spki};
    struct ps_bytes text;

    PS_TRY(document_text(op->params, name, &text));
    PS_TRY(ps_base64url_decode(text, &spki));
    if (spki.len == 0) {
        return ps_fail(PS_E_INPUT, 0, "%s: empty", name);
    }
    memcpy(ret_key->spki, spki.data, spki.len);
    ret_key->spki_len = spki.len;
    return PS_OK;
}

static enum ps_err read_objects(const struct operation *op, struct restored_offer *offer)
{
    struct json_value list;
    struct json_value value;
    uint32_t cursor = 0;
    size_t count = 0;

    if (!json_member(op->params, "objects", &list) || json_count(list) != RESTORED_KEYS) {
        return ps_fail(PS_E_INPUT, 0, "objects: not two of them");
    }
    while (count < RESTORED_KEYS && json_next(list, &cursor, NULL, &value)) {
        PS_BUF_AUTO id = {.max = OBJECT_ID_LEN};
        struct ps_bytes text;

        PS_TRY(json_string(value, &text));
        PS_TRY(ps_hex_decode(text, &id));
        if (id.len != OBJECT_ID_LEN) {
            return ps_fail(PS_E_INPUT, 0, "objects: not %u octets", OBJECT_ID_LEN);
        }
        memcpy(offer->keys[count++].object_id, id.data, OBJECT_ID_LEN);
    }
    return PS_OK;
}

enum ps_err restore_params_read(struct operation *op, struct restore_params *ret_params)
{
    struct restored_offer *offer = &ret_params->offer;
    struct ps_bytes token;

    *ret_params = (struct restore_params){.leaves = 0};
    PS_TRY(document_text(op->params, "token", &token));
    if (!ps_name_valid(token)) {
        return ps_fail(PS_E_INPUT, 0, "token: no name");
    }
    (void)snprintf(offer->token, sizeof offer->token, "%.*s", PS_BYTES_FMT(token));
    PS_TRY(document_number(op->params, "leaves", &ret_params->leaves));
    if (!json_member(op->params, "gone", &ret_params->gone)) {
        return ps_fail(PS_E_INPUT, 0, "gone: it is not there");
    }
    PS_TRY(read_octets(op, "log_public", &offer->keys[RESTORED_LOG]));
    PS_TRY(read_octets(op, "identity_public", &offer->keys[RESTORED_IDENTITY]));
    return read_objects(op, offer);
}

/* Once it is begun, people would have to approve another one. */
static bool has_its_token(struct operation *op, const struct restored_offer *offer)
{
    const struct token *token = tokens_find(op->keeper->tokens, ps_bytes_str(offer->token));

    if (token != NULL && tokens_is_ready(token)) {
        return true;
    }
    operation_refuse(op, PS_PROBLEM_TOKEN_UNAVAILABLE, "the token is away");
    return false;
}

bool appliance_restore_check(struct operation *op)
{
    const struct restored_offer *offer = find_offer(op);
    struct restore_params params;
    enum ps_err err;

    operation_lock(op, "appliance", ps_bytes(NULL, 0));
    if (offer == NULL) {
        return false;
    }
    err = restore_params_read(op, &params);
    if (err != PS_OK) {
        operation_refuse_error(op, err);
        return false;
    }
    if (params.leaves != restored_leaves(op->keeper->restored) ||
        !restored_offers_equal(&params.offer, offer)) {
        operation_refuse(op, PS_PROBLEM_CONFLICT,
                         "the keys it would go on with are others by now: make a new operation");
        return false;
    }
    return has_its_token(op, offer);
}

enum ps_err appliance_restore_rows(struct operation *op)
{
    struct restore_params params;

    PS_TRY(restore_params_read(op, &params));
    return restore_put_rows(op, &params);
}

/* --- Executed --- */

/* The approved keys are looked for in the token, and tried, before anything depends on them. */
struct restoring {
    struct operation *op;
    struct restore_params params;
    struct object objects[RESTORED_KEYS];
    size_t at;
    struct make *make;
    struct ps_defer *later;       /* a maker is freed outside of its own calls */
    char before[PS_NAME_MAX + 1]; /* the token that had the log's key */
};

static void free_restoring(void *work)
{
    struct restoring *restoring = work;

    if (restoring != NULL) {
        make_free(restoring->make);
        ps_defer_free(restoring->later);
        free(restoring);
    }
}

/* The appliance waits as before: what its old token knows of the log is left alone. */
static void stay_as_it_was(struct restoring *restoring)
{
    struct keeper *keeper = restoring->op->keeper;

    restoring->op->is_waiting = false;
    memcpy(keeper->appliance.token, restoring->before, sizeof restoring->before);
    anchor_withdraw(keeper->anchor);
}

static void give_up(struct restoring *restoring, enum ps_problem problem, const char *detail)
{
    stay_as_it_was(restoring);
    operation_failed(restoring->op, problem, "%s", detail);
}

static void on_anchor(void *context, bool is_written)
{
    struct restoring *restoring = context;
    struct operation *op = restoring->op;
    enum ps_err err;

    if (!is_written) {
        give_up(restoring, PS_PROBLEM_TOKEN_UNAVAILABLE, "the anchor was not written");
        return;
    }
    op->is_waiting = false;
    err = appliance_restore_rows(op);
    if (err != PS_OK) {
        stay_as_it_was(restoring);
        operation_failed_error(op, err);
        return;
    }
    operation_done(op);
}

/* What this token knew of the log before is over with what people approved. */
static void write_anchor(struct restoring *restoring)
{
    struct keeper *keeper = restoring->op->keeper;

    memcpy(keeper->appliance.token, restoring->params.offer.token, sizeof keeper->appliance.token);
    anchor_succeed(keeper->anchor, on_anchor, restoring);
}

static void on_tried(void *context, const struct made *made)
{
    struct restoring *restoring = context;
    const struct restored_key *key = &restoring->params.offer.keys[restoring->at];

    if (!ps_bytes_equal(made->spki, ps_bytes(key->spki, key->spki_len))) {
        restored_withdraw(restoring->op->keeper->restored);
        give_up(restoring, PS_PROBLEM_REFUSED,
                "the token does not have the keys that were approved: others are made, for a new "
                "operation");
        return;
    }
    restoring->at++;
    ps_defer_arm(restoring->later);
}

static void on_answer(void *context, const struct token_answer *answer)
{
    const struct restoring *restoring = context;

    operation_note_calls(restoring->op, answer);
}

static void on_not_tried(void *context, enum ps_problem problem, const char *detail)
{
    give_up(context, problem, detail);
}

static enum ps_err try_next(struct restoring *restoring)
{
    static const struct make_calls calls = {
        .answered = on_answer, .made = on_tried, .failed = on_not_tried};
    static const enum ps_alg algorithms[] = {PS_ALG_EDDSA};
    const struct make_spec spec = {
        .keeper = restoring->op->keeper,
        .token = restoring->op->token,
        .type = PS_KEY_ED25519,
        .usage = PS_USAGE_SIGN,
        .algorithms = algorithms,
        .algorithm_count = 1,
        .label = ps_bytes_str(names[restoring->at]),
        .looks_first = true,
    };

    make_free(restoring->make);
    restoring->make = NULL;
    PS_TRY(
        make_new(&spec, &restoring->objects[restoring->at], &calls, restoring, &restoring->make));
    return make_begin(restoring->make);
}

static void on_later(void *context)
{
    struct restoring *restoring = context;

    if (restoring->at == RESTORED_KEYS) {
        write_anchor(restoring);
    } else if (try_next(restoring) != PS_OK) {
        give_up(restoring, PS_PROBLEM_TOKEN_UNAVAILABLE, ps_detail()->text);
    }
}

static enum ps_err begin(struct operation *op)
{
    struct restoring *restoring = calloc(1, sizeof *restoring);

    if (restoring == NULL) {
        return ps_fail(PS_E_NO_MEMORY, 0, "out of memory");
    }
    op->work = restoring;
    op->free_work = free_restoring;
    restoring->op = op;
    memcpy(restoring->before, op->keeper->appliance.token, sizeof restoring->before);
    PS_TRY(restore_params_read(op, &restoring->params));
    for (size_t i = 0; i < RESTORED_KEYS; i++) {
        memcpy(restoring->objects[i].id, restoring->params.offer.keys[i].object_id, OBJECT_ID_LEN);
    }
    op->token = tokens_find(op->keeper->tokens, ps_bytes_str(restoring->params.offer.token));
    if (op->token == NULL) {
        return ps_fail(PS_E_TOKEN, 0, "the token is not configured");
    }
    PS_TRY(ps_defer_new(op->keeper->loop, on_later, restoring, &restoring->later));
    ps_defer_arm(restoring->later);
    return PS_OK;
}

void appliance_restore_execute(struct operation *op)
{
    const enum ps_err err = begin(op);

    if (err != PS_OK) {
        operation_failed_error(op, err);
    } else {
        op->is_waiting = true;
    }
}

enum ps_err appliance_restore_describe(struct operation *op, struct writer *json)
{
    const struct restored_key *log;
    struct restore_params params;
    PS_BUF_AUTO verifier = {.max = LOG_VERIFIER_MAX};
    struct json_value lost;

    PS_TRY(restore_params_read(op, &params));
    log = &params.offer.keys[RESTORED_LOG];
    PS_TRY(checkpoints_put_verifier(op->keeper->appliance.origin, "events", "",
                                    ps_bytes(log->spki, log->spki_len), &verifier));
    writer_text(json, "log_key", ps_buf_bytes(&verifier));
    if (json_member(op->params, "lost", &lost)) {
        writer_raw(json, "lost", json_raw(lost));
    }
    writer_str(json, "token", params.offer.token);
    ps_buf_put_str(&op->location, "/v1/system");
    return PS_OK;
}
