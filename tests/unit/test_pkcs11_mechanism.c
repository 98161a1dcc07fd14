#include "tests/unit/profile.h"

#include "pkcs11/objects/attribute.h"
#include "pkcs11/objects/template.h"
#include "pkcs11/use/ecdsa_form.h"
#include "pkcs11/use/mechanism.h"

/* What goes to the module: mechanisms, templates, forms of signatures. */

static struct profile profile;

static int read_base(void **state)
{
    (void)state;
    read_softhsm_profile(&profile);
    return 0;
}

static void pkcs1_gets_a_digest_info(void **state)
{
    /* The prefixes as RFC 8017 prints them, section 9.2, note 1. */
    static const struct {
        enum ps_alg alg;
        size_t digest;
        const char *hex;
    } rows[] = {
        {PS_ALG_RS256, 32, "3031300d060960864801650304020105000420"},
        {PS_ALG_RS384, 48, "3041300d060960864801650304020205000430"},
        {PS_ALG_RS512, 64, "3051300d060960864801650304020305000440"},
    };
    uint8_t digest[64];

    (void)state;
    memset(digest, 0xd1, sizeof digest);
    for (size_t i = 0; i < PS_COUNT_OF(rows); i++) {
        struct mechanism_call call;
        char hex[64];

        assert_ok(mechanism_prepare(&profile, rows[i].alg, PS_KEY_RSA_2048,
                                    ps_bytes(digest, rows[i].digest), &call));
        assert_int_equal(call.mechanism.mechanism, CKM_RSA_PKCS);
        assert_int_equal(call.mechanism.ulParameterLen, 0);
        assert_int_equal(call.data.len, 19 + rows[i].digest);
        for (size_t at = 0; at < 19; at++) {
            (void)snprintf(hex + 2 * at, 3, "%02x", call.data.data[at]);
        }
        assert_string_equal(hex, rows[i].hex);
        assert_memory_equal(call.data.data + 19, digest, rows[i].digest);
        assert_int_equal(call.signature_len, 256);
    }
}

static void pss_names_one_hash_and_a_salt_of_its_length(void **state)
{
    uint8_t digest[64] = {0};
    struct mechanism_call call;

    (void)state;
    assert_ok(
        mechanism_prepare(&profile, PS_ALG_PS384, PS_KEY_RSA_4096, ps_bytes(digest, 48), &call));
    assert_int_equal(call.mechanism.mechanism, CKM_RSA_PKCS_PSS);
    assert_ptr_equal(call.mechanism.pParameter, &call.parameter.pss);
    assert_int_equal(call.parameter.pss.hashAlg, CKM_SHA384);
    assert_int_equal(call.parameter.pss.mgf, CKG_MGF1_SHA384);
    assert_int_equal(call.parameter.pss.sLen, 48);
    assert_int_equal(call.data.len, 48);
    assert_int_equal(call.signature_len, 512);
}

static void eddsa_parameter_is_the_profile_s_choice(void **state)
{
    struct profile other = profile;
    struct mechanism_call call;

    (void)state;
    assert_ok(mechanism_prepare(&profile, PS_ALG_EDDSA, PS_KEY_ED25519, ps_bytes_str("m"), &call));
    assert_null(call.mechanism.pParameter);
    other.eddsa_params = true;
    assert_ok(mechanism_prepare(&other, PS_ALG_EDDSA, PS_KEY_ED25519, ps_bytes_str("m"), &call));
    assert_int_equal(call.mechanism.ulParameterLen, sizeof(CK_EDDSA_PARAMS));
    assert_int_equal(call.parameter.eddsa.phFlag, CK_FALSE);
}

static void digest_has_exactly_the_length_of_the_hash(void **state)
{
    static const struct {
        enum ps_alg alg;
        enum ps_key_type type;
        size_t len;
    } rows[] = {
        {PS_ALG_ES256, PS_KEY_EC_P256, 32},  {PS_ALG_ES384, PS_KEY_EC_P384, 48},
        {PS_ALG_ES512, PS_KEY_EC_P521, 64},  {PS_ALG_ES256K, PS_KEY_EC_SECP256K1, 32},
        {PS_ALG_RS256, PS_KEY_RSA_2048, 32}, {PS_ALG_PS512, PS_KEY_RSA_3072, 64},
    };
    uint8_t octets[128] = {0};

    (void)state;
    for (size_t i = 0; i < PS_COUNT_OF(rows); i++) {
        struct mechanism_call call;

        assert_ok(mechanism_prepare(&profile, rows[i].alg, rows[i].type,
                                    ps_bytes(octets, rows[i].len), &call));
        for (size_t len = 0; len <= 128; len++) {
            if (len != rows[i].len) {
                assert_fails(PS_E_INPUT, mechanism_prepare(&profile, rows[i].alg, rows[i].type,
                                                           ps_bytes(octets, len), &call));
            }
        }
    }
}

static void algorithm_that_is_not_offered_is_denied(void **state)
{
    struct profile other = profile;
    uint8_t digest[32] = {0};
    struct mechanism_call call;

    (void)state;
    other.algorithms[PS_ALG_ES256].offered = false;
    assert_fails(PS_E_DENIED, mechanism_prepare(&other, PS_ALG_ES256, PS_KEY_EC_P256,
                                                ps_bytes(digest, 32), &call));
    assert_fails(PS_E_DENIED, mechanism_prepare(&profile, PS_ALG_ES256, PS_KEY_EC_P384,
                                                ps_bytes(digest, 32), &call));
    assert_fails(PS_E_DENIED, mechanism_prepare(&profile, PS_ALG_NONE, PS_KEY_EC_P256,
                                                ps_bytes(digest, 32), &call));
}

static const CK_ATTRIBUTE *find(const struct template *template, CK_ATTRIBUTE_TYPE type)
{
    for (CK_ULONG i = 0; i < template->count; i++) {
        if (template->attributes[i].type == type) {
            return &template->attributes[i];
        }
    }
    return NULL;
}

static bool is_true(const struct template *template, CK_ATTRIBUTE_TYPE type)
{
    const CK_ATTRIBUTE *attribute = find(template, type);

    assert_non_null(attribute);
    assert_int_equal(attribute->ulValueLen, 1);
    return *(const CK_BBOOL *)attribute->pValue == CK_TRUE;
}

static void usages_set_one_purpose_each(void **state)
{
    static const struct {
        enum ps_usage usage;
        enum ps_key_type type;
        CK_ATTRIBUTE_TYPE set[2];
    } rows[] = {
        {PS_USAGE_SIGN, PS_KEY_EC_P256, {CKA_SIGN, CKA_SIGN}},
        {PS_USAGE_CERTIFY, PS_KEY_RSA_2048, {CKA_SIGN, CKA_SIGN}},
        {PS_USAGE_DECRYPT, PS_KEY_RSA_2048, {CKA_DECRYPT, CKA_DECRYPT}},
        {PS_USAGE_DECRYPT, PS_KEY_EC_P384, {CKA_DERIVE, CKA_DERIVE}},
        {PS_USAGE_ENCRYPT, PS_KEY_AES_256, {CKA_ENCRYPT, CKA_DECRYPT}},
        {PS_USAGE_MAC, PS_KEY_HMAC_SHA256, {CKA_SIGN, CKA_VERIFY}},
        {PS_USAGE_WRAP, PS_KEY_AES_256, {CKA_WRAP, CKA_UNWRAP}},
    };
    static const CK_ATTRIBUTE_TYPE purposes[] = {CKA_ENCRYPT, CKA_DECRYPT, CKA_SIGN,  CKA_VERIFY,
                                                 CKA_WRAP,    CKA_UNWRAP,  CKA_DERIVE};
    static const uint8_t es256[] = {PS_ALG_ES256};

    (void)state;
    for (size_t i = 0; i < PS_COUNT_OF(rows); i++) {
        const struct template_request request = {
            .id = ps_bytes_str("id"),
            .type = rows[i].type,
            .usage = rows[i].usage,
            .algorithms = ps_bytes(es256, rows[i].usage == PS_USAGE_SIGN ? 1 : 0),
        };
        struct template own;

        template_build(&profile, &request,
                       template_is_pair(request.type) ? TEMPLATE_PRIVATE : TEMPLATE_SECRET, &own);
        for (size_t p = 0; p < PS_COUNT_OF(purposes); p++) {
            const bool wanted = purposes[p] == rows[i].set[0] || purposes[p] == rows[i].set[1];

            if (find(&own, purposes[p]) != NULL || wanted) {
                assert_int_equal(is_true(&own, purposes[p]), wanted);
            }
        }
        assert_true(is_true(&own, CKA_SENSITIVE) && is_true(&own, CKA_PRIVATE));
        assert_true(is_true(&own, CKA_WRAP_WITH_TRUSTED));
        assert_false(is_true(&own, CKA_EXTRACTABLE) || is_true(&own, CKA_COPYABLE));
        assert_int_equal(own.attributes[own.count - 1].type, CKA_MODIFIABLE);
        assert_false(is_true(&own, CKA_MODIFIABLE));
    }
}

static void wrapping_key_opens_private_keys_only(void **state)
{
    const struct template_request request = {
        .id = ps_bytes_str("id"), .type = PS_KEY_AES_256, .usage = PS_USAGE_WRAP};
    struct template own;
    const CK_ATTRIBUTE *nested;
    const CK_ATTRIBUTE *inner;
    bool extractable = true;

    (void)state;
    template_build(&profile, &request, TEMPLATE_SECRET, &own);
    nested = find(&own, CKA_UNWRAP_TEMPLATE);
    assert_non_null(nested);
    inner = nested->pValue;
    assert_int_equal(inner[0].type, CKA_CLASS);
    assert_int_equal(*(const CK_OBJECT_CLASS *)inner[0].pValue, CKO_PRIVATE_KEY);
    for (size_t i = 0; i < nested->ulValueLen / sizeof *inner; i++) {
        if (inner[i].type == CKA_EXTRACTABLE) {
            extractable = *(const CK_BBOOL *)inner[i].pValue == CK_TRUE;
        }
    }
    assert_false(extractable);
    assert_non_null(find(&own, CKA_WRAP_TEMPLATE));
}

static void rejected_attribute_stands_in_no_template(void **state)
{
    static const uint8_t es256[] = {PS_ALG_ES256};
    const struct template_request request = {
        .id = ps_bytes_str("id"),
        .type = PS_KEY_EC_P256,
        .usage = PS_USAGE_SIGN,
        .algorithms = ps_bytes(es256, 1),
    };
    struct profile other = profile;
    struct template own;

    (void)state;
    other.attributes[0] = (struct profile_attribute){CKA_ALLOWED_MECHANISMS, PROFILE_REJECTED};
    other.attributes_count = 1;
    template_build(&other, &request, TEMPLATE_PRIVATE, &own);
    assert_null(find(&own, CKA_ALLOWED_MECHANISMS));
    template_build(&profile, &request, TEMPLATE_PRIVATE, &own);
    assert_non_null(find(&own, CKA_ALLOWED_MECHANISMS));
}

static void ecdsa_signature_keeps_its_value_in_both_forms(void **state)
{
    static const size_t coordinates[] = {32, 48, 66};

    (void)state;
    for (size_t c = 0; c < PS_COUNT_OF(coordinates); c++) {
        for (unsigned fill = 0; fill < 256; fill += 51) {
            uint8_t raw[132];
            uint8_t der[160];
            size_t len;

            memset(raw, (int)fill, sizeof raw);
            raw[0] = 0;
            raw[coordinates[c] + 1] = 0x80;
            assert_ok(ecdsa_form_to_der(raw, coordinates[c], der, sizeof der, &len));
            assert_ok(ecdsa_form_to_raw(der, len, coordinates[c], &len));
            assert_int_equal(len, 2 * coordinates[c]);
            assert_memory_equal(der, raw, len);
        }
    }
}

static void der_signature_that_is_none_is_an_error(void **state)
{
    uint8_t negative[160] = {0x30, 0x06, 0x02, 0x01, 0x81, 0x02, 0x01, 0x01};
    uint8_t left_over[160] = {0x30, 0x06, 0x02, 0x01, 0x01, 0x02, 0x01, 0x01, 0x00};
    uint8_t cut[160] = {0x30, 0x06, 0x02, 0x01, 0x01, 0x02, 0x01};
    uint8_t raw[64];
    uint8_t der[80];
    uint8_t small[16];
    size_t len;

    (void)state;
    memset(raw, 0x11, sizeof raw);
    assert_fails(PS_E_INPUT, ecdsa_form_to_raw(negative, 8, 32, &len));
    assert_fails(PS_E_INPUT, ecdsa_form_to_raw(left_over, 9, 32, &len));
    assert_fails(PS_E_INPUT, ecdsa_form_to_raw(cut, 7, 32, &len));
    assert_fails(PS_E_INPUT, ecdsa_form_to_raw(cut, 0, 32, &len));
    assert_ok(ecdsa_form_to_der(raw, 32, der, sizeof der, &len));
    assert_fails(PS_E_INPUT, ecdsa_form_to_raw(der, len, 16, &len));
    assert_fails(PS_E_INPUT, ecdsa_form_to_der(raw, 32, small, sizeof small, &len));
}

static void attributes_are_written_by_their_kind(void **state)
{
    static const CK_ULONG number = CKM_ECDSA;
    static const CK_MECHANISM_TYPE list[] = {CKM_ECDSA, 0x80001234};
    static const CK_BBOOL yes = CK_TRUE;
    PS_BUF_AUTO out = {.max = 1000};

    (void)state;
    attribute_put_json(attribute_info(CKA_LOCAL), ps_bytes(&yes, 1), &out);
    ps_buf_put_u8(&out, ',');
    attribute_put_json(attribute_info(CKA_LOCAL), ps_bytes(&yes, 0), &out);
    ps_buf_put_u8(&out, ',');
    attribute_put_json(attribute_info(CKA_KEY_GEN_MECHANISM), ps_bytes(&number, sizeof number),
                       &out);
    ps_buf_put_u8(&out, ',');
    attribute_put_json(attribute_info(CKA_ALLOWED_MECHANISMS), ps_bytes(list, sizeof list), &out);
    ps_buf_put_u8(&out, ',');
    attribute_put_json(attribute_info(CKA_ALLOWED_MECHANISMS), ps_bytes(list, 9), &out);
    ps_buf_put_u8(&out, ',');
    attribute_put_json(attribute_info(CKA_ID), LITERAL("\x01\xff"), &out);
    ps_buf_put_u8(&out, ',');
    attribute_put_json(attribute_info(CKA_LABEL), LITERAL("a\"b"), &out);
    assert_text(ps_buf_bytes(&out),
                "\"local\":true,\"local\":null,\"key_gen_mechanism\":\"CKM_ECDSA\","
                "\"allowed_mechanisms\":[\"CKM_ECDSA\",\"0x80001234\"],"
                "\"allowed_mechanisms\":null,\"id\":\"01ff\",\"label\":\"a\\\"b\"");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(pkcs1_gets_a_digest_info),
        cmocka_unit_test(pss_names_one_hash_and_a_salt_of_its_length),
        cmocka_unit_test(eddsa_parameter_is_the_profile_s_choice),
        cmocka_unit_test(digest_has_exactly_the_length_of_the_hash),
        cmocka_unit_test(algorithm_that_is_not_offered_is_denied),
        cmocka_unit_test(usages_set_one_purpose_each),
        cmocka_unit_test(wrapping_key_opens_private_keys_only),
        cmocka_unit_test(rejected_attribute_stands_in_no_template),
        cmocka_unit_test(ecdsa_signature_keeps_its_value_in_both_forms),
        cmocka_unit_test(der_signature_that_is_none_is_an_error),
        cmocka_unit_test(attributes_are_written_by_their_kind),
    };

    return cmocka_run_group_tests(tests, read_base, NULL);
}
