#include "appliance/config/config.h"
#include "appliance/config/table.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

#define HEAD                                                                                       \
    "[appliance]\norigin = keys.example/a\ndata = /var/lib/privyseal\n"                            \
    "[clients]\nsocket = /run/privyseal/clients.sock\n"                                            \
    "[management]\nsocket = /run/privyseal/management.sock\n"
#define TOKEN                                                                                      \
    "[token a]\nmodule = /usr/lib/m.so\nprofile = /usr/share/p.json\n"                             \
    "uri = pkcs11:token=a;object=b\n"
#define GOOD HEAD TOKEN

static struct config *parse_good(const char *text)
{
    struct config *config = NULL;
    PS_BUF_AUTO errors;

    ps_buf_init(&errors, 65536);
    if (config_parse("t.conf", ps_bytes_str(text), &errors, &config) != PS_OK) {
        fail_msg("%.*s", PS_BYTES_FMT(ps_buf_bytes(&errors)));
    }
    assert_int_equal(errors.len, 0);
    return config;
}

/* The text is refused, and each of the lines says what is wrong and where. */
static void assert_refused(struct ps_bytes text, const char *expected)
{
    struct config *config = NULL;
    PS_BUF_AUTO errors;

    ps_buf_init(&errors, 65536);
    assert_int_equal(config_parse("t.conf", text, &errors, &config), PS_E_INPUT);
    assert_null(config);
    ps_buf_put_u8(&errors, '\0');
    if (strstr((const char *)errors.data, expected) == NULL) {
        fail_msg("'%s' is not in:\n%s", expected, (const char *)errors.data);
    }
}

static void refused(const char *text, const char *expected)
{
    assert_refused(ps_bytes_str(text), expected);
}

static void a_short_file_gets_the_defaults(void **state)
{
    struct config *config = parse_good(GOOD);

    (void)state;
    assert_string_equal(config->appliance.origin, "keys.example/a");
    assert_string_equal(config->appliance.users, "dynamic");
    assert_false(config->appliance.practice);
    assert_int_equal(config->clients.socket_mode, 0660);
    assert_int_equal(config->clients.tls_port, 0);
    assert_string_equal(config->clients.tls_address, "127.0.0.1");
    assert_int_equal(config->token_count, 1);
    assert_string_equal(config->tokens[0].name, "a");
    assert_true(config->tokens[0].processes >= 1);
    assert_int_equal(config->tokens[0].sessions, 1);
    assert_int_equal(config->administrators.uids.count, 1);
    assert_int_equal(config->administrators.uids.ids[0], 0);
    config_free(config);
}

static void every_key_with_a_default_reads_its_default(void **state)
{
    (void)state;
    for (size_t i = 0; i < config_key_count; i++) {
        const struct config_key *key = &config_keys[i];

        assert_true(key->help != NULL && key->help[0] != '\0');
        assert_true((key->flags & CONFIG_REQUIRED) != 0 || key->fallback != NULL);
        assert_ptr_equal(config_key_find(key->section, key->name), key);
    }
}

static void values_of_all_kinds_are_read(void **state)
{
    struct config *config = parse_good(
        "# comment\n; comment\n\n" HEAD TOKEN "processes = 3\nsessions=64\n"
        "pin_file = /etc/privyseal/pin\nreadable = /etc/hsm.conf\nreadable = /etc/hsm\n"
        "environment = SOFTHSM2_CONF=/etc/softhsm2.conf\nenvironment = A_1=b=c\n"
        "system_calls = ioctl\nnetwork = yes\ncall_timeout_ms = 4000\n"
        "[token b]\r\nmodule = /m\r\nprofile = /p\r\nuri = pkcs11:\r\n[log]\ndisk_reserve_mb = 1\n"
        "[administrators]\nuids = 0  1000 4294967294\n");

    (void)state;
    assert_string_equal(config->tokens[0].uri, "pkcs11:token=a;object=b");
    assert_int_equal(config->tokens[0].processes, 3);
    assert_int_equal(config->tokens[0].sessions, 64);
    assert_string_equal(config->tokens[0].readable, "/etc/hsm.conf\n/etc/hsm");
    assert_string_equal(config->tokens[0].environment, "SOFTHSM2_CONF=/etc/softhsm2.conf\nA_1=b=c");
    assert_true(config->tokens[0].network);
    assert_string_equal(config->tokens[1].name, "b");
    assert_string_equal(config->tokens[1].module, "/m");
    assert_int_equal(config->log.disk_reserve_mb, 1);
    assert_int_equal(config->administrators.uids.count, 3);
    assert_int_equal(config->administrators.uids.ids[2], 4294967294u);
    config_free(config);
}

static void mistakes_of_the_file_are_named_with_their_line(void **state)
{
    (void)state;
    refused(GOOD "[appliance]\n", "t.conf:12: section [appliance] stands in line 1");
    refused(GOOD "modul = /m\n", "t.conf:12: modul: there is no such key; known here: module, uri");
    refused(GOOD "module = /m\n", "t.conf:12: module: is set twice");
    refused(GOOD "just words\n", "t.conf:12: neither [section], key = value nor a comment");
    refused(GOOD "[token a\n", "t.conf:12: a section is [NAME]");
    refused(GOOD "[log] x\n", "t.conf:12: a section is [NAME]");
    refused(GOOD "[lgo]\n", "t.conf:12: there is no section [lgo]");
    refused(GOOD "[token a]\n", "t.conf:12: there is a [token a] already");
    refused(GOOD "[token]\n", "t.conf:12: there is no section [token]; known are");
    refused(GOOD "[token A]\n", "t.conf:12: a token's section is [token NAME]");
    refused(GOOD "[token b]\n", "t.conf:12: [token b] needs a line 'module = ...'");
    refused(GOOD "[token \xff]\n", "t.conf:12: not UTF-8");
    assert_refused(ps_bytes(GOOD "sessions = 1\0\n", sizeof GOOD "sessions = 1\0\n" - 1),
                   "t.conf:12: a NUL octet");
    refused("", "[appliance] needs a line 'origin = ...'");
    refused("", "[clients] listens nowhere");
    refused("", "there is no [token NAME]");
}

static void a_key_before_any_section_is_a_mistake(void **state)
{
    (void)state;
    refused("origin = keys.example/a\n" GOOD, "t.conf:1: origin: it stands before any [section]");
}

static void all_mistakes_are_told_at_once(void **state)
{
    static const char text[] = GOOD "sessions = 0\nprocesses = 65\nnetwork = maybe\n";

    (void)state;
    refused(text, "t.conf:12: sessions:");
    refused(text, "t.conf:13: processes:");
    refused(text, "t.conf:14: network:");
}

static void long_lines_and_names_are_refused_not_cut(void **state)
{
    PS_BUF_AUTO text;
    char name[34];

    (void)state;
    ps_buf_init(&text, 65536);
    ps_buf_put_str(&text, GOOD "module = /");
    for (size_t i = 0; i < 9000; i++) {
        ps_buf_put_u8(&text, 'x');
    }
    assert_refused(ps_buf_bytes(&text), "t.conf:12: the line is too long");
    memset(name, 'a', 33);
    name[33] = '\0';
    ps_buf_reset(&text);
    ps_buf_printf(&text, GOOD "[token %s]\nmodule = /m\nprofile = /p\nuri = pkcs11:\n", name);
    assert_refused(ps_buf_bytes(&text), "NAME of 1 to 32");
    ps_buf_reset(&text);
    ps_buf_printf(&text, GOOD "[token %s]\nmodule = /m\nprofile = /p\nuri = pkcs11:\n%c", name + 1,
                  '\0');
    text.len--;
    ps_buf_put_u8(&text, '\0');
    config_free(parse_good((const char *)text.data));
}

static void sixteen_tokens_are_the_limit(void **state)
{
    PS_BUF_AUTO text;

    (void)state;
    ps_buf_init(&text, 65536);
    ps_buf_put_str(&text, HEAD);
    for (unsigned i = 0; i < CONFIG_TOKENS_MAX; i++) {
        ps_buf_printf(&text,
                      "[token t%u]\nmodule = /m\nprofile = /p\nuri = pkcs11:\nprocesses = 1\n", i);
    }
    ps_buf_put_u8(&text, '\0');
    config_free(parse_good((const char *)text.data));
    text.len--;
    ps_buf_put_str(&text,
                   "[token more]\nmodule = /m\nprofile = /p\nuri = pkcs11:\nprocesses = 1\n");
    assert_refused(ps_buf_bytes(&text), "at most 16 tokens");
}

static void lines_of_a_list_have_a_limit_together(void **state)
{
    PS_BUF_AUTO text;

    (void)state;
    ps_buf_init(&text, 65536);
    ps_buf_put_str(&text, GOOD);
    for (unsigned line = 0; line < 3; line++) {
        ps_buf_put_str(&text, "readable = /");
        for (size_t i = 0; i < 1500; i++) {
            ps_buf_put_u8(&text, 'x');
        }
        ps_buf_put_u8(&text, '\n');
    }
    assert_refused(ps_buf_bytes(&text), "t.conf:14: readable: all lines of this key together");
}

static void paths_are_plain_and_absolute(void **state)
{
    (void)state;
    refused(GOOD "store = tokens\n", "store: 'tokens' is not an absolute path");
    refused(GOOD "store = /a/../b\n", "part; write the plain path");
    refused(GOOD "store = /a/./b\n", "part; write the plain path");
    refused(GOOD "store = /a//b\n", "part; write the plain path");
    refused(GOOD "store = /a/\n", "part; write the plain path");
    refused(GOOD "store = /a/..\n", "part; write the plain path");
    refused(GOOD "store =\n", "store: 0 characters");
    refused(GOOD "store = /a\tb\n", "control characters");
    config_free(parse_good(GOOD "store = /a/..b/.c\n"));
}

static void each_kind_refuses_what_it_is_not(void **state)
{
    static const char *const bad[][2] = {
        {"[token b]\nuri = token=a\n", "is no URI of RFC 7512"},
        {"pin_credential = ../pin\n", "is no name of a systemd credential"},
        {"pin_credential = .pin\n", "is no name of a systemd credential"},
        {"environment = ABC\n", "is not NAME=value"},
        {"environment = 1A=b\n", "is not NAME=value"},
        {"environment = =bc\n", "is not NAME=value"},
        {"environment = A B=c\n", "is not NAME=value"},
        {"environment = LD_PRELOAD=/x\n", "dynamic loader"},
        {"environment = GLIBC_TUNABLES=x\n", "dynamic loader"},
        {"system_calls = execve\n", "leads out of the sandbox"},
        {"system_calls = nonsense\n", "there is no system call"},
        {"sessions = -1\n", "no whole number from 1 to 1024"},
        {"sessions = 1025\n", "no whole number"},
        {"sessions = 1e3\n", "no whole number"},
        {"sessions = 99999999999999999999\n", "no whole number"},
        {"network = true\n", "neither yes nor no"},
        {"[administrators]\nuids = root\n", "no numeric user id"},
        {"[administrators]\nuids = 4294967295\n", "no numeric user id"},
        {"[administrators]\nuids = 99999999999999999999999999\n", "no numeric user id"},
    };
    char text[2000];

    (void)state;
    for (size_t i = 0; i < PS_COUNT_OF(bad); i++) {
        (void)snprintf(text, sizeof text, GOOD "%s", bad[i][0]);
        refused(text, bad[i][1]);
    }
}

/* GOOD with one more line in its first section. */
static void refused_in_appliance(const char *line, const char *expected)
{
    char text[2000];

    (void)snprintf(text, sizeof text, "%s[clients]\nsocket = /c\n[management]\nsocket = /m\n" TOKEN,
                   line);
    refused(text, expected);
}

static void the_appliance_has_its_own_rules(void **state)
{
    (void)state;
    refused_in_appliance("[appliance]\ndata = /d\norigin = a+b.example\n", "is no origin");
    refused_in_appliance("[appliance]\ndata = /d\norigin = nodomain\n", "is no origin");
    refused_in_appliance("[appliance]\ndata = /d\norigin = a.b\nusers = Root\n", "is no name of");
    refused_in_appliance("[appliance]\ndata = /d\norigin = a.b\nlog_level = loud\n",
                         "none of debug, info");
    refused_in_appliance("[appliance]\ndata = /d\norigin = a.b\nrequest_timeout_ms = 1000\n",
                         "call_timeout_ms is over");
}

static void listeners_have_an_address_and_what_tls_needs(void **state)
{
    static const char listeners[] =
        "[appliance]\norigin = k.example\ndata = /d\n" TOKEN "[clients]\n%s[management]\n%s";
    static const char *const bad[][3] = {
        {"", "socket = /m\n", "[clients] listens nowhere"},
        {"socket = /m\n", "socket = /m\n", "same socket"},
        {"tls_port = 1\n", "socket = /m\n", "set certificate, key and client_ca too"},
        {"tls_address = localhost\nsocket = /c\n", "socket = /m\n", "no numeric IPv4"},
        {"socket = /c\nsocket_mode = 0777\n", "socket = /m\n", "no octal mode"},
        {"socket = /c\nsocket_mode = 0668\n", "socket = /m\n", "no octal mode"},
        {"socket = /c\nconnections = 1\n", "socket = /m\n", "connections_per_caller is more"},
        {"tls_port = 1\ncertificate = /c\nkey = /k\nclient_ca = /a\n",
         "tls_port = 1\ncertificate = /c\nkey = /k\nclient_ca = /a\n", "same tls_port"},
    };
    char text[2000];

    (void)state;
    for (size_t i = 0; i < PS_COUNT_OF(bad); i++) {
        (void)snprintf(text, sizeof text, listeners, bad[i][0], bad[i][1]);
        refused(text, bad[i][2]);
    }
}

static void one_pin_per_token_and_kind(void **state)
{
    (void)state;
    refused(GOOD "pin_file = /p\npin_credential = p\n", "has pin_file and pin_credential");
    refused(GOOD "so_pin_file = /p\nso_pin_credential = p\n",
            "has so_pin_file and so_pin_credential");
}

static void too_many_processes_are_refused(void **state)
{
    (void)state;
    refused(GOOD "processes = 64\n"
                 "[token b]\nmodule = /m\nprofile = /p\nuri = pkcs11:\nprocesses = 64\n"
                 "[token c]\nmodule = /m\nprofile = /p\nuri = pkcs11:\nprocesses = 1\n",
            "at most 128 token processes");
}

static void changes_are_told_apart_by_whether_a_reload_takes_them(void **state)
{
    struct config *old = parse_good(GOOD);
    struct config *new = parse_good(
        "[appliance]\norigin = keys.example/a\ndata = /var/lib/other\nlog_level = debug\n"
        "[clients]\nsocket = /run/privyseal/clients.sock\ncertificate = /c\n"
        "[management]\nsocket = /run/privyseal/management.sock\n" TOKEN "sessions = 2\n"
        "[token b]\nmodule = /m\nprofile = /p\nuri = pkcs11:\n");
    PS_BUF_AUTO out;

    (void)state;
    ps_buf_init(&out, 4096);
    config_put_changes(old, new, true, &out);
    assert_true(
        ps_bytes_equal_str(ps_buf_bytes(&out), "[appliance] log_level\n[clients] certificate\n"));
    ps_buf_reset(&out);
    config_put_changes(old, new, false, &out);
    assert_true(ps_bytes_equal_str(ps_buf_bytes(&out),
                                   "[appliance] data\n[token a] sessions\n[token b]\n"));
    config_swap_reloadable(old, new);
    assert_int_equal(old->appliance.log_level, 0);
    assert_string_equal(old->clients.certificate, "/c");
    assert_string_equal(old->appliance.data, "/var/lib/privyseal");
    config_free(old);
    config_free(new);
}

static void a_file_that_is_not_there_is_said_so(void **state)
{
    struct config *config = NULL;
    PS_BUF_AUTO errors;

    (void)state;
    ps_buf_init(&errors, 4096);
    assert_int_equal(config_load("/nonexistent/x.conf", &errors, &config), PS_E_NOT_FOUND);
    assert_true(errors.len != 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_short_file_gets_the_defaults),
        cmocka_unit_test(every_key_with_a_default_reads_its_default),
        cmocka_unit_test(values_of_all_kinds_are_read),
        cmocka_unit_test(mistakes_of_the_file_are_named_with_their_line),
        cmocka_unit_test(a_key_before_any_section_is_a_mistake),
        cmocka_unit_test(all_mistakes_are_told_at_once),
        cmocka_unit_test(long_lines_and_names_are_refused_not_cut),
        cmocka_unit_test(sixteen_tokens_are_the_limit),
        cmocka_unit_test(lines_of_a_list_have_a_limit_together),
        cmocka_unit_test(paths_are_plain_and_absolute),
        cmocka_unit_test(each_kind_refuses_what_it_is_not),
        cmocka_unit_test(the_appliance_has_its_own_rules),
        cmocka_unit_test(listeners_have_an_address_and_what_tls_needs),
        cmocka_unit_test(one_pin_per_token_and_kind),
        cmocka_unit_test(too_many_processes_are_refused),
        cmocka_unit_test(changes_are_told_apart_by_whether_a_reload_takes_them),
        cmocka_unit_test(a_file_that_is_not_there_is_said_so),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
