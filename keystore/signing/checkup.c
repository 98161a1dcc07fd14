#include "keystore/custody/records.h"
#include "keystore/events/events.h"
#include "keystore/keys/encryptions.h"
#include "keystore/keys/key_cache.h"
#include "keystore/signing/steps.h"
#include "keystore/tokens/trial.h"

#include <stdlib.h>

/*
 * Whoever sends nonsense is refused by the token, and a token that opens nothing any more refuses,
 * too. So after a refusal the process that made it shows that it still opens something.
 */

#define PAUSE_NS (60 * PS_NS_PER_S)

struct checkup {
    struct trial trial; /* first */
    struct checkup *next;
    struct signer *signer;
    struct key_version *version;
    struct maker maker;
    struct ps_buf record; /* of a wrapped key */
};

static void forget(struct checkup *checkup)
{
    struct checkup **at = &checkup->signer->checkups;

    while (*at != checkup) {
        at = &(*at)->next;
    }
    *at = checkup->next;
    key_unpin(checkup->version->key);
    ps_buf_clear(&checkup->record);
    free(checkup);
}

void checkups_free(struct signer *signer)
{
    while (signer->checkups != NULL) {
        forget(signer->checkups);
    }
}

static void tell(const struct checkup *checkup)
{
    events_alarm(checkup->signer->keeper, "wrong-answer", ps_bytes_str(checkup->version->key->name),
                 "a token process does not open what was made for the key");
}

/* Of another epoch: it has its handles anew since, or is not the same process any more. */
static void condemn(const struct checkup *checkup)
{
    const struct maker *maker = &checkup->maker;

    if (tokens_epoch(maker->token) == maker->epoch) {
        tokens_condemn_number(maker->token, maker->number, "wrong-answer");
    }
}

static void on_tried(void *context, enum trial_result result, const struct token_answer *answer)
{
    struct checkup *checkup = context;
    const bool is_wrong = result == TRIAL_WRONG || (result == TRIAL_REFUSED &&
                                                    answer->problem->problem == PS_PROBLEM_REFUSED);

    if (result == TRIAL_WRONG || result == TRIAL_REFUSED) {
        tell(checkup);
    }
    /* What the process knows to be its own failure is its breaker's affair. */
    if (is_wrong) {
        condemn(checkup);
    }
    forget(checkup);
}

static bool begin(struct checkup *checkup)
{
    struct key_version *version = checkup->version;
    struct public_key *key = NULL;
    const struct token_place place = {
        .token = checkup->maker.token, .number = checkup->maker.number, .is_known = true};
    struct trial_spec spec = {
        .place = place, .object_id = version_object_id(version), .type = version->key->type};

    if (spec.type == PS_KEY_AES_256) {
        if (encryptions_count(checkup->signer->keeper, version) != ENCRYPTIONS_GO) {
            return false;
        }
    } else if (version_public_key(version, &key) != PS_OK) {
        return false;
    }
    if (version->key->is_wrapped &&
        record_of_version(checkup->signer->keeper, version, &checkup->record) != PS_OK) {
        return false;
    }
    spec.public_key = key;
    spec.record = ps_buf_bytes(&checkup->record);
    return trial_begin(&checkup->trial, &spec, on_tried, checkup) == PS_OK;
}

void checkup_after(const struct sign_request *request)
{
    struct signer *signer = request->signer;
    const uint64_t now = ps_clock_mono_ns();
    struct checkup *checkup;

    if (request->version->tried_ns != 0 && now - request->version->tried_ns < PAUSE_NS) {
        return;
    }
    checkup = calloc(1, sizeof *checkup);
    if (checkup == NULL) {
        return;
    }
    request->version->tried_ns = now;
    checkup->signer = signer;
    ps_buf_init(&checkup->record, TOKEN_RECORD_MAX);
    checkup->version = request->version;
    key_pin(checkup->version->key);
    checkup->maker = request->maker;
    checkup->next = signer->checkups;
    signer->checkups = checkup;
    if (!begin(checkup)) {
        forget(checkup);
    }
}
