#include "tests/keeper/fixture.h"

#include "lib/base/encode.h"
#include "lib/base/problem.h"
#include "lib/formats/json/json.h"
#include "lib/formats/public_key/public_key.h"

/*
 * Promise 4, one key and one job, at the keeper's door (docs/formats.md): no route signs with a key
 * of another format, no key has two formats whose signing inputs may be one another's, and what a
 * route signs is never the signing input of another format, whatever the caller writes into it.
 */

/* A message of any route that signs. */
union ask {
    struct msg_jws_sign jws;
    struct msg_jwt_sign jwt;
    struct msg_sd_jwt_sign sd_jwt;
    struct msg_raw_sign raw;
    struct msg_data_integrity_sign data_integrity;
    struct msg_cose_sign cose;
    struct msg_cwt_sign cwt;
    struct msg_cms_sign cms;
    struct msg_cms_signer cms_signer;
};

/* Fills what signs `payload`, or as much of it as the route can be made to take. */
typedef void fill_fn(struct ps_bytes key, struct ps_bytes payload, union ask *ask);

static void fill_jws(struct ps_bytes key, struct ps_bytes payload, union ask *ask)
{
    ask->jws = (struct msg_jws_sign){.caller = stack_caller(),
                                     .request_id = ps_bytes_str("f-1"),
                                     .key = key,
                                     .payload = payload};
}

static void fill_unencoded(struct ps_bytes key, struct ps_bytes payload, union ask *ask)
{
    fill_jws(key, payload, ask);
    ask->jws.unencoded = 1;
}

static void fill_jwt(struct ps_bytes key, struct ps_bytes payload, union ask *ask)
{
    ask->jwt = (struct msg_jwt_sign){
        .caller = stack_caller(), .request_id = ps_bytes_str("f-1"), .key = key, .claims = payload};
}

static void fill_sd_jwt(struct ps_bytes key, struct ps_bytes payload, union ask *ask)
{
    ask->sd_jwt = (struct msg_sd_jwt_sign){.caller = stack_caller(),
                                           .request_id = ps_bytes_str("f-1"),
                                           .key = key,
                                           .payload = payload,
                                           .type = ps_bytes_str("example+sd-jwt")};
}

static void fill_raw(struct ps_bytes key, struct ps_bytes payload, union ask *ask)
{
    ask->raw = (struct msg_raw_sign){.caller = stack_caller(),
                                     .request_id = ps_bytes_str("f-1"),
                                     .key = key,
                                     .message = payload};
}

static void fill_data_integrity(struct ps_bytes key, struct ps_bytes payload, union ask *ask)
{
    const size_t half = payload.len / 2;

    ask->data_integrity = (struct msg_data_integrity_sign){
        .caller = stack_caller(),
        .request_id = ps_bytes_str("f-1"),
        .key = key,
        .suite = ps_bytes_str("eddsa-rdfc-2022"),
        .proof_hash = ps_bytes(payload.data, half < 64 ? half : 64),
        .document_hash = ps_bytes_from(payload, half)};
    ask->data_integrity.document_hash.len =
        ask->data_integrity.document_hash.len < 64 ? ask->data_integrity.document_hash.len : 64;
}

static void fill_cose(struct ps_bytes key, struct ps_bytes payload, union ask *ask)
{
    ask->cose = (struct msg_cose_sign){.caller = stack_caller(),
                                       .request_id = ps_bytes_str("f-1"),
                                       .key = key,
                                       .payload = payload};
}

static void fill_cwt(struct ps_bytes key, struct ps_bytes payload, union ask *ask)
{
    ask->cwt = (struct msg_cwt_sign){
        .caller = stack_caller(), .request_id = ps_bytes_str("f-1"), .key = key, .claims = payload};
}

static void fill_cms(struct ps_bytes key, struct ps_bytes payload, union ask *ask)
{
    ask->cms = (struct msg_cms_sign){.caller = stack_caller(),
                                     .request_id = ps_bytes_str("f-1"),
                                     .key = key,
                                     .content = payload};
}

static void fill_cms_signer(struct ps_bytes key, struct ps_bytes payload, union ask *ask)
{
    (void)payload;
    ask->cms_signer = (struct msg_cms_signer){
        .caller = stack_caller(), .request_id = ps_bytes_str("f-1"), .key = key};
}

static const struct route {
    const char *name;
    const struct ipc_message *info;
    enum ps_format format;
    fill_fn *fill;
    const char *good; /* what it signs */
} routes[] = {
    {"jws", &msg_jws_sign_info, PS_FORMAT_JWS, fill_jws, "x"},
    {"jws, unencoded", &msg_jws_sign_info, PS_FORMAT_JWS, fill_unencoded, "x"},
    {"jwt", &msg_jwt_sign_info, PS_FORMAT_JWS, fill_jwt, "{\"sub\":\"a\"}"},
    {"sd-jwt", &msg_sd_jwt_sign_info, PS_FORMAT_JWS, fill_sd_jwt, "{\"sub\":\"a\"}"},
    {"cose", &msg_cose_sign_info, PS_FORMAT_COSE, fill_cose, "x"},
    {"cwt", &msg_cwt_sign_info, PS_FORMAT_COSE, fill_cwt, "\xa1\x01\x61\x61"},
    {"cms", &msg_cms_sign_info, PS_FORMAT_CMS, fill_cms, "x"},
    {"cms, its signer", &msg_cms_signer_info, PS_FORMAT_CMS, fill_cms_signer, ""},
    {"raw", &msg_raw_sign_info, PS_FORMAT_RAW, fill_raw, "x"},
    {"data-integrity", &msg_data_integrity_sign_info, PS_FORMAT_DATA_INTEGRITY, fill_data_integrity,
     "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"},
};

static const char *key_name(enum ps_format format)
{
    static char name[64];

    (void)snprintf(name, sizeof name, "s.%s", ps_format_name(format));
    return name;
}

static bool certifies(enum ps_format format)
{
    return format == PS_FORMAT_X509 || format == PS_FORMAT_CMS;
}

static unsigned make_key(const char *name, const char *usage, const char *formats)
{
    char parameters[256];

    (void)snprintf(parameters, sizeof parameters,
                   "{\"name\":\"%s\",\"type\":\"ed25519\",\"usage\":\"%s\",\"formats\":[%s],"
                   "\"algorithms\":[\"EdDSA\"]}",
                   name, usage, formats);
    return change("key.create", "", parameters);
}

/* One key per format that there is. */
static int make_stack(void **state)
{
    (void)state;
    fixture_begin(1);
    for (unsigned format = PS_FORMAT_NONE + 1; format < PS_FORMAT_COUNT; format++) {
        char formats[64];

        (void)snprintf(formats, sizeof formats, "\"%s\"", ps_format_name((enum ps_format)format));
        expect(201, make_key(key_name((enum ps_format)format),
                             certifies((enum ps_format)format) ? "certify" : "sign", formats));
    }
    return 0;
}

/* The signature in an answer; empty when it has none. */
static struct ps_bytes signature_in(const struct wire_frame *answer)
{
    const void *message = answer->message;

    if (answer->info == &msg_jws_signed_info) {
        return ((const struct msg_jws_signed *)message)->signature;
    }
    if (answer->info == &msg_raw_signed_info) {
        return ((const struct msg_raw_signed *)message)->signature;
    }
    if (answer->info == &msg_cose_signed_info) {
        return ((const struct msg_cose_signed *)message)->signature;
    }
    return ps_bytes(NULL, 0);
}

/* 200 and a signature, or the status of the refusal. */
static unsigned ask_route(const struct route *route, enum ps_format key, struct ps_bytes payload,
                          struct ps_buf *ret_signature)
{
    struct wire_frame answer;
    union ask ask;

    route->fill(ps_bytes_str(key_name(key)), payload, &ask);
    wire_call(&stack.clients, route->info, &ask, &answer);
    ps_buf_reset(ret_signature);
    ps_buf_put(ret_signature, signature_in(&answer));
    return ret_signature->len != 0 ? 200 : stack_status_of(&answer, &body);
}

/* Whoever names the key. Whose certificates are issued is in a profile, which people approved. */
static bool is_of_signing(const struct ipc_message *info)
{
    const size_t len = strlen(info->name);

    return info->way == IPC_REQUEST && len > 5 && strcmp(info->name + len - 5, "_sign") == 0;
}

static void every_request_that_signs_is_tried(void **state)
{
    (void)state;
    for (size_t i = 0; i < keeper_set.count; i++) {
        const struct ipc_message *info = keeper_set.messages[i];
        bool is_tried = false;

        for (size_t k = 0; k < PS_COUNT_OF(routes); k++) {
            is_tried = is_tried || routes[k].info == info;
        }
        if (is_of_signing(info) && !is_tried) {
            fail_msg("%s: no row here tries it", info->name);
        }
    }
}

/* Every route with a key of every format: taken with its own, key-mismatch with each other. */
static void no_route_signs_with_a_key_of_another_format(void **state)
{
    PS_BUF_AUTO signature = {.max = 1024};

    (void)state;
    for (size_t i = 0; i < PS_COUNT_OF(routes); i++) {
        for (unsigned format = PS_FORMAT_NONE + 1; format < PS_FORMAT_COUNT; format++) {
            const unsigned status = ask_route(&routes[i], (enum ps_format)format,
                                              ps_bytes_str(routes[i].good), &signature);

            if (format == PS_FORMAT_CMS && routes[i].format == PS_FORMAT_CMS) {
                /* The right key, that has no certificate here. */
                expect(422, status);
                assert_true(body_has("no certificate"));
            } else if (routes[i].format == (enum ps_format)format) {
                expect(200, status);
            } else if (status != 422 || !body_has("key-mismatch")) {
                fail_msg("%s with a key for %s: %u", routes[i].name,
                         ps_format_name((enum ps_format)format), status);
            }
        }
    }
}

/* Of all pairs, one key may have jws and cose: docs/formats.md says why. */
static void no_key_has_two_formats_that_can_be_one_another(void **state)
{
    (void)state;
    for (unsigned a = PS_FORMAT_NONE + 1; a < PS_FORMAT_COUNT; a++) {
        for (unsigned b = PS_FORMAT_NONE + 1; b < PS_FORMAT_COUNT; b++) {
            const bool are_framed = (a == PS_FORMAT_JWS && b == PS_FORMAT_COSE) ||
                                    (a == PS_FORMAT_COSE && b == PS_FORMAT_JWS);
            char name[64];
            char formats[96];

            if (a == b) {
                continue;
            }
            (void)snprintf(name, sizeof name, "p.%u-%u", a, b);
            (void)snprintf(formats, sizeof formats, "\"%s\",\"%s\"",
                           ps_format_name((enum ps_format)a), ps_format_name((enum ps_format)b));
            expect(are_framed ? 201 : 422, make_key(name, "sign", formats));
            if (!are_framed) {
                expect(422, make_key(name, "certify", formats));
            }
        }
    }
}

/* The usage decides of what a key's formats may be. */
static void no_format_is_for_keys_of_both_usages(void **state)
{
    (void)state;
    for (unsigned format = PS_FORMAT_NONE + 1; format < PS_FORMAT_COUNT; format++) {
        char formats[64];

        (void)snprintf(formats, sizeof formats, "\"%s\"", ps_format_name((enum ps_format)format));
        expect(422,
               make_key("u.x", certifies((enum ps_format)format) ? "sign" : "certify", formats));
    }
}

/*
 * Certificates come of operations and profiles, which name the key that signs: it is one of x509,
 * and whatever is asked of another is refused before anybody has to approve it.
 */
static void no_key_but_one_of_x509_signs_a_certificate(void **state)
{
    static const char root[] = "{\"subject\":{\"common_name\":\"a\"},\"validity_s\":864000}";
    char parameters[256];

    (void)state;
    for (unsigned format = PS_FORMAT_NONE + 1; format < PS_FORMAT_COUNT; format++) {
        const char *name = key_name((enum ps_format)format);
        const bool is_ca = format == PS_FORMAT_X509;

        expect(is_ca ? 200 : 422, change("certificate.root", name, root));
    }
    for (unsigned format = PS_FORMAT_NONE + 1; format < PS_FORMAT_COUNT; format++) {
        const char *name = key_name((enum ps_format)format);
        const bool is_ca = format == PS_FORMAT_X509;

        (void)snprintf(parameters, sizeof parameters,
                       "{\"issuer\":\"%s\",\"subject\":{\"common_name\":\"a\"},"
                       "\"validity_s\":3600}",
                       name);
        expect(is_ca ? 200 : 422, change("certificate.issue", "s.jws", parameters));
        (void)snprintf(parameters, sizeof parameters,
                       "{\"kind\":\"tls-client\",\"issuer\":\"%s\",\"longest_s\":3600,"
                       "\"subject\":{\"common_name\":\"*\"}}",
                       name);
        expect(is_ca ? 201 : 422, change("profile.put", "p", parameters));
    }
}

/* Signing inputs of each format, as its verifiers put them together. */
static const struct input {
    const char *name;
    size_t len;
    const char *octets;
} inputs[] = {
    /* {"alg":"EdDSA"} and 32 octets of payload: 64 octets. */
    {"a JWS that is a hash block", 64,
     "eyJhbGciOiJFZERTQSJ9.QUJDREVGR0hJSktMTU5PUFFSU1RVVldYWVphYmNkZWY"},
    {"a JWT", 67, "eyJhbGciOiJFZERTQSJ9.eyJpc3MiOiJodHRwczovL2EuZXhhbXBsZSIsImEiOjF9Cg"},
    {"an SD-JWT", 60, "eyJhbGciOiJFZERTQSIsInR5cCI6ImErc2Qtand0In0.eyJhIjoxfQAAAAAA"},
    /* RFC 9052 section 4.4: [ "Signature1", << {1: -8} >>, '', 'hi' ] */
    {"a COSE_Sign1", 20, "\x84\x6aSignature1\x43\xa1\x01\x27\x40\x42hi"},
    {"a COSE_Sign1 that is a hash block", 64,
     "\x84\x6aSignature1\x43\xa1\x01\x27\x40\x58\x2d"
     "0123456789012345678901234567890123456789abcde"},
    {"a hash block", 64, "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"},
    /* RFC 5280 section 4.1: SEQUENCE { [0] { INTEGER 2 }, INTEGER 1, { id-Ed25519 }, ... */
    {"a TBSCertificate", 64,
     "\x30\x3e\xa0\x03\x02\x01\x02\x02\x01\x01\x30\x05\x06\x03\x2b\x65\x70"
     "01234567890123456789012345678901234567890123456"},
    /* RFC 5652 section 5.4: SET OF { SEQUENCE { contentType, ... */
    {"signed attributes of CMS", 28,
     "\x31\x1a\x30\x18\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x09\x03\x31\x0b\x06\x09\x2a\x86\x48\x86"
     "\xf7\x0d\x01\x07\x01"},
};

static void read_key(enum ps_format format, struct public_key **ret_key)
{
    expect(200, stack_read(&stack, READ_KEY_PUBLIC, key_name(format), &body));
    assert_ok(public_key_from_jwk(ps_buf_bytes(&body), ret_key));
}

/*
 * Whatever is handed to a route as what is to be signed, the signature is none of those octets
 * themselves, unless keys of the route's format are for nothing else and trusted for nothing else.
 */
static void what_a_route_signs_is_no_signing_input_of_another_format(void **state)
{
    unsigned forged = 0;

    (void)state;
    for (size_t i = 0; i < PS_COUNT_OF(routes); i++) {
        const enum ps_format format = routes[i].format;
        PS_CLEANUP(public_key_free_cleanup) struct public_key *key = NULL;
        PS_BUF_AUTO signature = {.max = 1024};

        read_key(format, &key);
        for (size_t k = 0; k < PS_COUNT_OF(inputs); k++) {
            const struct ps_bytes input = ps_bytes(inputs[k].octets, inputs[k].len);

            if (ask_route(&routes[i], format, input, &signature) != 200 ||
                public_key_verify(key, PS_ALG_EDDSA, input, ps_buf_bytes(&signature)) != PS_OK) {
                continue;
            }
            if (format != PS_FORMAT_RAW && format != PS_FORMAT_DATA_INTEGRITY) {
                fail_msg("%s has signed %s", routes[i].name, inputs[k].name);
            }
            forged++;
        }
    }
    /* The danger is real: all of them by raw, and those of 64 octets by data-integrity. */
    assert_int_equal(forged, PS_COUNT_OF(inputs) + 4);
}

/* So nobody may take the keys that sign anything for keys of JOSE. */
static void keys_that_sign_anything_stand_in_no_jwk_set(void **state)
{
    static const enum ps_format in_set[] = {PS_FORMAT_JWS, PS_FORMAT_COSE};
    unsigned expected = 0;

    (void)state;
    expect(201, change("set.put", "all", "{\"keys\":[\"s.*\"]}"));
    expect(200, stack_read(&stack, READ_JWKS, "all", &body));
    assert_int_equal(body_count("\"kid\""), PS_COUNT_OF(in_set));
    for (size_t i = 0; i < PS_COUNT_OF(in_set); i++) {
        PS_CLEANUP(public_key_free_cleanup) struct public_key *key = NULL;
        char kid[64];

        read_key(in_set[i], &key);
        (void)snprintf(kid, sizeof kid, "%.*s", PS_BYTES_FMT(public_key_kid(key)));
        expect(200, stack_read(&stack, READ_JWKS, "all", &body));
        expected += body_has(kid) ? 1 : 0;
    }
    assert_int_equal(expected, PS_COUNT_OF(in_set));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_request_that_signs_is_tried),
        cmocka_unit_test(no_route_signs_with_a_key_of_another_format),
        cmocka_unit_test(no_key_has_two_formats_that_can_be_one_another),
        cmocka_unit_test(no_format_is_for_keys_of_both_usages),
        cmocka_unit_test(no_key_but_one_of_x509_signs_a_certificate),
        cmocka_unit_test(what_a_route_signs_is_no_signing_input_of_another_format),
        cmocka_unit_test(keys_that_sign_anything_stand_in_no_jwk_set),
    };

    stack_use_memory();
    return cmocka_run_group_tests(tests, make_stack, fixture_end);
}
