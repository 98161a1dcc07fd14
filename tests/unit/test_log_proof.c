#include "tests/unit/support.h"

#include "lib/ceremony/log/proof.h"
#include "lib/ceremony/log/verify.h"

#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

/* Proofs from the log of tests/vectors/log/sample, and from an export of it. */

static const char sample_key[] =
    "vectors.privyseal.example/events+82b37117+AddamAGCsQq31Uv+08lkBzoO4XLz2qYjJa8CGmj3B1Ea";

static char sample[512];
static char exported[512];

static int remove_entry(const char *path, const struct stat *status, int type, struct FTW *ftw)
{
    (void)status;
    (void)type;
    (void)ftw;
    return remove(path);
}

static int make_export(void **state)
{
    char top[] = "/tmp/privyseal-proof-XXXXXX";

    (void)state;
    assert_non_null(mkdtemp(top));
    (void)snprintf(sample, sizeof sample, "%s/tests/vectors/log/sample", source_root());
    (void)snprintf(exported, sizeof exported, "%s/log", top);
    assert_ok(log_export(sample, exported));
    return 0;
}

static int remove_export(void **state)
{
    (void)state;
    exported[strlen(exported) - strlen("/log")] = '\0';
    (void)nftw(exported, remove_entry, 16, FTW_DEPTH | FTW_PHYS);
    return 0;
}

static struct log_trust make_trust(void)
{
    struct log_trust trust = {.witnesses = {.count = 0}};

    assert_ok(log_key_parse(ps_bytes_str(sample_key), &trust.key));
    return trust;
}

/* Every leaf that the checkpoint covers; and how many there are. */
static uint64_t prove_all(const char *directory, const char *tree)
{
    const struct log_trust trust = make_trust();
    uint64_t leaf = 0;

    for (;; leaf++) {
        struct log_proven proven;
        PS_BUF_AUTO proof = {.max = TLOG_PROOF_MAX};
        PS_BUF_AUTO octets = {.max = LOG_LEAF_MAX};
        const enum ps_err err = log_prove(directory, tree, leaf, &proof);

        if (err == PS_E_NOT_FOUND) {
            assert_true(leaf != 0);
            return leaf;
        }
        assert_ok(err);
        assert_ok(log_proof_verify(ps_buf_bytes(&proof), &trust, &octets, &proven));
        assert_true(proven.index == leaf && proven.leaf.len != 0 && proven.witnesses == 0);
    }
}

static void each_leaf_is_proven_from_own_files_and_from_an_export(void **state)
{
    static const char *const trees[] = {"events", "use/2026-11-0001", "use/2026-11-0002"};

    (void)state;
    for (size_t i = 0; i < PS_COUNT_OF(trees); i++) {
        assert_true(prove_all(sample, trees[i]) == prove_all(exported, trees[i]));
    }
}

static void no_octet_of_a_proof_can_be_another(void **state)
{
    const struct log_trust trust = make_trust();
    PS_BUF_AUTO proof = {.max = TLOG_PROOF_MAX};
    PS_BUF_AUTO octets = {.max = LOG_LEAF_MAX};

    (void)state;
    assert_ok(log_prove(exported, "use/2026-11-0001", 3, &proof));
    for (size_t at = 0; at < proof.len; at++) {
        struct log_proven proven;

        proof.data[at] ^= (uint8_t)(1u << at % 8);
        assert_true(log_proof_verify(ps_buf_bytes(&proof), &trust, &octets, &proven) != PS_OK);
        proof.data[at] ^= (uint8_t)(1u << at % 8);
    }
    for (size_t len = 0; len < proof.len; len++) {
        struct log_proven proven;

        assert_true(log_proof_verify(ps_bytes(proof.data, len), &trust, &octets, &proven) != PS_OK);
    }
}

static void a_proof_of_another_log_or_without_its_leaf_does_not_hold(void **state)
{
    static const char title[] = "c2sp.org/tlog-proof@v1\n";
    struct log_trust trust = make_trust();
    struct log_proven proven;
    PS_BUF_AUTO proof = {.max = TLOG_PROOF_MAX};
    PS_BUF_AUTO bare = {.max = TLOG_PROOF_MAX};
    PS_BUF_AUTO octets = {.max = LOG_LEAF_MAX};
    const uint8_t *index;

    (void)state;
    assert_ok(log_prove(sample, "events", 0, &proof));
    index = memmem(proof.data, proof.len, "index ", 6);
    ps_buf_put_str(&bare, title);
    ps_buf_put(&bare, ps_bytes_from(ps_buf_bytes(&proof), (size_t)(index - proof.data)));
    assert_fails(PS_E_INPUT, log_proof_verify(ps_buf_bytes(&bare), &trust, &octets, &proven));
    assert_ok(note_key_make(LITERAL("other.example/events"), ps_bytes(trust.key.public_key, 32),
                            &trust.key));
    assert_fails(PS_E_DENIED, log_proof_verify(ps_buf_bytes(&proof), &trust, &octets, &proven));
}

static void witnesses_that_are_needed_have_to_have_cosigned(void **state)
{
    struct log_trust trust = make_trust();
    struct log_proven proven;
    struct note_key key;
    PS_BUF_AUTO proof = {.max = TLOG_PROOF_MAX};
    PS_BUF_AUTO octets = {.max = LOG_LEAF_MAX};
    PS_BUF_AUTO text = {.max = 512};

    (void)state;
    assert_ok(log_prove(sample, "events", 0, &proof));
    assert_ok(
        cosigner_key_make(LITERAL("witness.example/w1"), ps_bytes(trust.key.public_key, 32), &key));
    note_put_key(&key, &text);
    assert_ok(log_witnesses_add(&trust.witnesses, ps_buf_bytes(&text)));
    assert_ok(log_proof_verify(ps_buf_bytes(&proof), &trust, &octets, &proven));
    trust.witnesses.needed = 1;
    assert_fails(PS_E_DENIED, log_proof_verify(ps_buf_bytes(&proof), &trust, &octets, &proven));
}

static void witnesses_are_read_from_lines(void **state)
{
    const struct log_trust trust = make_trust();
    struct log_witnesses witnesses;
    struct note_key key;
    PS_BUF_AUTO text = {.max = 512};

    (void)state;
    assert_ok(cosigner_key_make(LITERAL("w/1"), ps_bytes(trust.key.public_key, 32), &key));
    note_put_key(&key, &text);
    ps_buf_put_str(&text, " https://w.example/a\n");
    assert_ok(log_witnesses_parse(ps_buf_bytes(&text), 1, &witnesses));
    assert_true(witnesses.count == 1 && witnesses.needed == 1);
    assert_bytes(witnesses.urls[0], LITERAL("https://w.example/a"));
    assert_fails(
        PS_E_CONFLICT,
        log_witnesses_add(&witnesses, ps_bytes(text.data, strcspn((char *)text.data, " "))));
    assert_fails(PS_E_INPUT, log_witnesses_add(&witnesses, ps_bytes_str(sample_key)));
    assert_fails(PS_E_INPUT, log_key_parse(ps_bytes(text.data, text.len), &key));
}

static void an_origin_of_a_log_has_its_key(void **state)
{
    static const char *const others[] = {
        "vectors.privyseal.example",
        "vectors.privyseal.example/use",
        "vectors.privyseal.example/use/",
        "vectors.privyseal.example/use/2026-13-0001",
        "vectors.privyseal.example/use/2026-11-00011",
        "vectors.privyseal.example/other/2026-11-0001",
        "other.example/use/2026-11-0001",
        "",
    };
    const struct log_trust trust = make_trust();
    struct note_key key;

    (void)state;
    assert_ok(log_key_of_origin(&trust.key, trust.key.name, &key));
    assert_ok(
        log_key_of_origin(&trust.key, LITERAL("vectors.privyseal.example/use/2026-11-0001"), &key));
    assert_true(memcmp(key.id, trust.key.id, sizeof key.id) != 0);
    for (size_t i = 0; i < PS_COUNT_OF(others); i++) {
        assert_fails(PS_E_NOT_FOUND, log_key_of_origin(&trust.key, ps_bytes_str(others[i]), &key));
    }
}

static void what_is_not_there_is_not_found(void **state)
{
    PS_BUF_AUTO proof = {.max = TLOG_PROOF_MAX};

    (void)state;
    assert_fails(PS_E_NOT_FOUND, log_prove("/no/such", "events", 0, &proof));
    assert_fails(PS_E_NOT_FOUND, log_prove(sample, "use/2026-11-0009", 0, &proof));
    assert_fails(PS_E_NOT_FOUND, log_prove(sample, "events", 1000, &proof));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_leaf_is_proven_from_own_files_and_from_an_export),
        cmocka_unit_test(no_octet_of_a_proof_can_be_another),
        cmocka_unit_test(a_proof_of_another_log_or_without_its_leaf_does_not_hold),
        cmocka_unit_test(witnesses_that_are_needed_have_to_have_cosigned),
        cmocka_unit_test(witnesses_are_read_from_lines),
        cmocka_unit_test(an_origin_of_a_log_has_its_key),
        cmocka_unit_test(what_is_not_there_is_not_found),
    };

    return cmocka_run_group_tests(tests, make_export, remove_export);
}
