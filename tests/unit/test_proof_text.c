#include "tests/unit/support.h"

#include "lib/formats/tlog/proof_text.h"

#define HASH "YWJjZGVmZ2hpamtsbW5vcHFyc3R1dnd4eXowMTIzNDU=\n"

static const char note[] = "log.example/a\n9\n" HASH "\n\xe2\x80\x94 log.example/a AAAAAAAA\n";

static struct merkle_proof hashes(size_t count)
{
    struct merkle_proof proof = {.count = count};

    for (size_t i = 0; i < count; i++) {
        proof.hashes[i] = merkle_leaf_hash(ps_bytes(&i, sizeof i));
    }
    return proof;
}

static void what_is_put_is_read_again(void **state)
{
    static const struct {
        size_t hashes;
        uint64_t number;
        const char *extra;
    } cases[] = {{0, 0, ""}, {1, 9, "a leaf"}, {63, UINT64_MAX, "a"}};

    (void)state;
    for (size_t i = 0; i < PS_COUNT_OF(cases); i++) {
        const struct tlog_proof proof = {.extra = ps_bytes_str(cases[i].extra),
                                         .index = cases[i].number,
                                         .path = hashes(cases[i].hashes),
                                         .checkpoint = ps_bytes_str(note)};
        const struct witness_request request = {
            .old = cases[i].number, .proof = proof.path, .checkpoint = proof.checkpoint};
        static struct tlog_proof read_proof;
        struct witness_request read_request;
        PS_BUF_AUTO extra = {.max = 100};
        PS_BUF_AUTO text = {.max = TLOG_PROOF_MAX};

        tlog_proof_put(&proof, &text);
        assert_ok(tlog_proof_parse(ps_buf_bytes(&text), &extra, &read_proof));
        assert_bytes(read_proof.extra, proof.extra);
        assert_bytes(read_proof.checkpoint, proof.checkpoint);
        assert_true(read_proof.index == proof.index && read_proof.path.count == proof.path.count);
        assert_memory_equal(read_proof.path.hashes, proof.path.hashes, 32 * proof.path.count);
        ps_buf_reset(&text);
        witness_request_put(&request, &text);
        assert_ok(witness_request_parse(ps_buf_bytes(&text), &read_request));
        assert_bytes(read_request.checkpoint, request.checkpoint);
        assert_true(read_request.old == request.old &&
                    read_request.proof.count == request.proof.count);
    }
}

static void a_proof_is_written_as_c2sp_has_it(void **state)
{
    const struct tlog_proof proof = {.extra = LITERAL("leaf"),
                                     .index = 7,
                                     .path = {.count = 1,
                                              .hashes = {{"abcdefghijklmnopqrstuvwxyz01234"
                                                          "5"}}},
                                     .checkpoint = ps_bytes_str(note)};
    PS_BUF_AUTO text = {.max = 4096};
    PS_BUF_AUTO expected = {.max = 4096};

    (void)state;
    ps_buf_printf(&expected, "c2sp.org/tlog-proof@v1\nextra bGVhZg==\nindex 7\n" HASH "\n%s", note);
    tlog_proof_put(&proof, &text);
    assert_bytes(ps_buf_bytes(&text), ps_buf_bytes(&expected));
}

static void what_is_malformed_is_an_input_error(void **state)
{
    static const char *const proofs[] = {
        "",
        "c2sp.org/tlog-proof@v1",
        "c2sp.org/tlog-proof@v2\nindex 7\n\nnote\n",
        "c2sp.org/tlog-proof@v1\n\nnote\n",
        "c2sp.org/tlog-proof@v1\nindex 07\n\nnote\n",
        "c2sp.org/tlog-proof@v1\nindex -7\n\nnote\n",
        "c2sp.org/tlog-proof@v1\nindex 18446744073709551616\n\nnote\n",
        "c2sp.org/tlog-proof@v1\nindex 7 \n\nnote\n",
        "c2sp.org/tlog-proof@v1\nindex 7\n" HASH "note\n",
        "c2sp.org/tlog-proof@v1\nindex 7\n" HASH "\n",
        "c2sp.org/tlog-proof@v1\nindex 7\nYWJj\n\nnote\n",
        "c2sp.org/tlog-proof@v1\nextra \nindex 7\n\nnote\n",
        "c2sp.org/tlog-proof@v1\nextra A\nindex 7\n\nnote\n",
        "c2sp.org/tlog-proof@v1\nextra YWJj\nextra YWJj\nindex 7\n\nnote\n",
    };
    static const char *const requests[] = {
        "",
        "old 7",
        "old 7\nnote\n",
        "old 7\n\n",
        "old seven\n\nnote\n",
        "new 7\n\nnote\n",
        "old  7\n\nnote\n",
    };
    PS_BUF_AUTO extra = {.max = 100};
    struct witness_request request;
    struct tlog_proof proof;

    (void)state;
    for (size_t i = 0; i < PS_COUNT_OF(proofs); i++) {
        assert_fails(PS_E_INPUT, tlog_proof_parse(ps_bytes_str(proofs[i]), &extra, &proof));
    }
    for (size_t i = 0; i < PS_COUNT_OF(requests); i++) {
        assert_fails(PS_E_INPUT, witness_request_parse(ps_bytes_str(requests[i]), &request));
    }
}

static void sixty_three_hashes_are_read_and_one_more_is_not(void **state)
{
    PS_BUF_AUTO text = {.max = WITNESS_REQUEST_MAX};
    PS_BUF_AUTO more = {.max = WITNESS_REQUEST_MAX};
    struct witness_request request;

    (void)state;
    ps_buf_put_str(&text, "old 1\n");
    for (unsigned i = 0; i < 63; i++) {
        ps_buf_put_str(&text, HASH);
    }
    ps_buf_put(&more, ps_buf_bytes(&text));
    ps_buf_printf(&text, "\n%s", note);
    ps_buf_printf(&more, HASH "\n%s", note);
    assert_ok(witness_request_parse(ps_buf_bytes(&text), &request));
    assert_int_equal(request.proof.count, 63);
    assert_fails(PS_E_INPUT, witness_request_parse(ps_buf_bytes(&more), &request));
}

static void extra_data_over_its_limit_is_refused(void **state)
{
    PS_BUF_AUTO extra = {.max = 3};
    struct tlog_proof proof;

    (void)state;
    assert_ok(tlog_proof_parse(LITERAL("c2sp.org/tlog-proof@v1\nextra YWJj\nindex 0\n\nnote\n"),
                               &extra, &proof));
    assert_fails(PS_E_INPUT,
                 tlog_proof_parse(LITERAL("c2sp.org/tlog-proof@v1\nextra YWJjZA==\nindex 0\n\nn\n"),
                                  &extra, &proof));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_put_is_read_again),
        cmocka_unit_test(a_proof_is_written_as_c2sp_has_it),
        cmocka_unit_test(what_is_malformed_is_an_input_error),
        cmocka_unit_test(sixty_three_hashes_are_read_and_one_more_is_not),
        cmocka_unit_test(extra_data_over_its_limit_is_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
