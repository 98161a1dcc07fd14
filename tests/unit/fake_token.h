#ifndef TESTS_UNIT_FAKE_TOKEN_H
#define TESTS_UNIT_FAKE_TOKEN_H

#include "tests/unit/softhsm.h"
#include "tests/unit/token_keys.h"

#include "tests/fake_p11/control.h"

#include "pkcs11/module/cryptoki_extra.h"

/* A token process with the scripted module: token 0 of a directory of the test's own. */

static struct fake_control *fake;
static char fake_directory[256];
static char fake_environment[300];
static struct process process;

static inline const char *fake_module(void)
{
    const char *path = getenv("FAKE_P11_MODULE");

    assert_non_null(path);
    return path;
}

static inline struct process_setup fake_setup(void)
{
    return (struct process_setup){
        .module = fake_module(),
        .uri = "pkcs11:token=unit-test",
        .profile = "fake.json",
        .environment = fake_environment,
        .sync_directory = fake_directory,
    };
}

/* fake.json with one text in the place of another. */
static inline PS_UNUSED const char *changed_profile(const char *from, const char *to)
{
    static char text[16384];
    PS_BUF_AUTO file = {.max = 65536};
    char path[512];
    const char *at;

    (void)snprintf(path, sizeof path, "%s/firmware-profiles/fake.json", source_root());
    process_file(path, &file);
    ps_buf_put_u8(&file, 0);
    assert_ok(ps_buf_status(&file));
    at = strstr((const char *)file.data, from);
    assert_non_null(at);
    (void)snprintf(text, sizeof text, "%.*s%s%s", (int)(at - (const char *)file.data), file.data,
                   to, at + strlen(from));
    return text;
}

/* The directory that is the token, and a process that is ready to use it. */
static inline PS_UNUSED void start_fake(struct process *process_ready, uint32_t cache_keys)
{
    struct process_setup setup;

    softhsm_make_store();
    (void)snprintf(fake_directory, sizeof fake_directory, "%s/fake", softhsm_top);
    (void)snprintf(fake_environment, sizeof fake_environment, "FAKE_P11_DIR=%s", fake_directory);
    assert_int_equal(control_open(fake_directory, &fake), 0);
    setup = fake_setup();
    setup.cache_keys = cache_keys;
    process_start(process_ready, &setup);
    initialise_token(process_ready);
    process_make_ready(process_ready);
}

static inline PS_UNUSED void stop_fake(struct process *process_ready)
{
    (void)control_clear_rule(fake, 0);
    if (process_ready->pid != 0) {
        assert_int_equal(process_stop(process_ready), 0);
    }
    control_close(fake);
    softhsm_remove_store();
}

static inline PS_UNUSED int make_fake(void **state)
{
    (void)state;
    start_fake(&process, 0);
    return 0;
}

static inline PS_UNUSED int end_fake(void **state)
{
    (void)state;
    stop_fake(&process);
    return 0;
}

#define FAKE_TEST(function) cmocka_unit_test_setup_teardown(function, make_fake, end_fake)

static inline PS_UNUSED void restart(const struct process_setup *setup)
{
    assert_int_equal(process_stop(&process), 0);
    process_start(&process, setup);
}

/* Adds a rule for a function: `times` calls, 0 for all that come. */
static inline PS_UNUSED void script(enum fake_function function, enum fake_action action,
                                    uint64_t argument, uint64_t times)
{
    struct fake_rule rule = {0};

    rule.function = function;
    rule.mechanism = FAKE_ANY;
    rule.attribute = FAKE_ANY;
    rule.token = FAKE_ANY;
    rule.action = action;
    rule.argument = argument;
    rule.times = times;
    assert_true(control_add_rule(fake, &rule) != 0);
}

/* As script, for calls whose template names the attribute. */
static inline PS_UNUSED void script_attribute(CK_ATTRIBUTE_TYPE type, enum fake_garbage garbage)
{
    struct fake_rule rule = {0};

    rule.function = FAKE_C_GetAttributeValue;
    rule.mechanism = FAKE_ANY;
    rule.attribute = type;
    rule.token = FAKE_ANY;
    rule.action = FAKE_GARBAGE_ATTRIBUTES;
    rule.argument = garbage;
    assert_true(control_add_rule(fake, &rule) != 0);
}

/* What a command of fake_p11_ctl does at once. */
static inline PS_UNUSED void act(enum fake_action action, const char *text, uint64_t argument,
                                 uint64_t for_ns)
{
    struct fake_rule what = {0};

    what.action = action;
    what.argument = argument;
    control_set_text(&what.text, text);
    control_act(fake, 0, &what, for_ns);
}

static inline PS_UNUSED uint64_t calls(enum fake_function function)
{
    return atomic_load(&fake->counts[0][function]) +
           atomic_load(&fake->counts[FAKE_NO_TOKEN][function]);
}

static inline PS_UNUSED void sign_once(const struct test_key *key, struct process_answer *answer)
{
    static const uint8_t digest[32] = {1};

    ask_to_sign(&process, key, PS_ALG_ES256, ps_bytes(digest, sizeof digest), answer);
}

static inline PS_UNUSED void must_be_lost_and_come_back(const struct test_key *key)
{
    const uint32_t generation = process.generation;

    process_make_ready(&process);
    assert_int_equal(process.generation, generation + 1);
    must_sign(&process, key, PS_ALG_ES256);
}

#endif
