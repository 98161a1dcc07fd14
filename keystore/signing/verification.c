#include "keystore/signing/steps.h"

#include "keystore/events/events.h"
#include "keystore/metrics.h"
#include "lib/base/clock.h"
#include "lib/base/secret.h"

/* One in so many ECDSA signatures is verified, chosen at random; a power of two up to 256. */
#define SAMPLE 64u

/*
 * Verifying is by far the longest thing that the loop does: Ed25519 takes half as long as the
 * token's signature. So it is done between other events, for so long at a time, and meanwhile
 * requests go to the token and answers go out.
 */
#define PIECE_NS (100u * PS_NS_PER_US)

/* A signature that was wrong is never given out; the process that made it is replaced. */
static void on_wrong_signature(struct sign_request *request)
{
    struct signer *signer = request->signer;
    struct keeper *keeper = signer->keeper;
    const struct maker maker = request->maker;

    keeper_metrics_note_wrong(keeper->metrics);
    events_alarm(keeper, "wrong-signature", ps_bytes_str(request->key->name),
                 "a token process answered with a signature that does not verify");
    ps_wipe(request->signature, sizeof request->signature);
    sign_request_retry(request);
    /* Of another epoch: it has its handles anew since, or is not the same process any more. */
    if (tokens_epoch(maker.token) == maker.epoch) {
        tokens_condemn_number(maker.token, maker.number, "wrong-signature");
    }
    dispatch_lane(signer, maker.token);
}

/*
 * A process that has read an object while another one wrote it signs wrongly from then on: the
 * first signature of each version by each process, since it has its handles, is verified.
 */
static bool is_proven(const struct key_version *version, const struct maker *maker)
{
    return process_set_has(&version->proven, maker->epoch, maker->number);
}

/* was_opened: what was signed with was stored where others may write. */
static bool is_due(struct sign_request *request, bool was_opened)
{
    uint8_t random;

    /* One faulty RSA-CRT or EdDSA signature gives the key away: each of these is verified. */
    if (was_opened || ps_alg_info(request->algorithm)->scheme != PS_SCHEME_ECDSA ||
        request->key->verify == KEY_VERIFY_ALWAYS ||
        !is_proven(request->version, &request->maker)) {
        return true;
    }
    signer_random(request->signer, &random, sizeof random);
    return random % SAMPLE == 0;
}

static enum ps_err verify(struct sign_request *request)
{
    const struct ps_bytes signature = ps_bytes(request->signature, request->signature_len);
    struct public_key *key;

    PS_TRY(version_public_key(request->version, &key));
    keeper_metrics_note_verified(request->signer->keeper->metrics);
    if (request->digest_len != 0) {
        return public_key_verify_digest(key, request->algorithm,
                                        ps_bytes(request->digest, request->digest_len), signature);
    }
    return public_key_verify(key, request->algorithm, ps_buf_bytes(&request->input), signature);
}

static void verify_and_record(struct sign_request *request)
{
    const enum ps_err err = verify(request);

    if (err == PS_E_DENIED) {
        on_wrong_signature(request);
    } else if (err != PS_OK) {
        ps_line(PS_ERROR, "not_verified", PS_STR("key", request->key->name),
                PS_STR("detail", ps_detail()->text));
        sign_request_refuse(request, &(struct problem_answer){.problem = PS_PROBLEM_INTERNAL});
    } else {
        process_set_put(&request->version->proven, request->maker.epoch, request->maker.number,
                        true);
        release_record(request);
    }
}

static struct sign_request *take_first(struct signer *signer)
{
    struct sign_request *request = signer->unverified;

    signer->unverified = request->next_unverified;
    signer->unverified_count--;
    if (signer->unverified == NULL) {
        signer->last_unverified = NULL;
    }
    return request;
}

static void put_last(struct signer *signer, struct sign_request *request)
{
    request->next_unverified = NULL;
    if (signer->last_unverified == NULL) {
        signer->unverified = request;
    } else {
        signer->last_unverified->next_unverified = request;
    }
    signer->last_unverified = request;
    signer->unverified_count++;
    ps_idle_arm(signer->verifying);
}

void verification_run(void *context)
{
    struct signer *signer = context;
    const uint64_t until = ps_clock_mono_ns() + PIECE_NS;

    while (signer->unverified != NULL) {
        struct sign_request *request = take_first(signer);

        if (request->step == STEP_ABANDONED) {
            sign_request_free(request);
        } else {
            verify_and_record(request);
        }
        if (ps_clock_mono_ns() >= until) {
            break;
        }
    }
    if (signer->unverified != NULL) {
        ps_idle_arm(signer->verifying);
    }
}

static size_t exact_len(const struct sign_request *request)
{
    return ps_key_type_info(request->key->type)->signature_max;
}

void verification_begin(struct sign_request *request, const struct token_answer *answer)
{
    struct signer *signer = request->signer;
    const struct msg_token_signed *message = answer->message;
    struct token *token = tokens_process_token(answer->process);

    request->maker =
        (struct maker){token, tokens_process_number(answer->process), tokens_epoch(token)};
    if (answer->info != &msg_token_signed_info || message->signature.len != exact_len(request)) {
        on_wrong_signature(request);
        return;
    }
    memcpy(request->signature, message->signature.data, message->signature.len);
    request->signature_len = message->signature.len;
    keeper_metrics_note_operation(signer->keeper->metrics, token, request->algorithm,
                                  message->micros);
    if (message->unwrapped != 0) {
        keeper_metrics_note_unwrapped(signer->keeper->metrics, token);
    }
    if (is_due(request, message->unwrapped != 0)) {
        request->step = STEP_UNVERIFIED;
        put_last(signer, request);
    } else {
        release_record(request);
    }
}
