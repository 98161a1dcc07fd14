#include "tests/keeper/fixture.h"

/*
 * Nobody is locked out by fewer people than it takes to let somebody in: neither by a client that
 * asks for all that it can, nor by one officer who suspends.
 */

#define CLERK_UID  4241 /* manages clients, and cannot give grants */
#define DEPUTY_UID 4242 /* can do what `tester` can */

static const char *const deputys[2] = {"grants.manage", "operations.step"};
static char grants[2][33]; /* ids of these */

static unsigned register_client(const char *name, unsigned uid)
{
    char parameters[160];

    (void)snprintf(parameters, sizeof parameters, "{\"name\":\"%s\",\"uids\":[%u]}", name, uid);
    return change("client.register", "", parameters);
}

static unsigned grant(const char *client, const char *operation)
{
    char parameters[200];

    (void)snprintf(parameters, sizeof parameters,
                   "{\"client\":\"%s\",\"keys\":\"*\",\"operations\":[\"%s\"]}", client, operation);
    return change("grant.add", "", parameters);
}

static void take_id(char out[33])
{
    const char *at = memmem(body.data, body.len, "\"id\":\"", 6);

    assert_non_null(at);
    memcpy(out, at + 6, 32);
}

static int make_stack(void **state)
{
    (void)state;
    fixture_begin(1);
    expect(201, register_client("clerk", CLERK_UID));
    expect(201, grant("clerk", "clients.manage"));
    expect(201, register_client("deputy", DEPUTY_UID));
    for (size_t i = 0; i < PS_COUNT_OF(deputys); i++) {
        expect(201, grant("deputy", deputys[i]));
        take_id(grants[i]);
    }
    return 0;
}

static unsigned ask_as(unsigned uid, const char *type, const char *subject, struct draft *ret_draft)
{
    struct msg_change message = stack_change_message(type, subject, "{}");

    message.caller.uid = uid;
    return draft_ask(&stack, &message, ret_draft, &body);
}

static unsigned ask_as_clerk(const char *type)
{
    DRAFT_AUTO draft;

    return ask_as(CLERK_UID, type, "tester", &draft);
}

/* One officer is enough for a suspension: of the last client that could ask for its end, too. */
static void the_last_way_in_is_not_closed(void **state)
{
    DRAFT_AUTO draft;

    (void)state;
    expect(202, ask_as_clerk("client.suspend"));
    expect(202, ask_as_clerk("client.remove"));
    expect(202, ask_as(CLERK_UID, "client.suspend", "tester", &draft));
    expect(200, draft_approve(&stack, &draft, &body));
    /* Either of the two grants is needed. */
    for (size_t i = 0; i < PS_COUNT_OF(grants); i++) {
        expect(200, change("grant.revoke", grants[i], "{}"));
        expect(422, ask_as_clerk("client.suspend"));
        assert_true(body_has("nobody could ask"));
        expect(422, ask_as_clerk("client.remove"));
        expect(201, grant("deputy", deputys[i]));
        take_id(grants[i]);
        expect(202, ask_as_clerk("client.suspend"));
    }
    /* What was possible when people approved it is looked at again. */
    expect(201, change("client.suspend", "deputy", "{}"));
    expect(422, ask_as_clerk("client.suspend"));
    expect(422, draft_execute(&stack, &draft, &body));
    assert_true(body_has("nobody could ask"));
    expect(201, change("client.resume", "deputy", "{}"));
}

/* Drafts are made by whoever has a grant, without people. Some of other tests wait already. */
static void take_all_places(unsigned uid)
{
    DRAFT_AUTO refused;
    unsigned made = 0;

    for (;; made++) {
        DRAFT_AUTO draft;

        if (ask_as(uid, "client.suspend", "deputy", &draft) != 202) {
            break;
        }
    }
    assert_in_range(made, 32, 48);
    expect(503, ask_as(uid, "client.suspend", "deputy", &refused));
    assert_true(body_has("places are for others"));
}

/* It is suspended by others all the same, who make a few drafts of their own for that. */
static void a_client_that_asks_for_all_it_can_leaves_room_for_others(void **state)
{
    DRAFT_AUTO draft;

    (void)state;
    take_all_places(CLERK_UID);
    restart_keeper(APPLIANCE_OPERATIONAL);
    expect(503, ask_as(CLERK_UID, "client.suspend", "deputy", &draft));
    expect(201, change("client.suspend", "clerk", "{}"));
    expect(201, change("client.resume", "clerk", "{}"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_last_way_in_is_not_closed),
        cmocka_unit_test(a_client_that_asks_for_all_it_can_leaves_room_for_others),
    };

    return cmocka_run_group_tests(tests, make_stack, fixture_end);
}
