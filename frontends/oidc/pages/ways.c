#include "frontends/oidc/pages/ways.h"

#include "frontends/oidc/pages/typed.h"
#include "lib/base/encode.h"

#include <stdio.h>

static const char possible[] = "OTP PIN PWD KBI";

void ways_put(const struct login *login, struct ps_buf *out)
{
    const struct service *service = login->exchange->service;
    struct ps_bytes factors = ps_bytes_str(service->factors);
    struct ps_bytes factor;
    PS_BUF_AUTO available = {.max = WAYS_TEXT_MAX};

    while (words_next(&factors, &factor)) {
        if (words_have(ps_bytes_str(possible), factor)) {
            words_add(&available, factor);
        }
    }
    acr_put_ways(service->acrs, transaction_text(&login->transaction, TRANSACTION_ACRS),
                 ps_buf_bytes(&available), out);
}

bool ways_next(struct ps_bytes *lines, struct ps_bytes *ret_way)
{
    const uint8_t *end = lines->len == 0 ? NULL : memchr(lines->data, '\n', lines->len);

    if (end == NULL) {
        return false;
    }
    *ret_way = ps_bytes(lines->data, (size_t)(end - lines->data));
    *lines = ps_bytes_from(*lines, ret_way->len + 1);
    return true;
}

struct ps_bytes ways_chosen(const struct login *login, struct ps_bytes lines)
{
    const struct ps_bytes chosen = transaction_text(&login->transaction, TRANSACTION_WAY);
    struct ps_bytes first = ps_bytes(NULL, 0);
    struct ps_bytes way;

    while (ways_next(&lines, &way)) {
        if (ps_bytes_equal(way, chosen)) {
            return way;
        }
        first = first.data == NULL ? way : first;
    }
    return first;
}

bool ways_need_otp(const struct login *login, struct ps_bytes way)
{
    return words_have(way, ps_bytes_str("OTP")) &&
           login->transaction.of[TRANSACTION_SENT_TO].len == 0;
}

static bool is_id(struct ps_bytes id)
{
    for (size_t i = 0; i < id.len; i++) {
        if (!ps_is_letter(id.data[i]) && !ps_is_digit(id.data[i]) && id.data[i] != '_') {
            return false;
        }
    }
    return id.len != 0 && id.len <= 64;
}

static bool get_text(struct json_value object, const char *name, struct ps_bytes *ret_text)
{
    struct json_value value;

    return json_member(object, name, &value) && json_string(value, ret_text) == PS_OK;
}

static bool is_true(struct json_value object, const char *name)
{
    struct json_value value;

    return json_member(object, name, &value) && json_type(value) == JSON_TRUE;
}

static enum ps_err read_field(struct json_value value, const char *code3,
                              struct ways_field *ret_field)
{
    struct json_value labels;
    struct json_value number;
    struct ps_bytes control;
    int64_t most = 0;

    *ret_field = (struct ways_field){.is_required = is_true(value, "required")};
    if (!get_text(value, "id", &ret_field->id) || !is_id(ret_field->id) ||
        !get_text(value, "controlType", &control) || !json_member(value, "labelName", &labels) ||
        json_type(labels) != JSON_OBJECT ||
        (!get_text(labels, code3, &ret_field->label) &&
         !get_text(labels, "eng", &ret_field->label))) {
        return ps_fail(PS_E_INPUT, 0, "a field of the plugin's form is none");
    }
    ret_field->is_date = ps_bytes_equal_str(control, "date");
    if (json_member(value, "maxLength", &number) && json_integer(number, &most) == PS_OK &&
        most > 0) {
        ret_field->max_length = (uint64_t)most;
    }
    return PS_OK;
}

enum ps_err ways_read_fields(struct json *json, const char *form, const char *code3,
                             struct ways_fields *ret_fields)
{
    static const struct json_limits limits = {64u * 1024u, 8, 1000, false};
    struct json_value root;
    struct json_value schema;
    struct json_value item;
    uint32_t cursor = 0;

    ret_fields->count = 0;
    PS_TRY(json_parse(json, ps_bytes_str(form), &limits, &root));
    if (json_type(root) != JSON_OBJECT || !json_member(root, "schema", &schema) ||
        json_type(schema) != JSON_ARRAY || json_count(schema) > WAYS_FIELDS_MAX) {
        return ps_fail(PS_E_INPUT, 0, "the plugin's form is none");
    }
    while (json_next(schema, &cursor, NULL, &item)) {
        if (json_type(item) != JSON_OBJECT) {
            return ps_fail(PS_E_INPUT, 0, "a field of the plugin's form is none");
        }
        PS_TRY(read_field(item, code3, &ret_fields->of[ret_fields->count]));
        ret_fields->count++;
    }
    return PS_OK;
}

void ways_name_field(const char *prefix, struct ps_bytes name, char ret_name[WAYS_NAME_MAX])
{
    (void)snprintf(ret_name, WAYS_NAME_MAX, "%s%.*s", prefix, PS_BYTES_FMT(name));
}

/* Over the limit of a challenge, so that it is refused as one. */
#define KNOWLEDGE_MAX 1024u

/* base64url of an object with what was typed in each field, behind what is in `memory`. */
static enum ps_err put_knowledge(const struct service *service, const struct form *form,
                                 struct ps_buf *memory, struct ps_bytes *ret_text)
{
    struct ways_fields fields;
    const char *before = "{";
    size_t start;
    PS_BUF_AUTO document = PS_BUF_SECRET(KNOWLEDGE_MAX);

    PS_TRY(ways_read_fields(service->readers[0],
                            authenticator_description(service->authenticator)->kbi_form, "eng",
                            &fields));
    for (size_t i = 0; i < fields.count; i++) {
        char name[WAYS_NAME_MAX];
        struct ps_bytes typed = ps_bytes(NULL, 0);

        ways_name_field("kbi.", fields.of[i].id, name);
        (void)form_get(form, name, &typed);
        if (fields.of[i].is_date) {
            typed = typed_read(typed, memory);
        }
        ps_buf_printf(&document, "%s\"%.*s\":", before, PS_BYTES_FMT(fields.of[i].id));
        ps_buf_put_json_string(&document, typed);
        before = ",";
    }
    ps_buf_put_str(&document, "}");
    start = memory->len;
    ps_buf_put_base64url(memory, ps_buf_bytes(&document));
    *ret_text = ps_bytes(memory->data + start, memory->len - start);
    return ps_buf_status(&document) == PS_OK ? ps_buf_status(memory) : ps_buf_status(&document);
}

static void make_lower(struct ps_bytes factor, char ret_name[WAYS_NAME_MAX])
{
    ways_name_field("", factor, ret_name);
    for (char *c = ret_name; *c != '\0'; c++) {
        if (*c >= 'A' && *c <= 'Z') {
            *c = (char)(*c - 'A' + 'a');
        }
    }
}

/* What was typed for one factor; of knowledge and numbers it stands in `memory`. */
static enum ps_err read_factor(const struct service *service, const struct form *form,
                               struct ps_bytes factor, struct ps_buf *memory,
                               struct ps_bytes *ret_text)
{
    char name[WAYS_NAME_MAX];

    if (ps_bytes_equal_str(factor, "KBI")) {
        return put_knowledge(service, form, memory, ret_text);
    }
    make_lower(factor, name);
    (void)form_get(form, name, ret_text);
    if (!ps_bytes_equal_str(factor, "PWD")) {
        *ret_text = typed_read(*ret_text, memory);
    }
    return PS_OK;
}

enum ps_err ways_read(struct login *login, const struct form *form, struct ps_bytes way,
                      struct ps_buf *memory, struct challenges *ret_challenges,
                      const char **ret_code)
{
    struct ps_bytes individual = transaction_text(&login->transaction, TRANSACTION_TYPED);
    struct ps_bytes factor;

    if (ps_buf_reserve(memory, WAYS_MEMORY_MAX) == NULL) {
        return ps_buf_status(memory);
    }
    if (!words_have(way, ps_bytes_str("OTP"))) {
        individual = ps_bytes(NULL, 0);
        (void)form_get(form, "individual", &individual);
        individual = typed_read(individual, memory);
    }
    PS_TRY(challenge_begin(individual, ret_challenges, ret_code));
    while (words_next(&way, &factor)) {
        const struct challenge_kind *kind = challenge_kind_of(factor);
        struct challenge_shown shown = {.factor = factor};
        const enum ps_err err =
            read_factor(login->exchange->service, form, factor, memory, &shown.text);

        if (err == PS_E_LIMIT) {
            *ret_code = "invalid_challenge";
            return ps_fail(PS_E_INPUT, 0, "more was typed than a challenge can have");
        }
        PS_TRY(err);
        shown.format = ps_bytes_str(kind == NULL ? "" : kind->format);
        PS_TRY(challenge_add(&shown, ret_challenges, ret_code));
    }
    return PS_OK;
}
