#include "tests/unit/x509_maker.h"

#include "lib/base/encode.h"
#include "lib/formats/jose/x5c.h"

static struct maker_key root_key;
static struct maker_key leaf_key;
static struct ps_buf root;
static struct ps_buf leaf;

static int make(void **state)
{
    struct x509_wish wish;

    (void)state;
    maker_key_make(PS_ALG_ES384, &root_key);
    maker_key_make(PS_ALG_ES256, &leaf_key);
    wish = maker_root(&root_key);
    assert_ok(maker_issue(&wish, &root_key, &root));
    wish = maker_server(&leaf_key, &root_key, &root);
    assert_ok(maker_issue(&wish, &root_key, &leaf));
    return 0;
}

static int clear(void **state)
{
    (void)state;
    maker_key_clear(&root_key);
    maker_key_clear(&leaf_key);
    ps_buf_clear(&root);
    ps_buf_clear(&leaf);
    return 0;
}

static void who_issued_itself_is_read_from_its_names(void **state)
{
    (void)state;
    assert_true(x5c_is_self_issued(ps_buf_bytes(&root)));
    assert_false(x5c_is_self_issued(ps_buf_bytes(&leaf)));
    assert_false(x5c_is_self_issued(LITERAL("")));
    assert_false(x5c_is_self_issued(LITERAL("\1\2\3")));
    /* However it is cut short, nothing behind it is read. */
    for (size_t len = 0; len < root.len; len++) {
        PS_BUF_AUTO cut = {.max = X509_CERTIFICATE_MAX};

        ps_buf_put(&cut, ps_bytes(root.data, len));
        assert_false(x5c_is_self_issued(ps_buf_bytes(&cut)));
    }
}

static void put(const struct ps_bytes *chain, size_t count, const struct ps_bytes *expected,
                size_t expected_count)
{
    PS_BUF_AUTO got = {.max = 65536};
    PS_BUF_AUTO text = {.max = 65536};

    assert_int_equal(x5c_count(chain, count), expected_count);
    x5c_put(chain, count, &got);
    ps_buf_put_u8(&text, '[');
    for (size_t i = 0; i < expected_count; i++) {
        ps_buf_put_str(&text, i == 0 ? "\"" : ",\"");
        ps_buf_put_base64(&text, expected[i]);
        ps_buf_put_u8(&text, '"');
    }
    ps_buf_put_u8(&text, ']');
    assert_bytes(ps_buf_bytes(&got), ps_buf_bytes(&text));
}

static void the_trust_anchor_stays_at_home(void **state)
{
    const struct ps_bytes chain[] = {ps_buf_bytes(&leaf), ps_buf_bytes(&root)};
    const struct ps_bytes twice[] = {ps_buf_bytes(&leaf), ps_buf_bytes(&leaf)};

    (void)state;
    put(chain, 2, chain, 1);
    put(chain, 1, chain, 1);
    put(twice, 2, twice, 2);
    /* Alone it is the signer's own. */
    put(chain + 1, 1, chain + 1, 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(who_issued_itself_is_read_from_its_names),
        cmocka_unit_test(the_trust_anchor_stays_at_home),
    };

    return cmocka_run_group_tests(tests, make, clear);
}
