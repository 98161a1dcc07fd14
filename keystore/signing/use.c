#include "keystore/signing/steps.h"

#include "keystore/events/events.h"
#include "keystore/metrics.h"
#include "lib/base/hash.h"
#include "lib/base/secret.h"

/* The one answer to whatever cannot be opened, and to every reason why. */
static const struct problem_answer not_opened = {.problem = PS_PROBLEM_REFUSED,
                                                 .detail = "it cannot be decrypted with this key"};

void use_set_hash(struct sign_request *request, struct ps_bytes octets)
{
    ps_sha256(octets, request->leaf_hash);
}

void use_octets(struct sign_request *request, enum token_action action, struct ps_bytes data)
{
    request->action = action;
    ps_buf_put(&request->input, data);
}

/* A number that every key can decrypt, to what no padding was ever put on. */
static void put_substitute(struct sign_request *request, size_t modulus)
{
    for (size_t i = 1; i < modulus; i++) {
        ps_buf_put_u8(&request->input, 0);
    }
    ps_buf_put_u8(&request->input, 2);
}

void use_decrypt_oaep(struct sign_request *request, struct ps_bytes sealed)
{
    struct public_key *key;

    request->action = TOKEN_DECRYPT_OAEP;
    request->is_spoilt =
        version_public_key(request->version, &key) != PS_OK || !public_key_may_open(key, sealed);
    if (request->is_spoilt) {
        put_substitute(request, ps_key_type_info(request->key->type)->bits / 8);
    } else {
        ps_buf_put(&request->input, sealed);
    }
}

/* The key's own point is on its curve. */
void use_derive_ecdh(struct sign_request *request, struct ps_bytes point)
{
    struct public_key *key;

    request->action = TOKEN_DERIVE_ECDH;
    ps_buf_put_u8(&request->input, 0x04); /* uncompressed: SEC 1, section 2.3.3 */
    if (version_public_key(request->version, &key) != PS_OK) {
        request->is_spoilt = true;
        return;
    }
    request->is_spoilt = !public_key_has_point(key, point);
    ps_buf_put(&request->input, request->is_spoilt ? public_key_point(key) : point);
}

static void note_maker(struct sign_request *request, const struct token_answer *answer)
{
    struct token *token = tokens_process_token(answer->process);

    request->maker =
        (struct maker){token, tokens_process_number(answer->process), tokens_epoch(token)};
}

/* Only of what was opened: a count of the rest would tell a wrong padding from a wrong tag. */
static void note_use(const struct sign_request *request, const struct msg_token_used *used)
{
    keeper_metrics_note_use(request->signer->keeper->metrics, request->maker.token, request->action,
                            used->micros);
}

/* As of a signature that does not verify: nothing was given out, and the process is replaced. */
static void on_wrong_answer(struct sign_request *request, const struct token_answer *answer)
{
    events_alarm(request->signer->keeper, "wrong-answer", ps_bytes_str(request->key->name),
                 "a token process has another key under its id, or does not open what it encrypts");
    request->avoid = answer->process;
    tokens_condemn(answer->process, "wrong-answer");
    sign_request_retry(request);
}

static bool opens_what_came_in(enum token_action action)
{
    return action == TOKEN_DECRYPT_OAEP || action == TOKEN_DECRYPT_GCM;
}

/*
 * The token refuses what is no ciphertext. A point that went to it is one of the curve: that it
 * does not take that is of the moment, or the process is unwell. The rest may be too long for it.
 */
static void on_refused(struct sign_request *request, const struct token_answer *answer)
{
    if (request->action == TOKEN_DERIVE_ECDH) {
        checkup_after(request);
        request->avoid = answer->process;
        sign_request_retry(request);
        return;
    }
    sign_request_refuse(request,
                        &(struct problem_answer){.problem = PS_PROBLEM_REFUSED,
                                                 .detail = "the token does not take this message"});
}

/* What went to the token is not needed any more, and may be what a secret was made of. */
void use_take(struct sign_request *request, const struct token_answer *answer)
{
    const bool is_used = answer->outcome == TOKEN_ANSWERED;
    bool is_taken;

    if (is_used && answer->info != &msg_token_used_info) {
        tokens_condemn(answer->process, "malformed");
        sign_request_retry(request);
        return;
    }
    if (is_used && ((const struct msg_token_used *)answer->message)->is_wrong != 0) {
        on_wrong_answer(request, answer);
        return;
    }
    note_maker(request, answer);
    if (!is_used && !opens_what_came_in(request->action)) {
        on_refused(request, answer);
        return;
    }
    is_taken =
        request->kind->take(request, is_used && !request->is_spoilt ? answer->message : NULL);
    if (!is_taken) {
        checkup_after(request);
        sign_request_refuse(request, &not_opened);
        return;
    }
    if (is_used) {
        note_use(request, answer->message);
    }
    if (ps_buf_status(&request->payload) != PS_OK) {
        sign_request_refuse(request, &(struct problem_answer){.problem = PS_PROBLEM_OVERLOADED});
        return;
    }
    release_record(request);
}
