#include "tests/keeper/fixture.h"
#include "tests/unit/liar.h"

#include "lib/base/encode.h"

/*
 * A module that says it is the approved one, in its place. It gets no PIN, whatever it says.
 */

static char path[220]; /* the module of the token processes */

static void replace_token(void)
{
    stack_kill_token(&stack, 0);
    stack_start_token(&stack, 0);
}

static int make_stack(void **state)
{
    (void)state;
    fixture_begin(1);
    (void)snprintf(path, sizeof path, "%s/module.so", stack.directory);
    put_in_place(STACK_MODULE, path);
    stack.module = path;
    stack.request_timeout_ms = STACK_SOON_MS;
    liar_begin(STACK_MODULE, stack.directory);
    replace_token();
    restart_keeper(APPLIANCE_OPERATIONAL);
    expect(201, change("key.create", "", EC_KEY("key")));
    return 0;
}

/* What `system` shows is the hash of the file. */
static void expect_liar(void)
{
    uint8_t sha256[PS_SHA256_LEN];
    PS_BUF_AUTO text = {.max = 256};

    wait_for_text(READ_SYSTEM, "", "unapproved-module", 1);
    hash_file(liar_path(), sha256);
    ps_buf_put_str(&text, "\"module_sha256\":\"");
    ps_buf_put_hex(&text, ps_bytes(sha256, sizeof sha256));
    ps_buf_put_u8(&text, 0);
    assert_ok(ps_buf_status(&text));
    wait_for_text(READ_SYSTEM, "", (const char *)text.data, 1);
    stack_wait_state(&stack, APPLIANCE_DEGRADED);
    expect(503, sign("key"));
    assert_true(liar_noted("loaded"));
    assert_false(liar_noted("pin"));
}

/* The keeper gives up a request soon, and for so long a machine may be away. */
static void wait_until_signed(void)
{
    const uint64_t deadline = ps_clock_mono_ns() + WIRE_LIMIT_MS * PS_NS_PER_MS;
    unsigned status;

    do {
        assert_true(ps_clock_mono_ns() < deadline);
        status = sign("key");
    } while (status == 503 && has_rested());
    expect(200, status);
}

static void expect_approved(void)
{
    liar_forget("loaded");
    put_in_place(STACK_MODULE, path);
    replace_token();
    stack_wait_state(&stack, APPLIANCE_OPERATIONAL);
    wait_until_signed();
    assert_false(liar_noted("pin"));
}

static void a_liar_in_a_running_appliance_gets_no_pin(void **state)
{
    (void)state;
    put_in_place(liar_path(), path);
    replace_token();
    expect_liar();
    expect_approved();
}

static void nor_does_one_that_is_there_at_the_start(void **state)
{
    (void)state;
    stack_kill_keeper(&stack);
    put_in_place(liar_path(), path);
    replace_token();
    stack_start_keeper(&stack);
    stack_wait_state(&stack, APPLIANCE_DEGRADED);
    expect_liar();
    expect_approved();
}

/* A keeper that comes later is told what was there when the process began, not what is there now.
 */
static void a_file_that_is_put_back_does_not_vouch_for_what_is_loaded(void **state)
{
    (void)state;
    put_in_place(liar_path(), path);
    replace_token();
    expect_liar();
    put_in_place(STACK_MODULE, path);
    restart_keeper(APPLIANCE_DEGRADED);
    expect_liar();
    expect_approved();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_liar_in_a_running_appliance_gets_no_pin),
        cmocka_unit_test(nor_does_one_that_is_there_at_the_start),
        cmocka_unit_test(a_file_that_is_put_back_does_not_vouch_for_what_is_loaded),
    };

    return cmocka_run_group_tests(tests, make_stack, fixture_end);
}
