#include "keystore/operations/internal.h"

#include "keystore/custody/records.h"
#include "keystore/tokens/trial.h"
#include "lib/base/line.h"
#include "lib/formats/public_key/public_key.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

/* An RSA key of 4096 bits may take a slow token its time. */
#define GENERATE_LIMIT_MS 180000u
#define ATTEMPTS          2u

/* What a new key signs to show that it works; said, so that it can never be taken for anything. */
static const char test_text[] = "privyseal: test signature of a new key, of no meaning: ";

/* A key pair on its way: generated, then tried. */
struct make {
    struct object *object;
    const struct make_calls *calls;
    void *context;
    bool looks_first;
    bool makes_anew;
    enum ps_key_type type;
    enum ps_alg algorithm; /* of the test signature; NONE: it cannot sign */
    enum ps_usage usage;
    uint8_t algorithms[KEY_ALGS_MAX];
    size_t algorithm_count;
    char label[65];
    uint8_t flags;
    unsigned attempts;
    struct public_key *public_key;
    struct trial trial; /* of a key that cannot sign */
    bool is_wrapped;
    struct wrapping_keys keys; /* of a wrapped one, as the next three */
    char name[PS_NAME_MAX + 1];
    uint32_t version;
    struct ps_buf record; /* what the token is sent of it */
    uint8_t message[sizeof test_text - 1 + 32];
};

void make_free(struct make *make)
{
    if (make == NULL) {
        return;
    }
    public_key_free(make->public_key);
    ps_buf_clear(&make->record);
    free(make);
}
PS_DEFINE_CLEANUP(struct make, make_free)

static enum ps_err init_wrapped(struct make *make, const struct make_spec *spec)
{
    ps_buf_init(&make->record, TOKEN_RECORD_MAX);
    make->is_wrapped = spec->is_wrapped;
    make->version = spec->version;
    if (!spec->is_wrapped) {
        return PS_OK;
    }
    if (spec->label.len > PS_NAME_MAX || !wrapping_keys_now(spec->keeper, &make->keys)) {
        return ps_fail(PS_E_STATE, 0, "there is no wrapping key");
    }
    memcpy(make->name, spec->label.data, spec->label.len);
    return PS_OK;
}

enum ps_err make_new(const struct make_spec *spec, struct object *object,
                     const struct make_calls *calls, void *context, struct make **ret_make)
{
    PS_CLEANUP(make_free_cleanup) struct make *make = calloc(1, sizeof *make);

    if (make == NULL) {
        return ps_fail(PS_E_NO_MEMORY, 0, "out of memory");
    }
    PS_TRY(init_wrapped(make, spec));
    if (object->place.token != spec->token) {
        object->place = (struct token_place){.token = spec->token};
    }
    make->object = object;
    make->calls = calls;
    make->context = context;
    /* Of one that lives outside nothing was left in the token, and what was stored is stored anew.
     */
    make->looks_first = spec->looks_first && !spec->is_wrapped;
    make->flags = (uint8_t)((spec->is_carried ? TOKEN_KEY_EXTRACTABLE : 0) |
                            (spec->for_secrets ? TOKEN_KEY_FOR_SECRETS : 0));
    make->makes_anew = spec->makes_anew;
    make->type = spec->type;
    make->usage = spec->usage;
    make->algorithm_count = spec->algorithm_count;
    for (size_t i = 0; i < spec->algorithm_count; i++) {
        make->algorithms[i] = (uint8_t)spec->algorithms[i];
    }
    memcpy(make->label, spec->label.data,
           spec->label.len < sizeof make->label ? spec->label.len : sizeof make->label - 1);
    if (spec->usage == PS_USAGE_SIGN || spec->usage == PS_USAGE_CERTIFY) {
        make->algorithm = spec->algorithms[0];
    }
    memcpy(make->message, test_text, sizeof test_text - 1);
    ps_random(make->message + sizeof test_text - 1, 32);
    *ret_make = make;
    make = NULL;
    return PS_OK;
}

static struct ps_bytes object_id(const struct make *make)
{
    return ps_bytes(make->object->id, OBJECT_ID_LEN);
}

/* The maker may be freed by whoever hears this. */
PS_PRINTF(3, 4)
static void fail(const struct make *make, enum ps_problem problem, const char *format, ...)
{
    char detail[200];
    va_list args;

    va_start(args, format);
    (void)vsnprintf(detail, sizeof detail, format, args);
    va_end(args);
    make->calls->failed(make->context, problem, detail);
}

static void fail_with(const struct make *make, enum ps_err err)
{
    const bool is_ours = err == PS_E_STORAGE || err == PS_E_INTERNAL;

    fail(make, ps_problem_of_err(err), "%s", is_ours ? "an internal error" : ps_detail()->text);
}

/* Whatever comes next for the object is asked of the process that answered. */
static void note_answer(const struct make *make, const struct token_answer *answer)
{
    if (make->calls->answered != NULL) {
        make->calls->answered(make->context, answer);
    }
    if (answer->process != NULL) {
        make->object->place.number = tokens_process_number(answer->process);
        make->object->place.is_known = true;
    }
}

static struct ps_bytes spki_of(const struct make *make)
{
    return make->public_key == NULL ? ps_bytes(NULL, 0) : public_key_spki(make->public_key);
}

static void finish(struct make *make)
{
    const struct made made = {
        .spki = spki_of(make),
        .kid = "",
        .check = trial_check_value(&make->trial),
    };
    char kid[PUBLIC_KEY_KID_LEN + 1] = "";
    struct made with_kid = made;

    if (make->public_key != NULL) {
        const struct ps_bytes text = public_key_kid(make->public_key);

        memcpy(kid, text.data, text.len < sizeof kid ? text.len : sizeof kid - 1);
    }
    with_kid.kid = kid;
    make->calls->made(make->context, &with_kid);
}

static enum ps_err generate(struct make *make);

static void on_cleared(void *context, const struct token_answer *answer)
{
    struct make *make = context;

    note_answer(make, answer);
    if (answer->outcome == TOKEN_ANSWERED ||
        (answer->outcome == TOKEN_REFUSED && answer->problem->problem == PS_PROBLEM_NOT_FOUND)) {
        const enum ps_err err = generate(make);

        if (err != PS_OK) {
            fail_with(make, err);
        }
        return;
    }
    fail(make, PS_PROBLEM_TOKEN_UNAVAILABLE, "the token did not make the key");
}

/* What there is of the key goes, and it is made once more under the same id. */
static enum ps_err make_anew(struct make *make)
{
    const struct msg_token_destroy message = {.object_id = object_id(make)};

    public_key_free(make->public_key);
    make->public_key = NULL;
    if (make->is_wrapped) {
        return generate(make);
    }
    return tokens_call_at(&make->object->place, &msg_token_destroy_info, &message, 0, on_cleared,
                          make);
}

/*
 * Soft tokens with several processes fail now and then for a moment, when one reads what another
 * writes.
 */
static bool try_again(struct make *make, const struct msg_problem *problem)
{
    if (make->attempts >= ATTEMPTS || (problem->problem != PS_PROBLEM_TOKEN_UNAVAILABLE &&
                                       problem->problem != PS_PROBLEM_NOT_FOUND)) {
        return false;
    }
    ps_line(PS_WARNING, "key_made_again", PS_STR("key", make->label),
            PS_TEXT("detail", problem->detail));
    return make_anew(make) == PS_OK;
}

/* "Verify in software": a key whose signatures do not verify never comes into the catalog. */
static enum ps_err check_signature(struct make *make, struct ps_bytes signature)
{
    const struct ps_key_type_info *type = ps_key_type_info(make->type);

    if (signature.len != type->signature_max) {
        return ps_fail(PS_E_TOKEN, 0, "the test signature has %zu octets", signature.len);
    }
    if (public_key_verify(make->public_key, make->algorithm,
                          ps_bytes(make->message, sizeof make->message), signature) != PS_OK) {
        return ps_fail(PS_E_TOKEN, 0, "the test signature does not verify");
    }
    return PS_OK;
}

static void on_signed(void *context, const struct token_answer *answer)
{
    struct make *make = context;
    const struct msg_token_signed *message = answer->message;

    if (answer->outcome == TOKEN_REFUSED) {
        if (try_again(make, answer->problem)) {
            return;
        }
        fail(make, PS_PROBLEM_TOKEN_UNAVAILABLE, "the token did not make the test signature: %.*s",
             PS_BYTES_FMT(answer->problem->detail));
        return;
    }
    if (answer->outcome != TOKEN_ANSWERED || answer->info != &msg_token_signed_info) {
        fail(make, PS_PROBLEM_TOKEN_UNAVAILABLE,
             "the token process went away while it made the test signature");
        return;
    }
    if (check_signature(make, message->signature) != PS_OK) {
        fail(make, PS_PROBLEM_TOKEN_UNAVAILABLE, "%s", ps_detail()->text);
        tokens_condemn(answer->process, "wrong-signature");
        return;
    }
    finish(make);
}

static void on_tried(void *context, enum trial_result result, const struct token_answer *answer)
{
    struct make *make = context;

    switch (result) {
    case TRIAL_GOOD:
        finish(make);
        break;
    case TRIAL_WRONG:
        fail(make, PS_PROBLEM_TOKEN_UNAVAILABLE, "the new key does not undo what it is to undo");
        tokens_condemn(answer->process, "wrong-answer");
        break;
    case TRIAL_REFUSED:
        if (!try_again(make, answer->problem)) {
            fail(make, PS_PROBLEM_TOKEN_UNAVAILABLE,
                 "the token does not do what the key is for: %.*s",
                 PS_BYTES_FMT(answer->problem->detail));
        }
        break;
    case TRIAL_GONE:
        fail(make, PS_PROBLEM_TOKEN_UNAVAILABLE,
             "the token process went away while it tried the key");
        break;
    }
}

/* Of a key that makes no signatures. */
static void try_use(struct make *make)
{
    const struct trial_spec spec = {.place = make->object->place,
                                    .object_id = object_id(make),
                                    .type = make->type,
                                    .public_key = make->public_key,
                                    .record = ps_buf_bytes(&make->record)};
    const enum ps_err err = trial_begin(&make->trial, &spec, on_tried, make);

    if (err != PS_OK) {
        fail_with(make, err);
    }
}

static void try_key(struct make *make)
{
    const struct ps_alg_info *info = ps_alg_info(make->algorithm);
    const struct ps_bytes message = ps_bytes(make->message, sizeof make->message);
    uint8_t digest[PS_HASH_MAX];
    struct msg_token_sign sign = {.object_id = object_id(make),
                                  .algorithm = (uint8_t)make->algorithm,
                                  .key_type = (uint8_t)make->type,
                                  .data = message,
                                  .is_wrapped = make->is_wrapped,
                                  .record = ps_buf_bytes(&make->record)};
    enum ps_err err;

    if (info == NULL && make->usage == PS_USAGE_WRAP) {
        finish(make);
        return;
    }
    if (info == NULL) {
        try_use(make);
        return;
    }
    if (!info->signs_message) {
        ps_hash_parts(info->hash, &message, 1, digest);
        sign.data = ps_bytes(digest, ps_hash_len(info->hash));
    }
    err = tokens_call_at(&make->object->place, &msg_token_sign_info, &sign, 0, on_signed, make);
    if (err != PS_OK) {
        fail_with(make, err);
    }
}

static enum ps_err take_public_key(struct make *make, struct ps_bytes spki)
{
    if (ps_key_type_info(make->type)->family == PS_FAMILY_SECRET) {
        return PS_OK;
    }
    if (public_key_from_spki(spki, &make->public_key) != PS_OK) {
        return ps_fail(PS_E_TOKEN, 0, "the token gave no valid public key");
    }
    if (public_key_type(make->public_key) != make->type) {
        return ps_fail(PS_E_TOKEN, 0, "the token made a key of another type");
    }
    return PS_OK;
}

/* The octets for the token, now that there is more to say. */
static enum ps_err put_record(struct make *make, const struct record_made *made)
{
    enum ps_alg algorithms[KEY_ALGS_MAX];
    const struct record_of of = {.key = ps_bytes_str(make->name),
                                 .version = make->version,
                                 .type = make->type,
                                 .usage = make->usage,
                                 .algorithms = algorithms,
                                 .algorithm_count = make->algorithm_count};

    for (size_t i = 0; i < make->algorithm_count; i++) {
        algorithms[i] = (enum ps_alg)make->algorithms[i];
    }
    ps_buf_reset(&make->record);
    return record_put(&of, &make->keys, made, &make->record);
}

static enum ps_err take_wrapped(struct make *make, const struct msg_token_wrapped *message)
{
    const struct wrapped_row row = {.blob = message->blob,
                                    .mac = message->mac,
                                    .key = ps_bytes_str(make->name),
                                    .version = make->version,
                                    .wrapping = make->keys.wrapping->number};
    struct ps_buf *out = &make->object->wrapped;

    if (message->blob.len == 0 || message->mac.len != WRAPPED_MAC_LEN) {
        return ps_fail(PS_E_TOKEN, 0, "the token gave no wrapped key");
    }
    PS_TRY(take_public_key(make, message->public_key));
    ps_buf_clear(out);
    ps_buf_init(out, CATALOG_BODY_MAX);
    wrapped_row_put(&row, out);
    PS_TRY(ps_buf_status(out));
    return put_record(make, &(struct record_made){.public_key = spki_of(make),
                                                  .blob = message->blob,
                                                  .mac = message->mac});
}

static enum ps_err take_made(struct make *make, const struct token_answer *answer)
{
    const struct ipc_message *due =
        make->is_wrapped ? &msg_token_wrapped_info : &msg_token_generated_info;

    if (answer->outcome != TOKEN_ANSWERED || answer->info != due) {
        return ps_fail(PS_E_TOKEN, 0, "the token process went away while it made the key");
    }
    return make->is_wrapped
               ? take_wrapped(make, answer->message)
               : take_public_key(make,
                                 ((const struct msg_token_generated *)answer->message)->public_key);
}

static void on_generated(void *context, const struct token_answer *answer)
{
    struct make *make = context;

    note_answer(make, answer);
    if (answer->outcome == TOKEN_REFUSED) {
        const enum ps_problem problem = (enum ps_problem)answer->problem->problem;

        if (try_again(make, answer->problem)) {
            return;
        }
        fail(make,
             problem == PS_PROBLEM_KEY_MISMATCH || problem == PS_PROBLEM_REFUSED
                 ? PS_PROBLEM_REFUSED
                 : PS_PROBLEM_TOKEN_UNAVAILABLE,
             "the token did not make the key: %.*s", PS_BYTES_FMT(answer->problem->detail));
        return;
    }
    if (take_made(make, answer) != PS_OK) {
        fail(make, PS_PROBLEM_TOKEN_UNAVAILABLE, "%s", ps_detail()->text);
        return;
    }
    try_key(make);
}

static enum ps_err generate_wrapped(struct make *make)
{
    struct msg_token_make_wrapped message = {.object_id = object_id(make),
                                             .key_type = (uint8_t)make->type};

    PS_TRY(put_record(make, &(struct record_made){.blob = {NULL, 0}}));
    message.record = ps_buf_bytes(&make->record);
    return tokens_call_at(&make->object->place, &msg_token_make_wrapped_info, &message,
                          GENERATE_LIMIT_MS, on_generated, make);
}

static enum ps_err generate(struct make *make)
{
    const struct msg_token_generate message = {
        .object_id = object_id(make),
        .label = ps_bytes_str(make->label),
        .key_type = (uint8_t)make->type,
        .usage = (uint8_t)make->usage,
        .flags = make->flags,
        .algorithms = ps_bytes(make->algorithms, make->algorithm_count),
    };

    make->attempts++;
    if (make->is_wrapped) {
        return generate_wrapped(make);
    }
    return tokens_call_at(&make->object->place, &msg_token_generate_info, &message,
                          GENERATE_LIMIT_MS, on_generated, make);
}

static void on_found(void *context, const struct token_answer *answer)
{
    struct make *make = context;
    const struct msg_token_found *message = answer->message;
    const bool is_secret = ps_key_type_info(make->type)->family == PS_FAMILY_SECRET;
    const uint8_t whole = is_secret ? TOKEN_HAS_SECRET : TOKEN_HAS_PRIVATE | TOKEN_HAS_PUBLIC;

    note_answer(make, answer);
    if (answer->outcome == TOKEN_ANSWERED && answer->info == &msg_token_found_info &&
        (message->has & whole) == whole && take_public_key(make, message->public_key) == PS_OK) {
        try_key(make);
        return;
    }
    if (!make->makes_anew) {
        /* Nothing, or a part: whatever it is goes, and the operation was not done. */
        fail(make, PS_PROBLEM_TOKEN_UNAVAILABLE,
             "the key was not whole when the appliance came back");
    } else if (answer->outcome == TOKEN_GONE || make_anew(make) != PS_OK) {
        fail(make, PS_PROBLEM_TOKEN_UNAVAILABLE, "the token process went away");
    }
}

static enum ps_err look(struct make *make)
{
    const struct msg_token_find message = {.object_id = object_id(make),
                                           .key_type = (uint8_t)make->type};

    return tokens_call_at(&make->object->place, &msg_token_find_info, &message, 0, on_found, make);
}

enum ps_err make_begin(struct make *make)
{
    return make->looks_first ? look(make) : generate(make);
}
