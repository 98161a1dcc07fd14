#include "tests/unit/support.h"

#include "keystore/snapshot/internal.h"

#include <sodium.h>

/* Who signed for a snapshot, and what the note says of its table. */

#define LINE "17 000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f\n"

static uint8_t secret[crypto_sign_SECRETKEYBYTES];
static uint8_t public[crypto_sign_PUBLICKEYBYTES];
static struct note_key events;

static int make(void **state)
{
    (void)state;
    assert_true(sodium_init() >= 0);
    assert_int_equal(crypto_sign_keypair(public, secret), 0);
    assert_ok(note_key_make(ps_bytes_str("box.example/events"), ps_bytes(public, sizeof public),
                            &events));
    return 0;
}

static void put_note(const char *origin, const char *line, struct ps_buf *out)
{
    struct note_key key;
    uint8_t signature[crypto_sign_BYTES];
    const struct checkpoint checkpoint = {
        .origin = ps_bytes_str(origin), .size = 12, .extension = ps_bytes_str(line)};

    assert_ok(note_key_make(ps_bytes_str(origin), ps_bytes(public, sizeof public), &key));
    ps_buf_reset(out);
    assert_ok(checkpoint_put(&checkpoint, out));
    assert_int_equal(crypto_sign_detached(signature, NULL, out->data, out->len, secret), 0);
    note_put_signature(&key, ps_bytes(signature, sizeof signature), out, true);
    assert_ok(ps_buf_status(out));
}

static enum ps_err open_it(const struct ps_buf *note, struct table_seal *ret_seal)
{
    struct checkpoint checkpoint;
    const enum ps_err err = snapshot_open_note(ps_buf_bytes(note), &events, &checkpoint, ret_seal);

    if (err == PS_OK) {
        assert_int_equal(checkpoint.size, 12);
    }
    return err;
}

static void a_note_names_its_table(void **state)
{
    PS_BUF_AUTO note = {.max = NOTE_OCTETS_MAX};
    struct table_seal seal;

    (void)state;
    put_note("box.example/snapshot", LINE, &note);
    assert_ok(open_it(&note, &seal));
    assert_int_equal(seal.pages, 17);
    for (unsigned i = 0; i < PS_SHA256_LEN; i++) {
        assert_int_equal(seal.hash[i], i);
    }
}

/* A checkpoint of the log, or of a shard, is none. */
static void a_note_of_another_origin_is_refused(void **state)
{
    static const char *const origins[] = {"box.example/events", "box.example/use/snapshot",
                                          "other.example/snapshot"};
    PS_BUF_AUTO note = {.max = NOTE_OCTETS_MAX};
    struct table_seal seal;

    (void)state;
    for (size_t i = 0; i < PS_COUNT_OF(origins); i++) {
        put_note(origins[i], LINE, &note);
        assert_fails(PS_E_DENIED, open_it(&note, &seal));
    }
}

static void a_note_of_another_key_is_refused(void **state)
{
    PS_BUF_AUTO note = {.max = NOTE_OCTETS_MAX};
    struct table_seal seal;

    (void)state;
    put_note("box.example/snapshot", LINE, &note);
    assert_int_equal(crypto_sign_keypair(public, secret), 0);
    assert_ok(note_key_make(ps_bytes_str("box.example/events"), ps_bytes(public, sizeof public),
                            &events));
    assert_fails(PS_E_DENIED, open_it(&note, &seal));
}

static void a_second_line_names_the_leaf_of_the_key(void **state)
{
    PS_BUF_AUTO first = {.max = NOTE_OCTETS_MAX};
    PS_BUF_AUTO later = {.max = NOTE_OCTETS_MAX};
    struct table_seal seal;
    uint64_t named = 1;

    (void)state;
    put_note("box.example/snapshot", LINE, &first);
    assert_ok(open_it(&first, &seal));
    assert_ok(snapshot_peek_named(ps_buf_bytes(&first), &named));
    assert_int_equal(named, 0);
    put_note("box.example/snapshot", LINE "171\n", &later);
    assert_ok(open_it(&later, &seal));
    assert_ok(snapshot_peek_named(ps_buf_bytes(&later), &named));
    assert_int_equal(named, 171);
}

static void a_line_of_another_form_is_an_input_error(void **state)
{
    static const char *const lines[] = {
        "",
        "17\n",
        " 000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f\n",
        "17 000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e\n",
        "17 000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f20\n",
        "17 000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1eXX\n",
        "9999999999 000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f\n",
        LINE LINE,
        LINE "0\n",
        LINE "17 \n",
        LINE "-1\n",
        LINE "1000000000000000\n",
        LINE "17\n17\n",
    };
    PS_BUF_AUTO note = {.max = NOTE_OCTETS_MAX};
    struct table_seal seal;

    (void)state;
    for (size_t i = 0; i < PS_COUNT_OF(lines); i++) {
        put_note("box.example/snapshot", lines[i], &note);
        assert_fails(PS_E_INPUT, open_it(&note, &seal));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(a_note_names_its_table, make),
        cmocka_unit_test_setup(a_note_of_another_origin_is_refused, make),
        cmocka_unit_test_setup(a_note_of_another_key_is_refused, make),
        cmocka_unit_test_setup(a_second_line_names_the_leaf_of_the_key, make),
        cmocka_unit_test_setup(a_line_of_another_form_is_an_input_error, make),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
