#include "tests/unit/signing.h"
#include "tests/unit/vectors.h"

#include "lib/formats/tlog/cosignature.h"

static void published_cosignatures_open_and_say_when(void **state)
{
    struct vectors vectors;
    struct json_value row;
    unsigned count = 0;

    (void)state;
    for (vectors_open("note/cosignatures.json", &vectors); vectors_next(&vectors, &row); count++) {
        struct cosignature cosignature;
        struct note_key key;
        PS_BUF_AUTO out = {.max = 512};

        assert_ok(cosigner_key_parse(text_of(row, "key"), &key));
        note_put_key(&key, &out);
        assert_bytes(ps_buf_bytes(&out), text_of(row, "key"));
        assert_ok(cosignature_open(text_of(row, "note"), &key, &cosignature));
        assert_true(cosignature.time_s > 1700000000 && cosignature.time_s < 1900000000);
        key.public_key[0] ^= 1;
        assert_true(cosignature_open(text_of(row, "note"), &key, &cosignature) != PS_OK);
        key.id[0] ^= 1;
        assert_fails(PS_E_DENIED, cosignature_open(text_of(row, "note"), &key, &cosignature));
    }
    assert_int_equal(count, 2);
    vectors_close(&vectors);
}

struct witness {
    EVP_PKEY *pkey;
    struct note_key key;
};

static struct witness make_witness(void)
{
    struct witness witness = {.pkey = signing_make_key(PS_KEY_ED25519)};
    uint8_t octets[32];
    size_t len = sizeof octets;

    assert_int_equal(EVP_PKEY_get_raw_public_key(witness.pkey, octets, &len), 1);
    assert_ok(cosigner_key_make(LITERAL("witness.example/w"), ps_bytes(octets, len), &witness.key));
    return witness;
}

static void cosign(const struct witness *witness, const char *text, uint64_t time_s,
                   struct ps_buf *note)
{
    struct cosignature cosignature;
    PS_BUF_AUTO message = {.max = 4096};
    PS_BUF_AUTO signature = {.data = NULL};

    cosignature_put_message(ps_bytes_str(text), time_s, &message);
    signing_sign(witness->pkey, PS_ALG_EDDSA, ps_buf_bytes(&message), &signature);
    cosignature_make(time_s, signature.data, &cosignature);
    cosignature_put(&witness->key, &cosignature, note);
    assert_ok(ps_buf_status(note));
}

static void a_cosignature_is_over_time_and_text(void **state)
{
    static const uint64_t times[] = {0, 1, 1800000000, (UINT64_C(1) << 63) - 1};
    struct witness witness = make_witness();

    (void)state;
    for (size_t i = 0; i < PS_COUNT_OF(times); i++) {
        struct cosignature cosignature;
        PS_BUF_AUTO note = {.max = 4096};

        ps_buf_put_str(&note, "origin\n7\nAAAA\n\n");
        cosign(&witness, "origin\n7\nAAAA\n", times[i], &note);
        assert_ok(cosignature_open(ps_buf_bytes(&note), &witness.key, &cosignature));
        assert_true(cosignature.time_s == times[i]);
        note.data[7] = '8';
        assert_fails(PS_E_DENIED,
                     cosignature_open(ps_buf_bytes(&note), &witness.key, &cosignature));
    }
    EVP_PKEY_free(witness.pkey);
}

static void a_time_that_there_is_not_is_denied(void **state)
{
    struct witness witness = make_witness();
    struct cosignature cosignature;
    PS_BUF_AUTO note = {.max = 4096};

    (void)state;
    ps_buf_put_str(&note, "origin\n7\nAAAA\n\n");
    cosign(&witness, "origin\n7\nAAAA\n", UINT64_C(1) << 63, &note);
    assert_fails(PS_E_DENIED, cosignature_open(ps_buf_bytes(&note), &witness.key, &cosignature));
    EVP_PKEY_free(witness.pkey);
}

/* One key that made both would let a witness sign as a log, or a log vouch for itself. */
static void keys_of_logs_and_of_witnesses_are_not_taken_for_each_other(void **state)
{
    struct witness witness = make_witness();
    struct cosignature cosignature;
    struct note_key log;
    struct note_key other;
    struct ps_bytes text;
    PS_BUF_AUTO of_log = {.max = 512};
    PS_BUF_AUTO of_witness = {.max = 512};
    PS_BUF_AUTO note = {.max = 4096};

    (void)state;
    assert_ok(note_key_make(witness.key.name, ps_bytes(witness.key.public_key, 32), &log));
    note_put_key(&log, &of_log);
    note_put_key(&witness.key, &of_witness);
    assert_fails(PS_E_INPUT, cosigner_key_parse(ps_buf_bytes(&of_log), &other));
    assert_fails(PS_E_INPUT, note_key_parse(ps_buf_bytes(&of_witness), &other));
    ps_buf_put_str(&note, "origin\n7\nAAAA\n\n");
    cosign(&witness, "origin\n7\nAAAA\n", 5, &note);
    assert_fails(PS_E_DENIED, note_open(ps_buf_bytes(&note), &log, &text));
    assert_fails(PS_E_DENIED, cosignature_open(ps_buf_bytes(&note), &log, &cosignature));
    EVP_PKEY_free(witness.pkey);
}

static void signatures_longer_than_ours_are_read_past(void **state)
{
    struct witness witness = make_witness();
    struct cosignature cosignature;
    PS_BUF_AUTO note = {.max = 16384};

    (void)state;
    /* 4 + 8 + 2420 octets: what ML-DSA-44 has. */
    ps_buf_put_str(&note, "origin\n7\nAAAA\n\n\xe2\x80\x94 other ");
    for (size_t i = 0; i < 2432 / 3; i++) {
        ps_buf_put_str(&note, "AAAA");
    }
    ps_buf_put_str(&note, "AAA=\n");
    cosign(&witness, "origin\n7\nAAAA\n", 5, &note);
    assert_ok(cosignature_open(ps_buf_bytes(&note), &witness.key, &cosignature));
    EVP_PKEY_free(witness.pkey);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(published_cosignatures_open_and_say_when),
        cmocka_unit_test(a_cosignature_is_over_time_and_text),
        cmocka_unit_test(a_time_that_there_is_not_is_denied),
        cmocka_unit_test(keys_of_logs_and_of_witnesses_are_not_taken_for_each_other),
        cmocka_unit_test(signatures_longer_than_ours_are_read_past),
    };

    return cmocka_run_group_tests(tests, make_reader, free_reader);
}
