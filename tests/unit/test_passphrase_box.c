#include "tests/unit/support.h"

#include "lib/ceremony/custody/passphrase_box.h"
#include "lib/ceremony/custody/pin_check.h"

#include <openssl/evp.h>

#define PASSPHRASE "four words for this"

/* --- scrypt, once for the same: what is changed behind a box's salt has the key of before --- */

enum { SECRET_MAX = 32, OUT_MAX = 64 };

struct derivation {
    unsigned char secret[SECRET_MAX];
    unsigned char salt[SECRET_MAX];
    uint64_t numbers[7];
};

/* This program's comes before libcrypto's. */
int EVP_PBE_scrypt(const char *secret, size_t secret_len, const unsigned char *salt,
                   size_t salt_len, uint64_t n, uint64_t r, uint64_t p, uint64_t memory_max,
                   unsigned char *out, size_t out_len)
{
    static struct derivation last;
    static unsigned char last_out[OUT_MAX];
    struct derivation wanted = {.numbers = {secret_len, salt_len, n, r, p, memory_max, out_len}};

    assert_in_range(secret_len, 0, SECRET_MAX);
    assert_in_range(salt_len, 0, SECRET_MAX);
    assert_in_range(out_len, 1, OUT_MAX);
    memcpy(wanted.secret, secret, secret_len);
    memcpy(wanted.salt, salt, salt_len);
    if (memcmp(&last, &wanted, sizeof wanted) != 0) {
        if (EVP_PBE_scrypt_ex(secret, secret_len, salt, salt_len, n, r, p, memory_max, last_out,
                              out_len, NULL, NULL) != 1) {
            last.numbers[0] = UINT64_MAX; /* which nothing has */
            return 0;
        }
        last = wanted;
    }
    memcpy(out, last_out, out_len);
    return 1;
}

/* --- Boxes --- */

static const struct box example = {
    .kind = BOX_SHARE, .log_n = BOX_LOG_N_MIN, .officer = {(const uint8_t *)"officer-1", 9}};

static void seal(struct ps_buf *out)
{
    ps_buf_init(out, BOX_OCTETS_MAX);
    assert_ok(box_seal(&example, ps_bytes_str(PASSPHRASE), ps_bytes_str("content"), out));
}

static enum ps_err open_box(struct ps_bytes octets, const char *passphrase)
{
    PS_BUF_AUTO out = {.max = BOX_CONTENT_MAX};
    const enum ps_err err = box_open(octets, ps_bytes_str(passphrase), &out);

    if (err == PS_OK) {
        assert_text(ps_buf_bytes(&out), "content");
    } else {
        assert_int_equal(out.len, 0);
    }
    return err;
}

static void the_passphrase_opens_it_and_no_other(void **state)
{
    PS_BUF_AUTO octets;
    struct box read;

    (void)state;
    seal(&octets);
    assert_ok(box_read(ps_buf_bytes(&octets), &read));
    assert_int_equal(read.kind, BOX_SHARE);
    assert_text(read.officer, "officer-1");
    assert_ok(open_box(ps_buf_bytes(&octets), PASSPHRASE));
    assert_fails(PS_E_DENIED, open_box(ps_buf_bytes(&octets), "four words for that"));
}

static void two_boxes_of_the_same_are_different(void **state)
{
    PS_BUF_AUTO a;
    PS_BUF_AUTO b;

    (void)state;
    seal(&a);
    seal(&b);
    assert_false(ps_bytes_equal(ps_buf_bytes(&a), ps_buf_bytes(&b)));
}

/* What stands before the ciphertext is sealed with it: a share is not taken for a key. */
static void any_flipped_bit_is_found(void **state)
{
    PS_BUF_AUTO octets;

    (void)state;
    seal(&octets);
    for (size_t i = 0; i < octets.len; i++) {
        /* A cost that is twice as high is refused by its bounds or by the tag. */
        octets.data[i] ^= 3;
        assert_true(open_box(ps_buf_bytes(&octets), PASSPHRASE) != PS_OK);
        octets.data[i] ^= 3;
    }
    assert_ok(open_box(ps_buf_bytes(&octets), PASSPHRASE));
}

static void every_truncation_is_refused(void **state)
{
    PS_BUF_AUTO octets;
    struct box read;

    (void)state;
    seal(&octets);
    for (size_t len = 0; len <= octets.len - 7; len++) {
        assert_fails(PS_E_INPUT, box_read(ps_bytes(octets.data, len), &read));
    }
    assert_fails(PS_E_DENIED, open_box(ps_bytes(octets.data, octets.len - 1), PASSPHRASE));
}

static void limits(void **state)
{
    static const uint8_t content[BOX_CONTENT_MAX + 1];
    const struct ps_bytes passphrase = ps_bytes_str(PASSPHRASE);
    struct box box = example;
    PS_BUF_AUTO out = {.max = BOX_OCTETS_MAX};

    (void)state;
    assert_fails(PS_E_INPUT, box_seal(&box, ps_bytes_str("elevenchars"), ps_bytes_str("x"), &out));
    assert_fails(PS_E_INPUT, box_seal(&box, passphrase, ps_bytes(NULL, 0), &out));
    assert_fails(PS_E_INPUT, box_seal(&box, passphrase, ps_bytes(content, sizeof content), &out));
    assert_ok(box_seal(&box, passphrase, ps_bytes(content, BOX_CONTENT_MAX), &out));
    box.log_n = BOX_LOG_N_MAX + 1;
    assert_fails(PS_E_INPUT, box_seal(&box, passphrase, ps_bytes_str("x"), &out));
    box.log_n = BOX_LOG_N_MIN - 1;
    assert_fails(PS_E_INPUT, box_seal(&box, passphrase, ps_bytes_str("x"), &out));
}

static void a_check_value_knows_its_pin(void **state)
{
    struct pin_check check;
    struct pin_check again;

    (void)state;
    assert_ok(pin_check_make(ps_bytes_str("1234"), &check));
    assert_ok(pin_check_make(ps_bytes_str("1234"), &again));
    assert_memory_not_equal(&check, &again, sizeof check);
    assert_ok(pin_check_compare(&check, ps_bytes_str("1234")));
    assert_fails(PS_E_DENIED, pin_check_compare(&check, ps_bytes_str("1235")));
    assert_fails(PS_E_DENIED, pin_check_compare(&check, ps_bytes_str("12345")));
    assert_fails(PS_E_DENIED, pin_check_compare(&check, ps_bytes_str("")));
}

/* By Python's hashlib.scrypt() with what pin_check.h says of it. */
static void a_check_value_costs_what_it_says(void **state)
{
    static const struct pin_check check = {
        .salt = {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15},
        .value = {0xec, 0xab, 0xed, 0x4d, 0xdb, 0x75, 0x11, 0x1f, 0xfb, 0x04, 0xb5,
                  0x1a, 0x0a, 0x76, 0xb2, 0x19, 0x0c, 0xb6, 0xf0, 0x3b, 0x60, 0x76,
                  0x56, 0xb0, 0x85, 0x36, 0x6b, 0xf4, 0x7f, 0x78, 0xc1, 0x96}};

    (void)state;
    assert_ok(pin_check_compare(&check, ps_bytes_str("1234")));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_passphrase_opens_it_and_no_other),
        cmocka_unit_test(two_boxes_of_the_same_are_different),
        cmocka_unit_test(any_flipped_bit_is_found),
        cmocka_unit_test(every_truncation_is_refused),
        cmocka_unit_test(limits),
        cmocka_unit_test(a_check_value_knows_its_pin),
        cmocka_unit_test(a_check_value_costs_what_it_says),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
