#include "tests/unit/support.h"

#include "keystore/certificates/tls_certificates.h"

/* What is kept of certificates of TLS: two of each client, by their keys. */

static struct tls_certificates *certificates;

static int begin(void **state)
{
    (void)state;
    assert_ok(tls_certificates_new(&certificates));
    return 0;
}

static int end(void **state)
{
    (void)state;
    tls_certificates_free(certificates);
    return 0;
}

/* With a key of which every octet is `key`. */
static void come(const char *client, uint8_t key, uint64_t not_after_s, uint64_t now_s)
{
    uint8_t spki[PS_SHA256_LEN];
    const struct msg_caller caller = {
        .kind = CALLER_TLS, .spki = ps_bytes(spki, sizeof spki), .not_after_s = not_after_s};

    memset(spki, key, sizeof spki);
    tls_certificates_note(certificates, ps_bytes_str(client), &caller, now_s);
}

/* The sum tells two apart: tests give each certificate an end of its own. */
static uint64_t ends_of(const char *client)
{
    const struct tls_certificate *of = tls_certificates_of(certificates, ps_bytes_str(client));
    uint64_t sum = 0;

    for (size_t i = 0; of != NULL && i < TLS_CERTIFICATES_OF_CLIENT; i++) {
        assert_string_equal(of[i].name, client);
        assert_true(of[i].is_client);
        sum += of[i].not_after_s;
    }
    return sum;
}

static void a_client_that_showed_none_has_none(void **state)
{
    const struct msg_caller peer = {.kind = CALLER_UNIX, .uid = 7, .not_after_s = 100};

    (void)state;
    assert_null(tls_certificates_of(certificates, ps_bytes_str("a")));
    tls_certificates_note(certificates, ps_bytes_str("a"), &peer, 1);
    come("a", 1, 0, 1);
    come("a", 1, TLS_CERTIFICATE_END_MAX + 1, 1);
    assert_null(tls_certificates_of(certificates, ps_bytes_str("a")));
}

static void the_next_certificate_of_a_key_takes_the_place_of_the_last(void **state)
{
    (void)state;
    come("a", 1, 100, 1);
    come("a", 1, 200, 2);
    assert_int_equal(ends_of("a"), 200);
    come("a", 1, TLS_CERTIFICATE_END_MAX, 3);
    assert_int_equal(ends_of("a"), TLS_CERTIFICATE_END_MAX);
}

static void of_three_keys_the_one_not_shown_for_longest_is_forgotten(void **state)
{
    (void)state;
    come("a", 1, 100, 1);
    come("a", 2, 200, 2);
    assert_int_equal(ends_of("a"), 300);
    come("a", 1, 100, 3);
    come("a", 3, 1000, 4);
    assert_int_equal(ends_of("a"), 1100);
}

static void clients_are_apart(void **state)
{
    (void)state;
    come("a", 1, 100, 1);
    come("b", 1, 200, 1);
    assert_int_equal(ends_of("a"), 100);
    assert_int_equal(ends_of("b"), 200);
}

static struct tls_certificate *find(const char *name, bool is_client)
{
    struct tls_certificate *certificate;
    size_t cursor = 0;

    while ((certificate = tls_certificates_next(certificates, &cursor)) != NULL) {
        if (strcmp(certificate->name, name) == 0 && certificate->is_client == is_client &&
            certificate->not_after_s != 0) {
            return certificate;
        }
    }
    return NULL;
}

/* A client may have the name of a listener. */
static void both_listeners_and_each_client_are_walked_over(void **state)
{
    (void)state;
    assert_null(find("clients", false));
    tls_certificates_set_listeners(certificates, 50, 0);
    come("clients", 1, 100, 1);
    come("b", 1, 200, 1);
    assert_int_equal(find("clients", false)->not_after_s, 50);
    assert_null(find("management", false));
    assert_int_equal(find("clients", true)->not_after_s, 100);
    assert_int_equal(find("b", true)->not_after_s, 200);
}

static void what_was_told_holds_for_the_same_certificate_only(void **state)
{
    const uint64_t before = tls_certificates_epoch(certificates);
    uint64_t epoch;

    (void)state;
    tls_certificates_set_listeners(certificates, 50, 60);
    come("a", 1, 100, 1);
    find("a", true)->told_steps = 3;
    find("clients", false)->told_steps = 3;
    epoch = tls_certificates_epoch(certificates);
    assert_true(epoch != before);
    tls_certificates_set_listeners(certificates, 50, 60);
    come("a", 1, 100, 2);
    assert_int_equal(tls_certificates_epoch(certificates), epoch);
    assert_int_equal(find("a", true)->told_steps, 3);
    assert_int_equal(find("clients", false)->told_steps, 3);
    tls_certificates_set_listeners(certificates, 51, 60);
    come("a", 1, 101, 3);
    assert_true(tls_certificates_epoch(certificates) != epoch);
    assert_int_equal(find("a", true)->told_steps, 0);
    assert_int_equal(find("clients", false)->told_steps, 0);
}

#define held(test) cmocka_unit_test_setup_teardown(test, begin, end)

int main(void)
{
    const struct CMUnitTest tests[] = {
        held(a_client_that_showed_none_has_none),
        held(the_next_certificate_of_a_key_takes_the_place_of_the_last),
        held(of_three_keys_the_one_not_shown_for_longest_is_forgotten),
        held(clients_are_apart),
        held(both_listeners_and_each_client_are_walked_over),
        held(what_was_told_holds_for_the_same_certificate_only),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
