#include "appliance/dev/internal.h"

#include "lib/ceremony/people/lockout.h"
#include "lib/system/file.h"
#include "tests/unit/tls_material.h"

#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define DAY_S 86400

static char directory[64];
static char profile[100];
static struct dev dev;
static struct identity authority; /* as if the appliance had issued certificates */

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
    free_identity(&authority);
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
    assert_int_equal(close(dev.directory_fd), 0); /* as the end of a start does */
    assert_int_equal(dev_prepare_directory(&dev), PS_OK);
    read_in("pins/user", &again);
    assert_true(ps_bytes_equal(ps_buf_bytes(&first), ps_buf_bytes(&again)));
}

static void one_start_at_a_time_is_in_a_directory(void **state)
{
    struct dev second = dev;

    (void)state;
    second.directory_fd = -1;
    assert_int_equal(dev_prepare_directory(&second), PS_E_CONFLICT);
    assert_int_equal(close(second.directory_fd), 0);
}

static void people_have_keys_that_sign_and_are_kept(void **state)
{
    struct dev_people people;
    PS_BUF_AUTO armored = {0};
    PS_BUF_AUTO public = {0};

    (void)state;
    assert_int_equal(dev_prepare_people(&dev), PS_OK);
    assert_int_equal(dev_list_people(&dev, &people), PS_OK);
    assert_int_equal(people.count, 6);
    assert_string_equal(people.names[0], "officer-2");
    assert_string_equal(people.names[1], "officer-3");
    assert_string_equal(people.names[2], "auditor-1");
    read_in("officers/officer-2.pub", &public);
    public.len -= sizeof " officer-2"; /* and the newline */
    assert_true(dev_is_key(&dev, "officer-2", ps_buf_bytes(&public)));
    assert_false(dev_is_key(&dev, "officer-3", ps_buf_bytes(&public)));
    assert_int_equal(dev_sign(&dev, "officer-2", APPROVAL_APPROVE, ps_bytes_str("{}"), &armored),
                     PS_OK);
    assert_true(ps_bytes_starts_with(ps_buf_bytes(&armored),
                                     ps_bytes_str("-----BEGIN SSH SIGNATURE-----\n")));
    ps_buf_clear(&armored);
    assert_int_equal(dev_sign(&dev, "nobody", APPROVAL_APPROVE, ps_bytes_str("{}"), &armored),
                     PS_E_NOT_FOUND);
    assert_int_equal(dev_prepare_people(&dev), PS_OK);
    assert_true(dev_is_key(&dev, "officer-2", ps_buf_bytes(&public)));
}

/* A public key alone is that of one who was killed between the two. */
static void a_key_without_its_other_half_is_nobodys(void **state)
{
    char path[DEV_PATH_MAX];
    struct dev_people people;

    (void)state;
    assert_int_equal(dev_prepare_people(&dev), PS_OK);
    dev_path(&dev, "officers/officer-4", path);
    assert_int_equal(unlink(path), 0);
    dev_path(&dev, "officers/officer-1.pub", path);
    assert_int_equal(unlink(path), 0);
    assert_int_equal(dev_list_people(&dev, &people), PS_OK);
    assert_int_equal(people.count, 4);
    assert_int_equal(dev_prepare_people(&dev), PS_OK);
    assert_int_equal(dev_list_people(&dev, &people), PS_OK);
    assert_int_equal(people.count, 6);
}

/* Whose key was taken away after genesis gets no other, which nobody's signature would be. */
static void once_there_is_data_no_keys_are_made(void **state)
{
    char path[DEV_PATH_MAX];
    struct dev_people people;

    (void)state;
    dev_path(&dev, "data", path);
    assert_int_equal(mkdir(path, 0700), 0);
    assert_int_equal(dev_prepare_people(&dev), PS_OK);
    assert_int_equal(dev_list_people(&dev, &people), PS_OK);
    assert_int_equal(people.count, 0);
}

static void the_people_of_genesis_can_be_read(void **state)
{
    PS_CLEANUP(json_free_cleanup) struct json *json = NULL;
    PS_CLEANUP(roster_free_cleanup) struct roster *roster = NULL;
    struct json_value root;
    struct json_value value;
    struct policy policy;
    PS_BUF_AUTO text = {.max = 65536};

    (void)state;
    assert_int_equal(dev_prepare_people(&dev), PS_OK);
    ps_buf_put_u8(&text, '{');
    assert_int_equal(dev_put_people(&dev, &text), PS_OK);
    ps_buf_put_u8(&text, '}');
    assert_int_equal(json_new(&json), PS_OK);
    assert_int_equal(json_parse(json, ps_buf_bytes(&text), &JSON_LIMITS_REQUEST, &root), PS_OK);
    assert_true(json_member(root, "policy", &value));
    assert_int_equal(policy_read(value, &policy), PS_OK);
    assert_int_equal(policy.cooling_off_s, 0);
    assert_true(json_member(root, "roster", &value));
    assert_int_equal(roster_read(value, &roster), PS_OK);
    assert_int_equal(roster_count(roster), 6);
    assert_int_equal(lockout_check(roster, &policy, (uint64_t)time(NULL), NULL), PS_OK);
}

static void put_pem_file(const char *name, const char *pem, unsigned mode)
{
    char path[DEV_PATH_MAX];

    dev_path(&dev, name, path);
    assert_int_equal(file_write(path, ps_bytes_str(pem), mode), PS_OK);
}

static void put_certificate(const char *holder, const char *purpose, long ends_s)
{
    struct identity identity;
    char name[DEV_TEXT_MAX];

    make_identity(&(struct identity_wish){.name = holder,
                                          .issuer = &authority,
                                          .purpose = purpose,
                                          .begins_s = -60,
                                          .ends_s = ends_s},
                  &identity);
    (void)snprintf(name, sizeof name, "%s/key.pem", holder);
    put_pem_file(name, identity.key_pem, 0600);
    (void)snprintf(name, sizeof name, "%s/cert.pem", holder);
    put_pem_file(name, identity.certificate_pem, 0644);
    free_identity(&identity);
}

static void put_authority(const char *name)
{
    free_identity(&authority);
    make_identity(
        &(struct identity_wish){
            .name = name, .is_authority = true, .begins_s = -60, .ends_s = 900 * DAY_S},
        &authority);
    put_pem_file("ca/cert.pem", authority.certificate_pem, 0644);
}

static enum ps_err check_certificate(const char *holder)
{
    return dev_check_certificate(&dev, holder, ps_bytes_str(authority.certificate_pem));
}

static void a_client_keeps_its_key_and_its_pin(void **state)
{
    char pin[DEV_PIN_LEN + 1];

    (void)state;
    assert_int_equal(dev_prepare_keys(&dev), PS_OK);
    (void)snprintf(pin, sizeof pin, "%s", dev.pins[DEV_OPERATOR]);
    assert_int_equal(strlen(pin), DEV_PIN_LEN);
    assert_string_not_equal(pin, dev.pins[DEV_OIDC]);
    memset(dev.pins, 0, sizeof dev.pins);
    assert_int_equal(dev_prepare_keys(&dev), PS_OK);
    assert_string_equal(dev.pins[DEV_OPERATOR], pin);
}

static void certificates_are_renewed_a_month_before_their_end(void **state)
{
    (void)state;
    assert_int_equal(dev_prepare_keys(&dev), PS_OK);
    put_authority("root");
    put_certificate("clients/oidc", "clientAuth", (long)DEV_RENEW_S + 100);
    assert_int_equal(check_certificate("clients/oidc"), PS_OK);
    put_certificate("clients/oidc", "clientAuth", (long)DEV_RENEW_S - 100);
    assert_int_not_equal(check_certificate("clients/oidc"), PS_OK);
}

static void certificates_of_another_key_root_or_purpose_are_renewed(void **state)
{
    (void)state;
    assert_int_equal(dev_prepare_keys(&dev), PS_OK);
    put_authority("root");
    assert_int_not_equal(check_certificate("clients/oidc"), PS_OK);
    put_certificate("clients/oidc", "serverAuth", 90 * DAY_S);
    assert_int_not_equal(check_certificate("clients/oidc"), PS_OK);
    put_certificate("clients/oidc", "clientAuth", 90 * DAY_S);
    assert_int_equal(check_certificate("clients/oidc"), PS_OK);
    put_authority("another root");
    assert_int_not_equal(check_certificate("clients/oidc"), PS_OK);
    put_certificate("clients/oidc", "clientAuth", 90 * DAY_S);
    put_pem_file("clients/oidc/key.pem", authority.key_pem, 0600);
    assert_int_not_equal(check_certificate("clients/oidc"), PS_OK);
}

/* Without a port the appliance can be made, which then issues them. */
static void there_is_no_tls_port_before_the_first_certificates(void **state)
{
    (void)state;
    assert_int_equal(dev_prepare_keys(&dev), PS_OK);
    assert_false(dev_has_certificates(&dev));
    assert_int_equal(dev_write_config(&dev), PS_OK);
    assert_int_equal(dev.config->clients.tls_port, 0);
    put_authority("root");
    put_certificate("tls", "serverAuth", 90 * DAY_S);
    assert_true(dev_has_certificates(&dev));
    assert_int_equal(dev_write_config(&dev), PS_OK);
    assert_int_not_equal(dev.config->clients.tls_port, 0);
    put_pem_file("tls/key.pem", authority.key_pem, 0600);
    assert_false(dev_has_certificates(&dev));
}

static void write_config(void)
{
    assert_int_equal(dev_prepare_keys(&dev), PS_OK);
    if (authority.key == NULL) {
        put_authority("root");
        put_certificate("tls", "serverAuth", 90 * DAY_S);
    }
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
    assert_int_equal(dev_prepare_keys(&dev), PS_OK);
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
        TEST(one_start_at_a_time_is_in_a_directory),
        TEST(people_have_keys_that_sign_and_are_kept),
        TEST(a_key_without_its_other_half_is_nobodys),
        TEST(once_there_is_data_no_keys_are_made),
        TEST(the_people_of_genesis_can_be_read),
        TEST(a_client_keeps_its_key_and_its_pin),
        TEST(certificates_are_renewed_a_month_before_their_end),
        TEST(certificates_of_another_key_root_or_purpose_are_renewed),
        TEST(there_is_no_tls_port_before_the_first_certificates),
        TEST(the_configuration_can_be_used_and_keeps_its_ports),
        TEST(an_earlier_starts_module_and_counts_are_taken_up),
        TEST(lines_can_be_replaced_and_added),
        TEST(a_line_that_the_configuration_refuses_is_an_error),
        TEST(the_environment_survives_a_shell),
        TEST(a_directory_too_long_for_sockets_is_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
