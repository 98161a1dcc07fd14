#include "keystore/signing/steps.h"

#include "keystore/keys/key_cache.h"
#include "keystore/state/state.h"

#include <assert.h>

static bool refuse(struct problem_answer *ret_answer, enum ps_problem problem, const char *detail)
{
    *ret_answer = (struct problem_answer){.problem = problem, .detail = detail};
    return false;
}

static bool refuse_state(struct problem_answer *ret_answer, const char *detail,
                         enum key_state state)
{
    *ret_answer = (struct problem_answer){
        .problem = PS_PROBLEM_WRONG_STATE, .detail = detail, .state = key_state_name(state)};
    return false;
}

static void keep_bytes(struct ps_bytes *bytes, uint8_t *room, size_t size)
{
    if (bytes->len > size) {
        bytes->len = 0;
    }
    if (bytes->len != 0) {
        memcpy(room, bytes->data, bytes->len);
    }
    bytes->data = room;
}

static void keep_caller(struct kept_caller *who, const struct msg_caller *caller)
{
    who->caller = *caller;
    keep_bytes(&who->caller.spki, who->spki, sizeof who->spki);
    keep_bytes(&who->caller.issuer, who->issuer, sizeof who->issuer);
    keep_bytes(&who->caller.san, who->san, sizeof who->san);
}

/*
 * NIST SP 800-57 part 1, section 7.4: what is deactivated "may be used to process" what was
 * protected by it. What is suspended or compromised is used for nothing here: people who look into
 * it resume the key, or move what it protects, first.
 */
static bool version_processes(const struct key_version *version, uint64_t now_s)
{
    return (version->state == KEY_ACTIVE || version->state == KEY_DEACTIVATED) &&
           version->activates_s <= now_s;
}

static bool version_does(const struct sign_kind *kind, const struct key_version *version,
                         uint64_t now_s)
{
    return kind->is_processing ? version_processes(version, now_s)
                               : version_protects(version, now_s);
}

static bool key_does(const struct sign_kind *kind, const struct key *key)
{
    return key->state == KEY_ACTIVE || (kind->is_processing && key->state == KEY_DEACTIVATED);
}

/* With no number: the version that protects now, or the one that did so last. */
static struct key_version *default_version(const struct sign_kind *kind, struct key *key,
                                           uint64_t now_s)
{
    struct key_version *version = key_active(key, now_s);

    for (size_t i = key->version_count; version == NULL && kind->is_processing && i != 0; i--) {
        version = version_processes(key->versions[i - 1], now_s) ? key->versions[i - 1] : NULL;
    }
    return version;
}

/* The one asked for, the one that what came in names, or the usual one. */
static struct key_version *find_version(const struct sign_request *request, const struct wish *wish,
                                        uint64_t now_s)
{
    struct key_version *version;

    if (wish->version != 0) {
        return key_version(request->key, wish->version);
    }
    version = key_version_by_kid(request->key, wish->kid);
    return version == NULL ? default_version(request->kind, request->key, now_s) : version;
}

static bool choose_version(struct sign_request *request, const struct wish *wish,
                           struct problem_answer *ret_answer)
{
    struct key *key = request->key;
    const uint64_t now_s = request->arrived_real_ns / PS_NS_PER_S;
    struct key_version *version;

    if (!key_does(request->kind, key)) {
        return refuse_state(ret_answer, "the key is not active", key->state);
    }
    if (key->is_blocked) {
        return refuse_state(ret_answer, "the key's state is being changed", key->state);
    }
    version = find_version(request, wish, now_s);
    if (version == NULL && wish->version != 0) {
        return refuse(ret_answer, PS_PROBLEM_NOT_FOUND, "the key has no such version");
    }
    if (version == NULL) {
        version = key_latest(key);
        return refuse_state(ret_answer, "no version of the key does this now",
                            version == NULL ? key->state : version->state);
    }
    if (!version_does(request->kind, version, now_s)) {
        return refuse_state(ret_answer, "this version does not do this now", version->state);
    }
    if (version->is_unproven) {
        return refuse(ret_answer, PS_PROBLEM_TOKEN_UNAVAILABLE,
                      "the token has not shown yet that it has this key");
    }
    request->version = version;
    request->key_epoch = key->epoch;
    return true;
}

static bool choose_algorithm(struct sign_request *request, const struct wish *wish,
                             struct problem_answer *ret_answer)
{
    const struct key *key = request->key;

    if (key->usage != request->kind->usage) {
        return refuse(ret_answer, PS_PROBLEM_KEY_MISMATCH, "the key is not made for this usage");
    }
    if (request->kind->format != PS_FORMAT_NONE && !key_has_format(key, request->kind->format)) {
        return refuse(ret_answer, PS_PROBLEM_KEY_MISMATCH, "the key is not made for this format");
    }
    if (request->kind->take != NULL) {
        request->algorithm = PS_ALG_NONE;
        return true;
    }
    request->algorithm =
        wish->algorithm.len == 0 ? key->algorithms[0] : ps_alg_by_name(wish->algorithm);
    if (!key_has_algorithm(key, request->algorithm)) {
        return refuse(ret_answer, PS_PROBLEM_KEY_MISMATCH,
                      "the key is not made for this algorithm");
    }
    return true;
}

/* Caller and grant; what was decided is remembered, what was refused is an event. */
static bool decide(struct sign_request *request, const struct wish *wish,
                   struct problem_answer *ret_answer)
{
    struct keeper *keeper = request->signer->keeper;
    const struct question question = {.role = request->to.peer->role,
                                      .caller = wish->caller,
                                      .operation = request->kind->operation,
                                      .key = wish->key,
                                      .parameter = wish->parameter,
                                      .format = request->kind->format,
                                      .is_look = wish->is_look};
    const struct authority authority =
        authority_decide_request(keeper, &question, wish->request_id);
    const struct ps_bytes client = authority_name(&authority);

    if (authority.problem != PS_PROBLEM_NONE) {
        *ret_answer = (struct problem_answer){.problem = authority.problem,
                                              .retry_after_s = authority.retry_after_s,
                                              .detail = authority.text};
        return false;
    }
    assert(client.data != NULL && wish->parameter.len <= PS_NAME_MAX);
    if (wish->parameter.len != 0) {
        memcpy(request->parameter, wish->parameter.data, wish->parameter.len);
    }
    request->parameter[wish->parameter.len] = 0;
    memcpy(request->client, client.data, client.len);
    request->client[client.len] = 0;
    request->item.client = access_client_number(authority.client);
    request->access_epoch = keeper->access_epoch;
    return true;
}

/* What has nothing to do with who asks. */
static bool admit_request(struct sign_request *request, const struct wish *wish,
                          struct problem_answer *ret_answer)
{
    request->item.arrived_ns = ps_clock_mono_ns();
    request->arrived_real_ns = ps_clock_real_ns();
    if (!state_allows_use(request->signer->keeper, ret_answer)) {
        return false;
    }
    if (!ps_request_id_valid(wish->request_id)) {
        return refuse(ret_answer, PS_PROBLEM_MALFORMED, "no valid request id");
    }
    memcpy(request->request_id, wish->request_id.data, wish->request_id.len);
    request->request_id_len = wish->request_id.len;
    return true;
}

static bool choose_key(struct sign_request *request, const struct wish *wish,
                       struct problem_answer *ret_answer)
{
    request->key = key_cache_find_to_use(request->signer->keeper->key_cache, wish->key);
    if (request->key == NULL) {
        /* One that could not be read has changed the state. */
        return state_allows_use(request->signer->keeper, ret_answer) &&
               refuse(ret_answer, PS_PROBLEM_NOT_FOUND, "there is no such key");
    }
    key_pin(request->key);
    return choose_algorithm(request, wish, ret_answer) && choose_version(request, wish, ret_answer);
}

bool admit(struct sign_request *request, const struct wish *wish, struct problem_answer *ret_answer)
{
    if (!admit_request(request, wish, ret_answer) || !decide(request, wish, ret_answer)) {
        return false;
    }
    keep_caller(&request->who, wish->caller);
    return choose_key(request, wish, ret_answer);
}

bool admit_own(struct sign_request *request, const struct wish *wish, const char *name,
               struct problem_answer *ret_answer)
{
    assert(request->kind->operation == GRANTED_NONE && strlen(name) <= PS_NAME_MAX);
    if (!admit_request(request, wish, ret_answer)) {
        return false;
    }
    memcpy(request->client, name, strlen(name) + 1);
    request->item.client = 0;
    return choose_key(request, wish, ret_answer);
}

/* A version that was rotated away finishes the requests that it had when its successor came. */
static bool finishes(const struct key_version *version)
{
    return version->state == KEY_DEACTIVATED && ps_clock_mono_ns() < version->finish_ns;
}

static bool key_still_does(struct sign_request *request, struct problem_answer *ret_answer)
{
    struct key *key = request->key;

    /* "Acknowledged" is final: from the moment a change is recorded nothing is added to the log. */
    if (key->is_blocked || !key_does(request->kind, key) ||
        (!version_does(request->kind, request->version, real_now_s()) &&
         !finishes(request->version))) {
        return refuse_state(ret_answer, "the key's state changed meanwhile", key->state);
    }
    request->key_epoch = key->epoch;
    return true;
}

bool admit_again(struct sign_request *request, struct problem_answer *ret_answer)
{
    struct keeper *keeper = request->signer->keeper;
    struct authority authority;

    if (!state_allows_release(keeper, ret_answer)) {
        return false;
    }
    if ((request->key->is_blocked || request->key_epoch != request->key->epoch) &&
        !key_still_does(request, ret_answer)) {
        return false;
    }
    if (request->kind->still != NULL && !request->kind->still(request, ret_answer)) {
        return false;
    }
    if (request->kind->operation == GRANTED_NONE || request->access_epoch == keeper->access_epoch) {
        return true;
    }
    authority =
        authority_decide(keeper, &(struct question){.role = request->to.peer->role,
                                                    .caller = &request->who.caller,
                                                    .operation = request->kind->operation,
                                                    .key = ps_bytes_str(request->key->name),
                                                    .parameter = ps_bytes_str(request->parameter),
                                                    .format = request->kind->format,
                                                    .is_free = true});
    if (authority.problem != PS_PROBLEM_NONE) {
        return refuse(ret_answer, authority.problem, authority.text);
    }
    request->access_epoch = keeper->access_epoch;
    return true;
}
