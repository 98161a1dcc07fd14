#include "tests/unit/tls_service.h"

/* Who the server takes a TLS client for. */

static void a_good_certificate_says_who_calls(void **state)
{
    (void)state;
    ask_as(&good, NULL);
    assert_int_equal(last_caller.kind, HTTP_CALLER_TLS);
    assert_memory_equal(last_caller.spki, good.spki, PS_SHA256_LEN);
    assert_true(last_caller.has_issuer);
    assert_memory_equal(last_caller.issuer, authority.spki, PS_SHA256_LEN);
    assert_bytes(ps_bytes(last_caller.san, last_caller.san_len), LITERAL("oidc.example"));
}

static void without_a_certificate_the_caller_is_nobody(void **state)
{
    (void)state;
    ask_as(NULL, NULL);
    assert_int_equal(last_caller.kind, HTTP_CALLER_NOBODY);
}

static void the_first_dns_or_uri_name_counts(void **state)
{
    struct identity client;

    (void)state;
    make_client("email:a@b.example,URI:urn:x:y,DNS:z.example", &client);
    ask_as(&client, NULL);
    assert_bytes(ps_bytes(last_caller.san, last_caller.san_len), LITERAL("urn:x:y"));
    free_identity(&client);
    make_client(NULL, &client);
    ask_as(&client, NULL);
    assert_int_equal(last_caller.kind, HTTP_CALLER_TLS);
    assert_int_equal(last_caller.san_len, 0);
    free_identity(&client);
    make_client("URI:urn:x y,DNS:z.example", &client);
    ask_as(&client, NULL);
    assert_int_equal(last_caller.kind, HTTP_CALLER_TLS);
    assert_int_equal(last_caller.san_len, 0); /* one that could be read as two is none */
    free_identity(&client);
}

static void is_nobody(const struct identity_wish *wish)
{
    struct identity client;

    make_identity(wish, &client);
    ask_as(&client, NULL);
    assert_int_equal(last_caller.kind, HTTP_CALLER_NOBODY);
    assert_int_equal(last_caller.san_len, 0);
    free_identity(&client);
}

static void certificates_that_do_not_verify_are_nobody(void **state)
{
    const struct identity_wish wishes[] = {
        {"rogue", &other_authority, false, "DNS:oidc.example", "clientAuth", -60, DAY},
        {"self", NULL, false, "DNS:oidc.example", "clientAuth", -60, DAY},
        {"expired", &authority, false, "DNS:oidc.example", "clientAuth", -DAY, -60},
        {"later", &authority, false, "DNS:oidc.example", "clientAuth", 3600, DAY},
        {"server", &authority, false, "DNS:oidc.example", "serverAuth", -60, DAY},
        {"below a client", &good, false, "DNS:oidc.example", "clientAuth", -60, DAY},
    };

    (void)state;
    for (size_t i = 0; i < PS_COUNT_OF(wishes); i++) {
        is_nobody(&wishes[i]);
    }
}

static void an_intermediate_is_the_issuer(void **state)
{
    const struct identity_wish middle = {.name = "middle",
                                         .issuer = &authority,
                                         .is_authority = true,
                                         .begins_s = -60,
                                         .ends_s = DAY};
    struct identity_wish leaf = {.name = "leaf", .begins_s = -60, .ends_s = DAY};
    struct identity intermediate;
    struct identity client;

    (void)state;
    make_identity(&middle, &intermediate);
    leaf.issuer = &intermediate;
    make_identity(&leaf, &client);
    ask_as(&client, &intermediate);
    assert_int_equal(last_caller.kind, HTTP_CALLER_TLS);
    assert_memory_equal(last_caller.issuer, intermediate.spki, PS_SHA256_LEN);
    ask_as(&client, NULL);
    assert_int_equal(last_caller.kind, HTTP_CALLER_NOBODY);
    free_identity(&intermediate);
    free_identity(&client);
}

/* Trusts both authorities, of which `first` stands first. */
static void trust_both(const struct identity *first, const struct identity *second)
{
    char both[sizeof first->certificate_pem * 2];
    struct http_tls *tls;

    (void)snprintf(both, sizeof both, "%s%s", first->certificate_pem, second->certificate_pem);
    tls = material(&appliance, both);
    http_server_set_tls(server, tls);
    http_tls_free(tls);
}

static void issuer_is(const struct identity *client, const struct identity *chain,
                      const struct identity *issuer)
{
    ask_as(client, chain);
    assert_int_equal(last_caller.kind, HTTP_CALLER_TLS);
    assert_true(last_caller.has_issuer);
    assert_memory_equal(last_caller.issuer, issuer->spki, PS_SHA256_LEN);
}

/* Two trusted authorities of one name: the key that made the signature is the issuer's. */
static void the_issuer_is_who_signed_not_who_has_the_name(void **state)
{
    const struct identity_wish wish = {
        .name = "client", .issuer = &other_authority, .begins_s = -60, .ends_s = DAY};
    struct identity client;

    (void)state;
    make_identity(&wish, &client);
    for (int i = 0; i < 2; i++) {
        trust_both(i == 0 ? &authority : &other_authority, i == 0 ? &other_authority : &authority);
        issuer_is(&client, NULL, &other_authority);
        issuer_is(&client, &authority, &other_authority);
        issuer_is(&good, NULL, &authority);
        issuer_is(&good, &other_authority, &authority);
    }
    free_identity(&client);
}

/* Whoever came before, whatever name it has, and whoever signed it. */
static void who_is_trusted_itself_is_its_own_issuer(void **state)
{
    struct identity_wish wish = {
        .name = "itself", .names = "DNS:oidc.example", .begins_s = -60, .ends_s = DAY};

    (void)state;
    for (int i = 0; i < 2; i++) {
        struct identity itself;

        wish.issuer = i == 0 ? NULL : &other_authority;
        make_identity(&wish, &itself);
        trust_both(&itself, &authority);
        issuer_is(&good, NULL, &authority);
        issuer_is(&itself, NULL, &itself);
        free_identity(&itself);
    }
}

/* Where only names lead to the issuer a wrong one may be tried, but is never taken for the right.
 */
static void an_issuer_that_did_not_sign_is_never_named(void **state)
{
    struct identity_wish wish = {.name = "twin",
                                 .is_authority = true,
                                 .begins_s = -60,
                                 .ends_s = DAY,
                                 .lacks_key_ids = true};
    static struct identity twins[2];
    struct identity client;

    (void)state;
    make_identity(&wish, &twins[0]);
    make_identity(&wish, &twins[1]);
    wish.name = "client";
    wish.is_authority = false;
    for (int i = 0; i < 2; i++) {
        wish.issuer = &twins[i];
        make_identity(&wish, &client);
        for (int j = 0; j < 4; j++) {
            trust_both(&twins[j % 2], &twins[1 - j % 2]);
            ask_as(&client, j < 2 ? NULL : &twins[1 - i]);
            if (last_caller.kind != HTTP_CALLER_NOBODY) {
                assert_memory_equal(last_caller.issuer, twins[i].spki, PS_SHA256_LEN);
            }
        }
        free_identity(&client);
    }
    free_identity(&twins[0]);
    free_identity(&twins[1]);
}

static void tls_1_2_is_refused(void **state)
{
    struct tls_client client;

    (void)state;
    tls_open(&client, &good, NULL);
    assert_int_equal(SSL_set_max_proto_version(client.ssl, TLS1_2_VERSION), 1);
    assert_true(tls_wait(&client, step_connect) <= 0);
    tls_close(&client);
}

static bool shows(const struct tls_client *client, const struct identity *identity)
{
    X509 *shown = SSL_get1_peer_certificate(client->ssl);
    const bool same = X509_cmp(shown, identity->certificate) == 0;

    X509_free(shown);
    return same;
}

static void new_material_drops_no_connection(void **state)
{
    const struct identity_wish wish = {
        .name = "appliance 2", .issuer = &authority, .begins_s = -60, .ends_s = DAY};
    struct identity renewed;
    struct tls_client before;
    struct tls_client after;
    struct http_tls *tls;

    (void)state;
    make_identity(&wish, &renewed);
    tls_open(&before, &good, NULL);
    assert_int_equal(tls_wait(&before, step_connect), 1);
    assert_true(ask(&before));
    tls = material(&renewed, authority.certificate_pem);
    http_server_set_tls(server, tls);
    http_tls_free(tls);
    tls_open(&after, &good, NULL);
    assert_int_equal(tls_wait(&after, step_connect), 1);
    assert_true(shows(&before, &appliance));
    assert_true(shows(&after, &renewed));
    assert_true(ask(&before));
    assert_int_equal(last_caller.kind, HTTP_CALLER_TLS);
    assert_true(ask(&after));
    tls_close(&before);
    tls_close(&after);
    free_identity(&renewed);
}

static void a_caller_is_verified_anew_against_new_authorities(void **state)
{
    struct tls_client client;
    struct http_tls *tls;

    (void)state;
    tls_open(&client, &good, NULL);
    assert_int_equal(tls_wait(&client, step_connect), 1);
    assert_true(ask(&client));
    assert_int_equal(last_caller.kind, HTTP_CALLER_TLS);
    tls = material(&appliance, other_authority.certificate_pem);
    http_server_set_tls(server, tls);
    http_tls_free(tls);
    assert_true(ask(&client));
    assert_int_equal(last_caller.kind, HTTP_CALLER_NOBODY);
    tls_close(&client);
}

/* False: on a slow machine it had ended before anybody asked. */
static bool is_known_until_it_ends(long ends_s)
{
    const struct identity_wish wish = {
        .name = "short", .issuer = &authority, .begins_s = -60, .ends_s = ends_s};
    const uint64_t deadline = ps_clock_mono_ns() + 2 * CLIENT_WAIT_NS;
    struct identity ending;
    struct tls_client client;
    bool was_known;

    make_identity(&wish, &ending);
    tls_open(&client, &ending, NULL);
    assert_int_equal(tls_wait(&client, step_connect), 1);
    assert_true(ask(&client));
    was_known = last_caller.kind == HTTP_CALLER_TLS;
    while (last_caller.kind == HTTP_CALLER_TLS) {
        assert_true(ps_clock_mono_ns() < deadline);
        assert_ok(ps_loop_turn(loop, 10));
        assert_true(ask(&client));
    }
    assert_int_equal(last_caller.kind, HTTP_CALLER_NOBODY);
    tls_close(&client);
    free_identity(&ending);
    return was_known;
}

/* One that goes on asking is not taken for who it was when its certificate has ended. */
static void a_certificate_that_ends_ends_its_connections_too(void **state)
{
    long ends_s = 3;

    (void)state;
    while (!is_known_until_it_ends(ends_s)) {
        ends_s *= 2;
        assert_true(ends_s < 60);
    }
}

/* Counted by key, wherever they come from; another key has as many. */
static void a_key_has_so_many_connections_and_no_more(void **state)
{
    static struct tls_client clients[PER_CALLER + 1];
    struct identity other;

    (void)state;
    for (size_t i = 0; i < PS_COUNT_OF(clients); i++) {
        tls_open(&clients[i], &good, NULL);
        assert_int_equal(tls_wait(&clients[i], step_connect), 1);
        assert_int_equal(ask(&clients[i]), i < PER_CALLER);
    }
    make_client("DNS:other.example", &other);
    ask_as(&other, NULL);
    assert_int_equal(last_caller.kind, HTTP_CALLER_TLS);
    for (size_t i = 0; i < PS_COUNT_OF(clients); i++) {
        tls_close(&clients[i]);
    }
    free_identity(&other);
}

/* Connections from 127.0.0.`host` on which nothing is ever sent. */
static void crowd(unsigned host, size_t count)
{
    const struct sockaddr_in ends[] = {loopback(host, 0), loopback(1, port)};

    for (size_t i = 0; i < count; i++) {
        const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

        strangers[stranger_count++] = fd;
        assert_int_equal(bind(fd, (const struct sockaddr *)&ends[0], sizeof ends[0]), 0);
        assert_int_equal(connect(fd, (const struct sockaddr *)&ends[1], sizeof ends[1]), 0);
        assert_ok(ps_loop_turn(loop, 1));
    }
}

static void strangers_do_not_use_up_what_their_address_has_for_others(void **state)
{
    (void)state;
    crowd(1, PER_CALLER + 5);
    ask_as(&good, NULL);
}

static void strangers_of_many_addresses_make_room_before_one_we_know(void **state)
{
    struct tls_client known;
    uint64_t later;

    (void)state;
    tls_open(&known, &good, NULL);
    assert_true(tls_wait(&known, step_connect) == 1 && ask(&known));
    for (unsigned host = 2; stranger_count < CONNECTIONS - PER_CALLER; host++) {
        crowd(host, PER_CALLER - 1);
    }
    for (later = ps_clock_mono_ns() + PS_NS_PER_S; ps_clock_mono_ns() < later;) {
        assert_ok(ps_loop_turn(loop, 10));
    }
    crowd(100, PER_CALLER);
    assert_true(ask(&known));
    tls_close(&known);
}

static void bad_material_is_an_input_error(void **state)
{
    const struct ps_bytes certificate = ps_bytes_str(appliance.certificate_pem);
    const struct ps_bytes key = ps_bytes_str(appliance.key_pem);
    const struct ps_bytes ca = ps_bytes_str(authority.certificate_pem);
    struct http_tls *tls = NULL;

    (void)state;
    assert_fails(PS_E_INPUT, http_tls_new(LITERAL("nonsense"), key, ca, &tls));
    assert_fails(PS_E_INPUT, http_tls_new(certificate, LITERAL("nonsense"), ca, &tls));
    assert_fails(PS_E_INPUT, http_tls_new(certificate, key, LITERAL("nonsense"), &tls));
    assert_fails(PS_E_INPUT, http_tls_new(certificate, key, ps_bytes(NULL, 0), &tls));
    assert_fails(PS_E_INPUT, http_tls_new(certificate, ps_bytes_str(good.key_pem), ca, &tls));
    assert_null(tls);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, end)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_good_certificate_says_who_calls),
        TEST(without_a_certificate_the_caller_is_nobody),
        TEST(the_first_dns_or_uri_name_counts),
        TEST(certificates_that_do_not_verify_are_nobody),
        TEST(an_intermediate_is_the_issuer),
        TEST(the_issuer_is_who_signed_not_who_has_the_name),
        TEST(who_is_trusted_itself_is_its_own_issuer),
        TEST(an_issuer_that_did_not_sign_is_never_named),
        TEST(tls_1_2_is_refused),
        TEST(new_material_drops_no_connection),
        TEST(a_caller_is_verified_anew_against_new_authorities),
        TEST(a_certificate_that_ends_ends_its_connections_too),
        TEST(a_key_has_so_many_connections_and_no_more),
        TEST(strangers_do_not_use_up_what_their_address_has_for_others),
        TEST(strangers_of_many_addresses_make_room_before_one_we_know),
        TEST(bad_material_is_an_input_error),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
