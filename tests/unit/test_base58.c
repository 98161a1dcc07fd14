#include "tests/unit/support.h"

#include "lib/base/base58.h"
#include "lib/base/encode.h"

static const struct {
    const char *hex;
    const char *text;
} rows[] = {
    /* draft-msporny-base58-03 section 5. */
    {"48656c6c6f20576f726c6421", "2NEpo7TZRRrLZSi2U"},
    {"54686520717569636b2062726f776e20666f78206a756d7073206f76657220746865206c617a7920646f672e",
     "USm3fpXnKG5EUBx2ndxBDMPVciP5hGey2Jh4NDv6gmeo1LkMeiKrLJUUBk6Z"},
    {"0000287fb4cd", "11233QC4"},
    /* Bitcoin Core, src/test/data/base58_encode_decode.json. */
    {"", ""},
    {"61", "2g"},
    {"73696d706c792061206c6f6e6720737472696e67", "2cFupjhnEsSn59qHXstmK2ffpLv2"},
    {"00000000000000000000", "1111111111"},
};

static void published_examples_are_encoded(void **state)
{
    (void)state;
    for (size_t i = 0; i < PS_COUNT_OF(rows); i++) {
        PS_BUF_AUTO octets = {.max = 256};
        PS_BUF_AUTO text = {.max = 256};

        assert_ok(ps_hex_decode(ps_bytes_str(rows[i].hex), &octets));
        ps_buf_put_base58btc(&text, ps_buf_bytes(&octets));
        assert_ok(ps_buf_status(&text));
        assert_text(ps_buf_bytes(&text), rows[i].text);
    }
}

static void the_longest_is_encoded_and_one_more_octet_is_not(void **state)
{
    uint8_t octets[PS_BASE58_MAX + 1];
    PS_BUF_AUTO text = {.max = 1024};

    (void)state;
    memset(octets, 0xff, sizeof octets);
    ps_buf_put_base58btc(&text, ps_bytes(octets, PS_BASE58_MAX));
    assert_ok(ps_buf_status(&text));
    assert_true(text.len > PS_BASE58_MAX);
    ps_buf_put_base58btc(&text, ps_bytes(octets, PS_BASE58_MAX + 1));
    assert_fails(PS_E_LIMIT, ps_buf_status(&text));
}

static void published_examples_are_decoded(void **state)
{
    (void)state;
    for (size_t i = 0; i < PS_COUNT_OF(rows); i++) {
        PS_BUF_AUTO octets = {.max = 256};
        PS_BUF_AUTO hex = {.max = 512};

        assert_ok(ps_base58btc_decode(ps_bytes_str(rows[i].text), &octets));
        ps_buf_put_hex(&hex, ps_buf_bytes(&octets));
        assert_text(ps_buf_bytes(&hex), rows[i].hex);
    }
}

static void what_is_no_base58_is_an_input_error(void **state)
{
    static const char *const bad[] = {"0", "O", "I", "l", "2NEp o7", "2g=", "\xc3\xa9"};
    char longest[PS_BASE58_MAX * 2];
    PS_BUF_AUTO octets = {.max = 1024};

    (void)state;
    for (size_t i = 0; i < PS_COUNT_OF(bad); i++) {
        assert_fails(PS_E_INPUT, ps_base58btc_decode(ps_bytes_str(bad[i]), &octets));
    }
    memset(longest, '1', sizeof longest);
    assert_ok(ps_base58btc_decode(ps_bytes(longest, PS_BASE58_MAX), &octets));
    assert_int_equal(octets.len, PS_BASE58_MAX);
    assert_fails(PS_E_INPUT, ps_base58btc_decode(ps_bytes(longest, PS_BASE58_MAX + 1), &octets));
    assert_fails(PS_E_INPUT, ps_base58btc_decode(ps_bytes(longest, sizeof longest), &octets));
    octets.max = octets.len + 1;
    assert_fails(PS_E_LIMIT, ps_base58btc_decode(ps_bytes_str("112"), &octets));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(published_examples_are_encoded),
        cmocka_unit_test(the_longest_is_encoded_and_one_more_octet_is_not),
        cmocka_unit_test(published_examples_are_decoded),
        cmocka_unit_test(what_is_no_base58_is_an_input_error),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
