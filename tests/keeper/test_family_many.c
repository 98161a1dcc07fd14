#include "tests/keeper/fixture.h"

#include <stdlib.h>

/* A client makes several keys of its families at once: each of them is counted, and no other. */

#define MANY     12u
#define AT_ONCE  16u /* of one client: more are told to ask again */
#define TOO_MANY 40u
#define FAMILY(maximum)                                                                            \
    "{\"client\":\"tester\",\"maximum\":" maximum ",\"template\":{\"type\":\"ec-p256\","           \
    "\"usage\":\"sign\",\"formats\":[\"jws\"]}}"

static unsigned statuses[TOO_MANY];

static int make_stack(void **state)
{
    (void)state;
    stack_use_memory();
    fixture_begin(2);
    expect(201, change("wrapping.create", "", "{}"));
    return 0;
}

static void ask(const char *family, unsigned number)
{
    char parameters[100];
    struct msg_change message = {0};

    (void)snprintf(parameters, sizeof parameters, "{\"name\":\"%s%u\"}", family, number);
    message = stack_change_message("family.make_key", family, parameters);
    message.requester = ps_bytes(NULL, 0);
    (void)wire_send(&stack.clients, &msg_change_info, &message);
}

static void ask_many(const char *family, unsigned count)
{
    for (unsigned i = 0; i < count; i++) {
        ask(family, i);
    }
}

/* The next answer, of whichever that is. */
static void read_one(uint64_t before)
{
    struct wire_frame answer;

    do {
        assert_true(wire_read(&stack.clients, WIRE_LIMIT_MS, &answer));
    } while (answer.id == 0);
    statuses[answer.id - before - 1] = stack_status_of(&answer, &body);
}

/* How many were answered so. */
static unsigned count_of(unsigned status, unsigned count)
{
    unsigned found = 0;

    for (unsigned i = 0; i < count; i++) {
        found += statuses[i] == status ? 1 : 0;
    }
    return found;
}

static void make_many(const char *family, unsigned count)
{
    const uint64_t before = stack.clients.next_id;

    ask_many(family, count);
    for (unsigned i = 0; i < count; i++) {
        read_one(before);
    }
}

static unsigned made_of(const char *family)
{
    return (unsigned)read_number(READ_FAMILY, family, "\"made\":");
}

static bool exists(const char *family, unsigned number)
{
    char name[32];

    (void)snprintf(name, sizeof name, "%s%u", family, number);
    return stack_read(&stack, READ_KEY, name, &body) == 200;
}

/* What was answered is so, and nothing else is. */
static void check_made(const char *family, unsigned count)
{
    for (unsigned i = 0; i < count; i++) {
        assert_int_equal(exists(family, i), statuses[i] == 201);
    }
    assert_int_equal(made_of(family), count_of(201, count));
}

static void several_are_made_at_once(void **state)
{
    (void)state;
    expect(201, change("family.create", "f.", FAMILY("100")));
    make_many("f.", MANY);
    assert_int_equal(count_of(201, MANY), MANY);
    check_made("f.", MANY);
    expect(200, sign("f.0"));
    expect(200, sign("f.11"));
    restart_keeper(APPLIANCE_OPERATIONAL);
    check_made("f.", MANY);
}

static void at_once_no_more_are_made_than_the_maximum(void **state)
{
    (void)state;
    expect(201, change("family.create", "g.", FAMILY("3")));
    make_many("g.", MANY);
    assert_int_equal(count_of(201, MANY), 3);
    assert_int_equal(count_of(422, MANY), MANY - 3);
    check_made("g.", MANY);
    restart_keeper(APPLIANCE_OPERATIONAL);
    check_made("g.", MANY);
}

static void who_asks_for_too_many_is_told_to_ask_again(void **state)
{
    (void)state;
    expect(201, change("family.create", "h.", FAMILY("100")));
    make_many("h.", TOO_MANY);
    assert_true(count_of(201, TOO_MANY) >= AT_ONCE);
    assert_int_equal(count_of(201, TOO_MANY) + count_of(409, TOO_MANY), TOO_MANY);
    check_made("h.", TOO_MANY);
}

/* Nobody has to wait for a client that leaves no gap. */
static void a_family_is_suspended_while_its_keys_are_made(void **state)
{
    uint64_t before;
    DRAFT_AUTO draft;

    (void)state;
    expect(201, change("family.create", "s.", FAMILY("100")));
    ask_and_approve("family.suspend", "s.", "{}", &draft);
    before = stack.clients.next_id;
    ask_many("s.", MANY);
    expect(201, draft_execute(&stack, &draft, &body));
    for (unsigned i = 0; i < MANY; i++) {
        read_one(before);
    }
    assert_int_equal(count_of(201, MANY) + count_of(409, MANY), MANY);
    check_made("s.", MANY);
    make_many("s.", 1);
    assert_int_equal(statuses[0], exists("s.", 0) ? 200 : 409);
    restart_keeper(APPLIANCE_OPERATIONAL);
    expect(200, stack_read(&stack, READ_FAMILY, "s.", &body));
    assert_true(body_has("\"suspended\":true"));
}

/* Those that were under way were made, or were not. */
static void killed_among_several_each_is_made_once(void **state)
{
    uint64_t before;

    (void)state;
    expect(201, change("family.create", "k.", FAMILY("100")));
    before = stack.clients.next_id;
    ask_many("k.", MANY);
    read_one(before);
    restart_keeper(APPLIANCE_OPERATIONAL);
    for (unsigned i = 0; i < MANY; i++) {
        const bool was_made = exists("k.", i);

        do {
            const uint64_t again = stack.clients.next_id;

            ask("k.", i);
            read_one(again);
        } while (statuses[0] == 409 && body_has("in-flight"));
        assert_int_equal(statuses[0], was_made ? 200 : 201);
    }
    assert_int_equal(made_of("k."), MANY);
    assert_int_equal(stack_stop_keeper(&stack), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(several_are_made_at_once),
        cmocka_unit_test(at_once_no_more_are_made_than_the_maximum),
        cmocka_unit_test(who_asks_for_too_many_is_told_to_ask_again),
        cmocka_unit_test(a_family_is_suspended_while_its_keys_are_made),
        cmocka_unit_test(killed_among_several_each_is_made_once),
    };

    return cmocka_run_group_tests(tests, make_stack, fixture_end);
}
