#include "tests/unit/support.h"

#include "keystore/backup/losses.h"
#include "keystore/custody/row_reader.h"
#include "keystore/custody/wrapping_keys.h"
#include "keystore/events/truth.h"
#include "keystore/keys/key_cache.h"
#include "keystore/operations/operations.h"
#include "keystore/writer.h"
#include "lib/base/encode.h"

/* Which keys cannot be had any more, and of which nobody knows. */

#define OURS "t" /* the token that the configuration names */
#define GONE "gone"

/* The memory catalog, of which some calls fail. */
static struct catalog *memory;
static bool list_fails;
static bool get_fails;
static unsigned gets; /* of what was wrapped */

static enum ps_err get(void *backend, enum catalog_kind kind, struct ps_bytes name,
                       struct ps_buf *octets, struct catalog_row *ret_row)
{
    (void)backend;
    gets += kind == CATALOG_WRAPPED ? 1u : 0u;
    if (get_fails && kind == CATALOG_WRAPPED) {
        return ps_fail(PS_E_STORAGE, 0, "bad sector");
    }
    return catalog_get(memory, kind, name, octets, ret_row);
}

static enum ps_err list(void *backend, enum catalog_kind kind, struct ps_bytes after,
                        uint32_t limit, catalog_row_fn *fn, void *context)
{
    (void)backend;
    if (list_fails) {
        return ps_fail(PS_E_STORAGE, 0, "bad sector");
    }
    return catalog_list(memory, kind, after, limit, fn, context);
}

static void close_none(void *backend)
{
    (void)backend;
}

static const struct catalog_ops ops = {
    .name = "failing", .get = get, .list = list, .close = close_none};

static struct msg_keeper_config config;
static struct keeper keeper;
static struct ps_buf names;
static struct losses losses;

static const struct tokens_handler handler = {.on_change = NULL};

static int make(void **state)
{
    (void)state;
    config = (struct msg_keeper_config){.keys_in_memory = 1};
    keeper = (struct keeper){.config = &config};
    list_fails = get_fails = false;
    ps_buf_init(&names, 64u * 1024u);
    assert_ok(ps_loop_new(&keeper.loop));
    assert_ok(tokens_new(keeper.loop, &handler, NULL, 1000, &keeper.tokens));
    assert_ok(tokens_set_pin(keeper.tokens, ps_bytes_str(OURS), ps_bytes_str("1234"), false));
    assert_ok(keys_new(&keeper.keys));
    assert_ok(key_cache_new(&keeper, &keeper.key_cache));
    assert_ok(row_reader_new(keeper.loop, &keeper.row_reader));
    assert_ok(truth_new(&keeper.truth));
    assert_ok(operations_new(&keeper, &keeper.operations));
    assert_ok(catalog_open_memory(&memory));
    assert_ok(catalog_open_over(&ops, &keeper, &keeper.catalog));
    return 0;
}

static int clear(void **state)
{
    (void)state;
    operations_free(keeper.operations);
    keys_free(keeper.keys);
    key_cache_free(keeper.key_cache);
    row_reader_free(keeper.row_reader);
    truth_free(keeper.truth);
    catalog_close(keeper.catalog);
    catalog_close(memory);
    tokens_free(keeper.tokens);
    ps_loop_free(keeper.loop);
    ps_buf_clear(&names);
    return 0;
}

/* --- What there is --- */

static void put_row(enum catalog_kind kind, struct ps_bytes name, const struct ps_buf *body)
{
    const struct catalog_row row = {
        .kind = kind, .name = name, .revision = 1, .event = 7, .body = ps_buf_bytes(body)};
    const struct catalog_change change = {.kind = kind, .name = name, .body = row.body};

    assert_ok(ps_buf_status(body));
    assert_ok(catalog_apply(memory, &change, 1, 7, NULL));
    assert_ok(truth_set(keeper.truth, &row));
}

struct kept {
    const char *name;
    enum ps_key_type type;
    enum ps_usage usage;
    bool is_wrapped;
    enum key_state state;
    const char *token;
};

static void put_key(const struct kept *kept, uint32_t versions)
{
    struct key_record record = {
        .name = ps_bytes_str(kept->name),
        .type = kept->type,
        .usage = kept->usage,
        .residence = ps_bytes_str(kept->is_wrapped ? "wrapped" : "token"),
        .recovery = ps_bytes_str(kept->is_wrapped ? "wrapped" : "none"),
        .token = ps_bytes_str(kept->token),
        .state = kept->state,
        .latest = versions,
    };
    PS_BUF_AUTO body = {.max = CATALOG_BODY_MAX};

    if (kept->usage == PS_USAGE_SIGN) {
        record.formats[record.format_count++] = PS_FORMAT_JWS;
        record.algorithms[record.algorithm_count++] = PS_ALG_ES256;
    }
    key_record_put(&record, &body);
    put_row(CATALOG_KEY, record.name, &body);
}

static void put_version(const struct kept *kept, uint32_t number, struct ps_bytes object_id,
                        const char *replica)
{
    const bool is_secret = ps_key_type_info(kept->type)->family == PS_FAMILY_SECRET;
    const struct version_record record = {
        .key = ps_bytes_str(kept->name),
        .number = number,
        .state = kept->state,
        .object_id = object_id,
        .public_key = ps_bytes_str(is_secret ? "" : "public"),
        .kid = ps_bytes_str("k"),
        .token = ps_bytes_str(kept->token),
        .created_s = 1,
        .activates_s = 1,
        .replicas = {ps_bytes_str(replica)},
        .replica_count = replica == NULL ? 0 : 1,
    };
    PS_BUF_AUTO body = {.max = CATALOG_BODY_MAX};
    PS_BUF_AUTO name = {.max = KEY_VERSION_NAME_MAX};

    version_record_put(&record, &body);
    version_record_put_name(record.key, number, &name);
    put_row(CATALOG_VERSION, ps_buf_bytes(&name), &body);
}

static const struct kept wrapping_keys[WRAPPING_KEYS_COUNT] = {
    {WRAPPING_KEY_NAME, PS_KEY_AES_256, PS_USAGE_WRAP, false, KEY_ACTIVE, GONE},
    {WRAPPING_SECRETS_KEY_NAME, PS_KEY_AES_256, PS_USAGE_WRAP, false, KEY_ACTIVE, GONE},
    {RECORD_MAC_KEY_NAME, PS_KEY_HMAC_SHA256, PS_USAGE_MAC, false, KEY_ACTIVE, GONE}};

static void put_wrapping_version(const struct kept *kept, uint32_t number, const char *replica)
{
    const uint8_t id[2] = {(uint8_t)number, (uint8_t)strlen(kept->name)};

    put_version(kept, number, ps_bytes(id, sizeof id), replica);
}

/* Two versions; those are in our token, too, that `is_ours` says. */
static void put_wrapping_keys(bool is_first_ours, bool is_second_ours)
{
    for (size_t i = 0; i < WRAPPING_KEYS_COUNT; i++) {
        put_key(&wrapping_keys[i], 2);
        put_wrapping_version(&wrapping_keys[i], 1, is_first_ours ? OURS : NULL);
        put_wrapping_version(&wrapping_keys[i], 2, is_second_ours ? OURS : NULL);
    }
}

/* As after a restore: the second version is in our token, which is the key's now. */
static void put_moved_wrapping_keys(void)
{
    for (size_t i = 0; i < WRAPPING_KEYS_COUNT; i++) {
        struct kept moved = wrapping_keys[i];

        moved.token = OURS;
        put_key(&moved, 2);
        put_wrapping_version(&wrapping_keys[i], 1, NULL);
        put_wrapping_version(&moved, 2, NULL);
    }
}

/* wrapping: version of the key that wraps that it is under; 0: there is no record. */
static void put_wrapped(const char *name, enum ps_key_type type, uint32_t wrapping)
{
    static const uint8_t mac[WRAPPED_MAC_LEN];
    static uint32_t last = 0x1000000;
    const struct kept kept = {.name = name,
                              .type = type,
                              .usage = type == PS_KEY_EC_P256 ? PS_USAGE_SIGN : PS_USAGE_ENCRYPT,
                              .is_wrapped = true,
                              .state = KEY_ACTIVE,
                              .token = GONE};
    const struct wrapped_row row = {.blob = ps_bytes_str("blob"),
                                    .mac = ps_bytes(mac, sizeof mac),
                                    .key = ps_bytes_str(name),
                                    .version = 1,
                                    .wrapping = wrapping};
    PS_BUF_AUTO id = {.max = 4};
    PS_BUF_AUTO text = {.max = 8};
    PS_BUF_AUTO body = {.max = CATALOG_BODY_MAX};

    ps_buf_put_u32(&id, ++last);
    ps_buf_put_hex(&text, ps_buf_bytes(&id));
    put_key(&kept, 1);
    put_version(&kept, 1, ps_buf_bytes(&id), NULL);
    wrapped_row_put(&row, &body);
    if (wrapping != 0) {
        put_row(CATALOG_WRAPPED, ps_buf_bytes(&text), &body);
    }
}

static void put_in_token(const char *name, const char *token)
{
    const struct kept kept = {name, PS_KEY_EC_P256, PS_USAGE_SIGN, false, KEY_ACTIVE, token};
    const uint8_t id[2] = {3, (uint8_t)name[0]};

    put_key(&kept, 1);
    put_version(&kept, 1, ps_bytes(id, sizeof id), NULL);
}

static void look(size_t limit)
{
    struct writer json = writer(&names);

    ps_buf_reset(&names);
    gets = 0;
    writer_begin_array(&json, NULL);
    assert_ok(losses_put(&keeper, limit, &json, &losses));
    writer_end_array(&json);
    assert_ok(ps_buf_status(&names));
}

static void load(void)
{
    assert_ok(key_cache_load(keeper.key_cache, keeper.catalog));
}

/* The keys that wrap are lost, too, with a version that is gone. */
#define WRAP_LOST  "\"privyseal.record-mac\",\"privyseal.wrapping\",\"privyseal.wrapping-secrets\""
#define WRAP_COUNT WRAPPING_KEYS_COUNT

static void expect(const char *listed, size_t lost, size_t unknown)
{
    assert_text(ps_buf_bytes(&names), listed);
    assert_int_equal(losses.lost, lost);
    assert_int_equal(losses.unknown, unknown);
}

static void put_some(void)
{
    put_wrapped("a.first", PS_KEY_EC_P256, 1);
    put_wrapped("a.none", PS_KEY_EC_P256, 0);
    put_wrapped("a.second", PS_KEY_EC_P256, 2);
    put_wrapped("b.first", PS_KEY_AES_256, 1);
    put_wrapped("b.second", PS_KEY_AES_256, 2);
    put_in_token("t.gone", GONE);
    put_in_token("u.here", OURS);
}

/* --- What is told of it --- */

static void each_is_judged_by_the_version_that_wrapped_it(void **state)
{
    (void)state;
    put_some();
    put_wrapping_keys(true, false);
    load();
    assert_true(key_cache_away(keeper.key_cache) != 0);
    look(64);
    expect("[\"a.none\",\"a.second\",\"b.second\"," WRAP_LOST ",\"t.gone\"]", 4 + WRAP_COUNT, 0);
    look(1);
    expect("[\"a.none\"]", 4 + WRAP_COUNT, 0);
}

static void the_newest_version_says_nothing_of_the_others(void **state)
{
    (void)state;
    put_some();
    put_wrapping_keys(false, true);
    load();
    look(64);
    expect("[\"a.first\",\"a.none\",\"b.first\"," WRAP_LOST ",\"t.gone\"]", 4 + WRAP_COUNT, 0);
}

static void a_version_that_stayed_behind_opens_nothing(void **state)
{
    (void)state;
    put_some();
    put_moved_wrapping_keys();
    load();
    look(64);
    expect("[\"a.first\",\"a.none\",\"b.first\"," WRAP_LOST ",\"t.gone\"]", 4 + WRAP_COUNT, 0);
}

/* The loss of a record alone is found where all of them are read. */
static void where_all_versions_open_no_record_is_read(void **state)
{
    struct writer json = writer(&names);

    (void)state;
    put_some();
    put_wrapping_keys(true, true);
    load();
    look(64);
    expect("[\"t.gone\"]", 1, 0);
    assert_int_equal(gets, 0);
    ps_buf_reset(&names);
    writer_begin_array(&json, NULL);
    assert_ok(losses_put_all(&keeper, 64, &json, &losses));
    writer_end_array(&json);
    expect("[\"a.none\",\"t.gone\"]", 2, 0);
}

static void where_none_opens_all_are_lost(void **state)
{
    (void)state;
    put_some();
    put_wrapping_keys(false, false);
    load();
    look(2);
    expect("[\"a.first\",\"a.none\"]", 6 + WRAP_COUNT, 0);
    assert_int_equal(gets, 0);
    list_fails = true;
    look(2);
    expect("[]", 6 + WRAP_COUNT, 0);
}

static void what_cannot_be_read_is_unknown(void **state)
{
    struct writer json = writer(&names);

    (void)state;
    put_some();
    put_wrapping_keys(true, false);
    load();
    get_fails = true;
    look(64);
    expect("[" WRAP_LOST ",\"t.gone\"]", 1 + WRAP_COUNT, 5);
    assert_fails(PS_E_STORAGE, losses_put_all(&keeper, 64, &json, &losses));
    list_fails = true;
    look(64);
    expect("[" WRAP_LOST ",\"t.gone\"]", 1 + WRAP_COUNT, 5);
}

static void change_row(enum catalog_kind kind, const char *name, const char *body)
{
    const struct catalog_change change = {
        .kind = kind, .name = ps_bytes_str(name), .expected = 1, .body = ps_bytes_str(body)};

    assert_ok(catalog_apply(memory, &change, 1, 7, NULL));
}

static void whose_rows_were_changed_or_removed_is_unknown(void **state)
{
    (void)state;
    put_some();
    put_wrapped("0", PS_KEY_EC_P256, 1); /* the one that stays in memory */
    put_wrapping_keys(true, false);
    load();
    change_row(CATALOG_KEY, "a.first", "");
    change_row(CATALOG_KEY, "a.second", "{\"state\":\"destroyed\"}");
    look(64);
    expect("[\"a.none\",\"b.second\"," WRAP_LOST ",\"t.gone\"]", 3 + WRAP_COUNT, 2);
    change_row(CATALOG_VERSION, WRAPPING_KEY_NAME "/2", "{}");
    look(64);
    expect("[\"a.none\"," WRAP_LOST ",\"t.gone\"]", 2 + WRAP_COUNT, 3);
}

/* Those that live in a token are judged and named all the same. */
static void so_many_are_judged_and_the_others_are_unknown(void **state)
{
    char name[32];

    (void)state;
    for (unsigned i = 0; i < LOSSES_RECORDS_MAX + 2; i++) {
        (void)snprintf(name, sizeof name, "k.%05u", i);
        put_wrapped(name, PS_KEY_EC_P256, i == 0 ? 2 : 1);
    }
    put_in_token("b.gone", GONE);
    put_in_token("z.gone", GONE);
    put_wrapping_keys(true, false);
    load();
    look(64);
    expect("[\"b.gone\",\"k.00000\"," WRAP_LOST ",\"z.gone\"]", 3 + WRAP_COUNT, 2);
    assert_int_equal(gets, LOSSES_RECORDS_MAX);
    look(3);
    expect("[\"b.gone\",\"k.00000\",\"privyseal.record-mac\"]", 3 + WRAP_COUNT, 2);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, make, clear)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(each_is_judged_by_the_version_that_wrapped_it),
        TEST(the_newest_version_says_nothing_of_the_others),
        TEST(a_version_that_stayed_behind_opens_nothing),
        TEST(where_all_versions_open_no_record_is_read),
        TEST(where_none_opens_all_are_lost),
        TEST(what_cannot_be_read_is_unknown),
        TEST(whose_rows_were_changed_or_removed_is_unknown),
        TEST(so_many_are_judged_and_the_others_are_unknown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
