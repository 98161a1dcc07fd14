#include "tests/unit/support.h"

#include "keystore/keys/encryptions.h"

/* How often AES keys have encrypted: the limit, the blocks, and what the log says of them. */

#define ROW                                                                                        \
    "{\"algorithms\":[],\"formats\":[],\"jwt\":{\"iss\":\"\",\"max_ttl_s\":0,\"typ\":\"\"},"       \
    "\"labels\":{},\"latest\":1,\"name\":\"a\",\"recovery\":\"none\",\"residence\":\"token\","     \
    "\"rotation\":{\"period_s\":0,\"publish_ahead_s\":0,\"retain_s\":100},\"state\":\"active\","   \
    "\"token\":\"t\",\"type\":\"aes-256\",\"usage\":\"encrypt\",\"validity_s\":0,"                 \
    "\"verify\":\"always\"}"
#define VERSION                                                                                    \
    "{\"activates_s\":1,\"created_s\":1,\"expires_s\":0,\"key\":\"a\",\"kid\":\"\",\"number\":1,"  \
    "\"object_id\":\"AQID\",\"public_key\":\"\",\"retired_s\":0,\"state\":\"active\","             \
    "\"token\":\"t\"}"

static struct keeper keeper; /* before genesis: nothing can be recorded */
static struct keys *keys;
static struct key_version *version;

static int make(void **state)
{
    (void)state;
    assert_ok(keys_new(&keys));
    assert_ok(keys_put(keys, ps_bytes_str(ROW), 1));
    assert_ok(keys_put_version(keys, ps_bytes_str(VERSION)));
    version = key_version(keys_find(keys, ps_bytes_str("a")), 1);
    assert_non_null(version);
    return 0;
}

static int clear(void **state)
{
    (void)state;
    keys_free(keys);
    return 0;
}

static void nothing_is_encrypted_that_is_not_reserved(void **state)
{
    (void)state;
    assert_int_equal(encryptions_count(&keeper, version), ENCRYPTIONS_UNRECORDED);
    assert_int_equal(version->encryptions.done, 0);
    assert_null(version->encryptions.keeper);
    version->encryptions.reserved = 2;
    assert_int_equal(encryptions_count(&keeper, version), ENCRYPTIONS_GO);
    assert_int_equal(encryptions_count(&keeper, version), ENCRYPTIONS_GO);
    assert_int_equal(encryptions_count(&keeper, version), ENCRYPTIONS_UNRECORDED);
    version->encryptions.keeper = &keeper; /* a block is on its way */
    assert_int_equal(encryptions_count(&keeper, version), ENCRYPTIONS_WAIT);
}

static void the_last_encryption_is_number_2_to_the_32(void **state)
{
    (void)state;
    version->encryptions.reserved = ENCRYPTIONS_MAX;
    version->encryptions.done = ENCRYPTIONS_MAX - 2;
    assert_int_equal(encryptions_count(&keeper, version), ENCRYPTIONS_GO);
    assert_int_equal(encryptions_count(&keeper, version), ENCRYPTIONS_GO);
    assert_int_equal(encryptions_count(&keeper, version), ENCRYPTIONS_OVER);
    assert_int_equal(encryptions_count(&keeper, version), ENCRYPTIONS_OVER);
    assert_int_equal(version->encryptions.done, ENCRYPTIONS_MAX);
}

static void a_version_wants_a_successor_at_half(void **state)
{
    (void)state;
    version->encryptions.reserved = ENCRYPTIONS_MAX / 2 - ENCRYPTIONS_BLOCK;
    assert_false(encryptions_want_rotation(version));
    version->encryptions.reserved += ENCRYPTIONS_BLOCK;
    assert_true(encryptions_want_rotation(version));
}

static enum ps_err take(struct encryptions_book *book, const char *text)
{
    PS_CLEANUP(json_free_cleanup) struct json *json = NULL;
    const struct json_limits limits = {1024, 8, 100};
    struct json_value data;

    assert_ok(json_new(&json));
    assert_ok(json_parse(json, ps_bytes_str(text), &limits, &data));
    return encryptions_book_take(book, data);
}

static void the_count_goes_on_behind_the_last_block_and_never_back(void **state)
{
    struct encryptions_book *book;

    (void)state;
    assert_ok(encryptions_book_new(&book));
    assert_ok(take(book, "{\"key\":\"a\",\"reserved\":65536,\"version\":1}"));
    assert_ok(take(book, "{\"key\":\"a\",\"reserved\":196608,\"version\":1}"));
    assert_ok(take(book, "{\"key\":\"a\",\"reserved\":131072,\"version\":1}"));
    assert_ok(take(book, "{\"key\":\"a\",\"reserved\":4294967296,\"version\":2}"));
    assert_ok(take(book, "{\"key\":\"gone\",\"reserved\":65536,\"version\":1}"));
    encryptions_book_apply(book, keys);
    assert_int_equal(version->encryptions.reserved, 196608);
    assert_int_equal(version->encryptions.done, 196608);
    version->encryptions.reserved += ENCRYPTIONS_BLOCK;
    encryptions_book_apply(book, keys);
    assert_int_equal(version->encryptions.done, 196608);
    assert_int_equal(version->encryptions.reserved, 196608 + ENCRYPTIONS_BLOCK);
    encryptions_book_free(book);
}

static void a_leaf_that_is_not_what_it_must_be_is_an_error(void **state)
{
    static const char *const wrong[] = {
        "{}",
        "[]",
        "{\"key\":\"a\",\"version\":1}",
        "{\"key\":\"a\",\"reserved\":4294967297,\"version\":1}",
        "{\"key\":\"a\",\"reserved\":1,\"version\":4294967296}",
        "{\"key\":\"A\",\"reserved\":1,\"version\":1}",
        "{\"key\":\"a\",\"reserved\":1,\"version\":1,\"x\":1}",
    };
    struct encryptions_book *book;

    (void)state;
    assert_ok(encryptions_book_new(&book));
    for (size_t i = 0; i < PS_COUNT_OF(wrong); i++) {
        assert_fails(PS_E_INPUT, take(book, wrong[i]));
    }
    encryptions_book_apply(book, keys);
    assert_int_equal(version->encryptions.reserved, 0);
    encryptions_book_free(book);
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, make, clear)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(nothing_is_encrypted_that_is_not_reserved),
        TEST(the_last_encryption_is_number_2_to_the_32),
        TEST(a_version_wants_a_successor_at_half),
        TEST(the_count_goes_on_behind_the_last_block_and_never_back),
        TEST(a_leaf_that_is_not_what_it_must_be_is_an_error),
    };

    return cmocka_run_group_tests_name("encryptions", tests, NULL, NULL);
}
