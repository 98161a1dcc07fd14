#include "tests/appliance/supervised.h"

#include "lib/base/hash.h"
#include "lib/system/file.h"
#include "tests/unit/tls_material.h"

#include <netinet/in.h>
#include <sys/socket.h>
#include <time.h>

/* What a reload takes over while everything runs, and what it leaves as it was. */

static void a_reload_takes_the_log_level_to_all_roles(void **state)
{
    (void)state;
    harness_start_ready(&harness);
    harness_write_config(&harness, "log_level = debug\nqueue_max = 7\n", "");
    assert_int_equal(kill(harness.pid, SIGHUP), 0);
    harness_wait_notify(&harness, "RELOADING=1");
    harness_wait_notify(&harness, "READY=1");
    (void)harness_wait_line(&harness, event("reload_needs_new_start"), "[appliance] queue_max",
                            NULL);
    (void)harness_wait_line(&harness, event("reload_changed"), "[appliance] log_level", NULL);
    for (size_t i = 0; i < PS_COUNT_OF(roles); i++) {
        (void)harness_wait_line(&harness, event("probe_log_level"), process(roles[i]), "\"to\":0",
                                NULL);
    }
}

static void put_file(const char *name, const char *text, unsigned mode)
{
    char path[200];

    (void)snprintf(path, sizeof path, "%s/%s", harness.directory, name);
    assert_int_equal(file_write(path, ps_bytes_str(text), mode), PS_OK);
}

/* Two pairs for a listener, which may show either. */
static void make_certificates(void)
{
    static const char *const names[] = {"one", "two"};
    struct identity authority;
    struct identity identity;
    char name[32];

    make_identity(&(struct identity_wish){.name = "root", .is_authority = true, .ends_s = 3600},
                  &authority);
    put_file("ca.pem", authority.certificate_pem, 0644);
    for (size_t i = 0; i < PS_COUNT_OF(names); i++) {
        make_identity(
            &(struct identity_wish){.name = names[i], .issuer = &authority, .ends_s = 3600},
            &identity);
        (void)snprintf(name, sizeof name, "%s.key", names[i]);
        put_file(name, identity.key_pem, 0600);
        (void)snprintf(name, sizeof name, "%s.pem", names[i]);
        put_file(name, identity.certificate_pem, 0644);
        free_identity(&identity);
    }
    free_identity(&authority);
}

/* Of those that neither the kernel nor another test gives to anybody. */
#define PORT_FIRST 32000u
#define PORT_COUNT 700u

/* One that was free a moment ago. */
static unsigned free_port(void)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    unsigned port = 0;

    for (unsigned i = 0; i < 100 && port == 0; i++) {
        const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
        uint16_t number;

        ps_random(&number, sizeof number);
        number = (uint16_t)(PORT_FIRST + number % PORT_COUNT);
        address.sin_port = htons(number);
        port = bind(fd, (const struct sockaddr *)&address, sizeof address) == 0 ? number : 0;
        (void)close(fd);
    }
    assert_int_not_equal(port, 0);
    return port;
}

/* `port`: 0 for none */
static void write_tls_config(const char *certificate, unsigned port)
{
    char text[2048];
    char port_line[32] = "";

    if (port != 0) {
        (void)snprintf(port_line, sizeof port_line, "tls_port = %u\n", port);
    }
    (void)snprintf(text, sizeof text,
                   "[clients]\n%scertificate = %s/%s.pem\nkey = %s/%s.key\n"
                   "client_ca = %s/ca.pem\n",
                   port_line, harness.directory, certificate, harness.directory, certificate,
                   harness.directory);
    harness_write_config_with(&harness, text);
}

/* As make_certificates has it; the other listener has no TLS. */
static void assert_ends_within_an_hour(const char *line)
{
    const unsigned long now_s = (unsigned long)time(NULL);

    assert_in_range(harness_number(line, "clients"), now_s, now_s + 3600);
    assert_int_equal(harness_number(line, "management"), 0);
}

static void a_reload_takes_new_certificates_to_their_api(void **state)
{
    (void)state;
    make_certificates();
    write_tls_config("one", free_port());
    harness_start_ready(&harness);
    (void)harness_wait_line(&harness, event("probe_tls"), process("api clients"), NULL);
    (void)harness_wait_line(&harness, event("probe_ends"), process("keeper"), NULL);
    /* The port needs a new start, so the listener goes on and needs its files. */
    write_tls_config("two", 0);
    assert_int_equal(kill(harness.pid, SIGHUP), 0);
    (void)harness_wait_line(&harness, event("reload_needs_new_start"), "[clients] tls_port", NULL);
    (void)harness_wait_line(&harness, event("probe_tls"), process("api clients"), NULL);
    assert_ends_within_an_hour(
        harness_wait_line(&harness, event("probe_ends"), process("keeper"), NULL));
    assert_false(
        harness_has_line(&harness, "\"process\":\"api management\",\"event\":\"probe_tls"));
    assert_int_equal(unlink(harness.config), 0);
    assert_int_equal(kill(harness.pid, SIGHUP), 0);
    (void)harness_wait_line(&harness, event("reload_refused"), NULL);
}

static bool is_listening(unsigned port)
{
    struct sockaddr_in address = {.sin_family = AF_INET,
                                  .sin_port = htons((uint16_t)port),
                                  .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    const bool is = connect(fd, (const struct sockaddr *)&address, sizeof address) == 0;

    (void)close(fd);
    return is;
}

/* Certificates may come from the appliance itself, which has to run before it can issue them. */
static void a_reload_opens_a_port_that_is_new(void **state)
{
    const unsigned port = free_port();

    (void)state;
    make_certificates();
    harness_start_ready(&harness);
    write_tls_config("one", port);
    assert_int_equal(kill(harness.pid, SIGHUP), 0);
    (void)harness_wait_line(&harness, event("listener_opened"), NULL);
    (void)harness_wait_line(&harness, event("reloaded"), NULL);
    (void)harness_wait_line(&harness, event("probe_tls"), process("api clients"), NULL);
    (void)harness_wait_line(&harness, event("probe_listener"), process("api clients"), "\"kind\":1",
                            NULL);
    assert_true(is_listening(port));
    assert_false(harness_has_line(&harness, "reload_needs_new_start"));
    /* An api process that is started anew gets it as if it had been there from the start. */
    assert_int_equal(kill(harness_pid_of(&harness, "api clients"), SIGKILL), 0);
    (void)harness_wait_line(&harness, event("probe_listener"), process("api clients"), "\"kind\":1",
                            NULL);
    /* And the port stays: another one needs a new start. */
    write_tls_config("one", free_port());
    assert_int_equal(kill(harness.pid, SIGHUP), 0);
    (void)harness_wait_line(&harness, event("reload_needs_new_start"), "[clients] tls_port", NULL);
    assert_true(is_listening(port));
}

static void a_port_that_cannot_be_opened_changes_nothing(void **state)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof address;
    const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    (void)state;
    assert_int_equal(bind(fd, (const struct sockaddr *)&address, sizeof address), 0);
    assert_int_equal(listen(fd, 1), 0);
    assert_int_equal(getsockname(fd, (struct sockaddr *)&address, &len), 0);
    make_certificates();
    harness_start_ready(&harness);
    write_tls_config("one", ntohs(address.sin_port));
    assert_int_equal(kill(harness.pid, SIGHUP), 0);
    (void)harness_wait_line(&harness, event("reload_refused"), "cannot listen on", NULL);
    assert_false(harness_has_line(&harness, "probe_tls"));
    (void)close(fd);
}

static void a_bad_file_changes_nothing_and_says_so(void **state)
{
    (void)state;
    harness_start_ready(&harness);
    harness_write_config(&harness, "log_level = loud\n", "");
    assert_int_equal(kill(harness.pid, SIGHUP), 0);
    (void)harness_wait_line(&harness, event("reload_mistake"), "probe.conf:4: log_level", NULL);
    (void)harness_wait_line(&harness, event("reload_refused"), NULL);
    harness_wait_notify(&harness, "READY=1");
    assert_false(harness_has_line(&harness, "probe_log_level"));
}

static int test_all(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_reload_takes_the_log_level_to_all_roles),
        TEST(a_reload_takes_new_certificates_to_their_api),
        TEST(a_reload_opens_a_port_that_is_new),
        TEST(a_port_that_cannot_be_opened_changes_nothing),
        TEST(a_bad_file_changes_nothing_and_says_so),
    };

    return cmocka_run_group_tests_name("reload", tests, NULL, NULL);
}

int main(int argc, char **argv)
{
    return argc > 1 ? privyseald_main(argc, argv, &probe_programs) : test_all();
}
