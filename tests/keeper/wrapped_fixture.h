#ifndef TESTS_KEEPER_WRAPPED_FIXTURE_H
#define TESTS_KEEPER_WRAPPED_FIXTURE_H

#include "tests/keeper/leaves.h"
#include "tests/keeper/sql.h"

/* Keys that live outside the token, and the rows that say what was stored of them. */

#define WRAPPED_KEY(name)                                                                          \
    "{\"name\":\"" name "\",\"type\":\"ec-p256\",\"usage\":\"sign\",\"formats\":[\"jws\"],"        \
    "\"residence\":\"wrapped\"}"

static inline PS_UNUSED void make_key(const char *name)
{
    char text[300];

    (void)snprintf(text, sizeof text,
                   "{\"name\":\"%s\",\"type\":\"ec-p256\",\"usage\":\"sign\",\"formats\":[\"jws\"],"
                   "\"residence\":\"wrapped\"}",
                   name);
    expect(201, change("key.create", "", text));
}

static inline int take_number(void *context, int count, char **values, char **names)
{
    (void)count;
    (void)names;
    *(int *)context = atoi(values[0]);
    return 0;
}

/* What a statement that gives one number gives. */
static inline PS_UNUSED int sql_number(const char *statement)
{
    int number = -1;

    sql_each(statement, take_number, &number);
    return number;
}

static inline PS_UNUSED int count_rows(void)
{
    return sql_number("select count(*) from row where kind = 'wrapped'");
}

static inline PS_UNUSED void wait_for_alarm_of(const char *what, unsigned count)
{
    const uint64_t deadline = ps_clock_mono_ns() + WIRE_LIMIT_MS * PS_NS_PER_MS;

    while (leaves_count_alarms(&stack, what) != count) {
        assert_true(ps_clock_mono_ns() < deadline);
        (void)usleep(1000);
    }
}

/* Another token is asked as soon as the keeper knows that the first is away. */
static inline PS_UNUSED void sign_elsewhere(const char *name)
{
    const uint64_t deadline = ps_clock_mono_ns() + WIRE_LIMIT_MS * PS_NS_PER_MS;

    while (sign(name) != 200) {
        assert_true(ps_clock_mono_ns() < deadline);
        (void)usleep(1000);
    }
}

/* What they have open is open no more. */
static inline PS_UNUSED void restart_tokens(size_t processes)
{
    for (size_t i = 0; i < processes; i++) {
        stack_stop_token(&stack, i);
    }
    stack_wait_state(&stack, APPLIANCE_DEGRADED);
    for (size_t i = 0; i < processes; i++) {
        stack_start_token(&stack, i);
    }
    stack_wait_state(&stack, APPLIANCE_OPERATIONAL);
}

#endif
