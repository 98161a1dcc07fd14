#include "lib/ceremony/operation/text.h"

#include "lib/ceremony/operation/value.h"

/*
 * Two documents of one type, member by member. What is compared may be on one side only: NULL on
 * the other.
 */

/* Where a member stands: the labels on the way to it, the outermost last. */
struct trail {
    const struct trail *up;
    const char *label;
    struct ps_bytes name; /* which one of several; or empty */
};

struct comparison {
    struct params params;
    struct ps_buf *out;
    size_t found;
};

struct pair {
    const struct json_value *before;
    const struct json_value *now;
};

static void compare(struct comparison *comparison, const struct param *param,
                    const struct trail *trail, struct pair pair);

static void put_trail(const struct trail *trail, struct ps_buf *out)
{
    if (trail->up != NULL) {
        put_trail(trail->up, out);
        ps_buf_put_str(out, " / ");
    }
    ps_buf_put_str(out, trail->label);
    if (trail->name.data != NULL) {
        ps_buf_put_u8(out, ' ');
        operation_text_put_quoted(trail->name, out);
    }
}

static void put_head(struct comparison *comparison, const char *what, const struct trail *trail)
{
    ps_buf_put_str(comparison->out, what);
    put_trail(trail, comparison->out);
    ps_buf_put_str(comparison->out, ": ");
    comparison->found++;
}

static void put_line(struct comparison *comparison, const char *what, const struct param *param,
                     const struct trail *trail, struct json_value value)
{
    put_head(comparison, what, trail);
    operation_value_put(comparison->params, param, value, comparison->out);
    ps_buf_put_u8(comparison->out, '\n');
}

static void put_change(struct comparison *comparison, const struct param *param,
                       const struct trail *trail, struct pair pair)
{
    put_head(comparison, "  Changed  ", trail);
    ps_buf_put_str(comparison->out, "was ");
    operation_value_put(comparison->params, param, *pair.before, comparison->out);
    ps_buf_put_str(comparison->out, "; is ");
    operation_value_put(comparison->params, param, *pair.now, comparison->out);
    ps_buf_put_u8(comparison->out, '\n');
}

static bool is_same(struct json_value a, struct json_value b)
{
    return ps_bytes_equal(json_raw(a), json_raw(b));
}

/* --- Objects --- */

static void compare_object(struct comparison *comparison, const struct param *parent,
                           const struct trail *trail, struct pair pair)
{
    const struct param *param;
    size_t cursor = 0;

    while ((param = param_next_member(comparison->params, parent, &cursor)) != NULL) {
        const struct trail here = {.up = trail, .label = param->label};
        struct json_value before;
        struct json_value now;
        struct pair members = {NULL, NULL};

        if (pair.before != NULL && param_find(*pair.before, param, &before)) {
            members.before = &before;
        }
        if (pair.now != NULL && param_find(*pair.now, param, &now)) {
            members.now = &now;
        }
        compare(comparison, param, &here, members);
    }
}

/* --- Maps: what is in both is found by its name --- */

static bool find_name(const struct json_value *map, struct ps_bytes name,
                      struct json_value *ret_value)
{
    struct ps_bytes other;
    uint32_t cursor = 0;

    while (map != NULL && json_next(*map, &cursor, &other, ret_value)) {
        if (ps_bytes_equal(name, other)) {
            return true;
        }
    }
    return false;
}

static void compare_map(struct comparison *comparison, const struct param *param,
                        const struct trail *trail, struct pair pair)
{
    const struct param *element = param_element(comparison->params, param);
    struct trail here = {.up = trail, .label = element->label};
    struct json_value value;
    struct json_value other;
    uint32_t cursor = 0;

    while (pair.now != NULL && json_next(*pair.now, &cursor, &here.name, &value)) {
        const bool is_in_both = find_name(pair.before, here.name, &other);

        compare(comparison, element, &here, (struct pair){is_in_both ? &other : NULL, &value});
    }
    cursor = 0;
    while (pair.before != NULL && json_next(*pair.before, &cursor, &here.name, &value)) {
        if (!find_name(pair.now, here.name, &other)) {
            compare(comparison, element, &here, (struct pair){&value, NULL});
        }
    }
}

/* --- Lists: what is in both is found by its content, or by what tells it apart --- */

static struct json_value identity(const struct param *list, struct json_value element)
{
    struct json_value value;

    return list->element != NULL && json_member(element, list->element, &value) ? value : element;
}

static bool find_element(const struct param *param, const struct json_value *list,
                         struct json_value wanted, struct json_value *ret_value)
{
    uint32_t cursor = 0;

    while (list != NULL && json_next(*list, &cursor, NULL, ret_value)) {
        if (is_same(identity(param, *ret_value), identity(param, wanted))) {
            return true;
        }
    }
    return false;
}

/* Walks to the next element that the other list has too. */
static bool next_common(const struct param *param, const struct json_value *list, uint32_t *cursor,
                        const struct json_value *other, struct json_value *ret_value)
{
    struct json_value found;

    while (json_next(*list, cursor, NULL, ret_value)) {
        if (find_element(param, other, *ret_value, &found)) {
            return true;
        }
    }
    return false;
}

static bool is_reordered(const struct param *param, struct pair pair)
{
    struct json_value before;
    struct json_value now;
    uint32_t before_cursor = 0;
    uint32_t now_cursor = 0;

    while (next_common(param, pair.before, &before_cursor, pair.now, &before) &&
           next_common(param, pair.now, &now_cursor, pair.before, &now)) {
        if (!is_same(identity(param, before), identity(param, now))) {
            return true;
        }
    }
    return false;
}

static void compare_element(struct comparison *comparison, const struct param *list,
                            const struct trail *trail, struct pair pair)
{
    const struct param *element = param_element(comparison->params, list);
    struct trail here = {.up = trail->up, .label = element->label};

    if (element->kind != PARAM_OBJECT) {
        compare(comparison, element, trail, pair);
        return;
    }
    if (json_string(identity(list, pair.now != NULL ? *pair.now : *pair.before), &here.name) !=
        PS_OK) {
        here.name = ps_bytes(NULL, 0);
    }
    compare(comparison, element, &here, pair);
}

/* The names of its elements, or the elements themselves, as they stand now. */
static void put_order(struct comparison *comparison, const struct param *param,
                      struct json_value list)
{
    const char *before = "";
    struct json_value value;
    struct ps_bytes text;
    uint32_t cursor = 0;

    while (json_next(list, &cursor, NULL, &value)) {
        if (json_string(identity(param, value), &text) == PS_OK) {
            ps_buf_put_str(comparison->out, before);
            operation_text_put_quoted(text, comparison->out);
            before = ", ";
        }
    }
    ps_buf_put_u8(comparison->out, '\n');
}

static void compare_list(struct comparison *comparison, const struct param *param,
                         const struct trail *trail, struct pair pair)
{
    struct json_value value;
    struct json_value other;
    uint32_t cursor = 0;

    while (pair.now != NULL && json_next(*pair.now, &cursor, NULL, &value)) {
        const bool is_in_both = find_element(param, pair.before, value, &other);

        compare_element(comparison, param, trail,
                        (struct pair){is_in_both ? &other : NULL, &value});
    }
    cursor = 0;
    while (pair.before != NULL && json_next(*pair.before, &cursor, NULL, &value)) {
        if (!find_element(param, pair.now, value, &other)) {
            compare_element(comparison, param, trail, (struct pair){&value, NULL});
        }
    }
    if (pair.before != NULL && pair.now != NULL && is_reordered(param, pair)) {
        put_head(comparison, "  Changed  ", trail);
        ps_buf_put_str(comparison->out, "what is in both stands in another order: ");
        put_order(comparison, param, *pair.now);
    }
}

/* --- All --- */

static bool is_many(const struct param *param)
{
    return param->kind == PARAM_LIST || param->kind == PARAM_MAP;
}

static void compare(struct comparison *comparison, const struct param *param,
                    const struct trail *trail, struct pair pair)
{
    const struct json_value *only = pair.now != NULL ? pair.now : pair.before;
    const bool is_in_both = pair.now != NULL && pair.before != NULL;

    if (only == NULL || param->own || param->kind == PARAM_PARAMS ||
        (is_in_both && is_same(*pair.now, *pair.before))) {
        return;
    }
    if (param->kind == PARAM_OBJECT) {
        compare_object(comparison, param, trail, pair);
    } else if (is_many(param) && (is_in_both || json_count(*only) != 0)) {
        (param->kind == PARAM_MAP ? compare_map : compare_list)(comparison, param, trail, pair);
    } else if (is_in_both) {
        put_change(comparison, param, trail, pair);
    } else {
        put_line(comparison, pair.now != NULL ? "  Added    " : "  Removed  ", param, trail, *only);
    }
}

/* The members that each document has for itself are named, so that nobody takes them for equal. */
static void put_not_compared(struct ps_buf *out)
{
    const struct params params = operation_params_of_document();
    const char *before = "";

    ps_buf_put_str(out, "  Not compared, since each document has its own: ");
    for (size_t i = 0; i < params.count; i++) {
        if (params.rows[i].own) {
            ps_buf_put_str(out, before);
            ps_buf_put_str(out, params.rows[i].path);
            before = ", ";
        }
    }
    ps_buf_put_str(out, ".\n");
}

enum ps_err operation_text_put_difference(const struct operation_document *before,
                                          const struct operation_document *now, struct ps_buf *out)
{
    struct comparison comparison = {.params = operation_params_of(now->type), .out = out};

    if (before->type != now->type) {
        return ps_fail(PS_E_INPUT, 0, "the earlier document is of another type: %s, not %s",
                       before->type->name, now->type->name);
    }
    compare_object(&comparison, NULL, NULL, (struct pair){&before->params, &now->params});
    comparison.params = operation_params_of_document();
    compare_object(&comparison, NULL, NULL, (struct pair){&before->root, &now->root});
    if (comparison.found == 0) {
        ps_buf_put_str(out, "  Nothing that is compared is different.\n");
    }
    put_not_compared(out);
    return ps_buf_status(out);
}
