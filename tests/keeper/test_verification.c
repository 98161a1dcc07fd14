#include "tests/keeper/wrapped_fixture.h"

/*
 * Which signatures are verified before anybody gets them. One bit of what the token answers is
 * another here: a signature that is looked at reaches nobody, and its process is replaced.
 */

#define PREFIX   "verified." /* with which the names of wrapped keys begin */
#define ONE      PREFIX "one"
#define OTHER    PREFIX "other"
#define FIRST    "t.first"
#define ALWAYS   "t.always"
#define UNSIGNED "t.unsigned"

/* So many that one at least is in the sample, but for once in 10^10 runs. */
#define MANY 1500u

static int make_stack(void **state)
{
    (void)state;
    stack_use_memory();
    stack_make(&stack, 1);
    stack.tokens[0].tap = tap_new();
    stack.cache_keys = 1;
    stack.supervises = true;
    ps_buf_init(&body, IPC_DOCUMENT_MAX);
    stack_start(&stack);
    stack_genesis(&stack);
    expect(201, change("wrapping.create", "", "{}"));
    return 0;
}

/* A checkpoint that comes between is signed as it is. */
static void spoil_signature(void)
{
    tap_set_but(stack.tokens[0].tap, &msg_token_sign_info, STACK_ORIGIN, TAP_SPOIL);
}

static void pass_again(void)
{
    tap_set(stack.tokens[0].tap, &msg_token_sign_info, 0, TAP_PASS);
    stack_wait_state(&stack, APPLIANCE_OPERATIONAL);
}

/* A process may have read the key's object while another one wrote it. */
static void the_first_signature_of_a_process_is_verified(void **state)
{
    const pid_t before = stack.tokens[0].pid;

    (void)state;
    expect(201, change("key.create", "", EC_KEY(FIRST)));
    spoil_signature();
    expect(503, sign(FIRST));
    pass_again();
    expect(200, sign(FIRST));
    assert_int_not_equal(stack.tokens[0].pid, before);
}

/* What is stored of a key, others may have written. */
static void the_first_signature_of_a_key_that_was_opened_is_verified(void **state)
{
    (void)state;
    make_key(ONE);
    make_key(OTHER);
    expect(200, sign(ONE));
    expect(200, sign(OTHER)); /* there is room for one: the other is closed */
    spoil_signature();
    expect(503, sign(ONE));
    pass_again();
    expect(200, sign(ONE));
}

static void all_are_verified_where_people_want_that(void **state)
{
    (void)state;
    expect(201,
           change("key.create", "",
                  "{\"name\":\"" ALWAYS "\",\"type\":\"ec-p256\",\"usage\":\"sign\",\"formats\":"
                  "[\"jws\"],\"verify\":\"always\"}"));
    expect(200, sign(ALWAYS));
    spoil_signature();
    expect(503, sign(ALWAYS));
    pass_again();
    expect(200, sign(ALWAYS));
}

/* One faulty signature of these gives the key away. */
static void each_of_eddsa_and_of_rsa_is_verified(void **state)
{
    static const char *const keys[] = {"t.ed25519", "t.rsa-2048"};

    (void)state;
    for (size_t i = 0; i < PS_COUNT_OF(keys); i++) {
        char parameters[160];

        (void)snprintf(parameters, sizeof parameters,
                       "{\"name\":\"%s\",\"type\":\"%s\",\"usage\":\"sign\",\"formats\":"
                       "[\"jws\"]}",
                       keys[i], keys[i] + 2);
        expect(201, change("key.create", "", parameters));
        expect(200, sign(keys[i]));
        spoil_signature();
        expect(503, sign(keys[i]));
        pass_again();
        expect(200, sign(keys[i]));
    }
}

/* Whoever wrote the leaf may have put in a public key of their own. */
static void a_key_that_an_unsigned_leaf_names_signs_when_the_token_has_shown_it(void **state)
{
    const uint64_t deadline = ps_clock_mono_ns() + WIRE_LIMIT_MS * PS_NS_PER_MS;

    (void)state;
    expect(201, change("key.create", "", EC_KEY(UNSIGNED)));
    stack_kill_keeper(&stack);
    stack_forget_checkpoint(&stack);
    tap_set(stack.tokens[0].tap, &msg_token_find_info, 0, TAP_REFUSE);
    stack_start_keeper(&stack);
    stack_wait_state(&stack, APPLIANCE_OPERATIONAL);
    expect(503, sign(UNSIGNED));
    tap_set(stack.tokens[0].tap, &msg_token_find_info, 0, TAP_PASS);
    while (sign(UNSIGNED) != 200) {
        assert_true(ps_clock_mono_ns() < deadline);
        rest_a_while();
    }
}

static unsigned long verifications(void)
{
    return read_number(READ_METRICS, "", "\nprivyseal_verifications_total ");
}

static void of_the_others_some_are_verified(void **state)
{
    unsigned long before;

    (void)state;
    expect(200, sign(FIRST));
    before = verifications();
    for (unsigned i = 0; i < MANY; i++) {
        expect(200, sign(FIRST));
    }
    assert_in_range(verifications() - before, 1, MANY / 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_first_signature_of_a_process_is_verified),
        cmocka_unit_test(the_first_signature_of_a_key_that_was_opened_is_verified),
        cmocka_unit_test(all_are_verified_where_people_want_that),
        cmocka_unit_test(each_of_eddsa_and_of_rsa_is_verified),
        cmocka_unit_test(of_the_others_some_are_verified),
        cmocka_unit_test(a_key_that_an_unsigned_leaf_names_signs_when_the_token_has_shown_it),
    };

    return cmocka_run_group_tests(tests, make_stack, fixture_end);
}
