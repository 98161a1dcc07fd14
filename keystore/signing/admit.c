#include "keystore/signing/steps.h"

#include "keystore/state.h"

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

enum granted_op sign_request_operation(const struct sign_request *request)
{
    return request->format == PS_FORMAT_RAW ? GRANTED_RAW_SIGN : GRANTED_JWS_SIGN;
}

/* The version is usable for signatures at this time. */
static bool version_signs(const struct key_version *version, uint64_t now_s)
{
    return version->state == KEY_ACTIVE && version->activates_s <= now_s &&
           (version->expires_s == 0 || now_s < version->expires_s);
}

static bool choose_version(struct sign_request *request, uint32_t number,
                           struct problem_answer *ret_answer)
{
    struct key *key = request->key;
    const uint64_t now_s = request->arrived_real_ns / PS_NS_PER_S;
    struct key_version *version;

    if (key->state != KEY_ACTIVE) {
        return refuse_state(ret_answer, "the key is not active", key->state);
    }
    if (key->is_blocked) {
        return refuse_state(ret_answer, "the key's state is being changed", key->state);
    }
    version = number == 0 ? key_active(key, now_s) : key_version(key, number);
    if (version == NULL && number != 0) {
        return refuse(ret_answer, PS_PROBLEM_NOT_FOUND, "the key has no such version");
    }
    if (version == NULL) {
        version = key_latest(key);
        return refuse_state(ret_answer, "no version of the key signs now",
                            version == NULL ? key->state : version->state);
    }
    if (!version_signs(version, now_s)) {
        return refuse_state(ret_answer, "this version does not sign now", version->state);
    }
    request->version = version;
    request->key_epoch = key->epoch;
    return true;
}

static bool choose_algorithm(struct sign_request *request, const struct wish *wish,
                             struct problem_answer *ret_answer)
{
    const struct key *key = request->key;

    if (key->usage != PS_USAGE_SIGN || !key_has_format(key, wish->format)) {
        return refuse(ret_answer, PS_PROBLEM_KEY_MISMATCH, "the key is not made for this format");
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
                                      .operation = wish->operation,
                                      .key = wish->key,
                                      .format = wish->format};
    const struct authority authority =
        authority_decide_request(keeper, &question, wish->request_id);
    const struct ps_bytes client = authority_name(&authority);

    if (authority.problem != PS_PROBLEM_NONE) {
        *ret_answer = (struct problem_answer){.problem = authority.problem,
                                              .retry_after_s = authority.retry_after_s,
                                              .detail = authority.text};
        return false;
    }
    assert(client.data != NULL);
    memcpy(request->client, client.data, client.len);
    request->client[client.len] = 0;
    request->item.client = access_client_number(authority.client);
    request->access_epoch = keeper->access_epoch;
    return true;
}

bool admit(struct sign_request *request, const struct wish *wish, struct problem_answer *ret_answer)
{
    struct keeper *keeper = request->signer->keeper;
    const enum ps_problem problem = state_refuses_use(keeper);

    request->item.arrived_ns = ps_clock_mono_ns();
    request->arrived_real_ns = ps_clock_real_ns();
    request->format = wish->format;
    if (problem != PS_PROBLEM_NONE) {
        return refuse(ret_answer, problem, NULL);
    }
    if (!ps_request_id_valid(wish->request_id)) {
        return refuse(ret_answer, PS_PROBLEM_MALFORMED, "no valid request id");
    }
    memcpy(request->request_id, wish->request_id.data, wish->request_id.len);
    request->request_id_len = wish->request_id.len;
    if (!decide(request, wish, ret_answer)) {
        return false;
    }
    keep_caller(&request->who, wish->caller);
    request->key = keys_find(keeper->keys, wish->key);
    if (request->key == NULL) {
        return refuse(ret_answer, PS_PROBLEM_NOT_FOUND, "there is no such key");
    }
    return choose_algorithm(request, wish, ret_answer) &&
           choose_version(request, wish->version, ret_answer);
}

/* A version that was rotated away finishes the requests that it had when its successor came. */
static bool finishes(const struct key_version *version)
{
    return version->state == KEY_DEACTIVATED && ps_clock_mono_ns() < version->finish_ns;
}

static bool key_still_signs(struct sign_request *request, struct problem_answer *ret_answer)
{
    struct key *key = request->key;

    /* "Acknowledged" is final: from the moment a change is recorded nothing is added to the log. */
    if (key->is_blocked || key->state != KEY_ACTIVE ||
        (!version_signs(request->version, real_now_s()) && !finishes(request->version))) {
        return refuse_state(ret_answer, "the key's state changed meanwhile", key->state);
    }
    request->key_epoch = key->epoch;
    return true;
}

bool admit_again(struct sign_request *request, struct problem_answer *ret_answer)
{
    struct keeper *keeper = request->signer->keeper;
    const enum ps_problem problem = state_refuses_use(keeper);
    struct authority authority;

    if (problem != PS_PROBLEM_NONE && problem != PS_PROBLEM_STOPPING) {
        return refuse(ret_answer, problem, NULL);
    }
    if ((request->key->is_blocked || request->key_epoch != request->key->epoch) &&
        !key_still_signs(request, ret_answer)) {
        return false;
    }
    if (request->access_epoch == keeper->access_epoch) {
        return true;
    }
    authority =
        authority_decide(keeper, &(struct question){.role = request->to.peer->role,
                                                    .caller = &request->who.caller,
                                                    .operation = sign_request_operation(request),
                                                    .key = ps_bytes_str(request->key->name),
                                                    .format = request->format,
                                                    .is_free = true});
    if (authority.problem != PS_PROBLEM_NONE) {
        return refuse(ret_answer, authority.problem, authority.text);
    }
    request->access_epoch = keeper->access_epoch;
    return true;
}
