#ifndef TESTS_KEEPER_WRAPPED_FIXTURE_H
#define TESTS_KEEPER_WRAPPED_FIXTURE_H

#include "tests/keeper/leaves.h"
#include "tests/keeper/sql.h"

/* Keys that live outside the token, and the rows that say what was stored of them. */

#define WRAPPED_KEY(name)                                                                          \
    "{\"name\":\"" name "\",\"type\":\"ec-p256\",\"usage\":\"sign\",\"formats\":[\"jws\"],"        \
    "\"residence\":\"wrapped\"}"

/* cache_keys: in a token process, keys_in_memory: in the keeper, 0 as many as usual. */
static inline PS_UNUSED void begin_with_room(size_t processes, uint32_t cache_keys,
                                             uint32_t keys_in_memory)
{
    stack_use_memory();
    ps_buf_init(&body, IPC_DOCUMENT_MAX);
    stack_make(&stack, processes);
    stack.cache_keys = cache_keys;
    stack.keys_in_memory = keys_in_memory;
    stack_start(&stack);
    stack_genesis(&stack);
}

/* Of the first token, as the supervisor does. */
static inline PS_UNUSED void configure_so_pin(const char *pin)
{
    const struct msg_pin message = {
        .token = ps_bytes_str(STACK_TOKEN), .pin = ps_bytes_str(pin), .is_so = 1};

    wire_send(&stack.supervisor, &msg_pin_info, &message);
    stack_connect_api(&stack, &stack.management, IPC_ROLE_API_MANAGEMENT); /* comes after it */
}

/* kind: members of its parameters, "\"type\":..." */
static inline PS_UNUSED void make_wrapped_key(const char *name, const char *kind)
{
    char text[300];

    (void)snprintf(text, sizeof text, "{\"name\":\"%s\",%s,\"residence\":\"wrapped\"}", name, kind);
    expect(201, change("key.create", "", text));
}

static inline PS_UNUSED void make_key(const char *name)
{
    make_wrapped_key(name, "\"type\":\"ec-p256\",\"usage\":\"sign\",\"formats\":[\"jws\"]");
}

/* Does it with the keys PREFIX.many.0, PREFIX.many.1 and so on. */
static inline PS_UNUSED void with_many(const char *prefix, int count, void (*fn)(const char *name))
{
    char name[32];

    for (int i = 0; i < count; i++) {
        (void)snprintf(name, sizeof name, "%s.many.%d", prefix, i);
        fn(name);
    }
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
        rest_a_while();
    }
}

/* Another token is asked as soon as the keeper knows that the first is away. */
static inline PS_UNUSED void sign_elsewhere(const char *name)
{
    const uint64_t deadline = ps_clock_mono_ns() + WIRE_LIMIT_MS * PS_NS_PER_MS;

    while (sign(name) != 200) {
        assert_true(ps_clock_mono_ns() < deadline);
        rest_a_while();
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
