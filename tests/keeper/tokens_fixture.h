#ifndef TESTS_KEEPER_TOKENS_FIXTURE_H
#define TESTS_KEEPER_TOKENS_FIXTURE_H

#include "tests/keeper/gate_fixture.h"
#include "tests/keeper/wrapped_fixture.h"

/* Three tokens: that of the log, and two which may leave the configuration, the last one first. */

#define SPARE     "spare" /* that the keys that wrap are carried to */
#define SPARE_AT  1u
#define HOME      "home" /* that they are in; the last one, so that it can leave alone */
#define HOME_AT   2u
#define IN(token) "{\"token\":\"" token "\"}"
#define IN_HOME   IN(HOME)

/* The parameters of a key.create. */
#define WRAPPED_IN(name, where)                                                                    \
    "{\"name\":\"" name "\",\"type\":\"ec-p256\",\"usage\":\"sign\",\"formats\":[\"jws\"],"        \
    "\"residence\":\"wrapped\",\"token\":\"" where "\"}"

static inline PS_UNUSED void send_so_pin_of(const char *token)
{
    const struct msg_pin so_pin = {
        .token = ps_bytes_str(token), .pin = ps_bytes_str(STACK_SO_PIN), .is_so = 1};

    wire_send(&stack.supervisor, &msg_pin_info, &so_pin);
    stack_connect_api(&stack, &stack.management, IPC_ROLE_API_MANAGEMENT); /* comes after it */
}

static inline PS_UNUSED void wait_for_tokens(void)
{
    const uint64_t deadline = ps_clock_mono_ns() + WIRE_LIMIT_MS * PS_NS_PER_MS;
    struct msg_change trial = stack_change_message("wrapping.create", "", IN_HOME);
    DRAFT_AUTO none;

    for (size_t i = SPARE_AT; i < stack.processes; i++) {
        char text[60];

        (void)snprintf(text, sizeof text, "\"token\":\"%s\",\"state\":\"ready\"",
                       stack.tokens[i].name);
        wait_for_text(READ_SYSTEM, "", text, 1);
    }
    trial.dry_run = 1;
    while (draft_ask(&stack, &trial, &none, &body) == 503) {
        assert_true(ps_clock_mono_ns() < deadline);
        rest_a_while();
    }
}

static inline PS_UNUSED void take_in(const char *name, size_t number)
{
    char text[96];

    stack.tokens[number].tap = tap_new();
    stack_add_token(&stack, name);
    (void)snprintf(text, sizeof text, "\"token\":\"%s\",\"state\":\"needs-login\"", name);
    wait_for_text(READ_SYSTEM, "", text, 1);
    expect(201, change("token.accept", name, "{}"));
    wait_for_tokens();
}

static inline PS_UNUSED void start(void)
{
    stack_start_keeper(&stack);
    stack_wait_state(&stack, APPLIANCE_OPERATIONAL);
}

static inline PS_UNUSED void start_without(size_t tokens)
{
    for (size_t i = 0; i < tokens; i++) {
        stack_drop_token(&stack);
    }
    start();
}

static inline PS_UNUSED void start_with(size_t tokens)
{
    stack_kill_keeper(&stack);
    for (size_t i = 0; i < tokens; i++) {
        stack_return_token(&stack);
    }
    start();
    send_so_pin_of(HOME);
    wait_for_tokens();
}

#endif
