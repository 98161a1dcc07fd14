#include "tests/unit/signing.h"
#include "tests/unit/vectors.h"

#include "lib/formats/tlog/note.h"

static void published_notes_open_and_keys_are_written_as_they_were(void **state)
{
    struct vectors vectors;
    struct json_value row;

    (void)state;
    vectors_open("note/notes.json", &vectors);
    assert_int_equal(json_count(vectors.rows), 3);
    while (vectors_next(&vectors, &row)) {
        struct note_key key;
        struct ps_bytes opened;
        PS_BUF_AUTO out;

        ps_buf_init(&out, 256);
        assert_ok(note_key_parse(text_of(row, "key"), &key));
        note_put_key(&key, &out);
        assert_bytes(ps_buf_bytes(&out), text_of(row, "key"));
        assert_ok(note_open(text_of(row, "note"), &key, &opened));
        assert_bytes(opened, text_of(row, "text"));
        key.public_key[1] ^= 4;
        assert_true(note_open(text_of(row, "note"), &key, &opened) != PS_OK);
    }
    vectors_close(&vectors);
}

static void malformed_keys_are_input_errors(void **state)
{
    static const char *const wrong[] = {
        "",
        "PeterNeumann",
        "PeterNeumann+c74f20a3",
        "PeterNeumann+c74f20a4+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW",
        "PeterNeumanm+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW",
        "PeterNeumann+C74F20A3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW",
        "PeterNeumann+c74f20a3+Ahpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW",
        "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TWAA==",
        "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10T",
        "+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW",
        "Peter Neumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW",
    };
    struct note_key key;

    (void)state;
    for (size_t i = 0; i < PS_COUNT_OF(wrong); i++) {
        assert_fails(PS_E_INPUT, note_key_parse(ps_bytes_str(wrong[i]), &key));
    }
    assert_fails(PS_E_INPUT, note_key_make(LITERAL("a"), LITERAL("short"), &key));
    assert_fails(PS_E_INPUT,
                 note_key_make(LITERAL("a+b"), LITERAL("01234567890123456789012345678901"), &key));
}

/* A key that signs and its name. */
struct signer {
    EVP_PKEY *pkey;
    struct note_key key;
};

static struct signer make_signer(const char *name)
{
    struct signer signer = {.pkey = signing_make_key(PS_KEY_ED25519)};
    uint8_t octets[32];
    size_t len = sizeof octets;

    assert_int_equal(EVP_PKEY_get_raw_public_key(signer.pkey, octets, &len), 1);
    assert_ok(note_key_make(ps_bytes_str(name), ps_bytes(octets, len), &signer.key));
    return signer;
}

static void sign_note(const struct signer *signer, struct ps_bytes text, struct ps_buf *out,
                      bool first)
{
    PS_BUF_AUTO signature;

    signing_sign(signer->pkey, PS_ALG_EDDSA, text, &signature);
    note_put_signature(&signer->key, ps_buf_bytes(&signature), out, first);
}

static void make_note(const struct signer *signer, const char *text, struct ps_buf *out)
{
    ps_buf_init(out, 16384);
    ps_buf_put_str(out, text);
    sign_note(signer, ps_bytes_str(text), out, true);
    assert_ok(ps_buf_status(out));
}

static void a_checkpoint_comes_back_as_it_was_put(void **state)
{
    static const uint64_t sizes[] = {0, 1, 9, 10, UINT64_C(1) << 40, UINT64_MAX};
    static const char *const extensions[] = {"", "one\n", "one\n\xe0\xa4\x97 two\n"};
    struct signer log = make_signer("log.example/a");
    struct signer witness = make_signer("witness");

    (void)state;
    for (size_t i = 0; i < PS_COUNT_OF(sizes) * PS_COUNT_OF(extensions); i++) {
        const struct checkpoint given = {.origin = LITERAL("log.example/a"),
                                         .size = sizes[i % PS_COUNT_OF(sizes)],
                                         .root = merkle_leaf_hash(LITERAL("x")),
                                         .extension =
                                             ps_bytes_str(extensions[i / PS_COUNT_OF(sizes)])};
        struct checkpoint opened;
        size_t text_len;
        PS_BUF_AUTO note;

        ps_buf_init(&note, 4096);
        assert_ok(checkpoint_put(&given, &note));
        text_len = note.len;
        sign_note(&witness, ps_bytes(note.data, text_len), &note, true);
        sign_note(&log, ps_bytes(note.data, text_len), &note, false);
        assert_ok(checkpoint_open(ps_buf_bytes(&note), &log.key, &opened));
        assert_bytes(opened.origin, given.origin);
        assert_true(opened.size == given.size);
        assert_memory_equal(opened.root.octets, given.root.octets, PS_SHA256_LEN);
        assert_bytes(opened.extension, given.extension);
        assert_ok(checkpoint_open(ps_buf_bytes(&note), &witness.key, &opened));
        note.data[0] ^= 1;
        assert_fails(PS_E_DENIED, checkpoint_open(ps_buf_bytes(&note), &log.key, &opened));
    }
    EVP_PKEY_free(log.pkey);
    EVP_PKEY_free(witness.pkey);
}

static void checkpoints_that_cannot_be_written_are_refused(void **state)
{
    static const char *const origins[] = {"", "a\nb", "a\tb", "\xff"};
    static const char *const extensions[] = {"x", "x\n\n", "\n", "x\ny", "x\r\n"};
    PS_BUF_AUTO out;

    (void)state;
    ps_buf_init(&out, 1024);
    for (size_t i = 0; i < PS_COUNT_OF(origins); i++) {
        const struct checkpoint given = {.origin = ps_bytes_str(origins[i])};

        assert_fails(PS_E_INPUT, checkpoint_put(&given, &out));
    }
    for (size_t i = 0; i < PS_COUNT_OF(extensions); i++) {
        const struct checkpoint given = {.origin = LITERAL("a"),
                                         .extension = ps_bytes_str(extensions[i])};

        assert_fails(PS_E_INPUT, checkpoint_put(&given, &out));
    }
    assert_int_equal(out.len, 0);
}

#define ROOT "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="

static void signed_texts_that_are_no_checkpoints_are_input_errors(void **state)
{
    static const char *const wrong[] = {
        "a\n",
        "a\n5\n",
        "a\n5\n" ROOT "x\n",
        "a\n05\n" ROOT "\n",
        "a\n\n" ROOT "\n",
        "a\n-1\n" ROOT "\n",
        "a\n+1\n" ROOT "\n",
        "a\n1 \n" ROOT "\n",
        "a\n18446744073709551616\n" ROOT "\n",
        "a\n99999999999999999999999\n" ROOT "\n",
        "\n5\n" ROOT "\n",
        "a\n5\nAAAA\n",
        "a\n5\n" ROOT "\n\n",
        "a\n5\n" ROOT "\nx\n\ny\n",
        "a\n5\nAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=\n",
        "a\n5\nAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAB=\n",
    };
    struct signer signer = make_signer("s");
    struct checkpoint checkpoint;

    (void)state;
    for (size_t i = 0; i < PS_COUNT_OF(wrong); i++) {
        PS_BUF_AUTO note;

        make_note(&signer, wrong[i], &note);
        assert_fails(PS_E_INPUT, checkpoint_open(ps_buf_bytes(&note), &signer.key, &checkpoint));
    }
    EVP_PKEY_free(signer.pkey);
}

static void malformed_notes_are_input_errors(void **state)
{
    static const char *const wrong[] = {
        "",
        "\n",
        "\n\n",
        "text\n",
        "text\n\n",
        "text\n\nno dash\n",
        "text\n\n\xe2\x80\x94 name\n",
        "text\n\n\xe2\x80\x94 name \n",
        "text\n\n\xe2\x80\x94 name AAAA\n",
        "text\n\n\xe2\x80\x94 name AAAAAAA\n",
        "text\n\n\xe2\x80\x94  AAAAAAAA\n",
        "text\n\n\xe2\x80\x94 a+b AAAAAAAA\n",
        "text\n\n\xe2\x80\x94 name AAAAAAAA",
        "text\n\n\xe2\x80\x94 name AAAAAAAA\nx",
        "te\xffxt\n\n\xe2\x80\x94 name AAAAAAAA\n",
        "te\txt\n\n\xe2\x80\x94 name AAAAAAAA\n",
        "text\r\n\r\n\xe2\x80\x94 name AAAAAAAA\r\n",
    };
    struct signer signer = make_signer("s");
    struct ps_bytes text;
    PS_BUF_AUTO many;

    (void)state;
    for (size_t i = 0; i < PS_COUNT_OF(wrong); i++) {
        assert_fails(PS_E_INPUT, note_open(ps_bytes_str(wrong[i]), &signer.key, &text));
    }
    make_note(&signer, "text\n", &many);
    for (int i = 1; i < 100; i++) {
        ps_buf_put_str(&many, "\xe2\x80\x94 name AAAAAAAA\n");
    }
    assert_ok(note_open(ps_buf_bytes(&many), &signer.key, &text));
    ps_buf_put_str(&many, "\xe2\x80\x94 name AAAAAAAA\n");
    assert_fails(PS_E_INPUT, note_open(ps_buf_bytes(&many), &signer.key, &text));
    EVP_PKEY_free(signer.pkey);
}

static void a_note_without_our_signature_is_denied(void **state)
{
    struct signer signer = make_signer("s");
    struct signer other = make_signer("s");
    struct signer renamed = signer;
    struct ps_bytes text;
    PS_BUF_AUTO note;

    (void)state;
    make_note(&other, "text\n\nwith an empty line\n", &note);
    assert_fails(PS_E_DENIED, note_open(ps_buf_bytes(&note), &signer.key, &text));
    assert_ok(note_open(ps_buf_bytes(&note), &other.key, &text));
    assert_text(text, "text\n\nwith an empty line\n");
    renamed.key.name = LITERAL("t");
    assert_fails(PS_E_DENIED, note_open(ps_buf_bytes(&note), &renamed.key, &text));
    EVP_PKEY_free(signer.pkey);
    EVP_PKEY_free(other.pkey);
}

static void a_signature_of_another_length_is_our_mistake(void **state)
{
    struct signer signer = make_signer("s");
    PS_BUF_AUTO out;

    (void)state;
    ps_buf_init(&out, 256);
    note_put_signature(&signer.key, LITERAL("short"), &out, true);
    assert_fails(PS_E_INTERNAL, ps_buf_status(&out));
    EVP_PKEY_free(signer.pkey);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(published_notes_open_and_keys_are_written_as_they_were),
        cmocka_unit_test(malformed_keys_are_input_errors),
        cmocka_unit_test(a_checkpoint_comes_back_as_it_was_put),
        cmocka_unit_test(checkpoints_that_cannot_be_written_are_refused),
        cmocka_unit_test(signed_texts_that_are_no_checkpoints_are_input_errors),
        cmocka_unit_test(malformed_notes_are_input_errors),
        cmocka_unit_test(a_note_without_our_signature_is_denied),
        cmocka_unit_test(a_signature_of_another_length_is_our_mistake),
    };

    return cmocka_run_group_tests_name("note", tests, NULL, NULL);
}
