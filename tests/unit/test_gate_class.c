#include "tests/unit/operation_documents.h"

#include "keystore/gate/class.h"

/* The class that counts, with a key of class A, `ca.root`, and one of class B, `web`. */

#define ROW(name, class)                                                                           \
    "{\"algorithms\":[\"ES256\"]," class "\"formats\":[],\"jwt\":{\"iss\":\"\",\"max_ttl_s\":0,"   \
                                         "\"typ\":\"\"},\"labels\":{},\"latest\":0,\"name\":"      \
                                         "\"" name "\",\"recovery\":\"none\","                     \
                                         "\"residence\":\"token\",\"rotation\":{\"period_s\":0,"   \
                                         "\"publish_ahead_s\":0,\"retain_s\":0},"                  \
                                         "\"state\":\"active\",\"token\":\"t\",\"type\":\"ec-"     \
                                         "p256\",\"usage\":\"sign\",\"validity_s\":0,"             \
                                         "\"verify\":\"always\"}"

static struct keys *keys;
static struct json *parser;

static int make(void **state)
{
    (void)state;
    assert_ok(json_new(&parser));
    assert_ok(keys_new(&keys));
    assert_ok(keys_put(keys, ps_bytes_str(ROW("ca.root", "\"class\":\"A\",")), 1));
    assert_ok(keys_put(keys, ps_bytes_str(ROW("web", "")), 1));
    assert_ok(keys_put(keys, ps_bytes_str(ROW("privyseal.log", "")), 1));
    return 0;
}

static int clear(void **state)
{
    (void)state;
    keys_free(keys);
    json_free(parser);
    return 0;
}

/* Of the type's document among the vectors, with `from` replaced. */
static enum policy_class class_of(const char *type, const char *from, const char *to)
{
    struct operation_document document;
    PS_BUF_AUTO octets = {.max = OPERATION_DOCUMENT_MAX};

    read_document(type, &octets);
    replace(&octets, from, to);
    assert_ok(operation_document_parse(parser, ps_buf_bytes(&octets), &document));
    return gate_class_of(keys, &document);
}

#define KEY(name) "\"key\":\"" name "\""

static enum policy_class class_of_suspending(const char *key)
{
    return class_of("key.suspend", KEY("esignet.idtoken"), key);
}

static void whatever_is_done_to_a_key_of_class_a_is_of_class_a(void **state)
{
    (void)state;
    assert_int_equal(class_of_suspending(KEY("ca.root")), POLICY_A);
    assert_int_equal(class_of("key.rotate", KEY("esignet.idtoken"), KEY("ca.root")), POLICY_A);
    assert_int_equal(class_of("key.activate", KEY("esignet.idtoken"), KEY("ca.root")), POLICY_A);
    assert_int_equal(class_of("key.withdraw", KEY("esignet.idtoken"), KEY("ca.root")), POLICY_A);
}

/* Else nobody alone could suspend any key. */
static void a_key_of_class_b_raises_nothing(void **state)
{
    (void)state;
    assert_int_equal(class_of_suspending(KEY("web")), POLICY_C);
    assert_int_equal(class_of("key.rotate", KEY("esignet.idtoken"), KEY("web")), POLICY_B);
    assert_int_equal(class_of("key.destroy", "\"recovery\":", "\"recovery\":"), POLICY_A);
}

static void the_appliances_own_keys_are_of_class_a_also_those_to_come(void **state)
{
    (void)state;
    assert_int_equal(class_of_suspending(KEY("privyseal.log")), POLICY_A);
    assert_int_equal(class_of_suspending(KEY("privyseal.wrapping")), POLICY_A);
}

/* A document says the class of a new key; it raises what counts and never lowers it. */
static void a_document_raises_the_class_and_never_lowers_it(void **state)
{
    (void)state;
    assert_int_equal(class_of("key.create", "\"formats\"", "\"class\":\"A\",\"formats\""),
                     POLICY_A);
    assert_int_equal(class_of("key.create", "\"formats\"", "\"class\":\"B\",\"formats\""),
                     POLICY_B);
    assert_int_equal(class_of_suspending("\"class\":\"A\"," KEY("web")), POLICY_A);
    assert_int_equal(class_of_suspending("\"class\":\"B\"," KEY("ca.root")), POLICY_A);
}

#define KEYS(pattern) "\"keys\":\"" pattern "\""

static void a_grant_is_of_the_class_of_what_it_covers(void **state)
{
    (void)state;
    assert_int_equal(class_of("grant.add", KEYS("esignet.*"), KEYS("web*")), POLICY_B);
    assert_int_equal(class_of("grant.add", KEYS("esignet.*"), KEYS("*")), POLICY_A);
    assert_int_equal(class_of("grant.add", KEYS("esignet.*"), KEYS("ca.root")), POLICY_A);
    /* The appliance's own keys are covered by no grant. */
    assert_int_equal(class_of("grant.add", KEYS("esignet.*"), KEYS("p*")), POLICY_B);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(whatever_is_done_to_a_key_of_class_a_is_of_class_a),
        cmocka_unit_test(a_key_of_class_b_raises_nothing),
        cmocka_unit_test(the_appliances_own_keys_are_of_class_a_also_those_to_come),
        cmocka_unit_test(a_document_raises_the_class_and_never_lowers_it),
        cmocka_unit_test(a_grant_is_of_the_class_of_what_it_covers),
    };

    return cmocka_run_group_tests(tests, make, clear);
}
