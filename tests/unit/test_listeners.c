#include "appliance/supervisor/listeners.h"

#include "lib/base/secret.h"

#include <arpa/inet.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <cmocka.h>

static char directory[64];
static char clients[100];
static char management[100];
static char nothing[] = "";
static char loopback[] = "127.0.0.1";
static struct config config;

static int set_up(void **state)
{
    (void)state;
    (void)snprintf(directory, sizeof directory, "/tmp/privyseal-listen-XXXXXX");
    if (mkdtemp(directory) == NULL) {
        return -1;
    }
    (void)snprintf(clients, sizeof clients, "%s/clients.sock", directory);
    (void)snprintf(management, sizeof management, "%s/management.sock", directory);
    config = (struct config){.clients = {.socket = clients, .socket_mode = 0660},
                             .management = {.socket = management, .socket_mode = 0600}};
    config.clients.socket_group = nothing;
    config.management.socket_group = config.clients.socket_group;
    config.appliance.console = nothing;
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    (void)unlink(clients);
    (void)unlink(management);
    return rmdir(directory);
}

static int connect_to(const char *path)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    const int fd = socket(AF_UNIX, SOCK_STREAM, 0);

    (void)snprintf(address.sun_path, sizeof address.sun_path, "%s", path);
    if (connect(fd, (const struct sockaddr *)&address, sizeof address) != 0) {
        (void)close(fd);
        return -1;
    }
    return fd;
}

static void assert_served(const char *path)
{
    const int fd = connect_to(path);

    assert_true(fd >= 0);
    (void)close(fd);
}

static void sockets_have_their_modes_and_go_at_the_end(void **state)
{
    struct listeners listeners;
    struct stat found;

    (void)state;
    assert_int_equal(listeners_open(&config, &listeners), PS_OK);
    assert_int_equal(stat(clients, &found), 0);
    assert_int_equal(found.st_mode & 07777, 0660);
    assert_int_equal(stat(management, &found), 0);
    assert_int_equal(found.st_mode & 07777, 0600);
    assert_served(clients);
    assert_served(management);
    listeners_close(&listeners);
    assert_int_not_equal(access(clients, F_OK), 0);
    assert_int_not_equal(access(management, F_OK), 0);
}

static void a_socket_that_nobody_serves_is_replaced(void **state)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    const int fd = socket(AF_UNIX, SOCK_STREAM, 0);
    struct listeners listeners;

    (void)state;
    (void)snprintf(address.sun_path, sizeof address.sun_path, "%s", clients);
    assert_int_equal(bind(fd, (const struct sockaddr *)&address, sizeof address), 0);
    (void)close(fd);
    assert_int_equal(listeners_open(&config, &listeners), PS_OK);
    assert_served(clients);
    listeners_close(&listeners);
}

static void a_socket_that_is_served_is_left_alone(void **state)
{
    struct listeners first;
    struct listeners second;

    (void)state;
    assert_int_equal(listeners_open(&config, &first), PS_OK);
    assert_int_equal(listeners_open(&config, &second), PS_E_CONFLICT);
    assert_served(clients);
    listeners_close(&first);
}

static void a_file_or_link_in_its_place_is_left_alone(void **state)
{
    struct listeners listeners;
    FILE *file = fopen(clients, "w");

    (void)state;
    assert_non_null(file);
    (void)fclose(file);
    assert_int_equal(listeners_open(&config, &listeners), PS_E_INPUT);
    assert_int_equal(access(clients, F_OK), 0);
    assert_int_equal(unlink(clients), 0);
    assert_int_equal(symlink("/etc/passwd", clients), 0);
    assert_int_equal(listeners_open(&config, &listeners), PS_E_INPUT);
}

static void a_failure_of_the_second_undoes_the_first(void **state)
{
    struct listeners listeners;

    (void)state;
    assert_int_equal(mkdir(management, 0700), 0);
    assert_int_equal(listeners_open(&config, &listeners), PS_E_INPUT);
    assert_int_not_equal(access(clients, F_OK), 0);
    assert_int_equal(rmdir(management), 0);
}

static void a_directory_open_to_everybody_is_refused(void **state)
{
    struct listeners listeners;

    (void)state;
    assert_int_equal(chmod(directory, 0777), 0);
    assert_int_equal(listeners_open(&config, &listeners), PS_E_DENIED);
    assert_int_equal(chmod(directory, 01777), 0);
    assert_int_equal(listeners_open(&config, &listeners), PS_OK);
    listeners_close(&listeners);
}

static void somebody_elses_directory_is_refused(void **state)
{
    struct listeners listeners;

    (void)state;
    if (geteuid() != 0) {
        skip();
    }
    assert_int_equal(chown(directory, 4321, 4321), 0);
    assert_int_equal(listeners_open(&config, &listeners), PS_E_DENIED);
}

static void a_socket_replaced_meanwhile_is_not_removed(void **state)
{
    struct listeners first;
    struct listeners second;

    (void)state;
    assert_int_equal(listeners_open(&config, &first), PS_OK);
    assert_int_equal(unlink(clients), 0);
    assert_int_equal(unlink(management), 0);
    assert_int_equal(listeners_open(&config, &second), PS_OK);
    listeners_close(&first);
    assert_served(clients);
    listeners_close(&second);
}

static void groups_are_found_by_name_and_number(void **state)
{
    gid_t gid = 77;

    (void)state;
    assert_int_equal(place_find_group("root", &gid), PS_OK);
    assert_int_equal(gid, 0);
    assert_int_equal(place_find_group("4321", &gid), PS_OK);
    assert_int_equal(gid, 4321);
    assert_int_equal(place_find_group("no-such-group", &gid), PS_E_NOT_FOUND);
    assert_int_equal(place_find_group("-1", &gid), PS_E_NOT_FOUND);
    assert_int_equal(place_find_group("4294967295", &gid), PS_E_NOT_FOUND);
    assert_int_equal(place_find_group("12x", &gid), PS_E_NOT_FOUND);
    assert_int_equal(gid, 4321);
}

/* A port that was free a moment ago, below those that the kernel gives to whoever connects. */
static uint16_t free_port(void)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    uint16_t port = (uint16_t)(20000 + getpid() % 10000);

    for (unsigned tries = 0; tries < 2000; tries++, port++) {
        const int fd = socket(AF_INET, SOCK_STREAM, 0);
        int bound;

        address.sin_port = htons(port);
        bound = bind(fd, (const struct sockaddr *)&address, sizeof address);
        (void)close(fd);
        if (bound == 0) {
            return port;
        }
    }
    fail_msg("no port is free");
    return 0;
}

static void tcp_listens_where_configured_and_says_when_it_cannot(void **state)
{
    struct listeners first;
    struct listeners second;
    char expected[64];

    (void)state;
    config.clients.socket = nothing;
    config.clients.tls_address = loopback;
    config.clients.tls_port = free_port();
    assert_int_equal(listeners_open(&config, &first), PS_OK);
    (void)snprintf(expected, sizeof expected, "127.0.0.1:%u", (unsigned)config.clients.tls_port);
    assert_string_equal(first.of[LISTENER_OF_CLIENTS][1].address, expected);
    assert_int_equal(first.of[LISTENER_OF_CLIENTS][0].fd, -1);
    config.management.socket = nothing;
    assert_int_equal(listeners_open(&config, &second), PS_E_CONFLICT);
    listeners_close(&first);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(sockets_have_their_modes_and_go_at_the_end),
        TEST(a_socket_that_nobody_serves_is_replaced),
        TEST(a_socket_that_is_served_is_left_alone),
        TEST(a_file_or_link_in_its_place_is_left_alone),
        TEST(a_failure_of_the_second_undoes_the_first),
        TEST(a_directory_open_to_everybody_is_refused),
        TEST(somebody_elses_directory_is_refused),
        TEST(a_socket_replaced_meanwhile_is_not_removed),
        TEST(groups_are_found_by_name_and_number),
        TEST(tcp_listens_where_configured_and_says_when_it_cannot),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
