#include "lib/ceremony/operation/value.h"

#include "lib/base/clock.h"
#include "lib/ceremony/operation/text.h"
#include "lib/formats/ssh/ssh_key.h"

static struct ps_bytes text_of(struct json_value value)
{
    struct ps_bytes text = {0};

    return json_type(value) == JSON_STRING && json_string(value, &text) == PS_OK
               ? text
               : ps_bytes(NULL, 0);
}

static bool is_count(const struct param *param)
{
    return param->kind == PARAM_DECIMAL || param->kind == PARAM_SECONDS ||
           param->kind == PARAM_UNIX_TIME || param->kind == PARAM_VERSION;
}

static bool is_many(const struct param *param)
{
    return param->kind == PARAM_LIST || param->kind == PARAM_MAP || param->kind == PARAM_OBJECT;
}

bool operation_value_is_empty(const struct param *param, struct json_value value)
{
    if (is_many(param)) {
        return json_count(value) == 0;
    }
    if (json_type(value) != JSON_STRING) {
        return false;
    }
    return is_count(param) ? ps_bytes_equal_str(text_of(value), "0") : text_of(value).len == 0;
}

bool operation_value_is_list_of_objects(struct params params, const struct param *param)
{
    return param->kind == PARAM_LIST && param_element(params, param)->kind == PARAM_OBJECT;
}

/* "93780 s (1 d 2 h 3 min)"; shorter than a minute: "59 s". */
static void put_seconds(uint64_t seconds, struct ps_buf *out)
{
    static const struct {
        uint64_t seconds;
        const char *unit;
    } units[] = {{86400, "d"}, {3600, "h"}, {60, "min"}, {1, "s"}};
    const char *before = " (";
    uint64_t left = seconds;

    ps_buf_put_decimal(out, seconds);
    ps_buf_put_str(out, " s");
    for (size_t i = 0; seconds >= 60 && i < PS_COUNT_OF(units); i++) {
        if (left >= units[i].seconds) {
            ps_buf_put_str(out, before);
            ps_buf_put_decimal(out, left / units[i].seconds);
            ps_buf_put_u8(out, ' ');
            ps_buf_put_str(out, units[i].unit);
            left %= units[i].seconds;
            before = " ";
        }
    }
    ps_buf_put_str(out, seconds >= 60 ? ")" : "");
}

static void put_version(uint64_t version, struct ps_buf *out)
{
    if (version == 0) {
        ps_buf_put_str(out, "all of it with every version (0)");
    } else {
        ps_buf_put_str(out, "version ");
        ps_buf_put_decimal(out, version);
    }
}

/* Beyond what fits into a time of ours (the year 2261) the number has to do. */
static void put_unix_time(uint64_t real_s, struct ps_buf *out)
{
    ps_buf_put_decimal(out, real_s);
    if (real_s != 0 && real_s < UINT64_C(9214646400)) {
        ps_buf_put_str(out, " (");
        ps_buf_put_time(out, real_s * PS_NS_PER_S, 0);
        ps_buf_put_u8(out, ')');
    }
}

static void put_ssh_key(struct ps_bytes line, struct ps_buf *out)
{
    PS_CLEANUP(ssh_key_free_cleanup) struct ssh_key *key = NULL;

    ps_buf_put(out, line);
    if (ssh_key_parse_line(line, &key) == PS_OK) {
        ps_buf_printf(out, " (%s)", ssh_key_fingerprint(key));
    }
}

static void put_string(const struct param *param, struct ps_bytes text, struct ps_buf *out)
{
    if (param->kind == PARAM_SECONDS) {
        put_seconds(param_number(text), out);
    } else if (param->kind == PARAM_VERSION) {
        put_version(param_number(text), out);
    } else if (param->kind == PARAM_UNIX_TIME) {
        put_unix_time(param_number(text), out);
    } else if (param->kind == PARAM_SSH_KEY) {
        put_ssh_key(text, out);
    } else if (param->kind == PARAM_TEXT || param->kind == PARAM_PRINTABLE) {
        operation_text_put_prose(text, out);
    } else if (param->kind == PARAM_NAME || param->kind == PARAM_PATTERN || text.len == 0) {
        operation_text_put_quoted(text, out);
    } else {
        ps_buf_put(out, text); /* of kinds whose alphabets hold nothing that a terminal acts on */
    }
}

static void put_list(struct params params, const struct param *param, struct json_value list,
                     struct ps_buf *out)
{
    const struct param *element = param_element(params, param);
    struct json_value value;
    uint32_t cursor = 0;
    bool is_first = true;

    while (json_next(list, &cursor, NULL, &value)) {
        ps_buf_put_str(out, is_first ? "" : ", ");
        operation_value_put_bare(params, element, value, out);
        is_first = false;
    }
}

void operation_value_put_bare(struct params params, const struct param *param,
                              struct json_value value, struct ps_buf *out)
{
    if (is_many(param) && json_count(value) == 0) {
        ps_buf_put_str(out, "none");
    } else if (param->kind == PARAM_LIST) {
        put_list(params, param, value, out);
    } else if (json_type(value) == JSON_STRING) {
        put_string(param, text_of(value), out);
    } else {
        ps_buf_put_str(out, json_type(value) == JSON_TRUE ? "yes" : "no");
    }
}

void operation_value_put(struct params params, const struct param *param, struct json_value value,
                         struct ps_buf *out)
{
    operation_value_put_bare(params, param, value, out);
    if (param->none != NULL && operation_value_is_empty(param, value)) {
        ps_buf_put_str(out, " (");
        ps_buf_put_str(out, param->none);
        ps_buf_put_u8(out, ')');
    }
}
