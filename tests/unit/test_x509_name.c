#include "tests/unit/vectors.h"

#include "lib/formats/x509/name.h"

static struct json_value parse(const char *text)
{
    const struct json_limits limits = JSON_LIMITS_REQUEST;
    struct json_value value = {0};

    assert_ok(json_parse(json, ps_bytes_str(text), &limits, &value));
    return value;
}

static void a_subject_is_read_and_written_in_one_form(void **state)
{
    static const char text[] =
        "{\"common_name\":\"Banque \303\251l\",\"country\":\"MA\",\"locality\":\"Rabat\","
        "\"organization\":\"O\",\"organizational_unit\":\"U\",\"serial_number\":\"A-1\","
        "\"state\":\"S\"}";
    struct x509_subject subject;
    PS_BUF_AUTO out;

    (void)state;
    ps_buf_init(&out, 1024);
    assert_ok(x509_subject_read(parse(text), &subject));
    x509_subject_put_json(&subject, &out);
    assert_text(ps_buf_bytes(&out), text);
    assert_false(x509_subject_is_empty(&subject));
    ps_buf_reset(&out);
    assert_ok(x509_subject_read(parse("{}"), &subject));
    assert_true(x509_subject_is_empty(&subject));
    x509_subject_put_json(&subject, &out);
    assert_text(ps_buf_bytes(&out), "{}");
}

#define X16 "xxxxxxxxxxxxxxxx"
#define X64 X16 X16 X16 X16

static void values_of_a_subject_are_checked(void **state)
{
    static const struct {
        const char *text;
        bool is_good;
    } cases[] = {
        {"{\"common_name\":\"" X64 "\"}", true},
        {"{\"common_name\":\"" X64 "x\"}", false},
        /* Sixty-four characters, not octets. */
        {"{\"common_name\":\"" X16 X16 X16 "xxxxxxxxxxxxxxx\303\251\"}", true},
        {"{\"state\":\"" X64 X64 "\"}", true},
        {"{\"state\":\"" X64 X64 "x\"}", false},
        {"{\"common_name\":\" a\"}", false},
        {"{\"common_name\":\"a \"}", false},
        {"{\"common_name\":\"a\\u0000b\"}", false},
        {"{\"common_name\":\"a\\nb\"}", false},
        {"{\"common_name\":\"a\\u0085b\"}", false},
        {"{\"common_name\":\"a\\u007fb\"}", false},
        {"{\"common_name\":\"a\\u061cb\"}", false},
        {"{\"common_name\":\"a\\u200db\"}", true}, /* letters of Asia are joined with it */
        {"{\"common_name\":\"a\\u200fb\"}", false},
        {"{\"common_name\":\"a\\u2028b\"}", false},
        {"{\"common_name\":\"a\\u202eb\"}", false},
        {"{\"common_name\":\"a\\u202fb\"}", true},
        {"{\"common_name\":\"a\\u2066b\"}", false},
        {"{\"common_name\":\"a\\u2069b\"}", false},
        {"{\"country\":\"ma\"}", false},
        {"{\"country\":\"M\"}", false},
        {"{\"country\":\"MAR\"}", false},
        {"{\"serial_number\":\"a*\"}", false},
        {"{\"serial_number\":\"a:b\"}", true},
        {"{\"title\":\"x\"}", false},
        {"{\"common_name\":7}", false},
    };

    (void)state;
    for (size_t i = 0; i < PS_COUNT_OF(cases); i++) {
        struct x509_subject subject;

        if ((x509_subject_read(parse(cases[i].text), &subject) == PS_OK) != cases[i].is_good) {
            fail_msg("%s", cases[i].text);
        }
    }
}

#define L63 "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"

static const struct {
    const char *text;
    bool is_good;
} names[] = {
    {"dns:a.example", true},
    {"dns:*.example.org", true},
    {"dns:*.org", false},
    {"dns:a.*.org", false},
    {"dns:**.example.org", false},
    {"dns:A.example", false},
    {"dns:-a.example", false},
    {"dns:a-.example", false},
    {"dns:a..example", false},
    {"dns:a.example.", false},
    {"dns:.example", false},
    {"dns:a_b.example", false},
    {"dns:192.0.2.1", false},
    {"dns:" L63 ".example", true},
    {"dns:" L63 "a.example", false},
    {"dns:" L63 "." L63 "." L63 "." L63, false},
    {"dns:", false},
    {"email:a.b@example.org", true},
    {"email:a..b@example.org", false},
    {"email:.a@example.org", false},
    {"email:a@", false},
    {"email:@example.org", false},
    {"email:a@*.example.org", false},
    {"email:a b@example.org", false},
    {"ip:192.0.2.1", true},
    {"ip:192.0.2.01", false},
    {"ip:192.0.2", false},
    {"ip:" L63 L63 L63 L63, false},
    {"ip:", false},
    {"ip:2001:db8::1", true},
    {"ip:2001:DB8::1", false},
    {"ip:2001:db8:0::1", false},
    {"uri:https://example.org/a?b#c", true},
    {"uri:did:web:example.org", true},
    {"uri:https://", false},
    {"uri:https:", false},
    {"uri:HTTP://a", false},
    {"uri:/a", false},
    {"uri:https://a b", false},
    {"uri:https://a\303\251", false},
    {"uri:https://Example.org:8443/", true},
    {"uri:https://localhost?a", true},
    {"uri:https://example.org:65535", true},
    {"uri:https://example.org:65536", false},
    {"uri:https://example.org:", false},
    {"uri:https://example.org:x/", false},
    {"uri:https://example.org:1:2", false},
    {"uri:https://192.0.2.1/", true},
    {"uri:https://192.0.2.256/", false},
    {"uri:https://[2001:db8::1]:443/", true},
    {"uri:https://[2001:db8::1/", false},
    {"uri:https://[2001:db8::1]x/", false},
    {"uri:https://[192.0.2.1]/", false},
    {"uri:https://[]/", false},
    {"uri:https:///a", false},
    {"uri:https://?a", false},
    {"uri:https://user@example.org/", false},
    {"uri:https://a_b.example/", false},
    {"uri:https://*.example.org/", false},
    {"uri:https://" L63 "a/", false},
    {"uri:https://" L63 "." L63 "." L63 "." L63 "." L63 "/", false},
    {"uri:https://a/%41%4a", true},
    {"uri:https://a/%4", false},
    {"uri:https://a/%", false},
    {"uri:https://a/%4g", false},
    {"uri:https://a/[b]", false},
    {"uri:https://a/#b#c", false},
    {"uri:urn:uuid:f81d4fae-7dec-11d0-a765-00a0c91e6bf6", true},
    {"uri:spiffe://example/w", true},
    {"uri:a:", false},
    {"uri:1a:b", false},
    {"rid:1.2", false},
    {"example.org", false},
    {"", false},
};

static void names_are_checked(void **state)
{
    (void)state;
    for (size_t i = 0; i < PS_COUNT_OF(names); i++) {
        struct x509_san san;
        PS_BUF_AUTO out;

        ps_buf_init(&out, 1024);
        if ((x509_san_read(ps_bytes_str(names[i].text), &san) == PS_OK) != names[i].is_good) {
            fail_msg("%s", names[i].text);
        }
        if (names[i].is_good) {
            x509_san_put_text(&san, &out);
            assert_text(ps_buf_bytes(&out), names[i].text);
        }
    }
    assert_fails(PS_E_INPUT,
                 x509_san_check(&(struct x509_san){X509_SAN_DNS, LITERAL("a.example\0.evil")}));
}

static void lists_of_names_have_an_end_and_no_repetition(void **state)
{
    static struct x509_sans sans;
    PS_BUF_AUTO text;

    (void)state;
    ps_buf_init(&text, 8192);
    assert_fails(PS_E_INPUT, x509_sans_read(parse("[\"dns:a.b\",\"dns:a.b\"]"), &sans));
    assert_ok(x509_sans_read(parse("[\"dns:a.b\",\"uri:dns:a.b\"]"), &sans));
    assert_int_equal(sans.count, 2);
    ps_buf_put_u8(&text, '[');
    for (unsigned i = 0; i < X509_SANS_MAX; i++) {
        ps_buf_printf(&text, "%s\"dns:a%u.b\"", i == 0 ? "" : ",", i);
    }
    ps_buf_put(&text, LITERAL("]\0"));
    assert_ok(x509_sans_read(parse((const char *)text.data), &sans));
    assert_int_equal(sans.count, X509_SANS_MAX);
    text.len -= 2;
    ps_buf_put(&text, LITERAL(",\"dns:x.b\"]\0"));
    assert_fails(PS_E_INPUT, x509_sans_read(parse((const char *)text.data), &sans));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_subject_is_read_and_written_in_one_form),
        cmocka_unit_test(values_of_a_subject_are_checked),
        cmocka_unit_test(names_are_checked),
        cmocka_unit_test(lists_of_names_have_an_end_and_no_repetition),
    };

    return cmocka_run_group_tests(tests, make_reader, free_reader);
}
