#include "lib/ceremony/operation/schema.h"

#include "lib/base/name.h"

#include <assert.h>

#define MAP_NAME_MAX 64u

/* Names of members of our documents; what else a path may hold is never part of one. */
static bool is_member_name(const char *text, size_t len)
{
    for (size_t i = 0; i < len; i++) {
        const char c = text[i];

        if (!(c >= 'a' && c <= 'z') && !(c >= 'A' && c <= 'Z') && !(c >= '0' && c <= '9') &&
            c != '_') {
            return false;
        }
    }
    return len != 0;
}

/* What follows the parent's path in `path`: a member's name; NULL when it is none of its members.
 */
static const char *below(const char *path, const struct param *parent)
{
    const size_t len = parent == NULL ? 0 : strlen(parent->path);

    if (parent != NULL && (strncmp(path, parent->path, len) != 0 || path[len] != '.')) {
        return NULL;
    }
    path += parent == NULL ? 0 : len + 1;
    return is_member_name(path, strlen(path)) ? path : NULL;
}

const struct param *param_next_member(struct params params, const struct param *parent,
                                      size_t *cursor)
{
    for (size_t i = *cursor; i < params.count; i++) {
        if (below(params.rows[i].path, parent) != NULL) {
            *cursor = i + 1;
            return params.rows + i;
        }
    }
    *cursor = params.count;
    return NULL;
}

const struct param *param_member(struct params params, const struct param *parent,
                                 struct ps_bytes name)
{
    const struct param *param;
    size_t cursor = 0;

    while ((param = param_next_member(params, parent, &cursor)) != NULL) {
        if (ps_bytes_equal_str(name, below(param->path, parent))) {
            return param;
        }
    }
    return NULL;
}

/* The row whose path is the parent's and then `end`, which the table has (a test sees to it). */
static const struct param *only_below(struct params params, const struct param *parent,
                                      const char *end)
{
    const size_t len = strlen(parent->path);
    size_t at = 0;

    while (at < params.count && (strncmp(params.rows[at].path, parent->path, len) != 0 ||
                                 strcmp(params.rows[at].path + len, end) != 0)) {
        at++;
    }
    assert(at < params.count);
    return params.rows + at;
}

const struct param *param_element(struct params params, const struct param *list)
{
    return only_below(params, list, list->kind == PARAM_MAP ? ".*" : "[]");
}

const char *param_name(const struct param *param)
{
    const char *dot = strrchr(param->path, '.');

    return dot == NULL ? param->path : dot + 1;
}

bool param_find(struct json_value object, const struct param *param, struct json_value *ret_value)
{
    return json_member(object, param_name(param), ret_value);
}

static enum ps_err refuse(struct params params, const struct param *param, const char *what)
{
    return ps_fail(PS_E_INPUT, 0, "member \"%s%s\": %s", params.prefix, param->path, what);
}

static enum ps_err check(struct params params, const struct param *param, struct json_value value);

static enum ps_err check_presence(struct params params, const struct param *parent,
                                  struct json_value object)
{
    const struct param *param;
    struct json_value value;
    size_t cursor = 0;

    while ((param = param_next_member(params, parent, &cursor)) != NULL) {
        if (!param->optional && !param_find(object, param, &value)) {
            return refuse(params, param, "missing");
        }
    }
    return PS_OK;
}

/* Names as they stand in the text, escapes included: those of RFC 8785 are printable, too. */
static bool is_map_name(struct ps_bytes name)
{
    for (size_t i = 0; i < name.len; i++) {
        if (name.data[i] < ' ' || name.data[i] > '~') {
            return false;
        }
    }
    return name.len != 0 && name.len <= MAP_NAME_MAX;
}

/* A name that would not show as it is on a terminal is not repeated. */
static enum ps_err refuse_unknown(struct params params, const struct param *parent,
                                  struct ps_bytes name)
{
    return ps_fail(PS_E_INPUT, 0, "unknown member \"%s%s%s%.*s\"", params.prefix,
                   parent == NULL ? "" : parent->path, parent == NULL ? "" : ".",
                   PS_BYTES_FMT(is_map_name(name) ? name : ps_bytes_str("...")));
}

static enum ps_err check_object(struct params params, const struct param *parent,
                                struct json_value object)
{
    struct json_value value;
    struct ps_bytes name;
    uint32_t cursor = 0;

    while (json_next(object, &cursor, &name, &value)) {
        const struct param *param = param_member(params, parent, name);

        if (param == NULL) {
            return refuse_unknown(params, parent, name);
        }
        PS_TRY(check(params, param, value));
    }
    return check_presence(params, parent, object);
}

/* Are the octets of the element that ends at `until` those of an earlier one? */
static bool is_repeated(struct json_value list, uint32_t until, struct json_value value)
{
    struct json_value other;
    uint32_t cursor = 0;

    while (json_next(list, &cursor, NULL, &other) && cursor != until) {
        if (ps_bytes_equal(json_raw(other), json_raw(value))) {
            return true;
        }
    }
    return false;
}

static enum ps_err check_list(struct params params, const struct param *param,
                              struct json_value list)
{
    const struct param *element = param_element(params, param);
    struct json_value value;
    uint32_t cursor = 0;

    if (json_type(list) != JSON_ARRAY) {
        return refuse(params, param, "not an array");
    }
    if (json_count(list) < param->min) {
        return refuse(params, param, "too few elements");
    }
    if (json_count(list) > param->max) {
        return refuse(params, param, "too many elements");
    }
    while (json_next(list, &cursor, NULL, &value)) {
        PS_TRY(check(params, element, value));
        if (is_repeated(list, cursor, value)) {
            return refuse(params, param, "the same element twice");
        }
    }
    return PS_OK;
}

static enum ps_err check_map(struct params params, const struct param *param, struct json_value map)
{
    const struct param *element = param_element(params, param);
    struct json_value value;
    struct ps_bytes name;
    uint32_t cursor = 0;

    if (json_type(map) != JSON_OBJECT) {
        return refuse(params, param, "not an object");
    }
    if (json_count(map) > param->max) {
        return refuse(params, param, "too many members");
    }
    while (json_next(map, &cursor, &name, &value)) {
        if (!is_map_name(name)) {
            return refuse(params, param, "a name that is not 1 to 64 printable characters");
        }
        PS_TRY(check(params, element, value));
    }
    return PS_OK;
}

/* Recursion is bounded by the depth of the table. */
static enum ps_err check(struct params params, const struct param *param, struct json_value value)
{
    if (param->kind == PARAM_OBJECT || param->kind == PARAM_PARAMS) {
        if (json_type(value) != JSON_OBJECT) {
            return refuse(params, param, "not an object");
        }
        return param->kind == PARAM_OBJECT ? check_object(params, param, value) : PS_OK;
    }
    if (param->kind == PARAM_LIST) {
        return check_list(params, param, value);
    }
    if (param->kind == PARAM_MAP) {
        return check_map(params, param, value);
    }
    return param_check_value(params, param, value);
}

enum ps_err params_check(struct params params, struct json_value object)
{
    if (json_type(object) != JSON_OBJECT) {
        return ps_fail(PS_E_INPUT, 0, "not a JSON object");
    }
    return check_object(params, NULL, object);
}
