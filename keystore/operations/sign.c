#include "keystore/operations/sign.h"

#include "keystore/custody/records.h"
#include "keystore/events/events.h"
#include "keystore/metrics.h"
#include "keystore/operations/internal.h"
#include "keystore/state/state.h"
#include "lib/base/line.h"
#include "lib/base/secret.h"

#include <stdlib.h>

#define ATTEMPTS    3u
#define MESSAGE_MAX (64u * 1024u)
#define SERIAL_MAX  20u

struct signing {
    struct key_version *version;
    enum key_state key_state; /* what key and version were when it began */
    enum key_state version_state;
    enum ps_alg algorithm;
    const char *use;
    enum ps_format format;
    signed_fn *fn;
    unsigned attempts;
    struct ps_buf message;
    struct ps_buf serial;
    uint8_t digest[PS_HASH_MAX];
    size_t digest_len; /* 0: the token signs the message itself */
    uint8_t signature[PS_SIGNATURE_MAX];
    size_t signature_len;
};

static void signing_free(void *work)
{
    struct signing *signing = work;

    if (signing != NULL) {
        ps_wipe(signing->signature, sizeof signing->signature);
        ps_buf_clear(&signing->message);
        ps_buf_clear(&signing->serial);
        free(signing);
    }
}

static void send(struct operation *op);

/* --- Its leaf --- */

/*
 * The rule of requests (admit_again), without clients and grants: people approved this one. The
 * operation has locked the key, and so its state stays; that is looked at all the same.
 */
static bool may_leave(struct operation *op)
{
    const struct signing *signing = op->work;
    const struct key *key = signing->version->key;
    struct problem_answer refusal;

    if (!state_allows_release(op->keeper, &refusal)) {
        operation_failed(op, refusal.problem, "%s",
                         refusal.detail == NULL
                             ? "the appliance signs nothing now; GET /v1/system says why"
                             : refusal.detail);
        return false;
    }
    if (key->is_blocked || key->state != signing->key_state ||
        signing->version->state != signing->version_state) {
        operation_failed(op, PS_PROBLEM_WRONG_STATE, "the key's state changed meanwhile");
        return false;
    }
    return true;
}

static void on_leaf_durable(void *context, bool is_durable)
{
    struct operation *op = context;
    struct signing *signing = op->work;

    op->is_waiting = false;
    if (!is_durable) {
        operation_failed(op, PS_PROBLEM_LOG_UNAVAILABLE, "the log could not be written");
        return;
    }
    /* No signature leaves after the leaf that forbids it, also when its own came before. */
    if (!may_leave(op)) {
        return;
    }
    keeper_metrics_note_signed(op->keeper->metrics);
    signing->fn(op, &(struct signed_octets){
                        .message = ps_buf_bytes(&signing->message),
                        .signature = ps_bytes(signing->signature, signing->signature_len)});
}

static enum ps_err put_leaf(const struct operation *op, struct ps_buf *out)
{
    const struct signing *signing = op->work;
    uint8_t form[PS_SIGNATURE_MAX];
    uint8_t hash[PS_SHA256_LEN];
    size_t form_len;

    PS_TRY(signature_log_form(
        signing->algorithm, ps_bytes(signing->signature, signing->signature_len), form, &form_len));
    ps_sha256(ps_bytes(form, form_len), hash);
    leaf_put_use(&(struct use_leaf){.time_ns = ps_clock_real_ns(),
                                    .caller = ps_bytes_str(op->caller[0] == 0 ? SIGN_CALLER_SCHEDULE
                                                                              : op->caller),
                                    .key = ps_bytes_str(signing->version->key->name),
                                    .version = signing->version->number,
                                    .operation = signing->use,
                                    .format = signing->format,
                                    .algorithm = signing->algorithm,
                                    .request_id = ps_buf_bytes(&op->request_id),
                                    .serial = ps_buf_bytes(&signing->serial),
                                    .hash = ps_bytes(hash, sizeof hash)},
                 out);
    return ps_buf_status(out);
}

static enum ps_err record(struct operation *op)
{
    struct keeper *keeper = op->keeper;
    PS_BUF_AUTO leaf = {.max = LOG_ENTRY_MAX};
    uint64_t position;

    PS_TRY(put_leaf(op, &leaf));
    PS_TRY(held_reserve(keeper->use_held));
    PS_TRY(log_append(keeper->use, ps_buf_bytes(&leaf), &position));
    op->is_waiting = true;
    held_add(keeper->use_held, position, on_leaf_durable, op);
    return PS_OK;
}

/* --- The token --- */

static enum ps_err verify(const struct signing *signing)
{
    const struct ps_bytes signature = ps_bytes(signing->signature, signing->signature_len);
    struct public_key *key;

    PS_TRY(version_public_key(signing->version, &key));
    return public_key_verify(key, signing->algorithm, ps_buf_bytes(&signing->message), signature);
}

static bool takes(struct signing *signing, const struct token_answer *answer)
{
    const struct msg_token_signed *message = answer->message;
    const struct ps_key_type_info *type = ps_key_type_info(signing->version->key->type);

    if (answer->info != &msg_token_signed_info || message->signature.len != type->signature_max) {
        return false;
    }
    memcpy(signing->signature, message->signature.data, message->signature.len);
    signing->signature_len = message->signature.len;
    return verify(signing) == PS_OK;
}

static void on_signature(struct operation *op, const struct token_answer *answer)
{
    struct signing *signing = op->work;
    enum ps_err err;

    if (!takes(signing, answer)) {
        events_alarm(op->keeper, "wrong-signature", ps_bytes_str(signing->version->key->name),
                     "a token process answered with a signature that does not verify");
        ps_wipe(signing->signature, sizeof signing->signature);
        operation_failed(op, PS_PROBLEM_TOKEN_UNAVAILABLE, "the signature does not verify");
        tokens_condemn(answer->process, "wrong-signature");
        return;
    }
    if (!may_leave(op)) {
        return;
    }
    err = record(op);
    if (err != PS_OK) {
        operation_failed_error(op, err);
    }
}

static void refuse_damaged(struct operation *op)
{
    const struct signing *signing = op->work;

    record_alarm(op->keeper, signing->version);
    operation_failed(op, PS_PROBLEM_RECORD_DAMAGED, "%s, version %u", signing->version->key->name,
                     signing->version->number);
}

static bool is_of_the_moment(const struct token_answer *answer)
{
    const enum ps_problem problem = answer->outcome == TOKEN_REFUSED
                                        ? (enum ps_problem)answer->problem->problem
                                        : PS_PROBLEM_TOKEN_UNAVAILABLE;

    return problem == PS_PROBLEM_TOKEN_UNAVAILABLE || problem == PS_PROBLEM_OVERLOADED ||
           problem == PS_PROBLEM_NOT_FOUND;
}

static void on_token_answer(void *context, const struct token_answer *answer)
{
    struct operation *op = context;
    struct signing *signing = op->work;

    op->is_waiting = false;
    if (answer->outcome == TOKEN_ANSWERED) {
        on_signature(op, answer);
    } else if (answer->outcome == TOKEN_REFUSED &&
               answer->problem->problem == PS_PROBLEM_RECORD_DAMAGED) {
        refuse_damaged(op);
    } else if (is_of_the_moment(answer) && signing->attempts < ATTEMPTS) {
        send(op);
    } else {
        ps_line(PS_WARNING, "token_did_not_sign", PS_STR("operation", op->id),
                PS_STR("key", signing->version->key->name));
        operation_failed(op, PS_PROBLEM_TOKEN_UNAVAILABLE,
                         "the token did not make the signature; nothing was changed");
    }
}

static void send(struct operation *op)
{
    struct signing *signing = op->work;
    const struct key *key = signing->version->key;
    PS_BUF_AUTO record = {.max = TOKEN_RECORD_MAX};
    struct msg_token_sign message = {
        .object_id = version_object_id(signing->version),
        .algorithm = (uint8_t)signing->algorithm,
        .key_type = (uint8_t)key->type,
        .data = signing->digest_len != 0 ? ps_bytes(signing->digest, signing->digest_len)
                                         : ps_buf_bytes(&signing->message),
        .is_wrapped = key->is_wrapped,
    };
    struct token *token = wrapping_keys_token_for(op->keeper, signing->version);
    enum ps_err err =
        token == NULL ? ps_fail(PS_E_TOKEN, 0, "no token is configured that has it") : PS_OK;

    signing->attempts++;
    if (err == PS_OK && key->is_wrapped) {
        err = record_of_version(op->keeper, signing->version, &record);
        message.record = ps_buf_bytes(&record);
    }
    if (err == PS_OK) {
        err = tokens_call(token, &msg_token_sign_info, &message, 0, on_token_answer, op);
    }
    if (err == PS_OK) {
        op->is_waiting = true;
    } else if (err == PS_E_STATE) {
        refuse_damaged(op);
    } else {
        operation_failed(op, PS_PROBLEM_TOKEN_UNAVAILABLE, "%s", ps_detail()->text);
    }
}

static enum ps_err begin(struct operation *op, const struct sign_wish *wish, signed_fn *fn)
{
    const struct ps_alg_info *info = ps_alg_info(wish->algorithm);
    struct signing *signing = calloc(1, sizeof *signing);

    if (signing == NULL) {
        return ps_fail(PS_E_NO_MEMORY, 0, "out of memory");
    }
    op->work = signing;
    op->free_work = signing_free;
    signing->version = wish->version;
    signing->key_state = wish->version->key->state;
    signing->version_state = wish->version->state;
    signing->algorithm = wish->algorithm;
    signing->use = wish->use;
    signing->format = wish->format;
    signing->fn = fn;
    ps_buf_init(&signing->message, MESSAGE_MAX);
    ps_buf_put(&signing->message, wish->message);
    ps_buf_init(&signing->serial, SERIAL_MAX);
    ps_buf_put(&signing->serial, wish->serial);
    PS_TRY(ps_buf_status(&signing->serial));
    if (!info->signs_message) {
        ps_hash_parts(info->hash, &wish->message, 1, signing->digest);
        signing->digest_len = ps_hash_len(info->hash);
    }
    return ps_buf_status(&signing->message);
}

void operation_sign(struct operation *op, const struct sign_wish *wish, signed_fn *fn)
{
    const enum ps_err err = begin(op, wish, fn);

    if (err != PS_OK) {
        operation_failed_error(op, err);
    } else {
        send(op);
    }
}
