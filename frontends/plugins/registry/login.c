#include "frontends/plugins/registry/registry.h"

#include "frontends/plugins/registry/attempts.h"
#include "frontends/plugins/registry/knowledge.h"
#include "frontends/plugins/registry/logins.h"
#include "frontends/plugins/registry/secret_hash.h"
#include "lib/base/clock.h"

#define SECRET_MAX 256u

/* Somebody who says who they are. */
struct trial {
    struct registry *registry;
    const struct privyseal_auth_request *request;
    struct person person; /* without an id: nobody of that name */
    struct json *json;
    struct json *claims; /* another reader, of the person's claims */
};

static struct ps_bytes bytes_of(struct privyseal_auth_text text)
{
    return ps_bytes(text.data, text.len);
}

/* Whom attempts are counted for. */
static struct ps_bytes name_of(const struct trial *trial)
{
    return trial->person.id.len != 0 ? ps_buf_bytes(&trial->person.id)
                                     : bytes_of(trial->request->individual);
}

static uint64_t now_s(void)
{
    return ps_clock_real_ns() / PS_NS_PER_S;
}

static enum ps_err find_and_count(struct trial *trial)
{
    struct registry *registry = trial->registry;
    const struct registry_settings *settings = &registry->config->registry;
    const struct attempt_limit limit = {.kind = ATTEMPT_LOGIN,
                                        .window_s = settings->window_s,
                                        .per_source = settings->wrong_per_source,
                                        .per_person = settings->wrong_per_person};
    const enum ps_err err =
        persons_find(registry->db, bytes_of(trial->request->individual), &trial->person);

    if (err != PS_OK && err != PS_E_NOT_FOUND) {
        return err;
    }
    return attempts_take(registry->db, &limit, name_of(trial), bytes_of(trial->request->source),
                         now_s());
}

static enum ps_err begin_locked(struct trial *trial)
{
    DB_TRANSACTION_AUTO transaction = {0};

    PS_TRY(db_begin(trial->registry->db, &transaction));
    return registry_commit(&transaction, find_and_count(trial));
}

static enum ps_err begin(struct trial *trial)
{
    enum ps_err err;

    (void)pthread_mutex_lock(&trial->registry->mutex);
    err = begin_locked(trial);
    (void)pthread_mutex_unlock(&trial->registry->mutex);
    return err;
}

static enum ps_err wrong(void)
{
    return ps_fail(PS_E_DENIED, 0, "not who they say they are");
}

static enum ps_err check_knowledge(struct trial *trial, struct ps_bytes challenge)
{
    PS_BUF_AUTO text = PS_BUF_SECRET(0);
    struct knowledge knowledge;
    enum ps_err err = knowledge_read(trial->json, challenge, &text, &knowledge);

    if (err == PS_E_INPUT || err == PS_E_LIMIT ||
        (err == PS_OK && !knowledge_matches(trial->claims, &knowledge, &trial->person))) {
        err = wrong();
    }
    return err;
}

/* OTPs are for the next step. */
static enum ps_err check_one(struct trial *trial, const struct privyseal_auth_challenge *challenge)
{
    const struct ps_bytes factor = bytes_of(challenge->factor);
    const struct ps_bytes value = bytes_of(challenge->value);
    const bool pin = ps_bytes_equal_str(factor, "PIN");

    if (ps_bytes_equal_str(factor, "OTP")) {
        return PS_OK;
    }
    if (ps_bytes_equal_str(factor, "KBI")) {
        return check_knowledge(trial, value);
    }
    if ((!pin && !ps_bytes_equal_str(factor, "PWD")) || value.len > SECRET_MAX) {
        return wrong();
    }
    return secret_hash_matches(ps_buf_bytes(pin ? &trial->person.pin : &trial->person.password),
                               value)
               ? PS_OK
               : wrong();
}

/* All of them, so that the time does not tell which one is wrong. */
static enum ps_err check_all(struct trial *trial)
{
    enum ps_err err = trial->request->challenge_count == 0 ? wrong() : PS_OK;

    for (size_t i = 0; i < trial->request->challenge_count; i++) {
        const enum ps_err one = check_one(trial, &trial->request->challenges[i]);

        err = err == PS_OK ? one : err;
    }
    return err == PS_OK && trial->person.id.len == 0 ? wrong() : err;
}

static enum ps_err check_otps(struct trial *trial)
{
    PS_BUF_AUTO login = {.max = 6 * 4 * PRIVYSEAL_AUTH_ID_MAX};
    struct otp_place place;

    PS_TRY(registry_otp_place(trial->registry, trial->request, ps_buf_bytes(&trial->person.id),
                              &login, &place));
    for (size_t i = 0; i < trial->request->challenge_count; i++) {
        const struct privyseal_auth_challenge *challenge = &trial->request->challenges[i];

        if (ps_bytes_equal_str(bytes_of(challenge->factor), "OTP")) {
            PS_TRY(otp_use(trial->registry->db, &place, bytes_of(challenge->value)));
        }
    }
    return PS_OK;
}

static enum ps_err use_and_make(struct trial *trial, struct registry_said *said)
{
    struct registry *registry = trial->registry;
    const struct login_place place = {
        .secret = registry->secret, .request = trial->request, .now_s = now_s()};

    PS_TRY(check_otps(trial));
    PS_TRY(attempts_forget(registry->db, ATTEMPT_LOGIN, name_of(trial),
                           bytes_of(trial->request->source)));
    return login_make(registry->db, &place, ps_buf_bytes(&trial->person.id),
                      registry->config->registry.login_life_s, &said->one);
}

static enum ps_err end_locked(struct trial *trial, struct registry_said *said)
{
    DB_TRANSACTION_AUTO transaction = {0};

    PS_TRY(db_begin(trial->registry->db, &transaction));
    return registry_commit(&transaction, use_and_make(trial, said));
}

static enum ps_err end(struct trial *trial, struct registry_said *said)
{
    enum ps_err err;

    (void)pthread_mutex_lock(&trial->registry->mutex);
    err = end_locked(trial, said);
    (void)pthread_mutex_unlock(&trial->registry->mutex);
    PS_TRY(err);
    login_put_subject(trial->registry->secret, ps_buf_bytes(&trial->person.id),
                      bytes_of(trial->request->relying_party), &said->two);
    PS_TRY(ps_buf_status(&said->two));
    return trial->request->metadata_wanted != 0
               ? person_put_metadata(trial->claims, ps_buf_bytes(&trial->person.claims),
                                     &said->metadata)
               : PS_OK;
}

static enum ps_err try_all(struct trial *trial, struct registry_said *said)
{
    PS_TRY(json_new(&trial->json));
    PS_TRY(json_new(&trial->claims));
    PS_TRY(begin(trial));
    PS_TRY(check_all(trial));
    return end(trial, said);
}

void registry_authenticate(struct registry *registry, const struct privyseal_auth_request *request,
                           struct registry_said *said, struct privyseal_auth_answer *ret_answer)
{
    struct trial trial = {.registry = registry, .request = request};
    enum ps_err err;

    person_init(&trial.person);
    err = try_all(&trial, said);
    *ret_answer = registry_failure(err);
    if (err == PS_OK) {
        *ret_answer = (struct privyseal_auth_answer){
            .result = PRIVYSEAL_AUTH_OK,
            .kyc_token = {(const char *)said->one.data, said->one.len},
            .subject = {(const char *)said->two.data, said->two.len},
            .claims_metadata = {(const char *)said->metadata.data, said->metadata.len}};
    }
    if (trial.json != NULL) {
        json_forget(trial.json);
    }
    json_free(trial.json);
    json_free(trial.claims);
    person_clear(&trial.person);
}
