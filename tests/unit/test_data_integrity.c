#include "tests/unit/vectors.h"

#include "lib/base/base58.h"
#include "lib/base/encode.h"
#include "lib/formats/data_integrity.h"
#include "lib/formats/public_key/public_key.h"

/* What a published proof was made over, and by whom. */
struct proof {
    const struct data_integrity_suite *suite;
    struct public_key *key;
    struct ps_buf proof_hash;
    struct ps_buf document_hash;
    struct ps_buf block;
};

static void proof_read(struct json_value row, struct proof *proof)
{
    struct json_value jwk;

    *proof = (struct proof){
        .proof_hash.max = 64, .document_hash.max = 64, .block.max = DATA_INTEGRITY_BLOCK_MAX};
    proof->suite =
        data_integrity_suite_find(text_of(row, "suite"), ps_alg_by_name(text_of(row, "alg")));
    assert_non_null(proof->suite);
    assert_true(json_member(row, "jwk", &jwk));
    assert_ok(public_key_from_jwk_value(jwk, &proof->key));
    assert_ok(ps_base64url_decode(text_of(row, "proof_hash"), &proof->proof_hash));
    assert_ok(ps_base64url_decode(text_of(row, "document_hash"), &proof->document_hash));
    assert_ok(data_integrity_put_block(proof->suite, ps_buf_bytes(&proof->proof_hash),
                                       ps_buf_bytes(&proof->document_hash), &proof->block));
}

static void proof_clear(struct proof *proof)
{
    public_key_free(proof->key);
    ps_buf_clear(&proof->proof_hash);
    ps_buf_clear(&proof->document_hash);
    ps_buf_clear(&proof->block);
}

/* The inverse of what we have, by search: one more octet at a time from the other end. */
static struct ps_bytes signature_of(struct ps_bytes multibase, uint8_t *room, size_t len)
{
    static const char alphabet[] = "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz";
    PS_BUF_AUTO again = {.max = 256};

    assert_int_equal(multibase.data[0], 'z');
    memset(room, 0, len);
    for (size_t i = 1; i < multibase.len; i++) {
        unsigned carry = (unsigned)(strchr(alphabet, multibase.data[i]) - alphabet);

        for (size_t k = len; k-- > 0;) {
            carry += room[k] * 58u;
            room[k] = (uint8_t)carry;
            carry >>= 8;
        }
        assert_int_equal(carry, 0);
    }
    ps_buf_put_base58btc(&again, ps_bytes(room, len));
    assert_bytes(ps_buf_bytes(&again), ps_bytes_from(multibase, 1));
    return ps_bytes(room, len);
}

static void published_proofs_are_signatures_of_the_hash_block(void **state)
{
    bool seen[16] = {false};
    struct vectors vectors;
    struct json_value row;

    (void)state;
    vectors_open("data-integrity/proofs.json", &vectors);
    while (vectors_next(&vectors, &row)) {
        struct proof proof;
        uint8_t room[96];
        struct ps_bytes signature;

        proof_read(row, &proof);
        signature = signature_of(text_of(row, "proof_value"), room,
                                 ps_key_type_info(public_key_type(proof.key))->signature_max);
        assert_ok(
            public_key_verify(proof.key, proof.suite->alg, ps_buf_bytes(&proof.block), signature));
        /* The document's hash in front is another block. */
        ps_buf_reset(&proof.block);
        assert_ok(data_integrity_put_block(proof.suite, ps_buf_bytes(&proof.document_hash),
                                           ps_buf_bytes(&proof.proof_hash), &proof.block));
        assert_fails(PS_E_DENIED, public_key_verify(proof.key, proof.suite->alg,
                                                    ps_buf_bytes(&proof.block), signature));
        for (size_t i = 0; data_integrity_suite_at(i) != NULL; i++) {
            seen[i] = seen[i] || data_integrity_suite_at(i) == proof.suite;
        }
        proof_clear(&proof);
    }
    vectors_close(&vectors);
    for (size_t i = 0; data_integrity_suite_at(i) != NULL; i++) {
        /* No specification has this one: its block and algorithm are those of ecdsa-rdfc-2019. */
        if (!seen[i] &&
            strcmp(data_integrity_suite_at(i)->name, "EcdsaSecp256r1Signature2019") != 0) {
            fail_msg("no vector for %s", data_integrity_suite_at(i)->name);
        }
    }
}

static void a_suite_is_of_its_algorithms_only(void **state)
{
    (void)state;
    assert_null(data_integrity_suite_find(LITERAL("eddsa-rdfc-2022"), PS_ALG_ES256));
    assert_null(data_integrity_suite_find(LITERAL("ecdsa-rdfc-2019"), PS_ALG_EDDSA));
    assert_null(data_integrity_suite_find(LITERAL("ecdsa-rdfc-2019"), PS_ALG_ES256K));
    assert_null(data_integrity_suite_find(LITERAL("EcdsaSecp256r1Signature2019"), PS_ALG_ES384));
    assert_null(data_integrity_suite_find(LITERAL("ecdsa-sd-2023"), PS_ALG_ES256));
    assert_true(data_integrity_suite_exists(LITERAL("ecdsa-jcs-2019")));
    assert_false(data_integrity_suite_exists(LITERAL("ecdsa-jcs-201")));
    assert_false(data_integrity_suite_exists(LITERAL("")));
}

static void each_hash_has_the_length_of_its_suite(void **state)
{
    static const uint8_t octets[64];

    (void)state;
    for (size_t i = 0; data_integrity_suite_at(i) != NULL; i++) {
        const struct data_integrity_suite *suite = data_integrity_suite_at(i);
        const size_t len = ps_hash_len(suite->hash);
        const struct ps_bytes good = ps_bytes(octets, len);
        PS_BUF_AUTO block = {.max = DATA_INTEGRITY_BLOCK_MAX};

        for (size_t wrong = 0; wrong <= sizeof octets; wrong++) {
            if (wrong != len) {
                assert_fails(PS_E_INPUT, data_integrity_put_block(suite, ps_bytes(octets, wrong),
                                                                  good, &block));
                assert_non_null(strstr(ps_detail()->text, "proof_hash"));
                assert_fails(PS_E_INPUT, data_integrity_put_block(suite, good,
                                                                  ps_bytes(octets, wrong), &block));
                assert_non_null(strstr(ps_detail()->text, "document_hash"));
                assert_int_equal(block.len, 0);
            }
        }
        assert_ok(data_integrity_put_block(suite, good, good, &block));
        assert_int_equal(block.len, 2 * len);
        block.max = block.len;
        assert_fails(PS_E_LIMIT, data_integrity_put_block(suite, good, good, &block));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(published_proofs_are_signatures_of_the_hash_block),
        cmocka_unit_test(a_suite_is_of_its_algorithms_only),
        cmocka_unit_test(each_hash_has_the_length_of_its_suite),
    };

    return cmocka_run_group_tests(tests, make_reader, free_reader);
}
