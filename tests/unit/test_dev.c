#include "appliance/dev_internal.h"

#include "appliance/file.h"

#include <ftw.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#define DAY_S 86400

static char directory[64];
static char profile[100];
static struct dev dev;

static int set_up(void **state)
{
    (void)state;
    (void)snprintf(directory, sizeof directory, "/tmp/privyseal-dev-XXXXXX");
    if (mkdtemp(directory) == NULL || chmod(directory, 0755) != 0) {
        return -1;
    }
    (void)snprintf(profile, sizeof profile, "%s/profile.json", directory);
    assert_int_equal(file_write(profile, ps_bytes_str("{\"id\":\"x\"}"), 0644), PS_OK);
    dev = (struct dev){
        .options = {.directory = directory, .module = "/bin/true", .profile = profile}};
    assert_int_equal(dev_prepare_directory(&dev), PS_OK);
    return 0;
}

static int remove_entry(const char *path, const struct stat *found, int type, struct FTW *place)
{
    (void)found;
    (void)type;
    (void)place;
    return remove(path);
}

static int tear_down(void **state)
{
    (void)state;
    config_free(dev.config);
    return nftw(directory, remove_entry, 16, FTW_DEPTH | FTW_PHYS);
}

static void read_in(const char *name, struct ps_buf *ret_content)
{
    char path[DEV_PATH_MAX];

    dev_path(&dev, name, path);
    assert_int_equal(file_read(path, 65536, ret_content), PS_OK);
}

/* Splits a line at its blanks; what was read points into it until the next call. */
static bool read_words(const char *line, struct dev_options *ret_options)
{
    static char words[200];
    char *argv[12];
    char *rest = words;
    int argc = 0;

    (void)snprintf(words, sizeof words, "%s", line);
    while (argc < 11 && (argv[argc] = strtok_r(rest, " ", &rest)) != NULL) {
        argc++;
    }
    argv[argc] = NULL;
    return dev_read_options(argc, argv, ret_options);
}

static void options_are_read(void **state)
{
    struct dev_options options;

    (void)state;
    assert_true(read_words("dev --no-tls --processes 2 DIR --set log.clock_step_s=5", &options));
    assert_string_equal(options.directory, "DIR");
    assert_true(options.no_tls);
    assert_string_equal(options.processes, "2");
    assert_int_equal(options.set_count, 1);
}

static void what_is_no_option_is_refused(void **state)
{
    static const char *const bad[] = {
        "dev",
        "dev a b",
        "dev a --nonsense",
        "dev a --set=nodot",
        "dev a --set=.k=v",
        "dev a --set=s.=v",
        "dev a --module",
    };
    struct dev_options options;

    (void)state;
    for (size_t i = 0; i < PS_COUNT_OF(bad); i++) {
        assert_false(read_words(bad[i], &options));
    }
}

static void pins_are_random_private_and_kept(void **state)
{
    char path[DEV_PATH_MAX];
    struct stat found;
    PS_BUF_AUTO first;
    PS_BUF_AUTO second;
    PS_BUF_AUTO again;

    (void)state;
    read_in("pins/user", &first);
    read_in("pins/so", &second);
    assert_int_equal(first.len, 32);
    assert_false(ps_bytes_equal(ps_buf_bytes(&first), ps_buf_bytes(&second)));
    dev_path(&dev, "pins/user", path);
    assert_int_equal(stat(path, &found), 0);
    assert_int_equal(found.st_mode & 07777, 0600);
    assert_int_equal(dev_prepare_directory(&dev), PS_OK);
    read_in("pins/user", &again);
    assert_true(ps_bytes_equal(ps_buf_bytes(&first), ps_buf_bytes(&again)));
}

static X509 *load_certificate(const char *name)
{
    char path[DEV_PATH_MAX];
    FILE *file;
    X509 *certificate;

    dev_path(&dev, name, path);
    file = fopen(path, "r");
    assert_non_null(file);
    certificate = PEM_read_X509(file, NULL, NULL, NULL);
    (void)fclose(file);
    assert_non_null(certificate);
    return certificate;
}

static EVP_PKEY *load_key(const char *name)
{
    char path[DEV_PATH_MAX];
    FILE *file;
    EVP_PKEY *key;

    dev_path(&dev, name, path);
    file = fopen(path, "r");
    assert_non_null(file);
    key = PEM_read_PrivateKey(file, NULL, NULL, NULL);
    (void)fclose(file);
    assert_non_null(key);
    return key;
}

/* Signs the certificate anew with another end of its validity. */
static void end_in(const char *name, long seconds)
{
    X509 *certificate = load_certificate(name);
    EVP_PKEY *authority = load_key("ca/key.pem");
    char path[DEV_PATH_MAX];
    FILE *file;

    assert_non_null(X509_gmtime_adj(X509_getm_notAfter(certificate), seconds));
    assert_true(X509_sign(certificate, authority, EVP_sha256()) > 0);
    dev_path(&dev, name, path);
    file = fopen(path, "w");
    assert_non_null(file);
    assert_int_equal(PEM_write_X509(file, certificate), 1);
    (void)fclose(file);
    X509_free(certificate);
    EVP_PKEY_free(authority);
}

static void certificates_are_kept_until_a_week_before_their_end(void **state)
{
    char pin[DEV_PIN_LEN + 1];
    X509 *first;
    X509 *second;

    (void)state;
    assert_int_equal(dev_prepare_certificates(&dev), PS_OK);
    (void)snprintf(pin, sizeof pin, "%s", dev.pins[DEV_OPERATOR]);
    assert_int_equal(strlen(pin), DEV_PIN_LEN);
    end_in("clients/operator/cert.pem", 7 * DAY_S + 100);
    first = load_certificate("clients/operator/cert.pem");
    assert_int_equal(dev_prepare_certificates(&dev), PS_OK);
    second = load_certificate("clients/operator/cert.pem");
    assert_int_equal(X509_cmp(first, second), 0);
    X509_free(second);
    end_in("clients/operator/cert.pem", 7 * DAY_S - 100);
    assert_int_equal(dev_prepare_certificates(&dev), PS_OK);
    second = load_certificate("clients/operator/cert.pem");
    assert_int_not_equal(X509_cmp(first, second), 0);
    /* The client is registered by its key, which stays. */
    assert_string_equal(dev.pins[DEV_OPERATOR], pin);
    X509_free(first);
    X509_free(second);
}

static void certificates_of_another_authority_are_replaced(void **state)
{
    char path[DEV_PATH_MAX];
    X509 *certificate;
    EVP_PKEY *authority;

    (void)state;
    assert_int_equal(dev_prepare_certificates(&dev), PS_OK);
    dev_path(&dev, "ca/key.pem", path);
    assert_int_equal(unlink(path), 0);
    assert_int_equal(dev_prepare_certificates(&dev), PS_OK);
    certificate = load_certificate("tls/cert.pem");
    authority = load_key("ca/key.pem");
    assert_int_equal(X509_verify(certificate, authority), 1);
    X509_free(certificate);
    EVP_PKEY_free(authority);
}

static void write_config(void)
{
    config_free(dev.config);
    dev.config = NULL;
    assert_int_equal(dev_prepare_certificates(&dev), PS_OK);
    assert_int_equal(dev_write_config(&dev), PS_OK);
}

static void the_configuration_can_be_used_and_keeps_its_ports(void **state)
{
    uint64_t port;

    (void)state;
    write_config();
    assert_true(dev.config->appliance.practice);
    assert_string_equal(dev.config->tokens[0].module, "/usr/bin/true");
    port = dev.config->clients.tls_port;
    assert_true(port != 0 && port != dev.config->management.tls_port);
    write_config();
    assert_int_equal(dev.config->clients.tls_port, port);
}

static void an_earlier_starts_module_and_counts_are_taken_up(void **state)
{
    (void)state;
    dev.options.processes = "3";
    dev.options.sessions = "5";
    write_config();
    dev.options = (struct dev_options){.directory = directory};
    write_config();
    assert_string_equal(dev.config->tokens[0].module, "/usr/bin/true");
    assert_string_equal(dev.config->tokens[0].profile, profile);
    assert_int_equal(dev.config->tokens[0].processes, 3);
    assert_int_equal(dev.config->tokens[0].sessions, 5);
}

static void lines_can_be_replaced_and_added(void **state)
{
    (void)state;
    dev.options.no_tls = true;
    dev.options.sets[0] = "log.disk_reserve_mb=9";
    dev.options.sets[1] = "token.call_timeout_ms=900";
    dev.options.set_count = 2;
    write_config();
    assert_int_equal(dev.config->log.disk_reserve_mb, 9);
    assert_int_equal(dev.config->tokens[0].call_timeout_ms, 900);
    assert_int_equal(dev.config->clients.tls_port, 0);
}

static void a_line_that_the_configuration_refuses_is_an_error(void **state)
{
    (void)state;
    dev.options.sets[0] = "log.nonsense=9";
    dev.options.set_count = 1;
    assert_int_equal(dev_prepare_certificates(&dev), PS_OK);
    assert_int_equal(dev_write_config(&dev), PS_E_INPUT);
}

static void the_environment_survives_a_shell(void **state)
{
    PS_BUF_AUTO text;

    (void)state;
    write_config();
    free(dev.config->clients.socket);
    dev.config->clients.socket = strdup("/a'b $c");
    assert_int_equal(dev_write_env(&dev, &text), PS_OK);
    ps_buf_put_u8(&text, '\0');
    assert_non_null(strstr((const char *)text.data, "export PRIVYSEAL_SOCKET='/a'\\''b $c'\n"));
    assert_non_null(strstr((const char *)text.data, "export PRIVYSEAL_URL='https://127.0.0.1:"));
}

static void a_directory_too_long_for_sockets_is_refused(void **state)
{
    char path[200];

    (void)state;
    (void)snprintf(path, sizeof path, "%s/%0*d", directory, (int)DEV_DIRECTORY_MAX, 1);
    dev.options.directory = path;
    assert_int_equal(dev_prepare_directory(&dev), PS_E_LIMIT);
    assert_int_equal(rmdir(path), 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(options_are_read),
        cmocka_unit_test(what_is_no_option_is_refused),
        TEST(pins_are_random_private_and_kept),
        TEST(certificates_are_kept_until_a_week_before_their_end),
        TEST(certificates_of_another_authority_are_replaced),
        TEST(the_configuration_can_be_used_and_keeps_its_ports),
        TEST(an_earlier_starts_module_and_counts_are_taken_up),
        TEST(lines_can_be_replaced_and_added),
        TEST(a_line_that_the_configuration_refuses_is_an_error),
        TEST(the_environment_survives_a_shell),
        TEST(a_directory_too_long_for_sockets_is_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
