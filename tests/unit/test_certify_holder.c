#include "tests/unit/support.h"

#include "frontends/certify/did.h"
#include "frontends/certify/holder.h"

/* did:key 0.7, test vectors: Ed25519 (section A.1), P-256 and P-384 (section A.3). */
static const struct {
    const char *kid;
    const char *jwk;
} keys[] = {
    {"did:key:z6MkiTBz1ymuepAQ4HEHYSF1H8quG5GLVVQR3djdX3mDooWp",
     "{\"crv\":\"Ed25519\",\"kty\":\"OKP\",\"x\":\"O2onvM62pC1io6jQKm8Nc2UyFXcd4kOmOsBIoYtZ2ik\"}"},
    {"did:key:zDnaerDaTF5BXEavCrfRZEk316dpbLsfPDZ3WJ5hRTPFU2169",
     "{\"crv\":\"P-256\",\"kty\":\"EC\",\"x\":\"fyNYMN0976ci7xqiSdag3buk-ZCwgXU4kz9XNkBlNUI\","
     "\"y\":\"hW2ojTNfH7Jbi8--CJUo3OCbH3y5n91g-IMA9MLMbTU\"}"},
    {"did:key:z82Lm1MpAkeJcix9K8TMiLd5NMAhnwkjjCBeWHXyu3U4oT2MVJJKXkcVBgjGhnLBn2Kaau9",
     "{\"crv\":\"P-384\",\"kty\":\"EC\","
     "\"x\":\"lInTxl8fjLKp_UCrxI0WDklahi-7-_6JbtiHjiRvMvhedhKVdHBfi2HCY8t_QJyc\","
     "\"y\":\"y6N1IC-2mXxHreETBW7K3mBcw0qGr3CWHCs-yl09yCQRLcyfGv7XhqAngHOu51Zv\"}"},
};

static void published_keys_are_read_and_named_again(void **state)
{
    (void)state;
    for (size_t i = 0; i < PS_COUNT_OF(keys); i++) {
        PS_CLEANUP(public_key_free_cleanup) struct public_key *key = NULL;
        PS_BUF_AUTO did = {.max = 1024};
        PS_BUF_AUTO jwk = {.max = 1024};
        PS_BUF_AUTO name = {.max = 1024};

        assert_ok(holder_from_kid(ps_bytes_str(keys[i].kid), &did, &key));
        assert_text(ps_buf_bytes(&did), keys[i].kid);
        public_key_put_bare_jwk(key, &jwk);
        assert_text(ps_buf_bytes(&jwk), keys[i].jwk);
        ps_buf_put_str(&name, "did:key:");
        assert_ok(did_put_multikey(key, &name));
        assert_text(ps_buf_bytes(&name), keys[i].kid);
    }
}

static void what_is_no_key_of_ours_is_refused(void **state)
{
    static const char *const bad[] = {
        "",
        "did:key:",
        "did:key:z",
        "did:key:z6MkiTBz1ymuepAQ4HEHYSF1H8quG5GLVVQR3djdX3mDooW",
        "did:key:6MkiTBz1ymuepAQ4HEHYSF1H8quG5GLVVQR3djdX3mDooWp",
        "did:key:z6MkiTBz1ymuepAQ4HEHYSF1H8quG5GLVVQR3djdX3mDooWp#other",
        "did:key:zQ3shokFTS3brHcDQrn82RUDfCZESWL1ZdCEJwekUDPQiYBme", /* secp256k1 */
        "did:jwk:",
        "did:jwk:e30",
        "did:jwk:e30=",
        "did:web:a.example",
    };

    (void)state;
    for (size_t i = 0; i < PS_COUNT_OF(bad); i++) {
        struct public_key *key = NULL;
        PS_BUF_AUTO did = {.max = 1024};

        assert_fails(PS_E_INPUT, holder_from_kid(ps_bytes_str(bad[i]), &did, &key));
        assert_null(key);
    }
}

static void a_did_of_the_web_has_the_port_escaped(void **state)
{
    PS_BUF_AUTO did = {.max = 256};

    (void)state;
    did_put_web(ps_bytes_str("https://issuer.example"), &did);
    assert_text(ps_buf_bytes(&did), "did:web:issuer.example");
    ps_buf_reset(&did);
    did_put_web(ps_bytes_str("https://issuer.example:8443"), &did);
    assert_text(ps_buf_bytes(&did), "did:web:issuer.example%3A8443");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(published_keys_are_read_and_named_again),
        cmocka_unit_test(what_is_no_key_of_ours_is_refused),
        cmocka_unit_test(a_did_of_the_web_has_the_port_escaped),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
