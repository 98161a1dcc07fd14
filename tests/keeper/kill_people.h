#ifndef TESTS_KEEPER_KILL_PEOPLE_H
#define TESTS_KEEPER_KILL_PEOPLE_H

#include "tests/keeper/gate_fixture.h"

#include "lib/ceremony/people/policy.h"
#include "tests/unit/ssh_support.h"

/*
 * Changes of people and policy, for test_gate_kill.c: each round finds the same people, whatever
 * became of the round before. Zack comes and goes, and dave is suspended and resumed.
 */
static char kill_newcomer[512];
static char kill_replacement[512];
static char kill_policy[1024];
static char kill_epoch[64]; /* what GET /v1/policy reads then */

static inline void kill_change(const char *type, const char *subject, const char *parameters)
{
    const unsigned status = stack_change(&stack, type, subject, parameters, &body);

    if (status != 200 && status != 201) {
        fail_msg("%s %s: %u %.*s", type, subject, status, PS_BYTES_FMT(ps_buf_bytes(&body)));
    }
}

static inline void kill_put_newcomer(char *out, size_t size, const char *until)
{
    PS_BUF_AUTO line = {.max = 256};

    ssh_key_put_line(people_key_of(PEOPLE_NEWCOMER, PEOPLE_FIRST_KEY)->key, &line);
    (void)snprintf(out, size,
                   "{\"person\":\"" PEOPLE_NEWCOMER "\",\"role\":\"officer\",\"keys\":[\"%.*s\"],"
                   "\"valid_until\":\"%s\"}",
                   PS_BYTES_FMT(ps_buf_bytes(&line)), until);
}

static inline void kill_newcomer_is_gone(void)
{
    kill_put_newcomer(kill_newcomer, sizeof kill_newcomer, "2040-01-01T00:00:00Z");
    kill_put_newcomer(kill_replacement, sizeof kill_replacement, "2041-01-01T00:00:00Z");
    if (stack_read(&stack, READ_OFFICER, PEOPLE_NEWCOMER, &body) == 200) {
        kill_change("officer.remove", PEOPLE_NEWCOMER, "{}");
    }
}

static inline void kill_newcomer_is_there(void)
{
    kill_newcomer_is_gone();
    kill_change("officer.enrol", "", kill_newcomer);
}

static inline void kill_set_suspended(bool suspended)
{
    expect(200, stack_read(&stack, READ_OFFICER, "dave", &body));
    if (body_has("\"suspended\":true") != suspended) {
        kill_change(suspended ? "officer.suspend" : "officer.resume", "dave", "{}");
    }
}

static inline void kill_dave_is_active(void)
{
    kill_set_suspended(false);
}

static inline void kill_dave_is_suspended(void)
{
    kill_set_suspended(true);
}

/* The present policy with the next epoch. */
static inline void kill_policy_is_next(void)
{
    PS_CLEANUP(json_free_cleanup) struct json *parser = NULL;
    struct json_value root;
    struct json_value value;
    struct policy policy;
    PS_BUF_AUTO text = {.max = POLICY_OCTETS_MAX};

    expect(200, stack_read(&stack, READ_POLICY, "", &body));
    assert_ok(json_new(&parser));
    assert_ok(json_parse(parser, ps_buf_bytes(&body), &JSON_LIMITS_REQUEST, &root));
    assert_true(json_member(root, "policy", &value));
    assert_ok(policy_read(value, &policy));
    policy.epoch++;
    policy_put(&policy, &text);
    (void)snprintf(kill_policy, sizeof kill_policy, "{\"policy\":%.*s}",
                   PS_BYTES_FMT(ps_buf_bytes(&text)));
    (void)snprintf(kill_epoch, sizeof kill_epoch, "{\"epoch\":%llu,",
                   (unsigned long long)policy.epoch);
}

#endif
