#include "keystore/custody/rewrapping.h"

#include "keystore/catalog/wrapped_record.h"
#include "keystore/key_cache.h"
#include "keystore/tokens/trial.h"
#include "lib/base/hash.h"
#include "lib/formats/public_key/public_key.h"

#include <stdio.h>
#include <stdlib.h>

#define TEXT_LEN 32u

struct rewrapping {
    struct rewrapping_spec spec;
    const struct rewrapping_calls *calls;
    void *context;
    uint8_t copy_id[OBJECT_ID_MAX];
    struct record_due due;
    struct key_version *version; /* that it is of, pinned; NULL: none is under way */
    struct ps_buf row;           /* what its row will be */
    struct ps_buf record;        /* the same for a token process */
    struct trial trial;          /* of a key that makes no signatures */
    struct ps_defer *step;       /* go_on or try_it, when others had their turn */
    bool is_wrapped;             /* the version that is under way: it is to be tried */
    uint8_t text[TEXT_LEN];      /* what one that does signs to show that it is the same */
};

static void let_go(struct rewrapping *rewrapping)
{
    if (rewrapping->version != NULL) {
        key_unpin(rewrapping->version->key);
        rewrapping->version = NULL;
    }
    rewrapping->is_wrapped = false;
}

void rewrapping_free(struct rewrapping *rewrapping)
{
    if (rewrapping == NULL) {
        return;
    }
    let_go(rewrapping);
    ps_defer_free(rewrapping->step);
    ps_buf_clear(&rewrapping->row);
    ps_buf_clear(&rewrapping->record);
    free(rewrapping);
}
PS_DEFINE_CLEANUP(struct rewrapping, rewrapping_free)

/* Whoever hears of it may free this. */
static void end(struct rewrapping *rewrapping, enum rewrapping_end how, const char *detail)
{
    let_go(rewrapping);
    rewrapping->calls->ended(rewrapping->context, how, detail);
}

static enum ps_err ask_next(struct rewrapping *rewrapping);
static enum ps_err try_it(struct rewrapping *rewrapping);

/*
 * A token process whose only session is asked for something else gets no signature. Were the next
 * request sent from within the answer to the one before, it would never be free for one.
 */
static void on_step(void *context)
{
    struct rewrapping *rewrapping = context;
    const enum ps_err err = rewrapping->is_wrapped ? try_it(rewrapping) : ask_next(rewrapping);

    if (err == PS_E_NOT_FOUND) {
        end(rewrapping, REWRAPPING_DONE, "");
    } else if (err == PS_E_TOKEN) {
        end(rewrapping, REWRAPPING_AWAY, "the token is away");
    } else if (err != PS_OK) {
        end(rewrapping, REWRAPPING_FAILED, ps_detail()->text);
    }
}

static void go_on(struct rewrapping *rewrapping)
{
    let_go(rewrapping);
    ps_defer_arm(rewrapping->step);
}

static bool is_away(const struct token_answer *answer)
{
    return answer->outcome == TOKEN_GONE ||
           (answer->outcome == TOKEN_REFUSED &&
            (answer->problem->problem == PS_PROBLEM_TOKEN_UNAVAILABLE ||
             answer->problem->problem == PS_PROBLEM_OVERLOADED));
}

static void refuse(struct rewrapping *rewrapping, const struct token_answer *answer,
                   const char *what)
{
    const struct key_version *version = rewrapping->version;
    char detail[200];

    if (is_away(answer)) {
        end(rewrapping, REWRAPPING_AWAY, "the token did not answer");
        return;
    }
    (void)snprintf(detail, sizeof detail, "%s, version %u: %s", version->key->name, version->number,
                   what);
    end(rewrapping, REWRAPPING_FAILED, detail);
}

/* --- Its row --- */

/* Who changed or removed it meanwhile had a reason: it is looked at again, or it is gone. */
static enum ps_err replace_row(struct rewrapping *rewrapping)
{
    PS_BUF_AUTO name = {.max = 2 * OBJECT_ID_MAX};
    struct catalog_change change = {.kind = CATALOG_WRAPPED,
                                    .expected = rewrapping->due.revision,
                                    .body = ps_buf_bytes(&rewrapping->row)};
    enum ps_err err;

    record_put_name(ps_bytes(rewrapping->due.object_id, rewrapping->due.object_id_len), &name);
    change.name = ps_buf_bytes(&name);
    err = catalog_apply(rewrapping->spec.keeper->catalog, &change, 1, 0, NULL);
    return err == PS_E_CONFLICT || err == PS_E_NOT_FOUND ? PS_OK : err;
}

static void take_good(struct rewrapping *rewrapping)
{
    const enum ps_err err = replace_row(rewrapping);

    if (err != PS_OK) {
        end(rewrapping, REWRAPPING_FAILED, "disk or database failed");
        return;
    }
    rewrapping->calls->moved(rewrapping->context);
    go_on(rewrapping);
}

/* --- Tried before it is believed --- */

static void on_tried(void *context, enum trial_result result, const struct token_answer *answer)
{
    struct rewrapping *rewrapping = context;

    if (result == TRIAL_GOOD) {
        take_good(rewrapping);
    } else {
        refuse(rewrapping, answer, "what was wrapped anew does not decrypt; it stays as it was");
    }
}

static bool is_good_signature(const struct rewrapping *rewrapping,
                              const struct token_answer *answer)
{
    const struct msg_token_signed *message = answer->message;
    struct key_version *version = rewrapping->version;
    struct public_key *key;

    return answer->outcome == TOKEN_ANSWERED && answer->info == &msg_token_signed_info &&
           version_public_key(version, &key) == PS_OK &&
           public_key_verify(key, version->key->algorithms[0],
                             ps_bytes(rewrapping->text, sizeof rewrapping->text),
                             message->signature) == PS_OK;
}

static void on_signed(void *context, const struct token_answer *answer)
{
    struct rewrapping *rewrapping = context;

    if (is_good_signature(rewrapping, answer)) {
        take_good(rewrapping);
    } else {
        refuse(rewrapping, answer, "what was wrapped anew does not sign; it stays as it was");
    }
}

static enum ps_err try_signing(struct rewrapping *rewrapping)
{
    const struct key *key = rewrapping->version->key;
    const struct ps_alg_info *info = ps_alg_info(key->algorithms[0]);
    const struct ps_bytes text = ps_bytes(rewrapping->text, sizeof rewrapping->text);
    uint8_t digest[PS_HASH_MAX];
    struct msg_token_sign message = {.object_id = version_object_id(rewrapping->version),
                                     .algorithm = (uint8_t)key->algorithms[0],
                                     .key_type = (uint8_t)key->type,
                                     .data = text,
                                     .is_wrapped = true,
                                     .record = ps_buf_bytes(&rewrapping->record)};

    ps_random(rewrapping->text, sizeof rewrapping->text);
    if (!info->signs_message) {
        ps_hash_parts(info->hash, &text, 1, digest);
        message.data = ps_bytes(digest, ps_hash_len(info->hash));
    }
    return tokens_call_at(&rewrapping->spec.place, &msg_token_sign_info, &message, 0, on_signed,
                          rewrapping);
}

static enum ps_err try_it(struct rewrapping *rewrapping)
{
    struct key_version *version = rewrapping->version;
    struct trial_spec spec = {.place = rewrapping->spec.place,
                              .object_id = version_object_id(version),
                              .type = version->key->type,
                              .record = ps_buf_bytes(&rewrapping->record)};
    struct public_key *key = NULL;

    if (version->key->algorithm_count != 0) {
        return try_signing(rewrapping);
    }
    PS_TRY(version_public_key(version, &key));
    spec.public_key = key;
    return trial_begin(&rewrapping->trial, &spec, on_tried, rewrapping);
}

/* --- Wrapped anew --- */

static enum ps_err put_new(struct rewrapping *rewrapping, const struct msg_token_wrapped *made)
{
    const struct key_version *version = rewrapping->version;
    const struct wrapped_row row = {.blob = made->blob,
                                    .mac = made->mac,
                                    .key = ps_bytes_str(version->key->name),
                                    .version = version->number,
                                    .wrapping = rewrapping->spec.to.wrapping->number};

    if (made->blob.len == 0 || made->mac.len != WRAPPED_MAC_LEN) {
        return ps_fail(PS_E_INTERNAL, 0, "the token gave no wrapped key");
    }
    ps_buf_reset(&rewrapping->row);
    wrapped_row_put(&row, &rewrapping->row);
    PS_TRY(ps_buf_status(&rewrapping->row));
    ps_buf_reset(&rewrapping->record);
    return record_put_version(version, &rewrapping->spec.to,
                              &(struct record_made){.public_key = version_spki(version),
                                                    .blob = made->blob,
                                                    .mac = made->mac},
                              &rewrapping->record);
}

static void on_rewrapped(void *context, const struct token_answer *answer)
{
    struct rewrapping *rewrapping = context;
    enum ps_err err;

    rewrapping->calls->answered(rewrapping->context, answer);
    if (answer->outcome == TOKEN_REFUSED && answer->problem->problem == PS_PROBLEM_RECORD_DAMAGED) {
        record_alarm(rewrapping->spec.keeper, rewrapping->version);
        go_on(rewrapping);
        return;
    }
    if (answer->outcome != TOKEN_ANSWERED || answer->info != &msg_token_wrapped_info) {
        refuse(rewrapping, answer, "the token did not wrap it anew");
        return;
    }
    err = put_new(rewrapping, answer->message);
    if (err != PS_OK) {
        end(rewrapping, REWRAPPING_FAILED, ps_detail()->text);
        return;
    }
    rewrapping->is_wrapped = true;
    ps_defer_arm(rewrapping->step);
}

static enum ps_err ask(struct rewrapping *rewrapping)
{
    const struct key_version *version = rewrapping->version;
    PS_BUF_AUTO record = {.max = TOKEN_RECORD_MAX};
    struct msg_token_rewrap message = {
        .object_id = version_object_id(version),
        .key_type = (uint8_t)version->key->type,
        .copy_id = rewrapping->spec.copy_id,
        .wrapping_id = version_object_id(rewrapping->spec.to.wrapping),
        .mac_id = version_object_id(rewrapping->spec.to.mac),
    };

    PS_TRY(record_of_version(rewrapping->spec.keeper, version, &record));
    message.record = ps_buf_bytes(&record);
    return tokens_call_at(&rewrapping->spec.place, &msg_token_rewrap_info, &message, 0,
                          on_rewrapped, rewrapping);
}

/* A row that is none is told of, as one that the token does not open, and passed over. */
static enum ps_err ask_next(struct rewrapping *rewrapping)
{
    struct keeper *keeper = rewrapping->spec.keeper;

    for (;;) {
        const struct key_version *version;
        enum ps_err err;

        PS_TRY(
            records_next_under(keeper, rewrapping->spec.from, &rewrapping->due, &rewrapping->due));
        if (rewrapping->due.is_unclear) {
            continue;
        }
        PS_TRY(record_owner(
            keeper, ps_bytes(rewrapping->due.object_id, rewrapping->due.object_id_len), &version));
        rewrapping->version = key_version(version->key, version->number);
        key_pin(rewrapping->version->key);
        err = ask(rewrapping);
        if (err != PS_E_STATE) {
            return err;
        }
        record_alarm(keeper, rewrapping->version);
        let_go(rewrapping);
    }
}

enum ps_err rewrapping_begin(const struct rewrapping_spec *spec,
                             const struct rewrapping_calls *calls, void *context,
                             struct rewrapping **ret_rewrapping)
{
    PS_CLEANUP(rewrapping_free_cleanup)
    struct rewrapping *rewrapping = calloc(1, sizeof *rewrapping);

    if (rewrapping == NULL || spec->copy_id.len > sizeof rewrapping->copy_id) {
        return ps_fail(PS_E_NO_MEMORY, 0, "out of memory");
    }
    rewrapping->spec = *spec;
    memcpy(rewrapping->copy_id, spec->copy_id.data, spec->copy_id.len);
    rewrapping->spec.copy_id.data = rewrapping->copy_id;
    rewrapping->calls = calls;
    rewrapping->context = context;
    ps_buf_init(&rewrapping->row, CATALOG_BODY_MAX);
    ps_buf_init(&rewrapping->record, TOKEN_RECORD_MAX);
    PS_TRY(ps_defer_new(spec->keeper->loop, on_step, rewrapping, &rewrapping->step));
    PS_TRY(ask_next(rewrapping));
    *ret_rewrapping = rewrapping;
    rewrapping = NULL;
    return PS_OK;
}
