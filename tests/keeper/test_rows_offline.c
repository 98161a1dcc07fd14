#include "tests/keeper/fixture.h"
#include "tests/keeper/offline.h"

/*
 * Rows that a result has, held against the document that people approved and against the rows of
 * before, by who verifies the log offline.
 */

#define KEY                                                                                        \
    "{\"name\":\"k.one\",\"type\":\"ec-p256\",\"usage\":\"sign\",\"formats\":[\"jws\"],"           \
    "\"algorithms\":[\"ES256\"],\"validity_s\":31536000,\"rotation\":{\"publish_ahead_s\":0}}"
#define ROOT_CA                                                                                    \
    "{\"name\":\"k.ca\",\"type\":\"ec-p256\",\"usage\":\"certify\",\"formats\":[\"x509\"],"        \
    "\"algorithms\":[\"ES256\"]}"
#define BATCH                                                                                      \
    "{\"keys\":[{\"name\":\"b.one\"},{\"name\":\"b.two\"}],\"type\":\"ec-p256\","                  \
    "\"usage\":\"sign\",\"formats\":[\"jws\"],\"algorithms\":[\"ES256\"]}"
#define POLICY                                                                                     \
    "{\"policy\":{\"classes\":{"                                                                   \
    "\"A\":{\"auditors\":\"1\",\"officers\":\"2\",\"requester\":\"excluded\"},"                    \
    "\"B\":{\"auditors\":\"0\",\"officers\":\"2\",\"requester\":\"excluded\"},"                    \
    "\"C\":{\"auditors\":\"0\",\"officers\":\"1\",\"requester\":\"counted\"},"                     \
    "\"U\":{\"auditors\":\"0\",\"officers\":\"2\",\"requester\":\"counted\"}},"                    \
    "\"cooling_off_s\":\"3600\",\"epoch\":\"2\",\"recovery\":{\"delay_s\":\"259200\","             \
    "\"threshold\":\"2\"},\"sk\":{\"application\":\"ssh:\",\"presence\":true,"                     \
    "\"verification\":true},\"v\":\"1\"}}"

/* Created, or changed. */
static void done(const char *type, const char *subject, const char *parameters)
{
    const unsigned status = change_to_the_end(type, subject, parameters);

    expect(status == 200 ? 200 : 201, status);
}

static void change_keys(void)
{
    done("key.create", "", KEY);
    done("key.create_batch", "", BATCH);
    done("key.rotate", "k.one", "{}");
    done("key.activate", "k.one", "{}");
    done("key.suspend", "k.one", "{}");
    done("key.resume", "k.one", "{}");
    done("key.deactivate", "b.one", "{}");
    done("key.create", "", ROOT_CA);
    done("certificate.root", "k.ca",
         "{\"subject\":{\"common_name\":\"root\"},\"validity_s\":34560000}");
    done("key.destroy", "b.one", "{}");
}

/* SHA-256 of the token's profile, as the supervisor tells it and as rows have it. */
#define PROFILE_HASH   "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff"
#define PROFILE_OCTETS "ABEiM0RVZneImaq7zN3u_wARIjNEVWZ3iJmqu8zd7v8"

static char grant_of_another[64];

/* One that the client "other" does not have. */
static void grant_another(void)
{
    PS_CLEANUP(json_free_cleanup) struct json *json = NULL;
    struct json_value root;

    done("grant.add", "",
         "{\"client\":\"tester\",\"keys\":\"k.*\",\"operations\":[\"keys.read\"]}");
    assert_ok(json_new(&json));
    assert_ok(json_parse(json, ps_buf_bytes(&body), &JSON_LIMITS_REQUEST, &root));
    (void)snprintf(grant_of_another, sizeof grant_of_another, "%.*s",
                   PS_BYTES_FMT(leaves_text(root, "id")));
}

static void change_others(void)
{
    stack.profile_hash = PROFILE_HASH;
    restart_keeper(APPLIANCE_OPERATIONAL);
    done("token.approve", STACK_TOKEN, "{}");
    done("wrapping.create", "", "{}");
    done("wrapping.create", "", "{}");
    done("client.register", "", "{\"name\":\"other\",\"uids\":[61234,61235]}");
    done("grant.add", "", "{\"client\":\"other\",\"keys\":\"k.*\",\"operations\":[\"keys.read\"]}");
    grant_another();
    done("client.suspend", "other", "{}");
    done("set.put", "all", "{\"keys\":[\"k.*\"]}");
    done("profile.put", "p",
         "{\"kind\":\"tls-client\",\"issuer\":\"k.ca\",\"longest_s\":3600,"
         "\"subject\":{\"common_name\":\"*\"}}");
    done("client.remove", "other", "{}");
    done("policy.change", "", POLICY);
    done("appliance.lock", "", "{}");
}

static int make_log(void **state)
{
    (void)state;
    stack_use_memory();
    fixture_begin(1);
    change_keys();
    change_others();
    offline_keep(&stack);
    return 0;
}

static int end_log(void **state)
{
    offline_forget();
    return fixture_end(state);
}

static void what_was_approved_is_what_the_rows_say(void **state)
{
    (void)state;
    offline_check_real("");
}

#define RESULT(type_, about_, from_, to_, words_)                                                  \
    {                                                                                              \
        .kind = "result", .type = (type_), .about = (about_), .from = (from_), .to = (to_),        \
        .words = (words_)                                                                          \
    }
#define CREATED(from_, to_, words_) RESULT("key.create", "k.one", from_, to_, words_)
#define ROTATED(from_, to_, words_) RESULT("key.rotate", "k.one", from_, to_, words_)
#define EFFECTS                     "\"effects\":["
#define ADDED(kind_, name_)                                                                        \
    EFFECTS "{\"kind\":\"" kind_ "\",\"name\":\"" name_ "\",\"removed\":true},"
#define VERSION(name_, number_, state_)                                                            \
    EFFECTS "{\"kind\":\"version\",\"name\":\"" name_                                              \
            "\",\"row\":{\"key\":\"k.one\",\"number\":" number_ ",\"state\":\"" state_ "\"}},"
#define OTHER_KEY   "of a key's row is not what its document says"
#define OTHER_ROW   "is not what its document says"
#define OTHER_STATE "not in the state that was approved"
#define MORE        "it changes more of"
#define UNTOUCHED   "does not touch"

static const struct offline_story other_keys[] = {
    CREATED("\"algorithms\":[\"ES256\"]", "\"algorithms\":[\"ES384\"]", OTHER_KEY),
    CREATED("\"usage\":\"sign\"", "\"usage\":\"certify\"", OTHER_KEY),
    CREATED("\"type\":\"ec-p256\"", "\"type\":\"ec-p384\"", OTHER_KEY),
    CREATED("\"formats\":[\"jws\"]", "\"formats\":[\"raw\"]", OTHER_KEY),
    CREATED("\"residence\":\"token\"", "\"residence\":\"wrapped\"", OTHER_KEY),
    CREATED("\"recovery\":\"none\"", "\"recovery\":\"vendor\"", OTHER_KEY),
    CREATED("\"validity_s\":31536000", "\"validity_s\":0", OTHER_KEY),
    CREATED("\"verify\":\"sampled\"", "\"verify\":\"always\"", OTHER_KEY),
    CREATED("\"retain_s\":0", "\"retain_s\":1", OTHER_KEY),
    CREATED("\"max_ttl_s\":0", "\"max_ttl_s\":9", OTHER_KEY),
    CREATED("\"formats\":[", "\"class\":\"A\",\"formats\":[", "has a key of class A"),
    CREATED("\"latest\":1", "\"latest\":2", OTHER_ROW),
    CREATED("\"latest\":1", "\"latest\":1,\"more\":1", OTHER_ROW),
    CREATED("\"object_id\":\"", "\"object_id\":\"AAAA", OTHER_ROW),
    CREATED("\"kid\":\"", "\"kid\":\"x", "`kid` is not that of its public key"),
    CREATED("\"public_key\":\"", "\"public_key\":\"AAAA", ""),
    CREATED("\"expires_s\":", "\"expires_s\":9", "not valid for as long"),
    CREATED("\"created_s\":", "\"created_s\":9", "made at another time"),
    CREATED("\"name\":\"k.one\"", "\"name\":\"k.two\"", UNTOUCHED),
    CREATED("\"kind\":\"version\"", "\"kind\":\"certificate\"", UNTOUCHED),
    CREATED(EFFECTS, ADDED("key", "k.one"), UNTOUCHED),
    CREATED(EFFECTS, ADDED("grant", "k.one"), UNTOUCHED),
    CREATED("\"outcome\":\"done\"", "\"outcome\":\"not-done\"", "says that it was not done"),
    RESULT("key.create", "k.ca", "\"class\":\"A\",", "", "has a key of class A"),
    RESULT("key.create_batch", "", "\"usage\":\"sign\"", "\"usage\":\"certify\"", OTHER_KEY),
    RESULT("key.create_batch", "", "\"name\":\"b.two/1\"", "\"name\":\"b.two/2\"",
           "no row of version 1 of b.two"),
    RESULT("key.create_batch", "", "\"name\":\"b.two\"", "\"name\":\"b.too\"", UNTOUCHED),
    ROTATED("\"latest\":2", "\"latest\":3", "does not have the version that was approved"),
    ROTATED("\"usage\":\"sign\"", "\"usage\":\"certify\"", MORE),
    ROTATED("\"name\":\"k.one/2\"", "\"name\":\"k.one/3\"", "no row of version 2 of k.one"),
    ROTATED("\"state\":\"pre-activation\"", "\"state\":\"active\"", "before it was published"),
    ROTATED(EFFECTS, VERSION("k.one/9", "9", "deactivated"), "which there is not"),
    ROTATED(EFFECTS, VERSION("k.one/9", "2", "pre-activation"), "is of another version"),
    ROTATED(EFFECTS, VERSION("k.one/x/2", "2", "pre-activation"), "is of another version"),
    RESULT("key.activate", "k.one", "\"state\":\"deactivated\"", "\"state\":\"destroyed\"",
           OTHER_STATE),
    {.without = "key.create", .of = "k.one", .words = "which there is not"},
};

static void a_key_that_nobody_approved_is_a_failure(void **state)
{
    (void)state;
    offline_check(other_keys, PS_COUNT_OF(other_keys));
}

#define SUSPENDED(from_, to_, words_) RESULT("key.suspend", "k.one", from_, to_, words_)
#define ENDED(from_, to_, words_)     RESULT("key.deactivate", "b.one", from_, to_, words_)
#define CERTIFIED(from_, to_, words_) RESULT("certificate.root", "k.ca", from_, to_, words_)

static const struct offline_story later_changes[] = {
    SUSPENDED("\"state\":\"suspended\"", "\"state\":\"active\"", OTHER_STATE),
    SUSPENDED("\"usage\":\"sign\"", "\"usage\":\"certify\"", MORE),
    SUSPENDED("\"latest\":2", "\"latest\":1", MORE),
    SUSPENDED("\"token\":\"", "\"token\":\"x", MORE),
    SUSPENDED(EFFECTS, ADDED("client", "tester"), UNTOUCHED),
    ENDED("\"public_key\":\"", "\"public_key\":\"A", MORE),
    ENDED("\"object_id\":\"", "\"object_id\":\"A", MORE),
    ENDED("\"kid\":\"", "\"kid\":\"A", MORE),
    ENDED("\"expires_s\":0", "\"expires_s\":9", MORE),
    ENDED("\"created_s\":", "\"created_s\":9", MORE),
    ENDED("\"token\":\"t\"}", "\"token\":\"t\",\"unproven\":true}", MORE),
    {.is_chosen = true,
     .kind = "result",
     .type = "key.deactivate",
     .about = "b.one",
     .from = "\"public_key\":\"",
     .to = "\"public_key\":\"A",
     .words = MORE},
    RESULT("key.destroy", "b.one", "\"state\":\"destroyed\"", "\"state\":\"active\"", OTHER_STATE),
    CERTIFIED("\"state\":\"active\"", "\"state\":\"suspended\"", MORE),
    CERTIFIED("\"name\":\"k.ca/1\"", "\"name\":\"k.one/1\"", UNTOUCHED),
};

static void a_change_of_more_than_was_approved_is_a_failure(void **state)
{
    (void)state;
    offline_check(later_changes, PS_COUNT_OF(later_changes));
}

#define WRAPS(from_, to_, words_)   RESULT("wrapping.create", "", from_, to_, words_)
#define CLIENT(from_, to_, words_)  RESULT("client.register", "other", from_, to_, words_)
#define GRANT(from_, to_, words_)   RESULT("grant.add", "other", from_, to_, words_)
#define PROFILE(from_, to_, words_) RESULT("profile.put", "p", from_, to_, words_)
#define TOKEN(from_, to_, words_)   RESULT("token.approve", "", from_, to_, words_)

static const struct offline_story other_rows[] = {
    TOKEN("\"profile_hash\":\"A", "\"profile_hash\":\"B", OTHER_ROW),
    TOKEN("\"profile_hash\":\"" PROFILE_OCTETS "\",", "", OTHER_ROW),
    TOKEN("\"module_hash\":\"", "\"module_hash\":\"A", ""),
    TOKEN("\"serial\":\"", "\"serial\":\"x", MORE),
    WRAPS("\"object_id\":\"", "\"object_id\":\"AAAA", OTHER_ROW),
    WRAPS("\"state\":\"active\",\"token\":\"", "\"state\":\"active\",\"token\":\"x", OTHER_ROW),
    WRAPS("\"name\":\"privyseal.wrapping/", "\"name\":\"k.one/", UNTOUCHED),
    WRAPS("\"name\":\"privyseal.wrapping/", "\"name\":\"privyseal.other/", OTHER_ROW),
    WRAPS("\"name\":\"privyseal.wrapping/", "\"name\":\"privyseal.identity/7", OTHER_ROW),
    WRAPS("\"name\":\"privyseal.wrapping/", "\"name\":\"privyseal.wrapping/7", OTHER_ROW),
    WRAPS("\"key\":\"privyseal.wrapping\"", "\"key\":\"privyseal.record-mac\"", OTHER_ROW),
    WRAPS("\"name\":\"privyseal.wrapping\"", "\"name\":\"privyseal.other\"", OTHER_ROW),
    WRAPS(EFFECTS,
          EFFECTS "{\"kind\":\"version\",\"name\":\"privyseal.wrapping/9\",\"row\":{"
                  "\"key\":\"privyseal.wrapping\",\"number\":9,\"state\":\"deactivated\"}},",
          "which there is not"),
    CLIENT("\"uids\":[61234,61235]", "\"uids\":[61234,61236]", OTHER_ROW),
    CLIENT("\"uids\":[61234,61235]", "\"uids\":[61234]", OTHER_ROW),
    CLIENT("\"suspended\":false", "\"suspended\":true", OTHER_ROW),
    CLIENT("\"name\":\"other\"", "\"name\":\"tester\"", UNTOUCHED),
    GRANT("\"operations\":[\"keys.read\"]", "\"operations\":[\"keys.create\"]", OTHER_ROW),
    GRANT("\"keys\":\"k.*\"", "\"keys\":\"*\"", OTHER_ROW),
    GRANT("\"client\":\"other\"", "\"client\":\"tester\"", OTHER_ROW),
    GRANT("\"rate_per_s\":0", "\"rate_per_s\":1", OTHER_ROW),
    GRANT("\"keys\":\"k.*\"", "\"keys\":\"k.*\",\"keys\\u0000\":\"k.*\"", OTHER_ROW),
    GRANT("\"kind\":\"grant\"", "\"kind\":\"grant\\u0000 and more than any kind has\"", UNTOUCHED),
    RESULT("client.suspend", "other", "\"suspended\":true", "\"suspended\":false", OTHER_ROW),
    RESULT("client.suspend", "other", "61235", "61236", MORE),
    RESULT("set.put", "all", "\"keys\":[\"k.*\"]", "\"keys\":[\"*\"]", OTHER_ROW),
    PROFILE("\"key\":\"k.ca\"", "\"key\":\"k.cb\"", OTHER_ROW),
    PROFILE("\"longest_s\":3600", "\"longest_s\":7200", OTHER_ROW),
    PROFILE("\"common_name\":\"*\"", "\"common_name\":\"**\"", OTHER_ROW),
    RESULT("client.remove", "other", EFFECTS, ADDED("set", "all"), UNTOUCHED),
    RESULT("client.remove", "other", EFFECTS, ADDED("client", "tester"), OTHER_ROW),
    RESULT("client.remove", "other", "\"effects\":", "\"effectz\":", "changed no client other"),
    RESULT("client.suspend", "other", "\"effects\":", "\"effectz\":", "changed no client other"),
    RESULT("grant.add", "other", "\"effects\":", "\"effectz\":", "changed no grant"),
    RESULT("set.put", "all", "\"effects\":", "\"effectz\":", "changed no set all"),
    RESULT("appliance.lock", "", "\"effects\":", "\"effectz\":", "changed no appliance"),
    RESULT("policy.change", "", "\"cooling_off_s\":\"3600\"", "\"cooling_off_s\":\"0\"", OTHER_ROW),
    RESULT("policy.change", "", "\"epoch\":2", "\"epoch\":3", OTHER_ROW),
    RESULT("appliance.lock", "", "\"locked\":true", "\"locked\":false", OTHER_ROW),
    RESULT("appliance.lock", "", "\"configuration\":\"", "\"configuration\":\"A", MORE),
    {.without = "client.register", .of = "other", .words = "which there is not"},
    {.is_chosen = true, .without = "client.register", .of = "other"},
};

static void another_row_than_the_document_says_is_a_failure(void **state)
{
    (void)state;
    offline_check(other_rows, PS_COUNT_OF(other_rows));
}

static void a_client_takes_no_grant_of_another_along(void **state)
{
    static char to[256];
    const struct offline_story story = RESULT("client.remove", "other", EFFECTS, to, OTHER_ROW);

    (void)state;
    (void)snprintf(to, sizeof to, EFFECTS "{\"kind\":\"grant\",\"name\":\"%s\",\"removed\":true},",
                   grant_of_another);
    offline_check(&story, 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_was_approved_is_what_the_rows_say),
        cmocka_unit_test(a_key_that_nobody_approved_is_a_failure),
        cmocka_unit_test(a_change_of_more_than_was_approved_is_a_failure),
        cmocka_unit_test(another_row_than_the_document_says_is_a_failure),
        cmocka_unit_test(a_client_takes_no_grant_of_another_along),
    };

    return cmocka_run_group_tests(tests, make_log, end_log);
}
