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

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(published_examples_are_encoded),
        cmocka_unit_test(the_longest_is_encoded_and_one_more_octet_is_not),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
