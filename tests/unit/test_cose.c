#include "tests/unit/hex.h"
#include "tests/unit/signing.h"

#include "lib/formats/cose/cose.h"

static const struct ps_bytes none;

static enum ps_err put_header(const struct cose_header *header, struct ps_buf *out)
{
    ps_buf_reset(out);
    return cose_put_header(header, out);
}

static void each_algorithm_has_its_registered_number(void **state)
{
    static const struct {
        enum ps_alg alg;
        int64_t number;
    } rows[] = {{PS_ALG_ES256, -7},   {PS_ALG_EDDSA, -8},   {PS_ALG_ES384, -35},
                {PS_ALG_ES512, -36},  {PS_ALG_PS256, -37},  {PS_ALG_PS384, -38},
                {PS_ALG_PS512, -39},  {PS_ALG_ES256K, -47}, {PS_ALG_RS256, -257},
                {PS_ALG_RS384, -258}, {PS_ALG_RS512, -259}, {PS_ALG_NONE, -65535},
                {PS_ALG_NONE, 0}};

    (void)state;
    assert_int_equal(PS_COUNT_OF(rows) - 2, PS_ALG_COUNT - 1);
    for (size_t i = 0; i < PS_COUNT_OF(rows); i++) {
        assert_int_equal(cose_alg_by_number(rows[i].number), rows[i].alg);
    }
}

static void headers_are_written_in_the_order_of_their_labels(void **state)
{
    const struct ps_bytes one[] = {LITERAL("\x30\x01")};
    const struct ps_bytes two[] = {LITERAL("\x30\x01"), LITERAL("\x30\x02")};
    uint8_t hash[PS_SHA256_LEN] = {1};
    PS_BUF_AUTO out = {.max = 4096};

    (void)state;
    assert_ok(put_header(&(struct cose_header){.alg = PS_ALG_NONE}, &out));
    assert_hex(ps_buf_bytes(&out), "a0");
    assert_ok(put_header(&(struct cose_header){.alg = PS_ALG_ES256}, &out));
    assert_hex(ps_buf_bytes(&out), "a10126");
    /* Other labels of the caller's, of which one comes before ours and one after. */
    assert_ok(put_header(&(struct cose_header){.alg = PS_ALG_RS256,
                                               .kid = LITERAL("11"),
                                               .members = hex("a303182a20f6617800")},
                         &out));
    assert_hex(ps_buf_bytes(&out), "a50139010003182a0442313120f6617800");
    /* RFC 9360 section 2: one certificate is octets, two are an array; x5t is [-16, hash]. */
    assert_ok(put_header(&(struct cose_header){.chain = one, .chain_count = 1}, &out));
    assert_hex(ps_buf_bytes(&out), "a11821423001");
    assert_ok(put_header(&(struct cose_header){.chain = two,
                                               .chain_count = 2,
                                               .leaf_hash = ps_bytes(hash, sizeof hash)},
                         &out));
    assert_hex(ps_buf_bytes(&out),
               "a21821824230014230021822822f582001000000000000000000000000000000"
               "00000000000000000000000000000000");
}

static void parameters_that_are_ours_or_wrong_are_input_errors(void **state)
{
    static const char *const wrong[] = {
        "80",             /* no map */
        "a163616c6701",   /* "alg" */
        "a1636b69644101", /* "kid" */
        "a10126",         /* alg */
        "a1044131",       /* kid */
        "a118204130",     /* x5bag */
        "a118214130",     /* x5chain */
        "a11822822f4130", /* x5t */
        "a11823d8206161", /* x5u */
        "a102816178",     /* crit names what is not there */
        "a10280",         /* crit is empty */
        "a2028101617800", /* crit names alg, which is not among these */
        "a103f6",         /* content type null */
        "a1056161",       /* IV text */
        "a14101f6",       /* a label of octets */
        "a11b8000000000000000f6",
        "a26178000300", /* not in order */
        "a1030000",
    };
    PS_BUF_AUTO out = {.max = 4096};

    (void)state;
    for (size_t i = 0; i < PS_COUNT_OF(wrong); i++) {
        assert_fails(
            PS_E_INPUT,
            put_header(&(struct cose_header){.alg = PS_ALG_ES256, .members = hex(wrong[i])}, &out));
    }
    /* crit is for the protected header. */
    assert_ok(put_header(
        &(struct cose_header){.alg = PS_ALG_ES256, .members = hex("a202816178617800")}, &out));
    assert_fails(PS_E_INPUT,
                 put_header(&(struct cose_header){.members = hex("a202816178617800")}, &out));
}

static void a_header_has_a_limit(void **state)
{
    static uint8_t large[COSE_HEADER_MAX];
    const struct ps_bytes chain[] = {ps_bytes(large, sizeof large)};
    PS_BUF_AUTO out = {.max = 4 * COSE_HEADER_MAX};
    PS_BUF_AUTO members = {.max = 4096};

    (void)state;
    assert_fails(PS_E_INPUT,
                 put_header(&(struct cose_header){.chain = chain, .chain_count = 1}, &out));
    cbor_put_head(&members, CBOR_MAP, COSE_PARAMETERS_MAX);
    for (unsigned i = 0; i < COSE_PARAMETERS_MAX; i++) {
        cbor_put_integer(&members, 1000 + i);
        cbor_put_integer(&members, 0);
    }
    assert_ok(put_header(&(struct cose_header){.members = ps_buf_bytes(&members)}, &out));
    assert_fails(PS_E_INPUT, put_header(&(struct cose_header){.alg = PS_ALG_ES256,
                                                              .members = ps_buf_bytes(&members)},
                                        &out));
}

static void no_label_stands_in_both_headers(void **state)
{
    (void)state;
    assert_ok(cose_check_disjoint(hex("a10126"), hex("a0")));
    assert_ok(cose_check_disjoint(hex("a20126617800"), hex("a2044131617900")));
    assert_fails(PS_E_INPUT, cose_check_disjoint(hex("a201260300"), hex("a10300")));
    assert_fails(PS_E_INPUT, cose_check_disjoint(hex("a1617800"), hex("a1617801")));
}

/* RFC 8392 appendix A.3 signs this. */
static void what_is_signed_is_the_structure_of_the_rfc(void **state)
{
    PS_BUF_AUTO out = {.max = 4096};
    size_t len;

    (void)state;
    assert_ok(cose_put_sig_structure(&(struct cose_to_sign){hex("a10126"), none, hex("a1016161")},
                                     &out, &len));
    assert_hex(ps_buf_bytes(&out), "846a5369676e61747572653143a101264044a1016161");
    assert_int_equal(len, 4);
    assert_hex(ps_bytes(out.data + COSE_SIG_HEADER_AT, len), "43a10126");
    ps_buf_reset(&out);
    assert_ok(cose_put_sig_structure(&(struct cose_to_sign){none, hex("11aa"), none}, &out, &len));
    assert_hex(ps_buf_bytes(&out), "846a5369676e617475726531404211aa40");
    assert_int_equal(len, 1);
}

/*
 * One key may have the formats jws and cose: what is signed for one is never what is signed for the
 * other, nor a certificate, a CRL, CMS attributes or SSHSIG, since each begins differently.
 */
static void nothing_else_that_is_signed_begins_like_it(void **state)
{
    PS_BUF_AUTO out = {.max = 4096};
    size_t len;

    (void)state;
    assert_ok(cose_put_sig_structure(&(struct cose_to_sign){none, none, none}, &out, &len));
    assert_int_equal(out.data[0], 0x84);
    /* A JWS signing input begins with base64url of "{", DER with 0x30 or 0x31, SSHSIG with "S". */
    assert_true(out.data[0] != 'e' && out.data[0] != 0x30 && out.data[0] != 0x31 &&
                out.data[0] != 'S');
    /* Other COSE messages have another context: RFC 9052 sections 4.4 and 5.3, RFC 9338. */
    assert_memory_equal(out.data + 1, "\x6aSignature1", 11);
}

static void a_message_is_written_with_and_without_its_tags_and_payload(void **state)
{
    struct cose_sign1 sign1 = {.protected_header = hex("43a10126"),
                               .unprotected = hex("a0"),
                               .payload = hex("0102"),
                               .signature = hex("aabb")};
    PS_BUF_AUTO out = {.max = 4096};

    (void)state;
    cose_put_sign1(&sign1, &out);
    assert_hex(ps_buf_bytes(&out), "8443a10126a042010242aabb");
    sign1.is_tagged = true;
    sign1.is_detached = true;
    ps_buf_reset(&out);
    cose_put_sign1(&sign1, &out);
    assert_hex(ps_buf_bytes(&out), "d28443a10126a0f642aabb");
    sign1.is_cwt = true;
    ps_buf_reset(&out);
    cose_put_sign1(&sign1, &out);
    assert_hex(ps_buf_bytes(&out), "d83dd28443a10126a0f642aabb");
}

static void what_is_signed_verifies_and_what_was_changed_does_not(void **state)
{
    (void)state;
    for (unsigned alg = PS_ALG_NONE + 1; alg < PS_ALG_COUNT; alg++) {
        EVP_PKEY *pkey = signing_make_key(signing_type_for((enum ps_alg)alg));
        PS_CLEANUP(public_key_free_cleanup) struct public_key *key = signing_public(pkey);
        const struct ps_bytes aad = LITERAL("aad");
        const struct ps_bytes payload = LITERAL("\xff\x00 octets");
        PS_BUF_AUTO header = {.max = 256};
        PS_BUF_AUTO input = {.max = 4096};
        PS_BUF_AUTO signature = {0};
        PS_BUF_AUTO message = {.max = 4096};
        struct cose_parsed cose;
        size_t len;

        assert_ok(cose_put_header(&(struct cose_header){.alg = (enum ps_alg)alg}, &header));
        assert_ok(cose_put_sig_structure(
            &(struct cose_to_sign){ps_buf_bytes(&header), aad, payload}, &input, &len));
        signing_sign(pkey, (enum ps_alg)alg, ps_buf_bytes(&input), &signature);
        cose_put_sign1(
            &(struct cose_sign1){.protected_header = ps_bytes(input.data + COSE_SIG_HEADER_AT, len),
                                 .unprotected = hex("a1044131"),
                                 .payload = payload,
                                 .signature = ps_buf_bytes(&signature),
                                 .is_tagged = true},
            &message);
        assert_ok(cose_parse(ps_buf_bytes(&message), NULL, &cose));
        assert_int_equal(cose.alg, alg);
        assert_bytes(cose.payload, payload);
        assert_text(cose.kid, "1");
        assert_ok(cose_verify(&cose, aad, cose.alg, key));
        assert_fails(PS_E_DENIED, cose_verify(&cose, none, cose.alg, key));
        cose.payload = LITERAL("\xff\x01 octets");
        assert_fails(PS_E_DENIED, cose_verify(&cose, aad, cose.alg, key));
        cose.payload = payload;
        cose.protected_map = hex("a20126617800");
        assert_fails(PS_E_DENIED, cose_verify(&cose, aad, cose.alg, key));
        assert_fails(PS_E_INPUT, cose_verify(&cose, aad, PS_ALG_NONE, key));
        EVP_PKEY_free(pkey);
    }
}

static enum ps_err parse(const char *text, const struct ps_bytes *detached,
                         struct cose_parsed *ret_cose)
{
    return cose_parse(hex(text), detached, ret_cose);
}

static void malformed_messages_are_input_errors(void **state)
{
    static const char *const wrong[] = {
        "",
        "f6",
        "8343a10126a04100",                   /* three parts */
        "8543a10126a041004100f6",             /* five */
        "d16143a1",                           /* not one item */
        "d18443a10126a041004100",             /* tag 17, COSE_Mac0 */
        "d8628443a10126a041004100",           /* 98, COSE_Sign */
        "d83d8443a10126a041004100",           /* a CWT without 18 */
        "d83dd83dd28443a10126a041004100",     /* 61 twice */
        "d2d28443a10126a041004100",           /* 18 twice */
        "8443a10126a0f64100",                 /* detached, and no payload given */
        "8443a10126a061614100",               /* a payload of text */
        "8443a10126a041006100",               /* a signature of text */
        "84a10126a041004100",                 /* the protected header is a map */
        "8442a101a041004100",                 /* which ends too early */
        "844180a041004100",                   /* or is an array */
        "8443a1012643a1012641004100",         /* the unprotected header is octets */
        "8443a10126a1012641004100",           /* alg in both */
        "8443a10120a041004100",               /* -1 is no signature */
        "8444a1016178a041004100",             /* alg as text */
        "8443a101f5a041004100",               /* alg of another type */
        "8447a2012602811820a041004100",       /* crit: ends too early */
        "8446a201260280a041004100",           /* crit: cut */
        "8447a2012602816178a041004100",       /* crit names what is not there */
        "844aa3012602816178617800a041004100", /* crit names what we do not understand */
        "8443a10126a102810341004100",         /* crit is not protected */
        "8443a10126a104616141004100",         /* kid as text */
        "8445a201260126a041004100",           /* a label twice */
        "8443a10126a261780061780141004100",
        "8443a10126a141410041004100", /* a label of octets */
    };
    struct cose_parsed cose;

    (void)state;
    for (size_t i = 0; i < PS_COUNT_OF(wrong); i++) {
        assert_fails(PS_E_INPUT, parse(wrong[i], NULL, &cose));
    }
}

static void what_crit_names_may_be_understood(void **state)
{
    struct cose_parsed cose;

    (void)state;
    assert_ok(parse("8448a301260281030300a041004100", NULL, &cose));
    assert_ok(parse("844ca40126028203040300044131a041004100", NULL, &cose));
}

static void a_detached_payload_is_given_or_inside_not_both(void **state)
{
    const struct ps_bytes payload = LITERAL("x");
    struct cose_parsed cose;

    (void)state;
    assert_ok(parse("8443a10126a0f64100", &payload, &cose));
    assert_bytes(cose.payload, payload);
    assert_fails(PS_E_INPUT, parse("8443a10126a041784100", &payload, &cose));
    assert_ok(parse("8443a10126a041784100", &none, &cose));
}

/* RFC 9052 section 3: both ways to write that nothing is protected are the same. */
static void an_empty_protected_header_is_signed_as_no_octets(void **state)
{
    struct cose_parsed cose;

    (void)state;
    assert_ok(parse("8440a1012641784100", NULL, &cose));
    assert_int_equal(cose.protected_map.len, 0);
    assert_int_equal(cose.alg, PS_ALG_NONE);
    assert_int_equal(cose.unsigned_alg, PS_ALG_ES256);
    assert_ok(parse("8441a0a1012641784100", NULL, &cose));
    assert_int_equal(cose.protected_map.len, 0);
}

static void keys_of_every_type_go_out_and_come_back(void **state)
{
    (void)state;
    for (unsigned alg = PS_ALG_NONE + 1; alg < PS_ALG_COUNT; alg++) {
        EVP_PKEY *pkey = signing_make_key(signing_type_for((enum ps_alg)alg));
        PS_CLEANUP(public_key_free_cleanup) struct public_key *key = signing_public(pkey);
        PS_CLEANUP(public_key_free_cleanup) struct public_key *again = NULL;
        enum ps_alg said = PS_ALG_NONE;
        struct cbor_item item;
        PS_BUF_AUTO out = {.max = 4096};

        assert_ok(cose_key_put(key, (enum ps_alg)alg, &out));
        assert_ok(cbor_parse(ps_buf_bytes(&out), CBOR_ORDERED, &item));
        assert_ok(cose_key_read(ps_buf_bytes(&out), &again, &said));
        assert_int_equal(said, alg);
        assert_bytes(public_key_spki(again), public_key_spki(key));
        EVP_PKEY_free(pkey);
    }
}

/* RFC 9052 appendix C.7.1, the first key and what breaks it. */
#define P256_X "21582065eda5a12577c2bae829437fe338701a10aaa375e1bb5b5de108de439c08551d"
#define P256_Y "2258201e52ed75701163f7f9e40ddf9f341b3dc9ba860af7e0ca7ca7e9eecd0084d19c"

static void keys_that_are_not_ours_are_input_errors(void **state)
{
    static const char *const wrong[] = {
        "80",
        "a0",
        "a10104",                            /* a symmetric key */
        "a401022001" P256_X "22f5",          /* a compressed point */
        "a401022002" P256_X P256_Y,          /* another curve */
        "a401022004" P256_X P256_Y,          /* X25519's number */
        "a501022001" P256_X P256_Y "234101", /* with its private number */
        "a5010203262001" P256_X "22f5",      /* no y */
        "a501020338402001" P256_X P256_Y,    /* for an algorithm that is none */
        "a501020481012001" P256_X P256_Y,    /* key_ops: sign alone */
        "a4010204012001" P256_X,             /* key_ops no array */
        "a401022001" P256_X "2258200052ed75701163f7f9e40ddf9f341b3dc9ba860af7e0ca7ca7e9eecd"
        "0084d19c",           /* not on the curve */
        "a301012006214101",   /* Ed25519 of one octet */
        "a30103204100214103", /* RSA with a zero in front */
    };
    PS_CLEANUP(public_key_free_cleanup) struct public_key *key = NULL;
    enum ps_alg alg = PS_ALG_NONE;

    (void)state;
    assert_ok(cose_key_read(hex("a601020242313103262001" P256_X P256_Y), &key, &alg));
    assert_int_equal(alg, PS_ALG_ES256);
    for (size_t i = 0; i < PS_COUNT_OF(wrong); i++) {
        struct public_key *other = NULL;

        assert_fails(PS_E_INPUT, cose_key_read(hex(wrong[i]), &other, &alg));
    }
    public_key_free(key);
    key = NULL;
    assert_ok(cose_key_read(hex("a50102048201022001" P256_X P256_Y), &key, &alg));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_algorithm_has_its_registered_number),
        cmocka_unit_test(headers_are_written_in_the_order_of_their_labels),
        cmocka_unit_test(parameters_that_are_ours_or_wrong_are_input_errors),
        cmocka_unit_test(a_header_has_a_limit),
        cmocka_unit_test(no_label_stands_in_both_headers),
        cmocka_unit_test(what_is_signed_is_the_structure_of_the_rfc),
        cmocka_unit_test(nothing_else_that_is_signed_begins_like_it),
        cmocka_unit_test(a_message_is_written_with_and_without_its_tags_and_payload),
        cmocka_unit_test(what_is_signed_verifies_and_what_was_changed_does_not),
        cmocka_unit_test(malformed_messages_are_input_errors),
        cmocka_unit_test(what_crit_names_may_be_understood),
        cmocka_unit_test(a_detached_payload_is_given_or_inside_not_both),
        cmocka_unit_test(an_empty_protected_header_is_signed_as_no_octets),
        cmocka_unit_test(keys_of_every_type_go_out_and_come_back),
        cmocka_unit_test(keys_that_are_not_ours_are_input_errors),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
