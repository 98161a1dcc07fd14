#include "tests/unit/operation_documents.h"

#include "lib/base/encode.h"
#include "lib/ceremony/operation/schema.h"

/* Documents of operations: what is read, and everything that is refused. */

static struct json *json;

static int make_reader(void **state)
{
    (void)state;
    return json_new(&json) == PS_OK ? 0 : -1;
}

static int free_reader(void **state)
{
    (void)state;
    json_free(json);
    return 0;
}

static enum ps_err parse(const struct ps_buf *text, struct operation_document *document)
{
    return operation_document_parse(json, ps_buf_bytes(text), document);
}

/* A document of the type with one text replaced is refused, with a sentence that says so. */
static void check_refused(const char *type, const char *from, const char *to, const char *sentence)
{
    struct operation_document document;
    PS_BUF_AUTO text;

    read_document(type, &text);
    assert_ok(parse(&text, &document));
    replace(&text, from, to);
    if (parse(&text, &document) != PS_E_INPUT) {
        fail_msg("%s: %s is not refused", type, to);
    }
    if (strstr(ps_detail()->text, sentence) == NULL) {
        fail_msg("%s: \"%s\" says nothing of: %s", type, ps_detail()->text, sentence);
    }
}

static char class_of(const char *type, const char *from, const char *to)
{
    struct operation_document document;
    PS_BUF_AUTO text;

    read_document(type, &text);
    if (from != NULL) {
        replace(&text, from, to);
    }
    assert_ok(parse(&text, &document));
    return document.class;
}

/* Every key that certifies is of class A; whose issuer a client's certificate has is no key. */
static void what_names_an_issuer_is_of_class_a(void **state)
{
    (void)state;
    assert_int_equal(class_of("certificate.issue", NULL, NULL), 'A');
    assert_int_equal(class_of("certificate.issue", "\"class\":\"A\",", ""), 'A');
    assert_int_equal(class_of("profile.put", NULL, NULL), 'A');
    assert_int_equal(class_of("profile.remove", NULL, NULL), 'B');
    assert_int_equal(class_of("certificate.csr", "\"class\":\"A\",", ""), 'B');
    assert_int_equal(class_of("client.register", NULL, NULL), 'B');
    assert_int_equal(class_of("grant.add", NULL, NULL), 'B');
    assert_int_equal(class_of("grant.add", "\"jws.sign\",", "\"x509.issue:any\","), 'A');
    assert_int_equal(class_of("grant.add", "\"keys.read\"]", "\"x509.issue:any\"]"), 'A');
    assert_int_equal(class_of("key.create", NULL, NULL), 'B');
    assert_int_equal(class_of("key.create", "\"rotation\":{",
                              "\"rotation\":{\"certificate\":\"internal\",\"issuer\":\"ca\","
                              "\"on_expiry\":\"warn\","),
                     'A');
}

static void each_type_has_a_document_that_is_read(void **state)
{
    const struct operation_type_info *type;

    (void)state;
    for (size_t i = 0; (type = operation_type_info_at(i)) != NULL; i++) {
        struct operation_document document;
        uint8_t hash[PS_SHA256_LEN];
        PS_BUF_AUTO text;

        read_document(type->name, &text);
        assert_ok(parse(&text, &document));
        assert_ptr_equal(document.type, type);
        ps_sha256(ps_buf_bytes(&text), hash);
        assert_memory_equal(document.hash, hash, sizeof hash);
        assert_true(document.not_before_s < document.not_after_s);
        assert_true(document.log_size <= document.max_log_size);
        assert_int_equal(operation_document_subject(&document).len == 0, type->subject == NULL);
    }
}

static void members_are_those_of_the_document(void **state)
{
    struct operation_document document;
    struct ps_bytes text;
    PS_BUF_AUTO octets;

    (void)state;
    read_document("officer.replace", &octets);
    assert_ok(parse(&octets, &document));
    assert_text(document.requester, "bob");
    assert_text(document.reason, "alice lost her key");
    assert_text(document.ceremony, "2026-11-replace");
    assert_text(document.step, "3");
    assert_text(document.log_origin, "ps.example.org");
    assert_int_equal(document.policy_epoch, 7);
    assert_int_equal(document.log_size, 1234);
    assert_int_equal(document.max_log_size, 101234);
    assert_int_equal(document.not_before_s, 1793521800);
    assert_int_equal(document.not_after_s, 1793521800 + 86400);
    assert_int_equal(document.appliance[0], 0xa1);
    assert_int_equal(document.nonce[15], 0xee);
    assert_int_equal(document.policy_hash[0], 0xb2);
    assert_int_equal(document.roster_hash[0], 0xc3);
    assert_int_equal(document.log_root[31], 0xff);
    assert_text(operation_document_subject(&document), "alice");
    assert_ok(operation_document_text(&document, "entry.role", &text));
    assert_text(text, "officer");
    assert_fails(PS_E_NOT_FOUND, operation_document_text(&document, "entry.nothing", &text));
    assert_fails(PS_E_NOT_FOUND, operation_document_text(&document, "person.nothing", &text));
    assert_fails(PS_E_INPUT, operation_document_text(&document, "entry", &text));
}

/* --- Every member, changed in every way --- */

enum mutation { LEAVE_OUT, TWICE, NUMBER, NOTHING, ANOTHER_NAME, UNKNOWN, MUTATION_COUNT };

struct copy {
    struct ps_buf *out;
    enum mutation mutation;
    size_t target; /* the member, counted over the whole document */
    size_t at;
    char name[80]; /* of the member that was changed */
};

static void copy_value(struct copy *copy, struct json_value value);

static void put_member(struct copy *copy, struct ps_bytes name, struct json_value value)
{
    ps_buf_printf(copy->out, "\"%.*s\":", PS_BYTES_FMT(name));
    copy_value(copy, value);
}

static void change_member(struct copy *copy, struct ps_bytes name, struct json_value value)
{
    (void)snprintf(copy->name, sizeof copy->name, "%.*s", PS_BYTES_FMT(name));
    switch (copy->mutation) {
    case LEAVE_OUT:
        break;
    case TWICE:
        put_member(copy, name, value);
        ps_buf_put_u8(copy->out, ',');
        put_member(copy, name, value);
        break;
    case NUMBER:
        ps_buf_printf(copy->out, "\"%.*s\":1", PS_BYTES_FMT(name));
        break;
    case NOTHING:
        ps_buf_printf(copy->out, "\"%.*s\":null", PS_BYTES_FMT(name));
        break;
    case ANOTHER_NAME:
        ps_buf_printf(copy->out, "\"%.*sx\":", PS_BYTES_FMT(name));
        copy_value(copy, value);
        break;
    case UNKNOWN: /* after it in the order of RFC 8785 */
        put_member(copy, name, value);
        ps_buf_printf(copy->out, ",\"%.*s_\":\"\"", PS_BYTES_FMT(name));
        break;
    case MUTATION_COUNT:
        break;
    }
}

static void copy_value(struct copy *copy, struct json_value value)
{
    const bool is_object = json_type(value) == JSON_OBJECT;
    struct json_value member;
    struct ps_bytes name;
    uint32_t cursor = 0;
    size_t begin;

    if (!is_object && json_type(value) != JSON_ARRAY) {
        ps_buf_put(copy->out, json_raw(value));
        return;
    }
    ps_buf_put_u8(copy->out, is_object ? '{' : '[');
    begin = copy->out->len;
    while (json_next(value, &cursor, &name, &member)) {
        if (copy->out->len != begin && copy->out->data[copy->out->len - 1] != ',') {
            ps_buf_put_u8(copy->out, ',');
        }
        if (!is_object) {
            copy_value(copy, member);
        } else if (copy->at++ == copy->target) {
            change_member(copy, name, member);
        } else {
            put_member(copy, name, member);
        }
    }
    if (copy->out->len != begin && copy->out->data[copy->out->len - 1] == ',') {
        copy->out->len--;
    }
    ps_buf_put_u8(copy->out, is_object ? '}' : ']');
}

/* Free names and optional members: what may be changed without breaking the schema. */
static bool is_free(const char *type, const struct copy *copy)
{
    static const char *const optional[] = {"unproven",      "suspended",    "class",
                                           "path_len",      "common_name",  "country",
                                           "locality",      "organization", "organizational_unit",
                                           "serial_number", "state"};
    const bool is_attribute =
        strcmp(copy->name, "common_name") == 0 || strcmp(copy->name, "organization") == 0;

    if (((strncmp(type, "key.create", strlen("key.create")) == 0 ||
          strncmp(type, "family.", strlen("family.")) == 0) &&
         (strcmp(copy->name, "owner") == 0 || strcmp(copy->name, "room") == 0)) ||
        (strcmp(type, "profile.put") == 0 && is_attribute)) {
        return copy->mutation != TWICE && copy->mutation != NUMBER && copy->mutation != NOTHING;
    }
    for (size_t i = 0; i < PS_COUNT_OF(optional); i++) {
        /* A version's state is needed, a province is not. */
        if (strcmp(copy->name, optional[i]) == 0 &&
            (strcmp(optional[i], "state") != 0 || strncmp(type, "certificate.", 12) == 0)) {
            return copy->mutation == LEAVE_OUT;
        }
    }
    return false;
}

static void check_mutations(const char *type, enum mutation mutation)
{
    PS_CLEANUP(json_free_cleanup) struct json *original = NULL;
    struct operation_document document;
    struct copy copy = {.mutation = mutation};
    PS_BUF_AUTO text;

    assert_ok(json_new(&original));
    read_document(type, &text);
    assert_ok(operation_document_parse(original, ps_buf_bytes(&text), &document));
    for (copy.target = 0; copy.target == 0 || copy.at > copy.target; copy.target++) {
        struct operation_document changed;
        PS_BUF_AUTO out;

        ps_buf_init(&out, READ_FILE_MAX);
        copy.out = &out;
        copy.at = 0;
        copy_value(&copy, document.root);
        if (copy.at > copy.target && !is_free(type, &copy) && parse(&out, &changed) != PS_E_INPUT) {
            fail_msg("%s: mutation %u of \"%s\" is not refused", type, mutation, copy.name);
        }
    }
    assert_true(copy.target >= 20);
}

static void each_member_is_needed_once_under_its_name_and_never_a_number_or_null(void **state)
{
    const struct operation_type_info *type;

    (void)state;
    for (size_t i = 0; (type = operation_type_info_at(i)) != NULL; i++) {
        for (unsigned mutation = 0; mutation < MUTATION_COUNT; mutation++) {
            check_mutations(type->name, (enum mutation)mutation);
        }
    }
}

/* --- Octets --- */

static void other_octets_of_the_same_meaning_are_refused(void **state)
{
    (void)state;
    check_refused("key.suspend", "{", "{ ", "canonical");
    check_refused("key.suspend", "\",\"", "\", \"", "canonical");
    check_refused("key.suspend", "\"key.suspend\"", "\"key\\u002esuspend\"", "canonical");
    check_refused("key.suspend", "\"reason\":\"", "\"reason\":\"\\/", "canonical");
    check_refused("key.suspend", "\"v\":\"1\"}", "\"v\":\"1\"} ", "canonical");
}

static void another_order_of_members_is_refused(void **state)
{
    (void)state;
    check_refused("set.remove", "\"step\":\"1\",\"type\":\"set.remove\"",
                  "\"type\":\"set.remove\",\"step\":\"1\"", "canonical");
}

static void an_editors_newline_is_named_as_that(void **state)
{
    (void)state;
    check_refused("key.suspend", "\"v\":\"1\"}", "\"v\":\"1\"}\n", "newline");
}

static void truncation_anywhere_is_refused(void **state)
{
    struct operation_document document;
    PS_BUF_AUTO text;

    (void)state;
    read_document("key.rotate", &text);
    for (size_t len = 0; len < text.len; len++) {
        assert_fails(PS_E_INPUT,
                     operation_document_parse(json, ps_bytes(text.data, len), &document));
    }
}

/* Any octet, each of its bits: refused, or another document with another hash. */
static void one_bit_changes_the_hash_or_is_refused(void **state)
{
    struct operation_document before;
    struct operation_document after;
    PS_BUF_AUTO text;

    (void)state;
    read_document("key.destroy", &text);
    assert_ok(parse(&text, &before));
    for (size_t bit = 0; bit < text.len * 8; bit++) {
        text.data[bit / 8] ^= (uint8_t)(1u << bit % 8);
        if (parse(&text, &after) == PS_OK) {
            assert_memory_not_equal(before.hash, after.hash, sizeof before.hash);
        }
        text.data[bit / 8] ^= (uint8_t)(1u << bit % 8);
    }
}

static void put_reason(struct ps_buf *text, size_t len)
{
    PS_BUF_AUTO reason;

    ps_buf_init(&reason, READ_FILE_MAX);
    ps_buf_put_str(&reason, "\"reason\":\"");
    for (size_t i = 0; i < len; i++) {
        ps_buf_put_u8(&reason, 'x');
    }
    ps_buf_put_u8(&reason, 0);
    replace(text, "\"reason\":\"", (const char *)reason.data);
}

static void a_text_has_a_limit(void **state)
{
    struct operation_document document;
    PS_BUF_AUTO text;

    (void)state;
    read_document("set.remove", &text);
    assert_ok(parse(&text, &document));
    assert_int_equal(document.reason.len, 0);
    put_reason(&text, PARAM_TEXT_MAX);
    assert_ok(parse(&text, &document));
    put_reason(&text, 1);
    assert_fails(PS_E_INPUT, parse(&text, &document));
    assert_non_null(strstr(ps_detail()->text, "\"reason\""));
}

static void a_document_has_a_limit(void **state)
{
    struct operation_document document;
    PS_BUF_AUTO text;

    (void)state;
    read_document("set.remove", &text);
    put_reason(&text, OPERATION_DOCUMENT_MAX - text.len);
    assert_fails(PS_E_INPUT, parse(&text, &document));
    put_reason(&text, 1);
    assert_fails(PS_E_LIMIT, parse(&text, &document));
}

static void depth_has_a_limit(void **state)
{
    struct operation_document document;
    PS_BUF_AUTO text;

    (void)state;
    check_refused("set.remove", "\"params\":{", "\"params\":{\"a\":[[[[[[1]]]]]],",
                  "unknown member");
    read_document("set.remove", &text);
    replace(&text, "\"params\":{", "\"params\":{\"a\":[[[[[[[1]]]]]]],");
    assert_fails(PS_E_LIMIT, parse(&text, &document));
}

/* --- Values --- */

static void a_name_with_a_dot_is_not_a_member_of_a_member(void **state)
{
    (void)state;
    check_refused("key.create", "\"jwt\":{", "\"jwt.iss\":\"\",\"jwt\":{", "unknown member");
    check_refused("key.create", "\"labels\":{", "\"labels.*\":\"\",\"labels\":{", "unknown member");
    check_refused("grant.add", "\"formats\":[", "\"formats[]\":\"jws\",\"formats\":[",
                  "unknown member");
}

static void values_are_of_their_kind(void **state)
{
    (void)state;
    check_refused("key.suspend", "\"state\":\"suspended\"", "\"state\":\"active\"", "state");
    check_refused("key.suspend", "\"version\":\"0\"", "\"version\":\"00\"", "version");
    check_refused("key.suspend", "\"version\":\"0\"", "\"version\":\"-1\"", "version");
    check_refused("key.suspend", "\"version\":\"0\"", "\"version\":\"4294967296\"", "version");
    check_refused("key.suspend", "\"version\":\"0\"", "\"version\":\"\"", "version");
    check_refused("key.suspend", "\"version\":\"0\"", "\"version\":\"1e1\"", "version");
    check_refused("key.suspend", "\"version\":\"0\"", "\"version\":false", "version");
    check_refused("key.suspend", "\"key\":\"", "\"key\":\"A", "params.key");
    check_refused("key.suspend", "\"type\":\"key.suspend\"", "\"type\":\"key.nothing\"", "type");
    check_refused("key.suspend", "\"v\":\"1\"", "\"v\":\"2\"", "\"v\"");
    check_refused("key.create", "\"ES256\"", "\"ES256X\"", "algorithms[]");
    check_refused("key.create", "\"ES256\"", "\"ES256\",\"ES256\"", "twice");
    check_refused("key.create", "\"ec-p256\"", "\"ec-p999\"", "params.type");
    check_refused("key.create", "\"sensitive\":true", "\"sensitive\":\"true\"", "sensitive");
    check_refused("key.create", "\"jwt\":{", "\"jwt\":[],\"jwu\":{", "params.jwt");
    check_refused("key.rotate", "\"publish_ahead_s\":\"8", "\"publish_ahead_s\":\"0",
                  "publish_ahead_s");
    check_refused("token.approve", "\"module_hash\":\"", "\"module_hash\":\"A", "module_hash");
    check_refused("operation.cancel", "\"operation\":\"0", "\"operation\":\"0a", "operation");
    check_refused("grant.add", "\"keys\":\"", "\"keys\":\"*", "params.keys");
    check_refused("exception", "\"deciders\":[", "\"deciders\":[],\"d\":[", "deciders");
    check_refused("policy.change", "\"requester\":\"excluded\"", "\"requester\":\"maybe\"",
                  "requester");
}

static void hexadecimal_is_lower_case_and_of_its_length(void **state)
{
    (void)state;
    check_refused("officer.replace", "\"nonce\":\"e", "\"nonce\":\"E", "nonce");
    check_refused("officer.replace", "\"nonce\":\"e", "\"nonce\":\"", "nonce");
    check_refused("officer.replace", "\"nonce\":\"e", "\"nonce\":\"eee", "nonce");
    check_refused("officer.replace", "\"appliance\":\"a1", "\"appliance\":\"", "appliance");
}

static void a_key_of_a_person_is_one_that_signatures_are_verified_with(void **state)
{
    (void)state;
    check_refused("officer.enrol", "ssh-ed25519 ", "ssh-rsa ", "keys[]");
    check_refused("officer.enrol", "ssh-ed25519 AAAA", "ssh-ed25519 BAAA", "keys[]");
    check_refused("officer.enrol", "\"ssh-ed25519 ", "\"command=x ssh-ed25519 ", "keys[]");
}

static void a_key_has_no_comment(void **state)
{
    struct operation_document document;
    struct ps_bytes line;
    struct json_value entry;
    struct json_value keys;
    struct json_value key;
    uint32_t cursor = 0;
    char with[512];
    char without[512];
    PS_BUF_AUTO text;

    (void)state;
    read_document("officer.enrol", &text);
    assert_ok(parse(&text, &document));
    assert_true(json_member(document.params, "entry", &entry));
    assert_true(json_member(entry, "keys", &keys));
    assert_true(json_next(keys, &cursor, NULL, &key));
    assert_ok(json_string(key, &line));
    (void)snprintf(without, sizeof without, "\"%.*s\"", PS_BYTES_FMT(line));
    (void)snprintf(with, sizeof with, "\"%.*s carol@desk\"", PS_BYTES_FMT(line));
    check_refused("officer.enrol", without, with, "nothing else");
}

static void what_could_never_be_executed_is_refused(void **state)
{
    (void)state;
    check_refused("officer.replace", "\"max_log_size\":\"101234\"", "\"max_log_size\":\"1233\"",
                  "max_log_size");
    check_refused("officer.replace", "\"not_after\":\"2026-11-", "\"not_after\":\"2026-10-",
                  "not_after");
}

static void genesis_has_people_and_a_policy(void **state)
{
    (void)state;
    check_refused("genesis", "\"roster\":{\"people\"", "\"roxter\":{\"people\"", "roxter");
    check_refused("genesis", "\"policy\":{\"classes\"", "\"polity\":{\"classes\"", "polity");
}

static void suspended_is_true_or_left_out(void **state)
{
    struct operation_document document;
    PS_BUF_AUTO text;

    (void)state;
    read_document("genesis", &text);
    replace(&text, "\"role\":\"officer\",", "\"role\":\"officer\",\"suspended\":true,");
    assert_ok(parse(&text, &document));
    replace(&text, "\"suspended\":true", "\"suspended\":false");
    assert_fails(PS_E_INPUT, parse(&text, &document));
    check_refused("officer.enrol", "\"role\":\"officer\",",
                  "\"role\":\"officer\",\"suspended\":true,", "unknown member");
}

static void a_result_is_untouched_by_what_is_refused(void **state)
{
    struct operation_document document = {.log_size = 42};

    (void)state;
    assert_fails(PS_E_INPUT, operation_document_parse(json, LITERAL("{}"), &document));
    assert_int_equal(document.log_size, 42);
    assert_null(document.type);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_names_an_issuer_is_of_class_a),
        cmocka_unit_test(each_type_has_a_document_that_is_read),
        cmocka_unit_test(members_are_those_of_the_document),
        cmocka_unit_test(each_member_is_needed_once_under_its_name_and_never_a_number_or_null),
        cmocka_unit_test(other_octets_of_the_same_meaning_are_refused),
        cmocka_unit_test(another_order_of_members_is_refused),
        cmocka_unit_test(an_editors_newline_is_named_as_that),
        cmocka_unit_test(truncation_anywhere_is_refused),
        cmocka_unit_test(one_bit_changes_the_hash_or_is_refused),
        cmocka_unit_test(a_text_has_a_limit),
        cmocka_unit_test(a_document_has_a_limit),
        cmocka_unit_test(depth_has_a_limit),
        cmocka_unit_test(a_name_with_a_dot_is_not_a_member_of_a_member),
        cmocka_unit_test(values_are_of_their_kind),
        cmocka_unit_test(hexadecimal_is_lower_case_and_of_its_length),
        cmocka_unit_test(a_key_of_a_person_is_one_that_signatures_are_verified_with),
        cmocka_unit_test(a_key_has_no_comment),
        cmocka_unit_test(what_could_never_be_executed_is_refused),
        cmocka_unit_test(genesis_has_people_and_a_policy),
        cmocka_unit_test(suspended_is_true_or_left_out),
        cmocka_unit_test(a_result_is_untouched_by_what_is_refused),
    };

    return cmocka_run_group_tests(tests, make_reader, free_reader);
}
