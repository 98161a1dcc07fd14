#include "keystore/operations/internal.h"

#include "lib/base/line.h"
#include "lib/formats/public_key.h"

#include <stdlib.h>

/* An RSA key of 4096 bits may take a slow token its time. */
#define GENERATE_LIMIT_MS 180000u
#define ATTEMPTS          2u

/* What a new key signs to show that it works; said, so that it can never be taken for anything. */
static const char test_text[] = "privyseal: test signature of a new key, of no meaning: ";

/* A key pair on its way: generated, then tried. */
struct make {
    struct operation *op;
    enum ps_key_type type;
    enum ps_alg algorithm; /* of the test signature; NONE: it cannot sign */
    enum ps_usage usage;
    uint8_t algorithms[KEY_ALGS_MAX];
    size_t algorithm_count;
    char label[65];
    uint8_t object_id[OBJECT_ID_LEN];
    unsigned attempts;
    made_fn *fn;
    struct public_key *public_key;
    uint8_t message[sizeof test_text - 1 + 32];
};

void make_free(struct make *make)
{
    if (make == NULL) {
        return;
    }
    public_key_free(make->public_key);
    free(make);
}

static struct make *begin(struct operation *op, const struct make_spec *spec,
                          const struct object *object, made_fn *fn)
{
    struct make *make = calloc(1, sizeof *make);

    op->token = spec->token;
    if (op->place.token != spec->token) {
        op->place = (struct token_place){.token = spec->token};
    }
    if (make == NULL) {
        return NULL;
    }
    make->op = op;
    make->type = spec->type;
    make->usage = spec->usage;
    make->algorithm_count = spec->algorithm_count;
    for (size_t i = 0; i < spec->algorithm_count; i++) {
        make->algorithms[i] = (uint8_t)spec->algorithms[i];
    }
    memcpy(make->label, spec->label, strnlen(spec->label, sizeof make->label - 1));
    make->fn = fn;
    if (spec->usage == PS_USAGE_SIGN || spec->usage == PS_USAGE_CERTIFY) {
        make->algorithm = spec->algorithms[0];
    }
    memcpy(make->object_id, object->id, sizeof make->object_id);
    memcpy(make->message, test_text, sizeof test_text - 1);
    ps_random(make->message + sizeof test_text - 1, 32);
    make_free(op->make);
    op->make = make;
    return make;
}

/* Whatever comes next for the operation's objects is asked of the process that answered. */
static void note_place(const struct make *make, const struct token_answer *answer)
{
    if (answer->process != NULL) {
        make->op->place.number = tokens_process_number(answer->process);
        make->op->place.is_known = true;
    }
}

static void finish(struct make *make)
{
    const struct made made = {
        .spki = make->public_key == NULL ? ps_bytes(NULL, 0) : public_key_spki(make->public_key),
        .kid = "",
    };
    char kid[PUBLIC_KEY_KID_LEN + 1] = "";
    struct made with_kid = made;

    if (make->public_key != NULL) {
        const struct ps_bytes text = public_key_kid(make->public_key);

        memcpy(kid, text.data, text.len < sizeof kid ? text.len : sizeof kid - 1);
    }
    with_kid.kid = kid;
    make->fn(make->op, &with_kid);
}

static void generate(struct make *make);

static void on_cleared(void *context, const struct token_answer *answer)
{
    struct make *make = context;

    if (answer->outcome == TOKEN_ANSWERED ||
        (answer->outcome == TOKEN_REFUSED && answer->problem->problem == PS_PROBLEM_NOT_FOUND)) {
        generate(make);
        return;
    }
    operation_failed(make->op, PS_PROBLEM_TOKEN_UNAVAILABLE, "the token did not make the key");
}

/*
 * Soft tokens with several processes fail now and then for a moment, when one reads what another
 * writes: what there is of the key goes, and it is made once more under the same id.
 */
static bool try_again(struct make *make, const struct msg_problem *problem)
{
    const struct msg_token_destroy message = {.object_id =
                                                  ps_bytes(make->object_id, OBJECT_ID_LEN)};

    if (make->attempts >= ATTEMPTS || (problem->problem != PS_PROBLEM_TOKEN_UNAVAILABLE &&
                                       problem->problem != PS_PROBLEM_NOT_FOUND)) {
        return false;
    }
    ps_line(PS_WARNING, "key_made_again", PS_STR("key", make->label),
            PS_TEXT("detail", problem->detail));
    public_key_free(make->public_key);
    make->public_key = NULL;
    return tokens_call_at(&make->op->place, &msg_token_destroy_info, &message, 0, on_cleared,
                          make) == PS_OK;
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
        operation_failed(make->op, PS_PROBLEM_TOKEN_UNAVAILABLE,
                         "the token did not make the test signature: %.*s",
                         PS_BYTES_FMT(answer->problem->detail));
        return;
    }
    if (answer->outcome != TOKEN_ANSWERED || answer->info != &msg_token_signed_info) {
        operation_failed(make->op, PS_PROBLEM_TOKEN_UNAVAILABLE,
                         "the token process went away while it made the test signature");
        return;
    }
    if (check_signature(make, message->signature) != PS_OK) {
        operation_failed(make->op, PS_PROBLEM_TOKEN_UNAVAILABLE, "%s", ps_detail()->text);
        tokens_condemn(answer->process, "wrong-signature");
        return;
    }
    finish(make);
}

static void try_key(struct make *make)
{
    const struct ps_alg_info *info = ps_alg_info(make->algorithm);
    const struct ps_bytes message = ps_bytes(make->message, sizeof make->message);
    uint8_t digest[PS_HASH_MAX];
    struct msg_token_sign sign = {.object_id = ps_bytes(make->object_id, OBJECT_ID_LEN),
                                  .algorithm = (uint8_t)make->algorithm,
                                  .key_type = (uint8_t)make->type,
                                  .data = message};
    enum ps_err err;

    if (info == NULL) {
        finish(make);
        return;
    }
    if (!info->signs_message) {
        ps_hash_parts(info->hash, &message, 1, digest);
        sign.data = ps_bytes(digest, ps_hash_len(info->hash));
    }
    err = tokens_call_at(&make->op->place, &msg_token_sign_info, &sign, 0, on_signed, make);
    if (err != PS_OK) {
        operation_failed_error(make->op, err);
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

static void on_generated(void *context, const struct token_answer *answer)
{
    struct make *make = context;
    const struct msg_token_generated *message = answer->message;

    note_place(make, answer);
    if (answer->outcome == TOKEN_REFUSED) {
        const enum ps_problem problem = (enum ps_problem)answer->problem->problem;

        if (try_again(make, answer->problem)) {
            return;
        }
        operation_failed(make->op,
                         problem == PS_PROBLEM_KEY_MISMATCH || problem == PS_PROBLEM_REFUSED
                             ? PS_PROBLEM_REFUSED
                             : PS_PROBLEM_TOKEN_UNAVAILABLE,
                         "the token did not make the key: %.*s",
                         PS_BYTES_FMT(answer->problem->detail));
        return;
    }
    if (answer->outcome != TOKEN_ANSWERED || answer->info != &msg_token_generated_info) {
        operation_failed(make->op, PS_PROBLEM_TOKEN_UNAVAILABLE,
                         "the token process went away while it made the key");
        return;
    }
    if (take_public_key(make, message->public_key) != PS_OK) {
        operation_failed(make->op, PS_PROBLEM_TOKEN_UNAVAILABLE, "%s", ps_detail()->text);
        return;
    }
    try_key(make);
}

static void generate(struct make *make)
{
    const struct msg_token_generate message = {
        .object_id = ps_bytes(make->object_id, OBJECT_ID_LEN),
        .label = ps_bytes_str(make->label),
        .key_type = (uint8_t)make->type,
        .usage = (uint8_t)make->usage,
        .algorithms = ps_bytes(make->algorithms, make->algorithm_count),
    };
    enum ps_err err;

    make->attempts++;
    make->op->objects_made = true;
    err = tokens_call_at(&make->op->place, &msg_token_generate_info, &message, GENERATE_LIMIT_MS,
                         on_generated, make);
    if (err != PS_OK) {
        operation_failed_error(make->op, err);
    }
}

void make_key(struct operation *op, const struct make_spec *spec, const struct object *object,
              made_fn *fn)
{
    struct make *make = begin(op, spec, object, fn);

    if (make == NULL) {
        operation_failed(op, PS_PROBLEM_OVERLOADED, "out of memory");
        return;
    }
    generate(make);
}

static void on_found(void *context, const struct token_answer *answer)
{
    struct make *make = context;
    const struct msg_token_found *message = answer->message;
    const bool is_secret = ps_key_type_info(make->type)->family == PS_FAMILY_SECRET;
    const uint8_t whole = is_secret ? TOKEN_HAS_SECRET : TOKEN_HAS_PRIVATE | TOKEN_HAS_PUBLIC;

    note_place(make, answer);
    if (answer->outcome == TOKEN_ANSWERED && answer->info == &msg_token_found_info &&
        (message->has & whole) == whole && take_public_key(make, message->public_key) == PS_OK) {
        try_key(make);
        return;
    }
    /* Nothing, or a part: whatever it is goes, and the operation was not done. */
    operation_failed(make->op, PS_PROBLEM_TOKEN_UNAVAILABLE,
                     "the key was not whole when the appliance came back");
}

void make_settle(struct operation *op, const struct make_spec *spec, const struct object *object,
                 made_fn *fn)
{
    struct make *make = begin(op, spec, object, fn);
    const struct msg_token_find message = {.object_id = ps_bytes(object->id, OBJECT_ID_LEN),
                                           .key_type = (uint8_t)spec->type};
    enum ps_err err = PS_E_NO_MEMORY;

    op->objects_made = true;
    if (make != NULL) {
        err = tokens_call_at(&op->place, &msg_token_find_info, &message, 0, on_found, make);
    }
    if (err != PS_OK) {
        operation_failed_error(op, err);
    }
}
