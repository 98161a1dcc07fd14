#include "appliance/officer/officer.h"
#include "appliance/officer/people.h"
#include "appliance/terminal.h"
#include "lib/system/file.h"

#include <errno.h>
#include <stdlib.h>

/* Policies: the default one, or a present one with changes. */

enum ps_err policy_load(const char *path, struct policy *ret_policy)
{
    PS_BUF_AUTO text = {0};
    enum ps_err err;

    if (path == NULL) {
        policy_set_defaults(ret_policy);
        return PS_OK;
    }
    PS_TRY(file_read(path, POLICY_OCTETS_MAX, &text));
    err = policy_parse(ps_buf_bytes(&text), ret_policy);
    return err == PS_OK ? PS_OK : officer_name_file(path, err);
}

static enum ps_err read_number(const char *text, const char *what, uint32_t *ret_number)
{
    char *end;
    unsigned long number;

    errno = 0;
    number = strtoul(text, &end, 10);
    if (errno != 0 || *end != '\0' || text[0] < '0' || text[0] > '9' || number > UINT32_MAX) {
        return ps_fail(PS_E_INPUT, 0, "%s takes a number, not \"%.40s\"", what, text);
    }
    *ret_number = (uint32_t)number;
    return PS_OK;
}

/* "A=2+1": two officers and an auditor for class A. */
static enum ps_err take_rule(const char *text, struct policy *policy)
{
    const enum policy_class class = policy_class_by_name(ps_bytes(text, text[0] == '\0' ? 0 : 1));
    const char *plus = strchr(text, '+');
    char officers[8];

    if (class == POLICY_CLASS_COUNT || class == POLICY_NOBODY || text[1] != '=' || plus == NULL ||
        (size_t)(plus - text) - 2 >= sizeof officers) {
        return ps_fail(PS_E_INPUT, 0, "--rule takes CLASS=OFFICERS+AUDITORS, such as A=2+1");
    }
    memcpy(officers, text + 2, (size_t)(plus - text) - 2);
    officers[plus - text - 2] = '\0';
    PS_TRY(read_number(officers, "--rule", &policy->rules[class].officers));
    return read_number(plus + 1, "--rule", &policy->rules[class].auditors);
}

static enum ps_err take_numbers(const struct cli_run *run, struct policy *policy)
{
    const struct {
        const char *option;
        uint32_t *number;
    } rows[] = {
        {"cooling-off-s", &policy->cooling_off_s},
        {"recovery-delay-s", &policy->recovery_delay_s},
        {"recovery-threshold", &policy->recovery_threshold},
    };

    for (size_t i = 0; i < PS_COUNT_OF(rows); i++) {
        const char *text = cli_value(run, rows[i].option);

        if (text != NULL) {
            PS_TRY(read_number(text, rows[i].option, rows[i].number));
        }
    }
    return PS_OK;
}

static enum ps_err make(const struct cli_run *run)
{
    const char *present = cli_value(run, "present");
    const char *out = cli_value(run, "out");
    PS_BUF_AUTO text = {.max = POLICY_OCTETS_MAX};
    struct policy policy;
    size_t cursor = 0;

    PS_TRY(policy_load(present, &policy));
    policy.epoch += present == NULL ? 0 : 1;
    for (const char *rule = cli_next_value(run, "rule", &cursor); rule != NULL;
         rule = cli_next_value(run, "rule", &cursor)) {
        PS_TRY(take_rule(rule, &policy));
    }
    PS_TRY(take_numbers(run, &policy));
    PS_TRY(policy_check(&policy, cli_flag(run, "practice")));
    policy_put(&policy, &text);
    PS_TRY(ps_buf_status(&text));
    return out == NULL ? terminal_print(ps_buf_bytes(&text))
                       : file_create(out, ps_buf_bytes(&text), 0644);
}

int officer_policy(const struct cli_run *run)
{
    const enum ps_err err = make(run);

    return err == PS_OK ? CLI_DONE : officer_failed(err);
}
