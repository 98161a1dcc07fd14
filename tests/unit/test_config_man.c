#include "appliance/config/table.h"
#include "lib/system/file.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

/* privyseald.conf(5) is held to the table of keys: each has an item that says what its row says. */
static char *page;

static const char *const words[] = {
    [CONFIG_TEXT] = "text",         [CONFIG_ORIGIN] = "name",
    [CONFIG_PATH] = "path",         [CONFIG_NAME] = "name",
    [CONFIG_CREDENTIAL] = "name",   [CONFIG_URI] = "uri",
    [CONFIG_ADDRESS] = "address",   [CONFIG_PATHS] = "path",
    [CONFIG_BOOL] = "yes|no",       [CONFIG_ENVIRONMENT] = "NAME=value",
    [CONFIG_NUMBER] = "number",     [CONFIG_SYSTEM_CALLS] = "name",
    [CONFIG_WITNESSES] = "witness", [CONFIG_MODE] = "octal",
    [CONFIG_LEVEL] = "level",       [CONFIG_UIDS] = "numbers",
};

static const char *const titles[] = {
    [CONFIG_SECTION_appliance] = "\n.Ss [appliance]\n",
    [CONFIG_SECTION_listener] = "\n.Ss [clients] and [management]\n",
    [CONFIG_SECTION_token] = "\n.Ss [token NAME]\n",
    [CONFIG_SECTION_log] = "\n.Ss [log]\n",
    [CONFIG_SECTION_backup] = "\n.Ss [backup]\n",
    [CONFIG_SECTION_administrators] = "\n.Ss [administrators]\n",
};

static int load_page(void **state)
{
    const char *root = getenv("PRIVYSEAL_SOURCE_ROOT");
    char path[4096];
    PS_BUF_AUTO text;

    (void)state;
    (void)snprintf(path, sizeof path, "%s/docs/man/privyseald.conf.5", root == NULL ? "." : root);
    if (file_read(path, 1u << 20, &text) != PS_OK) {
        (void)fprintf(stderr, "%s\n", ps_detail()->text);
        return -1;
    }
    page = ps_bytes_to_str(ps_buf_bytes(&text));
    return page == NULL ? -1 : 0;
}

static int free_page(void **state)
{
    (void)state;
    free(page);
    return 0;
}

static void put_item(const struct config_key *key, struct ps_buf *out)
{
    ps_buf_printf(out, ".It Ic %s = Ar %s\n%s.\n", key->name, words[key->kind], key->help);
    if (key->kind == CONFIG_NUMBER) {
        ps_buf_printf(out, "From %llu to %llu.\n", (unsigned long long)key->least,
                      (unsigned long long)key->most);
    }
    if ((key->flags & CONFIG_REQUIRED) != 0) {
        ps_buf_put_str(out, "Required.\n");
    } else if (key->fallback[0] != '\0') {
        ps_buf_printf(out, "Default: %s.\n", key->fallback);
    }
    if ((key->flags & CONFIG_SECURITY) != 0) {
        ps_buf_put_str(out, "Approved by people.\n");
    }
    if ((key->flags & CONFIG_RELOADABLE) != 0) {
        ps_buf_put_str(out, "Taken over by a reload.\n");
    }
    ps_buf_put_u8(out, '\0');
}

static void every_key_stands_in_its_section_as_the_table_has_it(void **state)
{
    (void)state;
    for (size_t i = 0; i < config_key_count; i++) {
        const char *section = strstr(page, titles[config_keys[i].section]);
        const char *end = section == NULL ? NULL : strstr(section, "\n.El\n");
        const char *item;
        PS_BUF_AUTO wanted;

        ps_buf_init(&wanted, 2048);
        put_item(&config_keys[i], &wanted);
        assert_int_equal(ps_buf_status(&wanted), PS_OK);
        assert_non_null(end);
        item = strstr(section, (const char *)wanted.data);
        if (item == NULL || item > end) {
            fail_msg("not in %s\n%s", titles[config_keys[i].section], (const char *)wanted.data);
        }
    }
}

static void no_other_key_stands_there(void **state)
{
    size_t count = 0;

    (void)state;
    for (const char *at = page; (at = strstr(at, "\n.It Ic ")) != NULL; at++) {
        count++;
    }
    assert_int_equal(count, config_key_count);
}

static void its_example_is_a_configuration(void **state)
{
    static const char begin[] = "\n.Bd -literal\n";
    const char *start = strstr(page, begin);
    const char *end = start == NULL ? NULL : strstr(start, "\n.Ed\n");
    struct config *config = NULL;
    PS_BUF_AUTO errors;

    (void)state;
    ps_buf_init(&errors, 65536);
    assert_non_null(end);
    start += sizeof begin - 1;
    if (config_parse("example", ps_bytes(start, (size_t)(end - start)), &errors, &config) !=
        PS_OK) {
        fail_msg("%.*s", PS_BYTES_FMT(ps_buf_bytes(&errors)));
    }
    config_free(config);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_key_stands_in_its_section_as_the_table_has_it),
        cmocka_unit_test(no_other_key_stands_there),
        cmocka_unit_test(its_example_is_a_configuration),
    };

    return cmocka_run_group_tests(tests, load_page, free_page);
}
