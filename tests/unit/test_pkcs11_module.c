#include "tests/unit/fake_token.h"
#include "tests/unit/liar.h"

/* Which file is loaded as the module: the one that the supervisor hashed, or none. */

static char module_path[300]; /* a copy of the scripted module, which tests replace */

static struct process_setup own_setup(void)
{
    struct process_setup setup = fake_setup();

    setup.module = module_path;
    return setup;
}

static int make_module(void **state)
{
    struct process_setup setup;

    (void)make_fake(state);
    (void)snprintf(module_path, sizeof module_path, "%s/module.so", softhsm_top);
    put_in_place(fake_module(), module_path);
    liar_begin(fake_module(), softhsm_top);
    setup = own_setup();
    restart(&setup);
    process_make_ready(&process);
    return 0;
}

static int end_module(void **state)
{
    assert_int_equal(unsetenv("LIAR_TOUCHES"), 0);
    return end_fake(state);
}

static void another_file_is_not_loaded(void **state)
{
    struct process_setup setup = own_setup();

    (void)state;
    put_in_place(liar_path(), module_path);
    setup.hashed = fake_module();
    restart(&setup);
    assert_int_equal(process_wait_end(&process), TOKEN_EXIT_MODULE);
    assert_false(liar_noted("loaded"));
    setup.hashed = NULL; /* the next one is told of the file that is there */
    process_start(&process, &setup);
    process_make_ready(&process);
    assert_true(liar_noted("loaded") && liar_noted("pin"));
}

/* Its own code has run by then. */
static void a_file_that_changes_while_it_is_loaded_ends_the_process(void **state)
{
    struct process_setup setup = own_setup();

    (void)state;
    put_in_place(liar_path(), module_path);
    assert_int_equal(setenv("LIAR_TOUCHES", module_path, 1), 0);
    restart(&setup);
    assert_int_equal(process_wait_end(&process), TOKEN_EXIT_MODULE);
    assert_true(liar_noted("loaded"));
    assert_false(liar_noted("pin"));
}

/* Whoever finds another file ends at once, and then the answer may still be on its way out. */
static void ask_for_a_signature(const struct test_key *key)
{
    static const uint8_t digest[32] = {1};
    const struct msg_token_sign message =
        sign_message(key, PS_ALG_ES256, ps_bytes(digest, sizeof digest));

    (void)process_send(&process, &msg_token_sign_info, &message);
}

static void lose_the_module(void)
{
    struct test_key key;

    make_key(&process, PS_ALG_ES256, PS_KEY_EC_P256, &key);
    script(FAKE_C_Sign, FAKE_RV, CKR_MUTEX_BAD, 1);
    ask_for_a_signature(&key);
}

static void another_file_is_not_loaded_at_a_reload(void **state)
{
    struct process_setup setup = own_setup();

    (void)state;
    setup.profile = changed_profile("\"finalize\"", "\"unload\"");
    restart(&setup);
    process_make_ready(&process);
    put_in_place(fake_module(), module_path); /* another file of the same octets */
    lose_the_module();
    process_make_ready(&process);
    put_in_place(liar_path(), module_path);
    lose_the_module();
    assert_int_equal(process_wait_end(&process), TOKEN_EXIT_MODULE);
    assert_false(liar_noted("loaded"));
}

/* libp11 asks for the module by its path, and gets the one that is loaded. */
static void what_takes_its_place_is_not_loaded_beside_it(void **state)
{
    uint8_t room[2048];
    struct test_key key;
    struct process_answer answer;
    struct msg_token_certificate_put message = {.label = ps_bytes_str("a certificate"),
                                                .der = make_certificate(1, room)};

    (void)state;
    make_key(&process, PS_ALG_ES256, PS_KEY_EC_P256, &key);
    put_in_place(liar_path(), module_path);
    message.object_id = key_id(&key);
    process_call(&process, &msg_token_certificate_put_info, &message, &answer);
    assert_answered(&answer);
    assert_false(liar_noted("loaded"));
}

#define MODULE_TEST(function) cmocka_unit_test_setup_teardown(function, make_module, end_module)

int main(void)
{
    const struct CMUnitTest tests[] = {
        MODULE_TEST(another_file_is_not_loaded),
        MODULE_TEST(a_file_that_changes_while_it_is_loaded_ends_the_process),
        MODULE_TEST(another_file_is_not_loaded_at_a_reload),
        MODULE_TEST(what_takes_its_place_is_not_loaded_beside_it),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
