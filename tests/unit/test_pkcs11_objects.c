#include "tests/unit/softhsm.h"
#include "tests/unit/token_keys.h"

/* What the token process makes and keeps in the real SoftHSM: keys by usage, data, certificates. */

static struct process shared;

static int make_shared(void **state)
{
    (void)state;
    softhsm_begin(&shared, 1);
    return 0;
}

static int end_shared(void **state)
{
    (void)state;
    softhsm_end(&shared);
    return 0;
}

static void new_key_shows_what_was_asked_for(void **state)
{
    static const char *const shown[] = {
        "\"local\":true",
        "\"sensitive\":true",
        "\"extractable\":false",
        "\"always_sensitive\":true",
        "\"never_extractable\":true",
        "\"sign\":true",
        "\"decrypt\":false",
        "\"unwrap\":false",
        "\"derive\":false",
        "\"modifiable\":false",
        "\"copyable\":false",
        "\"allowed_mechanisms\":[\"CKM_ECDSA\"]",
        "\"wrap_with_trusted\":true",
        "\"key_gen_mechanism\":\"CKM_EC_KEY_PAIR_GEN\"",
        "\"key_type\":\"CKK_EC\"",
    };
    struct test_key key;

    (void)state;
    make_key(&shared, PS_ALG_ES256, PS_KEY_EC_P256, &key);
    for (size_t i = 0; i < PS_COUNT_OF(shown); i++) {
        if (strstr(key.attributes, shown[i]) == NULL) {
            fail_msg("%s is not in %s", shown[i], key.attributes);
        }
    }
}

static void every_usage_has_its_keys(void **state)
{
    static const struct {
        enum ps_usage usage;
        enum ps_key_type type;
        uint8_t alg; /* 0: none */
    } rows[] = {
        {PS_USAGE_SIGN, PS_KEY_EC_P384, PS_ALG_ES384},
        {PS_USAGE_CERTIFY, PS_KEY_EC_P256, PS_ALG_ES256},
        {PS_USAGE_DECRYPT, PS_KEY_RSA_2048, 0},
        {PS_USAGE_DECRYPT, PS_KEY_EC_P256, 0},
        {PS_USAGE_ENCRYPT, PS_KEY_AES_256, 0},
        {PS_USAGE_MAC, PS_KEY_HMAC_SHA256, 0},
        {PS_USAGE_WRAP, PS_KEY_AES_256, 0},
    };

    (void)state;
    for (size_t i = 0; i < PS_COUNT_OF(rows); i++) {
        struct test_key key = {.type = rows[i].type};
        struct process_answer answer;

        ps_random(key.id, sizeof key.id);
        ask_for_key(&shared, &key, rows[i].usage, &rows[i].alg, rows[i].alg == 0 ? 0 : 1, &answer);
        keep_key(&answer, &key);
        assert_int_equal(key.spki_len == 0, ps_key_type_info(key.type)->family == PS_FAMILY_SECRET);
    }
}

static void usage_that_contradicts_the_type_is_refused(void **state)
{
    static const uint8_t es256[] = {PS_ALG_ES256};
    static const uint8_t rs256[] = {PS_ALG_RS256};
    static const struct {
        enum ps_usage usage;
        enum ps_key_type type;
        const uint8_t *algs;
        size_t count;
    } rows[] = {
        {PS_USAGE_SIGN, PS_KEY_AES_256, es256, 1},
        {PS_USAGE_ENCRYPT, PS_KEY_EC_P256, NULL, 0},
        {PS_USAGE_DECRYPT, PS_KEY_ED25519, NULL, 0},
        {PS_USAGE_WRAP, PS_KEY_RSA_2048, NULL, 0},
        {PS_USAGE_WRAP, PS_KEY_HMAC_SHA256, NULL, 0},
        {PS_USAGE_MAC, PS_KEY_AES_256, NULL, 0},
        {PS_USAGE_SIGN, PS_KEY_EC_P256, NULL, 0},
        {PS_USAGE_SIGN, PS_KEY_EC_P256, rs256, 1},
        {PS_USAGE_DECRYPT, PS_KEY_EC_P256, es256, 1},
        {PS_USAGE_NONE, PS_KEY_EC_P256, es256, 1},
        {(enum ps_usage)99, PS_KEY_EC_P256, es256, 1},
        {PS_USAGE_SIGN, PS_KEY_NONE, es256, 1},
        {PS_USAGE_SIGN, (enum ps_key_type)99, es256, 1},
    };

    (void)state;
    for (size_t i = 0; i < PS_COUNT_OF(rows); i++) {
        struct test_key key = {.type = rows[i].type};
        struct process_answer answer;

        ps_random(key.id, sizeof key.id);
        ask_for_key(&shared, &key, rows[i].usage, rows[i].algs, rows[i].count, &answer);
        assert_problem(PS_PROBLEM_REFUSED, &answer);
    }
}

static void find_describes_a_key(void **state)
{
    struct test_key key;
    struct msg_token_find message = {0};
    struct process_answer answer;
    const struct msg_token_found *found = (const void *)answer.message;

    (void)state;
    make_key(&shared, PS_ALG_ES256, PS_KEY_EC_P256, &key);
    message = (struct msg_token_find){.object_id = key_id(&key), .key_type = PS_KEY_EC_P256};
    process_call(&shared, &msg_token_find_info, &message, &answer);
    assert_answered(&answer);
    assert_int_equal(found->has, TOKEN_HAS_PRIVATE | TOKEN_HAS_PUBLIC);
    assert_bytes(found->public_key, ps_bytes(key.spki, key.spki_len));
    assert_text(found->attributes, key.attributes);
    message.key_type = PS_KEY_NONE;
    process_call(&shared, &msg_token_find_info, &message, &answer);
    assert_answered(&answer);
    message.key_type = PS_KEY_EC_P384;
    process_call(&shared, &msg_token_find_info, &message, &answer);
    assert_problem(PS_PROBLEM_KEY_MISMATCH, &answer);
    message.object_id = ps_bytes_str("nobody");
    process_call(&shared, &msg_token_find_info, &message, &answer);
    assert_problem(PS_PROBLEM_NOT_FOUND, &answer);
    message.object_id = ps_bytes(NULL, 0);
    process_call(&shared, &msg_token_find_info, &message, &answer);
    assert_problem(PS_PROBLEM_REFUSED, &answer);
}

/* Walks the rows; counts those of the id by class, and all of them. */
static unsigned count_rows(struct ps_bytes rows, struct ps_bytes id, unsigned classes[6])
{
    struct ps_reader reader = ps_reader(rows);
    unsigned count = 0;

    while (reader.left.len != 0) {
        const uint8_t class = ps_reader_u8(&reader);
        struct ps_bytes row_id;

        (void)ps_reader_u8(&reader);
        row_id = ps_reader_take(&reader, ps_reader_u16(&reader));
        (void)ps_reader_take(&reader, ps_reader_u16(&reader));
        assert_false(reader.failed);
        assert_true(class <= 5);
        classes[class] += ps_bytes_equal(row_id, id) ? 1 : 0;
        count++;
    }
    return count;
}

static void list_has_a_row_for_each_object(void **state)
{
    struct test_key key;
    struct msg_token_list message = {.after = 0};
    struct process_answer answer;
    const struct msg_token_objects *objects = (const void *)answer.message;
    unsigned classes[6] = {0};
    unsigned rows;

    (void)state;
    make_key(&shared, PS_ALG_ES256, PS_KEY_EC_P256, &key);
    process_call(&shared, &msg_token_list_info, &message, &answer);
    assert_answered(&answer);
    assert_int_equal(objects->more, 0);
    rows = count_rows(objects->objects, key_id(&key), classes);
    assert_int_equal(classes[1], 1);
    assert_int_equal(classes[2], 1);
    message.after = rows - 1;
    process_call(&shared, &msg_token_list_info, &message, &answer);
    assert_int_equal(count_rows(objects->objects, key_id(&key), classes), 1);
    message.after = rows + 1;
    process_call(&shared, &msg_token_list_info, &message, &answer);
    assert_answered(&answer);
    assert_int_equal(objects->objects.len, 0);
}

/* As make_key makes one. */
static void expect_key(const struct test_key *key, const char *label, enum ps_usage usage,
                       struct ps_buf *rows)
{
    ps_buf_put_u16(rows, sizeof key->id);
    ps_buf_put(rows, key_id(key));
    ps_buf_put_u16(rows, (uint16_t)strlen(label));
    ps_buf_put_str(rows, label);
    ps_buf_put_u8(rows, (uint8_t)key->type);
    ps_buf_put_u8(rows, (uint8_t)usage);
    ps_buf_put_u8(rows, 0);
    ps_buf_put_u16(rows, 1);
    ps_buf_put_u8(rows, PS_ALG_ES256);
}

static void expect_found(struct ps_reader *found, uint8_t has, const struct test_key *key,
                         const char *differs)
{
    uint8_t hash[PS_SHA256_LEN] = {0};

    if (key != NULL) {
        ps_sha256(ps_bytes(key->spki, key->spki_len), hash);
    }
    assert_int_equal(ps_reader_u8(found), has);
    assert_true(ps_bytes_equal(ps_reader_take(found, sizeof hash), ps_bytes(hash, sizeof hash)));
    assert_true(ps_bytes_equal_str(ps_reader_take(found, ps_reader_u16(found)), differs));
}

static void check_says_of_each_key_what_is_not_as_it_was_made(void **state)
{
    struct test_key key;
    static const struct test_key absent = {.type = PS_KEY_EC_P256, .id = {1}};
    struct msg_token_check message = {0};
    struct process_answer answer;
    const struct msg_token_checked *checked = (const void *)answer.message;
    struct ps_reader found;
    PS_BUF_AUTO rows = {.max = 4096};

    (void)state;
    make_key(&shared, PS_ALG_ES256, PS_KEY_EC_P256, &key);
    expect_key(&key, "a.key", PS_USAGE_SIGN, &rows);
    expect_key(&absent, "a.key", PS_USAGE_SIGN, &rows);
    message.expected = ps_buf_bytes(&rows);
    process_call(&shared, &msg_token_check_info, &message, &answer);
    assert_answered(&answer);
    found = ps_reader(checked->found);
    expect_found(&found, TOKEN_HAS_PRIVATE | TOKEN_HAS_PUBLIC, &key, "");
    expect_found(&found, 0, NULL, "");
    assert_int_equal(ps_reader_finish(&found), PS_OK);
    rows.len = 0;
    expect_key(&key, "another", PS_USAGE_SIGN, &rows);
    message.expected = ps_buf_bytes(&rows);
    process_call(&shared, &msg_token_check_info, &message, &answer);
    assert_answered(&answer);
    found = ps_reader(checked->found);
    expect_found(&found, TOKEN_HAS_PRIVATE | TOKEN_HAS_PUBLIC, NULL, "CKA_LABEL");
}

static void check_refuses_rows_that_describe_no_keys(void **state)
{
    enum { KEY_ROW = 2 + 16 + 2 + 5 + 3 + 2 + 1 };
    static const struct test_key absent = {.type = PS_KEY_EC_P256, .id = {1}};
    struct msg_token_check message = {0};
    struct process_answer answer;
    PS_BUF_AUTO rows = {.max = 65536};

    (void)state;
    for (size_t i = 0; i < TOKEN_CHECK_KEYS_MAX; i++) {
        expect_key(&absent, "a.key", PS_USAGE_SIGN, &rows);
        rows.data[rows.len - KEY_ROW + 2] = (uint8_t)i;
    }
    message.expected = ps_buf_bytes(&rows);
    process_call(&shared, &msg_token_check_info, &message, &answer);
    assert_answered(&answer);
    expect_key(&absent, "a.key", PS_USAGE_SIGN, &rows);
    message.expected = ps_buf_bytes(&rows);
    process_call(&shared, &msg_token_check_info, &message, &answer);
    assert_problem(PS_PROBLEM_TOKEN_UNAVAILABLE, &answer);
    rows.len = 0;
    expect_key(&absent, "a.key", PS_USAGE_DECRYPT, &rows); /* with an algorithm that signs */
    message.expected = ps_buf_bytes(&rows);
    process_call(&shared, &msg_token_check_info, &message, &answer);
    assert_problem(PS_PROBLEM_REFUSED, &answer);
    rows.len = 0;
    expect_key(&absent, "a.key", PS_USAGE_SIGN, &rows);
    message.expected = ps_bytes(rows.data, rows.len - 1);
    process_call(&shared, &msg_token_check_info, &message, &answer);
    assert_problem(PS_PROBLEM_REFUSED, &answer);
}

static void random_octets_come_in_the_asked_number(void **state)
{
    static const uint32_t counts[] = {1, 32, 4096};
    struct process_answer answer;
    const struct msg_token_octets *octets = (const void *)answer.message;
    struct msg_token_random message = {0};

    (void)state;
    for (size_t i = 0; i < PS_COUNT_OF(counts); i++) {
        message.count = counts[i];
        process_call(&shared, &msg_token_random_info, &message, &answer);
        assert_answered(&answer);
        assert_int_equal(octets->octets.len, counts[i]);
    }
    message.count = 0;
    process_call(&shared, &msg_token_random_info, &message, &answer);
    assert_problem(PS_PROBLEM_REFUSED, &answer);
    message.count = 4097;
    process_call(&shared, &msg_token_random_info, &message, &answer);
    assert_problem(PS_PROBLEM_REFUSED, &answer);
}

static void write_data(struct process *process, const char *name, struct ps_bytes octets,
                       struct process_answer *answer)
{
    const struct msg_token_data_write message = {.name = ps_bytes_str(name), .octets = octets};

    process_call(process, &msg_token_data_write_info, &message, answer);
}

static void read_data(struct process *process, const char *name, struct process_answer *answer)
{
    const struct msg_token_data_read message = {.name = ps_bytes_str(name)};

    process_call(process, &msg_token_data_read_info, &message, answer);
}

static void data_is_kept_and_replaced(void **state)
{
    uint8_t big[1025] = {7};
    struct process second;
    struct process_answer answer;
    const struct msg_token_octets *octets = (const void *)answer.message;

    (void)state;
    read_data(&shared, "anchor", &answer);
    assert_problem(PS_PROBLEM_NOT_FOUND, &answer);
    for (int i = 0; i < 12; i++) {
        char text[16];

        (void)snprintf(text, sizeof text, "head %d", i);
        write_data(&shared, "anchor", ps_bytes_str(text), &answer);
        assert_answered(&answer);
        read_data(&shared, "anchor", &answer);
        assert_answered(&answer);
        assert_text(octets->octets, text);
    }
    write_data(&shared, "another", ps_bytes(big, 1024), &answer);
    assert_answered(&answer);
    softhsm_start_second(&second, 1);
    read_data(&second, "another", &answer);
    assert_bytes(octets->octets, ps_bytes(big, 1024));
    read_data(&second, "anchor", &answer);
    assert_text(octets->octets, "head 11");
    assert_int_equal(process_stop(&second), 0);
    write_data(&shared, "anchor", ps_bytes(big, 1025), &answer);
    assert_problem(PS_PROBLEM_REFUSED, &answer);
    write_data(&shared, "anchor", ps_bytes(big, 0), &answer);
    assert_problem(PS_PROBLEM_REFUSED, &answer);
    write_data(&shared, "", ps_bytes(big, 1), &answer);
    assert_problem(PS_PROBLEM_REFUSED, &answer);
    read_data(&shared, "anchor", &answer);
    assert_text(octets->octets, "head 11");
}

static void put_certificate(struct process *process, struct ps_bytes id, struct ps_bytes der,
                            struct process_answer *answer)
{
    const struct msg_token_certificate_put message = {
        .object_id = id, .label = ps_bytes_str("a certificate"), .der = der};

    process_call(process, &msg_token_certificate_put_info, &message, answer);
}

static void get_certificate(struct process *process, struct ps_bytes id,
                            struct process_answer *answer)
{
    const struct msg_token_certificate_get message = {.object_id = id};

    process_call(process, &msg_token_certificate_get_info, &message, answer);
}

static void certificate_is_kept_and_replaced(void **state)
{
    const struct ps_bytes id = ps_bytes_str("certificate-1");
    uint8_t first[2048];
    uint8_t next[2048];
    struct ps_bytes der = make_certificate(1, first);
    const struct ps_bytes der_next = make_certificate(2, next);
    struct process second;
    struct process_answer answer;
    const struct msg_token_octets *octets = (const void *)answer.message;

    (void)state;
    get_certificate(&shared, id, &answer);
    assert_problem(PS_PROBLEM_NOT_FOUND, &answer);
    for (int i = 0; i < 2; i++) {
        put_certificate(&shared, id, der, &answer);
        assert_answered(&answer);
        get_certificate(&shared, id, &answer);
        assert_answered(&answer);
        assert_true(ps_bytes_equal(octets->octets, der));
    }
    softhsm_start_second(&second, 1);
    put_certificate(&second, id, der_next, &answer);
    assert_answered(&answer);
    assert_int_equal(process_stop(&second), 0);
    get_certificate(&shared, id, &answer);
    assert_answered(&answer);
    assert_true(ps_bytes_equal(octets->octets, der_next));
    first[der.len] = 0;
    der.len++;
    put_certificate(&shared, id, der, &answer);
    assert_problem(PS_PROBLEM_REFUSED, &answer);
    put_certificate(&shared, id, ps_bytes(NULL, 0), &answer);
    assert_problem(PS_PROBLEM_REFUSED, &answer);
    put_certificate(&shared, ps_bytes(NULL, 0), der_next, &answer);
    assert_problem(PS_PROBLEM_REFUSED, &answer);
}

static void signing_goes_on_after_libp11_was_used(void **state)
{
    const struct ps_bytes id = ps_bytes_str("certificate-2");
    uint8_t room[2048];
    struct test_key key;
    struct process_answer answer;
    const uint32_t generation = shared.generation;

    (void)state;
    make_key(&shared, PS_ALG_ES256, PS_KEY_EC_P256, &key);
    put_certificate(&shared, id, make_certificate(3, room), &answer);
    assert_answered(&answer);
    get_certificate(&shared, id, &answer);
    assert_answered(&answer);
    must_sign(&shared, &key, PS_ALG_ES256);
    assert_int_equal(shared.generation, generation);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(new_key_shows_what_was_asked_for),
        cmocka_unit_test(every_usage_has_its_keys),
        cmocka_unit_test(usage_that_contradicts_the_type_is_refused),
        cmocka_unit_test(find_describes_a_key),
        cmocka_unit_test(list_has_a_row_for_each_object),
        cmocka_unit_test(check_says_of_each_key_what_is_not_as_it_was_made),
        cmocka_unit_test(check_refuses_rows_that_describe_no_keys),
        cmocka_unit_test(random_octets_come_in_the_asked_number),
        cmocka_unit_test(data_is_kept_and_replaced),
        cmocka_unit_test(certificate_is_kept_and_replaced),
        cmocka_unit_test(signing_goes_on_after_libp11_was_used),
    };

    return cmocka_run_group_tests(tests, make_shared, end_shared);
}
