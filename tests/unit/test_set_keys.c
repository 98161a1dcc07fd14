#include "tests/unit/key_rows.h"

#include "keystore/events/truth.h"
#include "keystore/keys/key_cache.h"
#include "keystore/operations/operations.h"
#include "keystore/reads/set_keys.h"
#include "lib/base/reader.h"

/* Which keys a JWK set lists, with few of them in memory and with all. */

static struct msg_keeper_config config;
static struct keeper keeper;
static struct set_keys found;

static int make(void **state)
{
    (void)state;
    config = (struct msg_keeper_config){.keys_in_memory = 1};
    keeper = (struct keeper){.config = &config};
    assert_ok(keys_new(&keeper.keys));
    assert_ok(key_cache_new(&keeper, &keeper.key_cache));
    assert_ok(truth_new(&keeper.truth));
    assert_ok(sets_new(&keeper.sets));
    assert_ok(operations_new(&keeper, &keeper.operations));
    assert_ok(catalog_open_memory(&keeper.catalog));
    return 0;
}

static int clear(void **state)
{
    (void)state;
    operations_free(keeper.operations);
    sets_free(keeper.sets);
    keys_free(keeper.keys);
    key_cache_free(keeper.key_cache);
    truth_free(keeper.truth);
    catalog_close(keeper.catalog);
    return 0;
}

static void put_row(enum catalog_kind kind, const char *name, const char *body)
{
    const struct catalog_change change = {
        .kind = kind, .name = ps_bytes_str(name), .body = ps_bytes_str(body)};

    assert_ok(catalog_apply(keeper.catalog, &change, 1, 7, NULL));
    assert_ok(truth_set(
        keeper.truth,
        &(struct catalog_row){
            .kind = kind, .name = change.name, .revision = 1, .event = 7, .body = change.body}));
}

static void put_key(const char *name, const char *format, const char *state)
{
    char text[600];
    char version[80];

    (void)snprintf(text, sizeof text, KEY_ROW, format, name, state);
    put_row(CATALOG_KEY, name, text);
    (void)snprintf(text, sizeof text, VERSION_ROW, name);
    (void)snprintf(version, sizeof version, "%s/1", name);
    put_row(CATALOG_VERSION, version, text);
}

static void put_keys(const char *prefix, unsigned count)
{
    char name[64];

    for (unsigned i = 0; i < count; i++) {
        (void)snprintf(name, sizeof name, "%s%04u", prefix, i);
        put_key(name, "jws", "active");
    }
}

/* Few stay, or all. */
static void load(uint32_t keys_in_memory)
{
    config.keys_in_memory = keys_in_memory;
    assert_ok(key_cache_load(keeper.key_cache, keeper.catalog));
}

static struct key_set set_of(const char *first, const char *second)
{
    struct key_set set = {.name = "set"};

    ps_buf_init(&set.patterns, 512);
    ps_buf_put(&set.patterns, ps_bytes(first, strlen(first) + 1));
    if (second != NULL) {
        ps_buf_put(&set.patterns, ps_bytes(second, strlen(second) + 1));
    }
    assert_ok(ps_buf_status(&set.patterns));
    return set;
}

static void expect_found(const struct key_set *set, const char *names)
{
    char text[256] = "";

    assert_ok(set_keys_find(&keeper, set, &found));
    for (size_t i = 0; i < found.count; i++) {
        const size_t at = strlen(text);

        (void)snprintf(text + at, sizeof text - at, "%s ", found.all[i]->name);
    }
    assert_string_equal(text, names);
}

/* In the order of names, each once, wherever it is; what neither signs for JWS nor COSE is not. */
static void a_set_lists_what_its_patterns_cover(uint32_t keys_in_memory)
{
    struct key_set set = set_of("b.*", "b.two*");

    put_key("a", "jws", "active");
    put_key("b", "jws", "active");
    put_key("b.one", "jws", "active");
    put_key("b.other", "raw", "active");
    put_key("b.past", "jws", "destroyed");
    put_key("b.two", "cose", "active");
    put_key("privyseal.mine", "jws", "active");
    put_key("z", "jws", "active");
    load(keys_in_memory);
    expect_found(&set, "b.one b.two ");
    expect_found(NULL, "a b b.one z ");
    key_set_clear(&set);
    set = set_of("z", "b*");
    expect_found(&set, "b b.one b.two z ");
    key_set_clear(&set);
}

static void it_is_the_same_with_few_keys_in_memory(void **state)
{
    (void)state;
    a_set_lists_what_its_patterns_cover(1);
    assert_true(key_cache_away(keeper.key_cache) != 0);
}

static void it_is_the_same_with_all_keys_in_memory(void **state)
{
    (void)state;
    a_set_lists_what_its_patterns_cover(100);
    assert_int_equal(key_cache_away(keeper.key_cache), 0);
}

/* Once a start has read the snapshot: where no other is away, all that a set lists are here. */
static void a_destroyed_key_counts_for_no_set_in_a_snapshot(void **state)
{
    PS_BUF_AUTO saved = {.max = 4096};
    struct ps_reader reader;

    (void)state;
    put_key("a", "jws", "active");
    put_key("b", "jws", "destroyed");
    put_key("c", "raw", "active");
    load(100);
    key_cache_save(keeper.key_cache, &saved);
    assert_ok(ps_buf_status(&saved));
    reader = ps_reader(ps_buf_bytes(&saved));
    assert_int_equal(ps_reader_u64(&reader), 3);
    assert_int_equal(ps_reader_u64(&reader), 1);
}

static void a_change_may_fill_it_and_no_more(void **state)
{
    (void)state;
    put_keys("k.", SET_KEYS_MAX - 1);
    load(1);
    assert_ok(set_keys_check_room(&keeper, NULL, 1, PS_KEY_EC_P256));
    assert_fails(PS_E_LIMIT, set_keys_check_room(&keeper, NULL, 2, PS_KEY_EC_P256));
    assert_non_null(strstr(ps_detail()->text, "make a set `default` that names fewer"));
}

static void one_that_is_larger_than_may_be_fetched_is_an_error(void **state)
{
    struct key_set set = set_of("k.*", NULL);

    (void)state;
    put_keys("k.", SET_KEYS_ROOM);
    load(1);
    assert_ok(set_keys_find(&keeper, &set, &found));
    assert_int_equal(found.count, SET_KEYS_ROOM);
    assert_fails(PS_E_LIMIT, set_keys_check_room(&keeper, &set, 0, PS_KEY_NONE));
    put_keys("k.more.", 1);
    load(1);
    assert_fails(PS_E_LIMIT, set_keys_find(&keeper, &set, &found));
    key_set_clear(&set);
}

/* Nobody can have fewer keys that were destroyed, so that those must not make a set too large. */
static void what_is_not_listed_is_not_counted(void **state)
{
    struct key_set set = set_of("k.*", NULL);
    char name[64];

    (void)state;
    put_keys("k.", 3);
    put_keys("z.", 2);
    load(1);
    assert_true(key_cache_away_live(keeper.key_cache) != 0);
    for (unsigned i = 0; i <= SET_ROWS_MAX; i++) {
        (void)snprintf(name, sizeof name, "k.0001.%05u", i);
        put_row(CATALOG_KEY, name,
                i % 2 == 0 ? "{\"formats\":[\"jws\"],\"state\":\"destroyed\"}"
                           : "{\"formats\":[\"raw\"],\"state\":\"active\"}");
    }
    expect_found(&set, "k.0000 k.0001 k.0002 ");
    key_set_clear(&set);
}

static void put_large_row(const char *name)
{
    PS_BUF_AUTO body = {.max = CATALOG_BODY_MAX};
    static const char head[] = "{\"state\":\"destroyed\",\"z\":\"";

    ps_buf_put_str(&body, head);
    while (body.len < CATALOG_BODY_MAX - 3) {
        ps_buf_put_u8(&body, 'z');
    }
    ps_buf_put_str(&body, "\"}");
    ps_buf_put_u8(&body, 0);
    assert_ok(ps_buf_status(&body));
    put_row(CATALOG_KEY, name, (const char *)body.data);
}

/* The keeper does nothing else while it goes through them. */
static void there_is_a_limit_to_what_is_gone_through(void **state)
{
    const size_t row = CATALOG_BODY_MAX - 1;
    char name[64];
    size_t octets = 0;

    (void)state;
    put_keys("a.", 3);
    load(1);
    for (unsigned i = 0; octets + row < SET_OCTETS_MAX - 20000; i++, octets += row) {
        (void)snprintf(name, sizeof name, "b.%05u", i);
        put_large_row(name);
    }
    expect_found(NULL, "a.0000 a.0001 a.0002 ");
    key_cache_trim(keeper.key_cache);
    assert_true(key_cache_away_jws(keeper.key_cache) != 0);
    put_large_row("c.1");
    put_large_row("c.2");
    assert_fails(PS_E_LIMIT, set_keys_find(&keeper, NULL, &found));
    assert_non_null(strstr(ps_detail()->text, "64 MiB"));
}

static void put_rotated_key(unsigned number)
{
    char name[32];
    char text[600];
    char *at;

    (void)snprintf(name, sizeof name, "r.%04u", number);
    (void)snprintf(text, sizeof text, KEY_ROW, "jws", name, "active");
    at = strstr(text, "\"latest\":1");
    assert_non_null(at);
    at[9] = '2';
    at = strstr(text, "ES256");
    memcpy(at, "PS256", 5);
    at = strstr(text, "\"type\":\"ec-p256\"");
    memmove(at + 17, at + 16, strlen(at + 16) + 1);
    memcpy(at, "\"type\":\"rsa-4096\"", 17);
    put_row(CATALOG_KEY, name, text);
    for (unsigned version = 1; version <= 2; version++) {
        char version_name[40];

        (void)snprintf(text, sizeof text, VERSION_ROW, name);
        at = strstr(text, "\"number\":1");
        assert_non_null(at);
        at[9] = (char)('0' + version);
        (void)snprintf(version_name, sizeof version_name, "%s/%u", name, version);
        put_row(CATALOG_VERSION, version_name, text);
    }
}

/* 299 keys with two public keys each take 523,848 of 524,288 octets. */
static void a_change_may_fill_its_octets_and_no_more(void **state)
{
    (void)state;
    for (unsigned i = 0; i < 299; i++) {
        put_rotated_key(i);
    }
    load(1);
    assert_ok(set_keys_check_room(&keeper, NULL, 1, PS_KEY_EC_P256));
    assert_fails(PS_E_LIMIT, set_keys_check_room(&keeper, NULL, 1, PS_KEY_RSA_4096));
    assert_non_null(strstr(ps_detail()->text, "512 KiB"));
    put_rotated_key(299);
    load(1);
    assert_fails(PS_E_LIMIT, set_keys_check_room(&keeper, NULL, 0, PS_KEY_NONE));
    assert_ok(set_keys_find(&keeper, NULL, &found));
}

static void change_row(const char *name, const char *body)
{
    const struct catalog_change change = {
        .kind = CATALOG_KEY, .name = ps_bytes_str(name), .expected = 1, .body = ps_bytes_str(body)};

    assert_ok(catalog_apply(keeper.catalog, &change, 1, 7, NULL));
}

/* Whatever it says now: that it is not listed at all, too. */
static void a_row_that_was_changed_is_an_error_and_no_shorter_set(void **state)
{
    (void)state;
    put_keys("k.", 3);
    load(1);
    change_row("k.0002", "{\"formats\":[\"raw\"]}");
    assert_fails(PS_E_DENIED, set_keys_find(&keeper, NULL, &found));
}

static void a_key_that_would_be_listed_is_known_before_it_is_there(void **state)
{
    struct key_set set = set_of("b.*", NULL);
    struct key_record record = {
        .usage = PS_USAGE_SIGN, .formats = {PS_FORMAT_COSE}, .format_count = 1};

    (void)state;
    assert_true(set_would_list(&set, &record, ps_bytes_str("b.c")));
    assert_false(set_would_list(&set, &record, ps_bytes_str("c")));
    assert_false(set_would_list(NULL, &record, ps_bytes_str("b.c")));
    record.formats[0] = PS_FORMAT_JWS;
    assert_true(set_would_list(NULL, &record, ps_bytes_str("b.c")));
    assert_false(set_would_list(NULL, &record, ps_bytes_str("privyseal.c")));
    record.formats[0] = PS_FORMAT_RAW;
    assert_false(set_would_list(&set, &record, ps_bytes_str("b.c")));
    record.formats[0] = PS_FORMAT_JWS;
    record.usage = PS_USAGE_CERTIFY;
    assert_false(set_would_list(&set, &record, ps_bytes_str("b.c")));
    key_set_clear(&set);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(it_is_the_same_with_few_keys_in_memory, make, clear),
        cmocka_unit_test_setup_teardown(it_is_the_same_with_all_keys_in_memory, make, clear),
        cmocka_unit_test_setup_teardown(a_destroyed_key_counts_for_no_set_in_a_snapshot, make,
                                        clear),
        cmocka_unit_test_setup_teardown(a_change_may_fill_it_and_no_more, make, clear),
        cmocka_unit_test_setup_teardown(one_that_is_larger_than_may_be_fetched_is_an_error, make,
                                        clear),
        cmocka_unit_test_setup_teardown(what_is_not_listed_is_not_counted, make, clear),
        cmocka_unit_test_setup_teardown(there_is_a_limit_to_what_is_gone_through, make, clear),
        cmocka_unit_test_setup_teardown(a_change_may_fill_its_octets_and_no_more, make, clear),
        cmocka_unit_test_setup_teardown(a_row_that_was_changed_is_an_error_and_no_shorter_set, make,
                                        clear),
        cmocka_unit_test_setup_teardown(a_key_that_would_be_listed_is_known_before_it_is_there,
                                        make, clear),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
