#ifndef TESTS_KEEPER_KILL_PINS_H
#define TESTS_KEEPER_KILL_PINS_H

#include "tests/keeper/kill_people.h"
#include "tests/keeper/shares.h"

/*
 * PINs that officers hold shares of, for test_gate_kill.c: with the test in the place of a
 * supervisor that keeps the user's.
 */
static char kill_holders[4200];    /* the parameters of what is done with the user's PIN */
static char kill_so_holders[4200]; /* with the security officer's */

static inline void kill_unlock(void)
{
    shares_unlock(&stack, STACK_TOKEN);
}

/* A keeper that has died may have kept none of the two. */
static inline void kill_release_both(void)
{
    shares_release_so(&stack, STACK_TOKEN);
    kill_unlock();
}

/* Nobody asked for them yet when they came, or they were of the other splitting. */
static inline bool kill_shares_are_missing(unsigned status)
{
    return status == 422 && body_has("give their shares first");
}

static inline bool kill_pins_are_settled(void)
{
    bool is_settled;

    expect(200, stack_read(&stack, READ_PINS, "", &body));
    is_settled = !body_has("\"next\":true");
    expect(200, stack_read(&stack, READ_SYSTEM, "", &body));
    return is_settled && body_has("\"token\":\"" STACK_TOKEN "\",\"state\":\"ready\"");
}

/*
 * Attended. It has one PIN of each kind, and that of one splitting, whatever became of the round
 * before.
 */
static inline void kill_attend(void)
{
    const uint64_t deadline = ps_clock_mono_ns() + WIRE_LIMIT_MS * PS_NS_PER_MS;

    (void)snprintf(kill_holders, sizeof kill_holders, "%s", shares_parameters());
    (void)snprintf(kill_so_holders, sizeof kill_so_holders, "%s", shares_so_parameters());
    stack.supervises = true;
    stack_attend_token(&stack, 0);
    wait_for_text(READ_UNLOCK, "", "\"mode\":\"attended\"", 1);
    do {
        assert_true(ps_clock_mono_ns() < deadline);
        kill_unlock();
    } while (!kill_pins_are_settled() && has_rested());
}

/* Nobody has the user's PIN but the holders of its shares, who do not come. */
static inline void kill_lose_pin(void)
{
    kill_attend();
    expect(200, stack_read(&stack, READ_PINS, "", &body));
    if (!body_has("\"name\":")) {
        kill_change("pin.split", STACK_TOKEN, kill_holders);
    }
    lose_pin();
}

#endif
