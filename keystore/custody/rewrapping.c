#include "keystore/custody/rewrapping.h"

#include "keystore/catalog/wrapped_record.h"
#include "keystore/keys/key_cache.h"
#include "keystore/tokens/trial.h"
#include "keystore/writer.h"
#include "lib/base/hash.h"
#include "lib/base/line.h"
#include "lib/formats/public_key/public_key.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>

#define TEXT_LEN 32u
#define WHY_MAX  160u

/* Of REWRAPPING_LEFT_SHOWN keys, with every octet of `why` escaped. */
#define SHOWN_MAX (24u * 1024u)

/* A key at which so many copies were lost is left; after so many of them in a row it is the token.
 */
#define LOSSES_MAX   3u
#define GIVEN_UP_MAX 3u

struct rewrapping {
    struct rewrapping_spec spec;
    const struct rewrapping_calls *calls;
    void *context;
    uint8_t copy_ids[2][OBJECT_ID_MAX];
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

static void go_on(struct rewrapping *rewrapping)
{
    rewrapping->spec.progress->reached = rewrapping->due;
    let_go(rewrapping);
    ps_defer_arm(rewrapping->step);
}

/* --- What stays as it was --- */

void rewrapping_progress_init(struct rewrapping_progress *progress)
{
    *progress = (struct rewrapping_progress){.left = 0};
    ps_buf_init(&progress->shown, SHOWN_MAX);
}

void rewrapping_progress_clear(struct rewrapping_progress *progress)
{
    ps_buf_clear(&progress->shown);
}

/* What is not known to be of a key is told by its object id. */
static void show(struct rewrapping *rewrapping, const char *why)
{
    struct ps_buf *out = &rewrapping->spec.progress->shown;
    const struct key_version *version = rewrapping->version;
    struct writer json = writer(out);

    if (out->len != 0) {
        ps_buf_put_u8(out, ',');
    }
    writer_begin_object(&json, NULL);
    if (version != NULL) {
        writer_str(&json, "key", version->key->name);
        writer_number(&json, "version", version->number);
    } else {
        writer_hex(&json, "object",
                   ps_bytes(rewrapping->due.object_id, rewrapping->due.object_id_len));
    }
    writer_str(&json, "why", why);
    writer_end_object(&json);
}

static void leave(struct rewrapping *rewrapping, const char *what, bool is_damaged)
{
    struct rewrapping_progress *progress = rewrapping->spec.progress;
    const struct key_version *version = rewrapping->version;
    char why[WHY_MAX];

    (void)snprintf(why, sizeof why, "%s", what);
    if (progress->left++ < REWRAPPING_LEFT_SHOWN) {
        show(rewrapping, why);
        ps_line(PS_WARNING, "key_not_rewrapped",
                PS_STR("key", version == NULL ? "" : version->key->name),
                PS_NUM("version", version == NULL ? 0 : version->number), PS_STR("detail", why));
    }
    if (progress->left == 1) {
        (void)snprintf(progress->first, sizeof progress->first, "%.60s, version %u: %s",
                       version == NULL ? "(no key)" : version->key->name,
                       version == NULL ? 0 : version->number, why);
    }
    if (is_damaged && version != NULL) {
        record_alarm(rewrapping->spec.keeper, version);
    }
    go_on(rewrapping);
}

/* Of the key that is under way, and not of the token, the disk or the memory. */
static bool is_of_key(enum ps_err err)
{
    return err == PS_E_INPUT || err == PS_E_DENIED || err == PS_E_NOT_FOUND ||
           err == PS_E_CONFLICT || err == PS_E_STATE || err == PS_E_LIMIT || err == PS_E_INTERNAL;
}

static enum ps_err leave_if_of_key(struct rewrapping *rewrapping, enum ps_err err, bool is_record)
{
    if (!is_of_key(err)) {
        return err;
    }
    leave(rewrapping, ps_detail()->text, is_record && err == PS_E_STATE);
    return PS_OK;
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
    const enum ps_err err = rewrapping->is_wrapped
                                ? leave_if_of_key(rewrapping, try_it(rewrapping), false)
                                : ask_next(rewrapping);

    if (err == PS_E_NOT_FOUND) {
        end(rewrapping, REWRAPPING_DONE, "");
    } else if (err == PS_E_TOKEN || err == PS_E_BUSY) {
        end(rewrapping, REWRAPPING_AWAY, "the token is away");
    } else if (err != PS_OK) {
        end(rewrapping, REWRAPPING_FAILED, ps_detail()->text);
    }
}

static bool is_away(const struct token_answer *answer)
{
    return answer->outcome == TOKEN_GONE ||
           (answer->outcome == TOKEN_REFUSED &&
            (answer->problem->problem == PS_PROBLEM_TOKEN_UNAVAILABLE ||
             answer->problem->problem == PS_PROBLEM_STOPPING ||
             answer->problem->problem == PS_PROBLEM_OVERLOADED));
}

static bool is_same_row(const struct record_due *a, const struct record_due *b)
{
    return ps_bytes_equal(ps_bytes(a->object_id, a->object_id_len),
                          ps_bytes(b->object_id, b->object_id_len));
}

/* The copy is lost with its process, or will be: it is the key's doing if it is so each time. */
static void lose_copy(struct rewrapping *rewrapping)
{
    struct rewrapping_progress *progress = rewrapping->spec.progress;

    progress->losses = is_same_row(&progress->lost_at, &rewrapping->due) ? progress->losses + 1 : 1;
    progress->lost_at = rewrapping->due;
    if (progress->given_up < GIVEN_UP_MAX) {
        end(rewrapping, REWRAPPING_AWAY, "the token did not answer");
    } else {
        end(rewrapping, REWRAPPING_FAILED,
            "the token does not answer, whichever key it is asked to wrap anew");
    }
}

static void refuse(struct rewrapping *rewrapping, const struct token_answer *answer,
                   const char *what)
{
    const bool says_why = answer->outcome == TOKEN_REFUSED;
    char detail[WHY_MAX];

    if (is_away(answer)) {
        lose_copy(rewrapping);
        return;
    }
    (void)snprintf(detail, sizeof detail, "%s%s%.*s", what, says_why ? ": " : "",
                   says_why ? (int)answer->problem->detail.len : 0,
                   says_why ? (const char *)answer->problem->detail.data : "");
    rewrapping->spec.progress->given_up = 0;
    leave(rewrapping, detail, false);
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
    rewrapping->spec.progress->given_up = 0;
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

static void on_shown(void *context, const struct token_answer *answer)
{
    struct rewrapping *rewrapping = context;
    const struct msg_token_used *message = answer->message;

    if (answer->outcome == TOKEN_ANSWERED && answer->info == &msg_token_used_info &&
        message->is_wrong == 0) {
        take_good(rewrapping);
    } else {
        refuse(rewrapping, answer, "what was wrapped anew is another key; it stays as it was");
    }
}

/* Nothing is encrypted: each encryption of a key counts. */
static enum ps_err try_secret(struct rewrapping *rewrapping)
{
    const struct key_version *version = rewrapping->version;
    struct msg_token_use message = {.object_id = version_object_id(version),
                                    .is_wrapped = 1,
                                    .record = ps_buf_bytes(&rewrapping->record)};

    PS_TRY(trial_ask_check(version->key->type, ps_bytes(version->check, version->check_len),
                           &message));
    return tokens_call_at(&rewrapping->spec.place, &msg_token_use_info, &message, 0, on_shown,
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
    if (ps_key_type_info(version->key->type)->family == PS_FAMILY_SECRET) {
        return try_secret(rewrapping);
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
        rewrapping->spec.progress->given_up = 0;
        leave(rewrapping, "what is stored of it is not what the token made", true);
        return;
    }
    if (answer->outcome != TOKEN_ANSWERED || answer->info != &msg_token_wrapped_info) {
        refuse(rewrapping, answer, "the token did not wrap it anew");
        return;
    }
    err = put_new(rewrapping, answer->message);
    if (err == PS_OK) {
        rewrapping->is_wrapped = true;
        ps_defer_arm(rewrapping->step);
    } else if (leave_if_of_key(rewrapping, err, false) != PS_OK) {
        end(rewrapping, REWRAPPING_FAILED, ps_detail()->text);
    }
}

static enum ps_err ask(struct rewrapping *rewrapping)
{
    const struct key_version *version = rewrapping->version;
    PS_BUF_AUTO record = {.max = TOKEN_RECORD_MAX};
    struct msg_token_rewrap message = {
        .object_id = version_object_id(version),
        .key_type = (uint8_t)version->key->type,
        .wrapping_id =
            version_object_id(wrapping_keys_for(&rewrapping->spec.to, version->key->type)),
        .mac_id = version_object_id(rewrapping->spec.to.mac),
    };

    PS_TRY(record_of_version(rewrapping->spec.keeper, version, &record));
    message.record = ps_buf_bytes(&record);
    message.copy_id = ps_key_type_info(version->key->type)->family == PS_FAMILY_SECRET
                          ? rewrapping->spec.secrets_copy_id
                          : rewrapping->spec.copy_id;
    return tokens_call_at(&rewrapping->spec.place, &msg_token_rewrap_info, &message, 0,
                          on_rewrapped, rewrapping);
}

/* The key that the row is of, pinned. */
static enum ps_err take_version(struct rewrapping *rewrapping)
{
    const struct record_due *due = &rewrapping->due;
    const struct key_version *version;

    if (due->is_unclear) {
        return ps_fail(PS_E_LIMIT, 0, "it is of a key that is being made, or of no known form");
    }
    PS_TRY(record_owner(rewrapping->spec.keeper, ps_bytes(due->object_id, due->object_id_len),
                        &version));
    rewrapping->version = key_version(version->key, version->number);
    key_pin(rewrapping->version->key);
    return PS_OK;
}

static enum ps_err take_next(struct rewrapping *rewrapping)
{
    struct rewrapping_progress *progress = rewrapping->spec.progress;

    PS_TRY(take_version(rewrapping));
    if (progress->losses >= LOSSES_MAX && is_same_row(&progress->lost_at, &rewrapping->due)) {
        progress->given_up++;
        return ps_fail(PS_E_LIMIT, 0, "the token went away each time that it was to wrap it anew");
    }
    return ask(rewrapping);
}

/* One row in a turn, also if it is left; PS_E_NOT_FOUND: there is none any more. */
static enum ps_err ask_next(struct rewrapping *rewrapping)
{
    PS_TRY(records_next_under(rewrapping->spec.keeper, rewrapping->spec.from,
                              &rewrapping->spec.progress->reached, &rewrapping->due));
    return leave_if_of_key(rewrapping, take_next(rewrapping), true);
}

static struct ps_bytes keep_id(uint8_t to[OBJECT_ID_MAX], struct ps_bytes id)
{
    assert(id.len <= OBJECT_ID_MAX);
    memcpy(to, id.data, id.len);
    return ps_bytes(to, id.len);
}

enum ps_err rewrapping_begin(const struct rewrapping_spec *spec,
                             const struct rewrapping_calls *calls, void *context,
                             struct rewrapping **ret_rewrapping)
{
    PS_CLEANUP(rewrapping_free_cleanup)
    struct rewrapping *rewrapping = calloc(1, sizeof *rewrapping);

    if (rewrapping == NULL) {
        return ps_fail(PS_E_NO_MEMORY, 0, "out of memory");
    }
    rewrapping->spec = *spec;
    rewrapping->spec.copy_id = keep_id(rewrapping->copy_ids[0], spec->copy_id);
    rewrapping->spec.secrets_copy_id = keep_id(rewrapping->copy_ids[1], spec->secrets_copy_id);
    rewrapping->calls = calls;
    rewrapping->context = context;
    ps_buf_init(&rewrapping->row, CATALOG_BODY_MAX);
    ps_buf_init(&rewrapping->record, TOKEN_RECORD_MAX);
    PS_TRY(ps_defer_new(spec->keeper->loop, on_step, rewrapping, &rewrapping->step));
    ps_defer_arm(rewrapping->step);
    *ret_rewrapping = rewrapping;
    rewrapping = NULL;
    return PS_OK;
}
