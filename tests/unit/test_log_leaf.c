#include "tests/unit/vectors.h"

#include "keystore/log/leaf.h"
#include "lib/base/clock.h"
#include "lib/base/encode.h"
#include "lib/ceremony/log/leaf.h"

/* Vectors: tests/vectors/log/leaves.json, made from docs/log-format.md alone. */

static uint64_t time_of(struct json_value members)
{
    uint64_t time_ns;

    assert_ok(ps_time_parse(text_of(members, "time"), &time_ns));
    return time_ns;
}

static void put_use(struct json_value members, struct ps_buf *out)
{
    PS_BUF_AUTO serial;
    PS_BUF_AUTO hash;
    char operation[33] = "";
    struct json_value version;
    int64_t number;
    struct use_leaf leaf = {
        .time_ns = time_of(members),
        .caller = text_of(members, "caller"),
        .key = text_of(members, "key"),
        .operation = operation,
        .format = ps_format_by_name(text_of(members, "format")),
        .algorithm = ps_alg_by_name(text_of(members, "alg")),
        .request_id = text_of(members, "request"),
    };

    ps_buf_init(&hash, 64);
    ps_buf_init(&serial, 20);
    assert_ok(ps_hex_decode(text_of(members, "serial"), &serial));
    leaf.serial = ps_buf_bytes(&serial);
    assert_ok(ps_base64url_decode(text_of(members, "hash"), &hash));
    memcpy(operation, text_of(members, "op").data, text_of(members, "op").len);
    assert_true(json_member(members, "version", &version));
    assert_ok(json_integer(version, &number));
    leaf.version = (uint32_t)number;
    leaf.hash = ps_buf_bytes(&hash);
    leaf_put_use(&leaf, out);
}

static void put_event(struct json_value members, struct ps_buf *out)
{
    PS_BUF_AUTO data;
    char kind[33] = "";
    struct json_value value;

    ps_buf_init(&data, LOG_ENTRY_MAX);
    memcpy(kind, text_of(members, "kind").data, text_of(members, "kind").len);
    if (json_member(members, "data", &value)) {
        assert_ok(json_put_canonical(value, &data));
    }
    leaf_put_event(&(struct event_leaf){.time_ns = time_of(members),
                                        .kind = kind,
                                        .caller = text_of(members, "caller"),
                                        .request_id = text_of(members, "request"),
                                        .data = ps_buf_bytes(&data)},
                   out);
}

static void leaves_are_written_as_the_vectors_have_them(void **state)
{
    struct vectors vectors;
    struct json_value row;
    size_t count = 0;

    (void)state;
    vectors_open("log/leaves.json", &vectors);
    while (vectors_next(&vectors, &row)) {
        PS_BUF_AUTO out;
        PS_BUF_AUTO hash;
        struct json_value members;
        struct merkle_hash computed;

        ps_buf_init(&out, LOG_ENTRY_MAX);
        ps_buf_init(&hash, 64);
        assert_true(json_member(row, "members", &members));
        if (ps_bytes_equal_str(text_of(row, "log"), "use")) {
            put_use(members, &out);
        } else {
            put_event(members, &out);
        }
        assert_ok(ps_buf_status(&out));
        assert_bytes(ps_buf_bytes(&out), text_of(row, "octets"));
        computed = merkle_leaf_hash(ps_buf_bytes(&out));
        ps_buf_put_hex(&hash, ps_bytes(computed.octets, sizeof computed.octets));
        assert_bytes(ps_buf_bytes(&hash), text_of(row, "hash"));
        count++;
    }
    assert_int_equal(count, 8);
    vectors_close(&vectors);
}

static void leaves_of_the_vectors_are_read(void **state)
{
    struct vectors vectors;
    struct json_value row;

    (void)state;
    vectors_open("log/leaves.json", &vectors);
    while (vectors_next(&vectors, &row)) {
        const struct ps_bytes octets = text_of(row, "octets");
        struct json_value members;
        struct log_use use;
        struct log_event event;

        assert_true(json_member(row, "members", &members));
        if (ps_bytes_equal_str(text_of(row, "log"), "use")) {
            assert_ok(log_use_read(json, octets, &use));
            assert_int_equal(use.time_ns, time_of(members));
            assert_bytes(use.caller, text_of(members, "caller"));
            assert_bytes(use.algorithm, text_of(members, "alg"));
            assert_bytes(use.format, text_of(members, "format"));
            assert_bytes(use.operation, text_of(members, "op"));
            assert_bytes(use.key, text_of(members, "key"));
            assert_bytes(use.request_id, text_of(members, "request"));
            assert_bytes(use.serial, text_of(members, "serial"));
            assert_int_equal(use.hash.len, 32);
            assert_fails(PS_E_INPUT, log_event_read(json, octets, &event));
        } else {
            assert_ok(log_event_read(json, octets, &event));
            assert_int_equal(event.time_ns, time_of(members));
            assert_bytes(event.kind, text_of(members, "kind"));
            assert_bytes(event.caller, text_of(members, "caller"));
            assert_fails(PS_E_INPUT, log_use_read(json, octets, &use));
        }
    }
    vectors_close(&vectors);
}

static const struct use_leaf sample = {
    .time_ns = UINT64_C(1795168800123456789),
    .caller = {(const uint8_t *)"oidc", 4},
    .key = {(const uint8_t *)"oidc.id-token", 13},
    .version = 3,
    .operation = "sign",
    .format = PS_FORMAT_JWS,
    .algorithm = PS_ALG_ES256,
    .request_id = {(const uint8_t *)"r", 1},
    .hash = {(const uint8_t *)"0123456789abcdef0123456789abcdef", 32},
};

static void assert_use_refused(struct use_leaf leaf)
{
    PS_BUF_AUTO out;
    struct log_use use;

    ps_buf_init(&out, LOG_ENTRY_MAX);
    leaf_put_use(&leaf, &out);
    assert_ok(ps_buf_status(&out));
    assert_fails(PS_E_INPUT, log_use_read(json, ps_buf_bytes(&out), &use));
}

static void values_outside_their_form_do_not_verify(void **state)
{
    struct use_leaf leaf = sample;

    (void)state;
    leaf.caller = ps_bytes_str("Oidc");
    assert_use_refused(leaf);
    leaf = sample;
    leaf.caller = ps_bytes_str("");
    assert_use_refused(leaf);
    leaf = sample;
    leaf.key = ps_bytes_str("a key");
    assert_use_refused(leaf);
    leaf = sample;
    leaf.version = 0;
    assert_use_refused(leaf);
    leaf = sample;
    leaf.operation = "Sign";
    assert_use_refused(leaf);
    leaf.operation = "";
    assert_use_refused(leaf);
    leaf = sample;
    leaf.request_id = ps_bytes_str("a b");
    assert_use_refused(leaf);
    leaf.request_id = ps_bytes_str("");
    assert_use_refused(leaf);
    leaf = sample;
    leaf.hash.len = 31;
    assert_use_refused(leaf);
    leaf.hash = LITERAL("0123456789abcdef0123456789abcdef0");
    assert_use_refused(leaf);
}

static void text_from_outside_cannot_break_a_leaf(void **state)
{
    PS_BUF_AUTO out;
    struct use_leaf leaf = sample;
    struct json_value root;

    (void)state;
    ps_buf_init(&out, LOG_ENTRY_MAX);
    leaf.request_id = LITERAL("\",\"x\":\"\\\n\0\xff");
    leaf_put_use(&leaf, &out);
    assert_ok(json_parse(json, ps_buf_bytes(&out), &JSON_LIMITS_REQUEST, &root));
    assert_int_equal(json_count(root), 10);
}

static void a_leaf_is_canonical_to_the_octet(void **state)
{
    static const char *const wrong[] = {
        "",
        "{}",
        "[]",
        "{\"kind\":\"stop\",\"time\":\"2026-11-20T11:00:00.000000Z\",\"v\":1} ",
        "{\"kind\": \"stop\",\"time\":\"2026-11-20T11:00:00.000000Z\",\"v\":1}",
        "{\"kind\":\"stop\",\"v\":1,\"time\":\"2026-11-20T11:00:00.000000Z\"}",
        "{\"kind\":\"sto\\u0070\",\"time\":\"2026-11-20T11:00:00.000000Z\",\"v\":1}",
        "{\"kind\":\"stop\",\"time\":\"2026-11-20T11:00:00.00000Z\",\"v\":1}",
        "{\"kind\":\"stop\",\"time\":\"2026-11-20T11:00:00Z\",\"v\":1}",
        "{\"kind\":\"stop\",\"time\":\"2026-02-30T11:00:00.000000Z\",\"v\":1}",
        "{\"kind\":\"stop\",\"time\":\"2026-11-20T11:00:00.000000Z\",\"v\":2}",
        "{\"kind\":\"stop\",\"time\":\"2026-11-20T11:00:00.000000Z\",\"v\":1.0}",
        "{\"kind\":\"stop\",\"time\":\"2026-11-20T11:00:00.000000Z\",\"v\":0}",
        "{\"kind\":\"stop\",\"time\":\"2026-11-20T11:00:00.000000Z\"}",
        "{\"kind\":\"\",\"time\":\"2026-11-20T11:00:00.000000Z\",\"v\":1}",
        "{\"kind\":\"Stop\",\"time\":\"2026-11-20T11:00:00.000000Z\",\"v\":1}",
        "{\"kind\":\"stop.x\",\"time\":\"2026-11-20T11:00:00.000000Z\",\"v\":1}",
        "{\"kind\":\"stop\",\"more\":1,\"time\":\"2026-11-20T11:00:00.000000Z\",\"v\":1}",
        "{\"data\":null,\"kind\":\"stop\",\"time\":\"2026-11-20T11:00:00.000000Z\",\"v\":1}",
        "{\"data\":{\"a\":null},\"kind\":\"k\",\"time\":\"2026-11-20T11:00:00.000000Z\",\"v\":1}",
        "{\"data\":[],\"kind\":\"stop\",\"time\":\"2026-11-20T11:00:00.000000Z\",\"v\":1}",
        "{\"kind\":\"stop\",\"request\":\"\",\"time\":\"2026-11-20T11:00:00.000000Z\",\"v\":1}",
        "{\"caller\":\"\",\"kind\":\"stop\",\"time\":\"2026-11-20T11:00:00.000000Z\",\"v\":1}",
    };
    struct log_event event;

    (void)state;
    for (size_t i = 0; i < PS_COUNT_OF(wrong); i++) {
        if (log_event_read(json, ps_bytes_str(wrong[i]), &event) != PS_E_INPUT) {
            fail_msg("accepted: %s", wrong[i]);
        }
    }
}

static void leaf_of(struct ps_bytes data, const char *kind, struct ps_buf *out)
{
    leaf_put_event(&(struct event_leaf){.time_ns = 1, .kind = kind, .data = data}, out);
    assert_ok(ps_buf_status(out));
}

static void a_shard_is_read_as_it_was_written(void **state)
{
    const struct tree_info info = {
        .name = "2026-11-0001", .first = 7, .size = 9, .root = {{1, 2, 3}}};
    PS_BUF_AUTO data;
    PS_BUF_AUTO out;
    struct log_event event;
    struct log_shard shard;

    (void)state;
    ps_buf_init(&data, 1024);
    ps_buf_init(&out, 1024);
    leaf_put_shard_data("use", &info, &data);
    leaf_of(ps_buf_bytes(&data), "shard", &out);
    assert_ok(log_event_read(json, ps_buf_bytes(&out), &event));
    assert_ok(log_shard_read(event.data, &shard));
    assert_int_equal(shard.first, 7);
    assert_int_equal(shard.size, 9);
    assert_text(shard.log, "use");
    assert_text(shard.name, "2026-11-0001");
    assert_memory_equal(shard.root.octets, info.root.octets, 32);
}

static void assert_shard_refused(const char *data)
{
    PS_BUF_AUTO out;
    struct log_event event;
    struct log_shard shard;

    ps_buf_init(&out, 1024);
    leaf_of(ps_bytes_str(data), "shard", &out);
    assert_ok(log_event_read(json, ps_buf_bytes(&out), &event));
    assert_fails(PS_E_INPUT, log_shard_read(event.data, &shard));
}

static void a_shard_is_refused_outside_its_form(void **state)
{
#define ROOT "\"root\":\"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA\""
    (void)state;
    assert_shard_refused("");
    assert_shard_refused("{}");
    assert_shard_refused("{\"first\":0,\"log\":\"use\",\"name\":\"2026-13-0001\"," ROOT
                         ",\"size\":1}");
    assert_shard_refused("{\"first\":0,\"log\":\"use\",\"name\":\"2026-11-0000\"," ROOT
                         ",\"size\":1}");
    assert_shard_refused("{\"first\":0,\"log\":\"use\",\"name\":\"2026-11-001\"," ROOT
                         ",\"size\":1}");
    assert_shard_refused("{\"first\":0,\"log\":\"use\",\"name\":\"2026-11-0001\"," ROOT
                         ",\"size\":0}");
    assert_shard_refused(
        "{\"first\":0,\"log\":\"use\",\"name\":\"2026-11-0001\",\"root\":\"AAAA\",\"size\":1}");
#undef ROOT
}

static void the_key_stands_in_the_genesis_leaf(void **state)
{
    static const struct {
        const char *kind;
        const char *data;
        enum ps_err expected;
    } rows[] = {
        {"genesis", "{\"log_key\":\"a+b+c\",\"other\":1}", PS_OK},
        {"genesis", "{\"log_key\":1}", PS_E_INPUT},
        {"genesis", "{}", PS_E_INPUT},
        {"genesis", "", PS_E_INPUT},
        {"start", "{\"log_key\":\"a+b+c\"}", PS_E_INPUT},
    };

    (void)state;
    for (size_t i = 0; i < PS_COUNT_OF(rows); i++) {
        PS_BUF_AUTO out;
        struct log_event event;
        struct ps_bytes key = {0};

        ps_buf_init(&out, 1024);
        leaf_of(ps_bytes_str(rows[i].data), rows[i].kind, &out);
        assert_ok(log_event_read(json, ps_buf_bytes(&out), &event));
        assert_fails(rows[i].expected, log_genesis_read_key(&event, &key));
        if (rows[i].expected == PS_OK) {
            assert_text(key, "a+b+c");
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(leaves_are_written_as_the_vectors_have_them),
        cmocka_unit_test(leaves_of_the_vectors_are_read),
        cmocka_unit_test(values_outside_their_form_do_not_verify),
        cmocka_unit_test(text_from_outside_cannot_break_a_leaf),
        cmocka_unit_test(a_leaf_is_canonical_to_the_octet),
        cmocka_unit_test(a_shard_is_read_as_it_was_written),
        cmocka_unit_test(a_shard_is_refused_outside_its_form),
        cmocka_unit_test(the_key_stands_in_the_genesis_leaf),
    };

    return cmocka_run_group_tests(tests, make_reader, free_reader);
}
