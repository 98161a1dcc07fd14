#include "keystore/callers/authority.h"

#include "keystore/callers/why.h"
#include "keystore/certificates/tls_certificates.h"
#include "keystore/events/events.h"
#include "keystore/state/state.h"

static const enum ps_problem problem_of[] = {
    [ACCESS_ALLOWED] = PS_PROBLEM_NONE,
    [ACCESS_NOT_VISIBLE] = PS_PROBLEM_NOT_FOUND,
    [ACCESS_NOT_GRANTED] = PS_PROBLEM_FORBIDDEN,
};

enum access_listener authority_listener(uint8_t role)
{
    return role == IPC_ROLE_API_MANAGEMENT ? ACCESS_MANAGEMENT : ACCESS_CLIENTS;
}

bool authority_is_administrator(const struct keeper *keeper, const struct msg_caller *caller)
{
    const struct ps_bytes list = keeper->config->administrators;

    for (size_t at = 0; caller->kind == CALLER_UNIX && at + 4 <= list.len; at += 4) {
        const uint8_t *octets = list.data + at;
        const uint32_t uid = (uint32_t)octets[0] << 24 | (uint32_t)octets[1] << 16 |
                             (uint32_t)octets[2] << 8 | octets[3];

        if (uid == caller->uid) {
            return true;
        }
    }
    return false;
}

enum ps_err authority_load(struct keeper *keeper)
{
    access_set_practice(keeper->access, state_is_practice(keeper));
    return access_load(keeper->access, keeper->known);
}

static struct authority conclude(enum ps_problem problem, enum access_rule rule,
                                 const struct access_client *client)
{
    const struct access_rule_info *info = access_rule_info(rule);

    return (struct authority){
        .problem = problem, .rule = info->name, .text = info->text, .client = client};
}

/* Before the catalog is loaded nobody is a stranger. */
static enum ps_problem why_unknown(const struct keeper *keeper, enum access_rule rule)
{
    enum ps_problem problem;

    if (rule != ACCESS_RULE_NOT_LOADED) {
        return PS_PROBLEM_UNAUTHENTICATED;
    }
    problem = state_refuses_change(keeper);
    return problem == PS_PROBLEM_NONE ? PS_PROBLEM_KEEPER_UNAVAILABLE : problem;
}

struct authority authority_decide(struct keeper *keeper, const struct question *question)
{
    const enum access_listener listener = authority_listener(question->role);
    enum access_rule rule;
    const struct access_client *client =
        access_resolve(keeper->access, listener, question->caller, &rule);
    const uint64_t now_s = real_now_s();
    struct access_decision decision;
    struct authority authority;

    if (client == NULL) {
        return conclude(why_unknown(keeper, rule), rule, NULL);
    }
    tls_certificates_note(keeper->tls_certificates, access_client_name(client), question->caller,
                          now_s);
    if (question->operation == GRANTED_NONE) {
        return conclude(PS_PROBLEM_NONE, rule, client);
    }
    decision = access_decide(keeper->access, client,
                             &(struct access_question){.operation = question->operation,
                                                       .key = question->key,
                                                       .parameter = question->parameter,
                                                       .format = question->format,
                                                       .now_s = now_s});
    authority = conclude(problem_of[decision.outcome], decision.rule, client);
    if (authority.problem == PS_PROBLEM_NONE && !question->is_free &&
        access_take(&decision, question->is_look ? ACCESS_LOOKS : ACCESS_USES, 1,
                    ps_clock_mono_ns(), &authority.retry_after_s) != PS_OK) {
        const uint32_t wait_s = authority.retry_after_s;

        authority = conclude(PS_PROBLEM_RATE_LIMITED, ACCESS_RULE_RATE, client);
        authority.retry_after_s = wait_s;
    }
    return authority;
}

struct authority authority_decide_request(struct keeper *keeper, const struct question *question,
                                          struct ps_bytes request_id)
{
    const struct authority authority = authority_decide(keeper, question);
    const struct granted_op_info *info = granted_op_info(question->operation);
    const char *operation = info == NULL ? "registered" : info->name;

    why_note(keeper->why, &(struct decision){.request_id = request_id,
                                             .client = authority_name(&authority),
                                             .key = question->key,
                                             .operation = operation,
                                             .rule = authority.text,
                                             .problem = authority.problem});
    if (authority.problem != PS_PROBLEM_NONE) {
        refusals_note(keeper, &(struct refusal){.client = authority_name(&authority),
                                                .caller = question->caller,
                                                .request_id = request_id,
                                                .operation = operation,
                                                .key = question->key,
                                                .problem = authority.problem});
    }
    return authority;
}
