#include "lib/ceremony/operation/schema.h"

#include "lib/base/algorithm.h"
#include "lib/base/clock.h"
#include "lib/base/encode.h"
#include "lib/base/name.h"
#include "lib/formats/ssh/ssh_key.h"

#include <assert.h>

/* The kinds of members that are one value: what their text has to be. */

#define TIME_LEN         20u /* YYYY-MM-DDThh:mm:ssZ */
#define DIGITS_MAX       16u /* PARAM_NUMBER_MAX */
#define OCTETS_MAX       64u
#define FINGERPRINT_HEAD "SHA256:"

typedef bool check_fn(const struct param *param, struct ps_bytes text);

static uint64_t max_of(const struct param *param, uint64_t otherwise)
{
    return param->max == 0 ? otherwise : param->max;
}

static bool is_text(const struct param *param, struct ps_bytes text)
{
    return text.len >= param->min && text.len <= max_of(param, PARAM_TEXT_MAX);
}

static bool is_printable(const struct param *param, struct ps_bytes text)
{
    for (size_t i = 0; i < text.len; i++) {
        if (text.data[i] < ' ' || text.data[i] > '~') {
            return false;
        }
    }
    return is_text(param, text) &&
           (text.len == 0 || (text.data[0] != ' ' && text.data[text.len - 1] != ' '));
}

static bool is_name(const struct param *param, struct ps_bytes text)
{
    (void)param;
    return ps_name_valid(text);
}

static bool is_pattern(const struct param *param, struct ps_bytes text)
{
    (void)param;
    return ps_pattern_valid(text);
}

static bool is_choice(const struct param *param, struct ps_bytes text)
{
    const char *at = param->choices;

    while (*at != 0) {
        const size_t len = strcspn(at, "|");

        if (ps_bytes_equal(text, ps_bytes(at, len))) {
            return true;
        }
        at += len + (at[len] == '|' ? 1 : 0);
    }
    return false;
}

static bool is_type_name(const struct param *param, struct ps_bytes text)
{
    (void)param;
    return operation_type_info_find(text) != NULL;
}

uint64_t param_number(struct ps_bytes digits)
{
    uint64_t number = 0;

    for (size_t i = 0; i < digits.len; i++) {
        number = number * 10 + (uint64_t)(digits.data[i] - '0');
    }
    return number;
}

static bool is_number(const struct param *param, struct ps_bytes text)
{
    if (text.len == 0 || text.len > DIGITS_MAX || (text.len > 1 && text.data[0] == '0')) {
        return false;
    }
    for (size_t i = 0; i < text.len; i++) {
        if (text.data[i] < '0' || text.data[i] > '9') {
            return false;
        }
    }
    return param_number(text) >= param->min &&
           param_number(text) <= max_of(param, PARAM_NUMBER_MAX);
}

static bool is_version(const struct param *param, struct ps_bytes text)
{
    return is_number(param, text) && param_number(text) <= UINT32_MAX;
}

static bool is_time(const struct param *param, struct ps_bytes text)
{
    uint64_t real_ns;

    (void)param;
    return text.len == TIME_LEN && ps_time_parse(text, &real_ns) == PS_OK;
}

static bool is_hex(const struct param *param, struct ps_bytes text)
{
    PS_BUF_AUTO octets;

    ps_buf_init(&octets, OCTETS_MAX);
    return ps_hex_decode(text, &octets) == PS_OK && octets.len >= param->min &&
           octets.len <= param->max;
}

static bool is_octets(const struct param *param, struct ps_bytes text)
{
    PS_BUF_AUTO octets;

    ps_buf_init(&octets, OCTETS_MAX);
    return ps_base64url_decode(text, &octets) == PS_OK &&
           (octets.len == param->max || (octets.len == 0 && param->min == 0));
}

static bool is_der(const struct param *param, struct ps_bytes text)
{
    PS_BUF_AUTO octets;

    ps_buf_init(&octets, param->max);
    return ps_base64url_decode(text, &octets) == PS_OK && octets.len >= param->min;
}

static bool is_key_type(const struct param *param, struct ps_bytes text)
{
    (void)param;
    return ps_key_type_by_name(text) != PS_KEY_NONE;
}

static bool is_algorithm(const struct param *param, struct ps_bytes text)
{
    (void)param;
    return ps_alg_by_name(text) != PS_ALG_NONE;
}

static bool is_usage(const struct param *param, struct ps_bytes text)
{
    (void)param;
    return ps_usage_by_name(text) != PS_USAGE_NONE;
}

static bool is_format(const struct param *param, struct ps_bytes text)
{
    (void)param;
    return ps_format_by_name(text) != PS_FORMAT_NONE;
}

static bool is_granted(const struct param *param, struct ps_bytes text)
{
    for (size_t i = 0; i < text.len; i++) {
        const uint8_t c = text.data[i];

        if (!(c >= 'a' && c <= 'z') && !(c >= '0' && c <= '9') && c != '.' && c != '-' &&
            c != '_' && c != ':') {
            return false;
        }
    }
    return text.len != 0 && text.len <= param->max;
}

static bool is_fingerprint(const struct param *param, struct ps_bytes text)
{
    const struct ps_bytes head = ps_bytes_str(FINGERPRINT_HEAD);

    (void)param;
    if (text.len != SSH_KEY_FINGERPRINT_LEN || !ps_bytes_starts_with(text, head)) {
        return false;
    }
    for (size_t i = head.len; i < text.len; i++) {
        const uint8_t c = text.data[i];

        if (!(c >= 'a' && c <= 'z') && !(c >= 'A' && c <= 'Z') && !(c >= '0' && c <= '9') &&
            c != '+' && c != '/') {
            return false;
        }
    }
    return true;
}

static const struct {
    check_fn *is_valid;
    const char *otherwise; /* what is said when it is not */
} kinds[PARAM_KIND_COUNT] = {
    [PARAM_TEXT] = {is_text, "a text that is too short or too long"},
    [PARAM_PRINTABLE] = {is_printable, "not printable ASCII, or too short or too long"},
    [PARAM_NAME] = {is_name, "not a name ([a-z0-9][a-z0-9._-]{0,127})"},
    [PARAM_PATTERN] = {is_pattern, "not a name, and no beginning of one followed by *"},
    [PARAM_CHOICE] = {is_choice, "not a value that this member can have"},
    [PARAM_TYPE_NAME] = {is_type_name, "there is no such type of operation"},
    [PARAM_DECIMAL] = {is_number, "not decimal digits, or out of bounds"},
    [PARAM_VERSION] = {is_version, "not the number of a version"},
    [PARAM_SECONDS] = {is_number, "not seconds in decimal digits, or out of bounds"},
    [PARAM_UNIX_TIME] = {is_number, "not seconds in decimal digits, or out of bounds"},
    [PARAM_TIME] = {is_time, "not a time such as 2026-01-02T03:04:05Z"},
    [PARAM_HEX] = {is_hex, "not lower case hexadecimal of the right length"},
    [PARAM_OCTETS] = {is_octets, "not base64url of the right length"},
    [PARAM_DER] = {is_der, "not base64url of the right length"},
    [PARAM_KEY_TYPE] = {is_key_type, "no type of key"},
    [PARAM_ALGORITHM] = {is_algorithm, "no algorithm that there is"},
    [PARAM_USAGE] = {is_usage, "no usage of keys"},
    [PARAM_FORMAT] = {is_format, "no format that there is"},
    [PARAM_GRANTED] = {is_granted, "not the name of an operation that can be granted"},
    [PARAM_FINGERPRINT] = {is_fingerprint, "not a fingerprint such as SHA256:..."},
};

static enum ps_err refuse(struct params params, const struct param *param, const char *what)
{
    return ps_fail(PS_E_INPUT, 0, "member \"%s%s\": %s", params.prefix, param->path, what);
}

static enum ps_err check_bool(struct params params, const struct param *param,
                              struct json_value value)
{
    const enum json_type type = json_type(value);

    if (type == JSON_TRUE || (type == JSON_FALSE && param->kind == PARAM_BOOL)) {
        return PS_OK;
    }
    return refuse(params, param,
                  param->kind == PARAM_BOOL ? "neither true nor false" : "true, or left out");
}

/* One form for one key: the line as it would be written again. */
static enum ps_err check_ssh_key(struct params params, const struct param *param,
                                 struct ps_bytes line)
{
    PS_CLEANUP(ssh_key_free_cleanup) struct ssh_key *key = NULL;
    PS_BUF_AUTO again = {.max = SSH_KEY_LINE_MAX};
    char why[sizeof ps_detail()->text];

    if (ssh_key_parse_line(line, &key) != PS_OK) {
        memcpy(why, ps_detail()->text, sizeof why);
        return ps_fail(ps_detail()->err, 0, "member \"%s%s\": %s", params.prefix, param->path, why);
    }
    ssh_key_put_line(key, &again);
    PS_TRY(ps_buf_status(&again));
    return ps_bytes_equal(ps_buf_bytes(&again), line)
               ? PS_OK
               : refuse(params, param, "a key is its type and its base64, and nothing else");
}

enum ps_err param_check_value(struct params params, const struct param *param,
                              struct json_value value)
{
    struct ps_bytes text;

    if (param->kind == PARAM_BOOL || param->kind == PARAM_TRUE) {
        return check_bool(params, param, value);
    }
    if (json_type(value) == JSON_NUMBER) {
        return refuse(params, param, "a number: integers are strings of decimal digits");
    }
    if (json_type(value) != JSON_STRING) {
        return refuse(params, param, "not a string");
    }
    PS_TRY(json_string(value, &text));
    if (param->kind == PARAM_SSH_KEY) {
        return check_ssh_key(params, param, text);
    }
    assert(kinds[param->kind].is_valid != NULL);
    return kinds[param->kind].is_valid(param, text)
               ? PS_OK
               : refuse(params, param, kinds[param->kind].otherwise);
}
