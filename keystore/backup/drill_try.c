#include "keystore/backup/drill_try.h"

#include "keystore/catalog/wrapped_record.h"
#include "keystore/custody/records.h"
#include "keystore/keys/keys_table.h"
#include "keystore/tokens/trial.h"

#include <stdlib.h>

/* The backup's rows of one key, read; what they hold is in the parsers. */
struct rows {
    struct json *parsers[3];
    struct wrapped_row wrapped;
    struct key_record key;
    struct version_record made;
};

struct drill_try {
    struct token *token; /* NULL: it was not asked */
    bool is_other_token;
    struct rows rows;
    struct public_key *public_key; /* NULL: it is a secret key */
    uint8_t message[PS_HASH_MAX];  /* of no meaning: a digest, or what is signed itself */
    size_t message_len;
    struct tokens_telling closing;
    struct ps_buf record;
    struct trial trial;
    drill_try_fn *fn;
    void *context;
};

void drill_try_free(struct drill_try *attempt)
{
    if (attempt == NULL) {
        return;
    }
    for (size_t i = 0; i < PS_COUNT_OF(attempt->rows.parsers); i++) {
        json_free(attempt->rows.parsers[i]);
    }
    public_key_free(attempt->public_key);
    ps_buf_clear(&attempt->record);
    free(attempt);
}
PS_DEFINE_CLEANUP(struct drill_try, drill_try_free)

static enum ps_err read_rows(const struct drilled_key *key, struct rows *rows)
{
    const struct ps_buf *texts[] = {&key->wrapped, &key->key, &key->made};
    struct json_value roots[PS_COUNT_OF(texts)];

    for (size_t i = 0; i < PS_COUNT_OF(texts); i++) {
        if (texts[i]->len == 0) {
            return ps_fail(PS_E_INPUT, 0, "the backup's log does not know %s, version %u",
                           key->name, key->version);
        }
        PS_TRY(json_new(&rows->parsers[i]));
        PS_TRY(
            json_parse(rows->parsers[i], ps_buf_bytes(texts[i]), &JSON_LIMITS_REQUEST, &roots[i]));
    }
    PS_TRY(wrapped_row_read(roots[0], &rows->wrapped));
    PS_TRY(key_record_read(roots[1], &rows->key));
    return version_record_read(roots[2], &rows->made);
}

static enum ps_err put_record(const struct rows *rows, const struct wrapping_keys *keys,
                              struct ps_buf *out)
{
    const struct record_of of = {.key = rows->key.name,
                                 .version = rows->made.number,
                                 .type = rows->key.type,
                                 .usage = rows->key.usage,
                                 .algorithms = rows->key.algorithms,
                                 .algorithm_count = rows->key.algorithm_count};

    return record_put(&of, keys,
                      &(struct record_made){.public_key = rows->made.public_key,
                                            .blob = rows->wrapped.blob,
                                            .mac = rows->wrapped.mac},
                      out);
}

/* --- What the token answers --- */

static void finish(struct drill_try *attempt, enum drill_result result, const char *why)
{
    attempt->fn(attempt->context, result, why);
}

/* False: it is at its end. */
static bool is_answered(struct drill_try *attempt, const struct token_answer *answer)
{
    if (answer->outcome == TOKEN_GONE ||
        (answer->outcome == TOKEN_REFUSED &&
         answer->problem->problem == PS_PROBLEM_TOKEN_UNAVAILABLE)) {
        finish(attempt, DRILL_GONE, "the token went away");
        return false;
    }
    if (answer->outcome == TOKEN_REFUSED) {
        finish(attempt, DRILL_BAD, "the token does not open it");
        return false;
    }
    return true;
}

static bool verifies(struct drill_try *attempt, struct ps_bytes signature)
{
    const enum ps_alg algorithm = attempt->rows.key.algorithms[0];
    const struct ps_bytes message = ps_bytes(attempt->message, attempt->message_len);

    return (ps_alg_info(algorithm)->signs_message
                ? public_key_verify(attempt->public_key, algorithm, message, signature)
                : public_key_verify_digest(attempt->public_key, algorithm, message, signature)) ==
           PS_OK;
}

static void on_signed(void *context, const struct token_answer *answer)
{
    struct drill_try *attempt = context;
    const struct msg_token_signed *message = answer->message;

    if (!is_answered(attempt, answer)) {
        return;
    }
    if (answer->info != &msg_token_signed_info || !verifies(attempt, message->signature)) {
        finish(attempt, DRILL_BAD, "what it signs does not verify with its public key");
    } else if (message->unwrapped == 0) {
        finish(attempt, DRILL_PASSED_OVER, "it was in use, and open already");
    } else {
        finish(attempt, DRILL_GOOD, "");
    }
}

static void on_used(void *context, const struct token_answer *answer)
{
    struct drill_try *attempt = context;
    const struct msg_token_used *message = answer->message;

    if (!is_answered(attempt, answer)) {
        return;
    }
    if (answer->info != &msg_token_used_info || message->is_wrong != 0) {
        finish(attempt, DRILL_BAD, "it is another key than the one that was made");
    } else if (message->unwrapped == 0) {
        finish(attempt, DRILL_PASSED_OVER, "it was in use, and open already");
    } else {
        finish(attempt, DRILL_GOOD, "");
    }
}

static void on_tried(void *context, enum trial_result result, const struct token_answer *answer)
{
    struct drill_try *attempt = context;

    if (result == TRIAL_WRONG) {
        finish(attempt, DRILL_BAD, "it does not open what was encrypted to its public key");
    } else if (is_answered(attempt, answer)) {
        finish(attempt, DRILL_GOOD, "");
    }
}

/* --- What it is asked --- */

static enum ps_err sign(struct drill_try *attempt, struct token *token, struct ps_bytes record)
{
    const struct rows *rows = &attempt->rows;
    const struct ps_alg_info *info = ps_alg_info(rows->key.algorithms[0]);
    const struct msg_token_sign message = {
        .object_id = rows->made.object_id,
        .algorithm = (uint8_t)rows->key.algorithms[0],
        .key_type = (uint8_t)rows->key.type,
        .data = ps_bytes(attempt->message,
                         info->signs_message ? sizeof attempt->message : ps_hash_len(info->hash)),
        .is_wrapped = 1,
        .record = record};

    attempt->message_len = message.data.len;
    ps_random(attempt->message, attempt->message_len);
    return tokens_call(token, &msg_token_sign_info, &message, 0, on_signed, attempt);
}

/* Its check value says which key it is. Nothing is encrypted: each encryption of a key counts. */
static enum ps_err use_secret(struct drill_try *attempt, struct token *token,
                              struct ps_bytes record)
{
    const struct rows *rows = &attempt->rows;
    struct msg_token_use message = {
        .object_id = rows->made.object_id, .is_wrapped = 1, .record = record};

    PS_TRY(trial_ask_check(rows->key.type, rows->made.check, &message));
    return tokens_call(token, &msg_token_use_info, &message, 0, on_used, attempt);
}

static enum ps_err use(struct drill_try *attempt, struct token *token, struct ps_bytes record)
{
    const struct rows *rows = &attempt->rows;
    struct trial_spec spec = {.place = {.token = token},
                              .object_id = rows->made.object_id,
                              .type = rows->key.type,
                              .record = record};

    if (rows->made.public_key.len == 0) {
        return use_secret(attempt, token, record);
    }
    PS_TRY(public_key_from_spki(rows->made.public_key, &attempt->public_key));
    if (rows->key.usage == PS_USAGE_SIGN || rows->key.usage == PS_USAGE_CERTIFY) {
        return sign(attempt, token, record);
    }
    spec.public_key = attempt->public_key;
    return trial_begin(&attempt->trial, &spec, on_tried, attempt);
}

static bool is_over(enum key_state state)
{
    return state == KEY_DESTROYED || state == KEY_WITHDRAWN || state == KEY_COMPROMISED;
}

bool drill_try_is_over(const struct keeper *keeper, struct ps_bytes name, uint32_t number)
{
    const struct key *key = keys_here(keeper->keys, name);
    const struct key_version *version = key == NULL ? NULL : key_version(key, number);

    return key != NULL && (is_over(key->state) || (version != NULL && is_over(version->state)));
}

static const struct key_version *live_version(const struct keeper *keeper, const struct rows *rows)
{
    const struct key *key = keys_find(keeper->keys, rows->key.name);

    return key == NULL ? NULL : key_version(key, rows->made.number);
}

/* What was destroyed since is not brought back, not even for a moment, and what leaked not used. */
static bool is_usable(const struct key_version *version)
{
    return version != NULL && !is_over(version->state) && !is_over(version->key->state);
}

/* The catalog's row, which nobody signs, may name any key: one in the token is none of it. */
static bool is_of(const struct key_version *version, const struct rows *rows)
{
    return version->key->is_wrapped &&
           ps_bytes_equal(version_object_id(version), rows->made.object_id);
}

static struct msg_token_destroy close_message(const struct drill_try *attempt)
{
    return (struct msg_token_destroy){.object_id = attempt->rows.made.object_id, .only_open = 1};
}

/* It is open nowhere now. */
static void on_closed(void *context)
{
    struct drill_try *attempt = context;

    if (use(attempt, attempt->token, ps_buf_bytes(&attempt->record)) != PS_OK) {
        finish(attempt, DRILL_GONE, ps_detail()->text);
    }
}

/* A process that has it open would not look at the backup's record. */
static void close_and_use(struct drill_try *attempt)
{
    const struct msg_token_destroy message = close_message(attempt);

    attempt->closing = (struct tokens_telling){.done = on_closed, .context = attempt};
    tokens_tell_all_and_wait(attempt->token, &msg_token_destroy_info, &message, &attempt->closing);
}

void drill_try_end(struct drill_try *attempt)
{
    if (attempt != NULL && attempt->token != NULL) {
        const struct msg_token_destroy message = close_message(attempt);

        tokens_tell_all(attempt->token, &msg_token_destroy_info, &message);
    }
    drill_try_free(attempt);
}

const struct token *drill_try_token(const struct drill_try *attempt, bool *ret_is_other)
{
    if (attempt == NULL || attempt->token == NULL) {
        return NULL;
    }
    *ret_is_other = attempt->is_other_token;
    return attempt->token;
}

static struct token *choose_token(const struct keeper *keeper, const struct key_version *wrapping,
                                  bool *ret_is_other)
{
    struct token *own = NULL;
    struct token *token;

    *ret_is_other = true;
    for (size_t i = 0; (token = tokens_at(keeper->tokens, i)) != NULL; i++) {
        if (!tokens_is_ready(token) || !version_is_on(wrapping, tokens_name(token))) {
            continue;
        }
        if (!ps_bytes_equal_str(tokens_name(token), wrapping->key->token)) {
            return token;
        }
        own = token;
    }
    *ret_is_other = false;
    return own;
}

static enum ps_err prepare(struct drill_try *attempt, const struct keeper *keeper)
{
    const struct rows *rows = &attempt->rows;
    const uint32_t number = rows->wrapped.wrapping;
    struct wrapping_keys keys;

    if (!wrapping_keys_at(keeper, number, &keys)) {
        return ps_fail(PS_E_INPUT, 0, "there is no version %u of the key that wrapped %.*s", number,
                       PS_BYTES_FMT(rows->key.name));
    }
    PS_TRY(put_record(rows, &keys, &attempt->record));
    attempt->token = choose_token(keeper, keys.wrapping, &attempt->is_other_token);
    return attempt->token != NULL
               ? PS_OK
               : ps_fail(PS_E_TOKEN, 0,
                         "no token is there that holds version %u of the key which wrapped %.*s",
                         number, PS_BYTES_FMT(rows->key.name));
}

enum ps_err drill_try_begin(const struct keeper *keeper, const struct drilled_key *key,
                            drill_try_fn *fn, void *context, struct drill_try **ret_try)
{
    PS_CLEANUP(drill_try_free_cleanup) struct drill_try *attempt = calloc(1, sizeof *attempt);
    const struct key_version *version;

    if (attempt == NULL) {
        return ps_fail(PS_E_NO_MEMORY, 0, "out of memory");
    }
    attempt->fn = fn;
    attempt->context = context;
    ps_buf_init(&attempt->record, TOKEN_RECORD_MAX);
    PS_TRY(read_rows(key, &attempt->rows));
    version = live_version(keeper, &attempt->rows);
    if (!is_usable(version) || !is_of(version, &attempt->rows)) {
        *ret_try = attempt;
        attempt = NULL;
        finish(*ret_try, is_usable(version) ? DRILL_BAD : DRILL_PASSED_OVER,
               is_usable(version) ? "the record is of a key that is not wrapped, or not this one"
                                  : "it is not to be used");
        return PS_OK;
    }
    PS_TRY(prepare(attempt, keeper));
    *ret_try = attempt;
    attempt = NULL;
    close_and_use(*ret_try);
    return PS_OK;
}
