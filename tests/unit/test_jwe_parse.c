#include "tests/unit/support.h"

#include "lib/base/encode.h"
#include "lib/formats/jose/jwe.h"

/* A header and four parts after it, made to a compact text. */
static void put_text(const char *header, const char *rest, struct ps_buf *out)
{
    ps_buf_init(out, 4 * 1024 * 1024);
    ps_buf_put_base64url(out, ps_bytes_str(header));
    ps_buf_put_str(out, rest);
    assert_ok(ps_buf_status(out));
}

static enum ps_err parse(const char *header, const char *rest, struct ps_buf *memory,
                         struct jwe_parsed *ret_jwe)
{
    PS_BUF_AUTO text;
    enum ps_err err;

    put_text(header, rest, &text);
    ps_buf_init(memory, 8 * 1024 * 1024);
    err = jwe_parse(ps_buf_bytes(&text), memory, ret_jwe);
    ps_buf_clear(&text);
    return err;
}

/* Refused, and the detail names it. */
static void check_refused(const char *header, const char *rest, const char *named)
{
    struct jwe_parsed jwe;
    PS_BUF_AUTO memory;

    assert_fails(PS_E_INPUT, parse(header, rest, &memory, &jwe));
    if (strstr(ps_detail()->text, named) == NULL) {
        fail_msg("%s: \"%s\" does not name %s", header, ps_detail()->text, named);
    }
}

#define RSA      "\"alg\":\"RSA-OAEP-256\",\"enc\":\"A256GCM\""
#define ECDH     "\"alg\":\"ECDH-ES\",\"enc\":\"A128GCM\""
#define REST     ".AAAA.AAAA.AAAA.AAAA"
#define EPK(crv) "\"epk\":{\"kty\":\"EC\",\"crv\":\"" crv "\",\"x\":\"AAEC\",\"y\":\"AwQF\"}"

static void members_of_a_header_are_read(void **state)
{
    struct jwe_parsed jwe;
    PS_BUF_AUTO memory;
    PS_BUF_AUTO more;

    (void)state;
    assert_ok(parse("{" ECDH
                    "," EPK("P-384") ",\"apu\":\"QWxpY2U\",\"apv\":\"Qm9i\",\"kid\":\"k\\u0031\","
                                     "\"cty\":\"JWT\"}",
                    "..AAEC..AwQ", &memory, &jwe));
    assert_int_equal(jwe.sealed.alg, JWE_ECDH_ES);
    assert_int_equal(jwe.sealed.enc, JWE_A128GCM);
    assert_int_equal(jwe.sealed.encrypted_key.len, 0);
    assert_bytes(jwe.sealed.iv, LITERAL("\0\1\2"));
    assert_int_equal(jwe.sealed.ciphertext.len, 0);
    assert_bytes(jwe.sealed.tag, LITERAL("\3\4"));
    assert_text(jwe.sealed.apu, "Alice");
    assert_text(jwe.sealed.apv, "Bob");
    assert_text(jwe.kid, "k1");
    assert_int_equal(jwe.epk_type, PS_KEY_EC_P384);
    assert_bytes(jwe.epk, LITERAL("\0\1\2\3\4\5"));
    assert_ok(parse("{" RSA ",\"x5t#S256\":\"thumb\",\"x5c\":[],\"jku\":\"https://a\"}", REST,
                    &more, &jwe));
    assert_text(jwe.kid, "thumb");
    assert_int_equal(jwe.epk.len, 0);
}

static void other_algorithms_are_refused_by_name(void **state)
{
    static const char *const algs[] = {"RSA1_5",
                                       "RSA-OAEP",
                                       "RSA-OAEP-384",
                                       "dir",
                                       "none",
                                       "A256KW",
                                       "A256GCMKW",
                                       "ECDH-ES+A128KW",
                                       "PBES2-HS256+A128KW",
                                       "rsa-oaep-256",
                                       "ECDH-ES+A256KW ",
                                       ""};
    static const char *const encs[] = {"A128CBC-HS256", "A256CBC-HS512", "A192GCM", "none", ""};

    (void)state;
    for (size_t i = 0; i < PS_COUNT_OF(algs); i++) {
        char header[128];

        (void)snprintf(header, sizeof header, "{\"alg\":\"%s\",\"enc\":\"A256GCM\"}", algs[i]);
        check_refused(header, REST, algs[i]);
        check_refused(header, REST, "\"alg\"");
    }
    for (size_t i = 0; i < PS_COUNT_OF(encs); i++) {
        char header[128];

        (void)snprintf(header, sizeof header, "{\"alg\":\"RSA-OAEP-256\",\"enc\":\"%s\"}", encs[i]);
        check_refused(header, REST, encs[i]);
        check_refused(header, REST, "\"enc\"");
    }
}

static void tricks_of_the_header_are_refused(void **state)
{
    static const struct {
        const char *header;
        const char *named;
    } rows[] = {
        {"{" RSA ",\"zip\":\"DEF\"}", "\"zip\""},
        {"{" RSA ",\"crit\":[\"exp\"]}", "\"crit\""},
        {"{" RSA ",\"crit\":[]}", "\"crit\""},
        {"{" RSA ",\"p2c\":1000000000}", "\"p2c\""},
        {"{" RSA ",\"p2s\":\"AAAA\"}", "\"p2s\""},
        {"{" RSA ",\"iv\":\"AAAA\"}", "\"iv\""},
        {"{" RSA ",\"tag\":\"AAAA\"}", "\"tag\""},
        {"{" RSA ",\"kid\":1}", "\"kid\""},
        {"{" RSA ",\"x5t#S256\":null}", "\"x5t#S256\""},
        {"{" RSA ",\"alg\":\"dir\"}", "alg"},
        {"{" RSA ",\"\\u0061lg\":\"dir\"}", "alg"},
        {"{\"alg\":[\"RSA-OAEP-256\"],\"enc\":\"A256GCM\"}", "\"alg\""},
        {"{\"alg\":\"RSA-OAEP-256\",\"enc\":1}", "\"enc\""},
        {"{\"alg\":\"RSA-OAEP-256\"}", "\"enc\""},
        {"{\"enc\":\"A256GCM\"}", "\"alg\""},
        {"{\"ALG\":\"RSA-OAEP-256\",\"enc\":\"A256GCM\"}", "\"alg\""},
        {"[]", "header"},
        {"", ""},
        {"{" ECDH "}", "\"epk\""},
        {"{" ECDH ",\"epk\":\"x\"}", "\"epk\""},
        {"{" ECDH ",\"epk\":{}}", "EC"},
        {"{" ECDH ",\"epk\":{\"kty\":\"OKP\",\"crv\":\"X25519\",\"x\":\"AAEC\"}}", "EC"},
        {"{" ECDH ",\"epk\":{\"kty\":\"EC\",\"crv\":1,\"x\":\"AAEC\",\"y\":\"AAEC\"}}", "\"crv\""},
        {"{" ECDH ",\"epk\":{\"kty\":\"EC\",\"crv\":\"P-256\",\"x\":1,\"y\":\"AAEC\"}}", "\"x\""},
        {"{" ECDH ",\"epk\":{\"kty\":\"EC\",\"crv\":\"P-256\",\"x\":\"A\",\"y\":\"AAEC\"}}", "x:"},
        {"{" ECDH ",\"epk\":{\"kty\":\"EC\",\"crv\":\"P-256\",\"x\":\"AB==\",\"y\":\"AAEC\"}}",
         "x:"},
        {"{" ECDH ",\"epk\":{\"kty\":\"EC\",\"crv\":\"P-256\",\"x\":\"AAEC\",\"y\":\"AAEC\","
         "\"d\":\"AAEC\"}}",
         "private"},
        {"{" ECDH "," EPK("P-256") ",\"apu\":\"=\"}", "apu"},
        {"{" ECDH "," EPK("P-256") ",\"apv\":[]}", "\"apv\""},
    };

    (void)state;
    for (size_t i = 0; i < PS_COUNT_OF(rows); i++) {
        check_refused(rows[i].header, REST, rows[i].named);
    }
}

/* What only the key's holder can find wrong is not looked at: it fails when it is opened. */
static void points_and_lengths_are_left_to_the_opening(void **state)
{
    static const char *const curves[] = {
        EPK("P-521"), EPK("secp256k1"), EPK("nonsense"),
        "\"epk\":{\"kty\":\"EC\",\"crv\":\"P-256\",\"x\":\"AAEC\"}"};
    struct jwe_parsed jwe;

    (void)state;
    for (size_t i = 0; i < PS_COUNT_OF(curves); i++) {
        char header[256];
        PS_BUF_AUTO memory;

        (void)snprintf(header, sizeof header, "{" ECDH ",%s}", curves[i]);
        assert_ok(parse(header, "....", &memory, &jwe));
        assert_int_equal(jwe.epk_type, PS_KEY_NONE);
    }
}

static void text_of_other_than_five_parts_is_an_input_error(void **state)
{
    static const char *const texts[] = {"",      ".", "....x.",    ".....",      "a.b.c.d",
                                        "a.b.c", "x", "{\"a\":1}", "a.b.c.d.e.f"};
    static const char *const parts[] = {".A.AAAA.AAAA.AAAA",    ".AAAA.A+AA.AAAA.AAAA",
                                        ".AAAA.AAAA.AAA=.AAAA", ".AAAA.AAAA.AAAA.AB",
                                        ".AAAA.AAAA.AAAA. AAA", ".AAAA.AAAA.AAAA.AAA\n"};

    (void)state;
    for (size_t i = 0; i < PS_COUNT_OF(texts); i++) {
        struct jwe_parsed jwe;
        PS_BUF_AUTO memory = {.max = 65536};

        assert_fails(PS_E_INPUT, jwe_parse(ps_bytes_str(texts[i]), &memory, &jwe));
    }
    for (size_t i = 0; i < PS_COUNT_OF(parts); i++) {
        check_refused("{" RSA "}", parts[i], "base64url");
    }
}

/* `octets` of zeros as base64url. */
static void put_zeros(size_t octets, struct ps_buf *out)
{
    uint8_t *zeros = calloc(1, octets + 1);

    assert_non_null(zeros);
    ps_buf_put_base64url(out, ps_bytes(zeros, octets));
    free(zeros);
}

static enum ps_err parse_lengths(const size_t lengths[4])
{
    struct jwe_parsed jwe;
    PS_BUF_AUTO text;
    PS_BUF_AUTO memory = {.max = 8 * 1024 * 1024};

    put_text("{" RSA "}", "", &text);
    for (unsigned i = 0; i < 4; i++) {
        ps_buf_put_u8(&text, '.');
        put_zeros(lengths[i], &text);
    }
    return jwe_parse(ps_buf_bytes(&text), &memory, &jwe);
}

static void limits_of_the_parts_hold(void **state)
{
    static const size_t most[4] = {JWE_ENCRYPTED_KEY_MAX, JWE_IV_MAX, JWE_PLAINTEXT_MAX,
                                   JWE_TAG_MAX};

    (void)state;
    assert_ok(parse_lengths(most));
    for (unsigned i = 0; i < 4; i++) {
        size_t lengths[4];

        memcpy(lengths, most, sizeof lengths);
        lengths[i]++;
        assert_fails(PS_E_INPUT, parse_lengths(lengths));
    }
}

static enum ps_err parse_padded(const char *member, size_t len)
{
    struct jwe_parsed jwe;
    PS_BUF_AUTO header = {.max = 65536};
    PS_BUF_AUTO memory;
    char *text;
    enum ps_err err;

    ps_buf_printf(&header, "{" RSA ",\"%s\":\"%0*d\"}", member, (int)len, 0);
    text = ps_bytes_to_str(ps_buf_bytes(&header));
    err = parse(text, REST, &memory, &jwe);
    free(text);
    return err;
}

static void limits_of_the_header_hold(void **state)
{
    const size_t frame = strlen("{" RSA ",\"x\":\"\"}");

    (void)state;
    assert_ok(parse_padded("x", JWE_HEADER_MAX - frame));
    assert_fails(PS_E_INPUT, parse_padded("x", JWE_HEADER_MAX - frame + 1));
    assert_ok(parse_padded("kid", JWE_KID_MAX));
    assert_fails(PS_E_INPUT, parse_padded("kid", JWE_KID_MAX + 1));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(members_of_a_header_are_read),
        cmocka_unit_test(other_algorithms_are_refused_by_name),
        cmocka_unit_test(tricks_of_the_header_are_refused),
        cmocka_unit_test(points_and_lengths_are_left_to_the_opening),
        cmocka_unit_test(text_of_other_than_five_parts_is_an_input_error),
        cmocka_unit_test(limits_of_the_parts_hold),
        cmocka_unit_test(limits_of_the_header_hold),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
