#include "lib/ceremony/transcript_line.h"

#include "lib/base/name.h"

struct members {
    struct transcript_line line;
    struct json_value value;
};

#define FIELD(member, at, kind_, required_)                                                        \
    {                                                                                              \
        .name = #member, .offset = offsetof(struct members, at), .max = 0,                         \
        .kind = JSON_KIND_##kind_, .required = (required_)                                         \
    }

static const struct json_field fields[] = {
    FIELD(at, line.at, STRING, true),          FIELD(what, line.what, STRING, true),
    FIELD(step, line.step, STRING, false),     FIELD(name, line.name, STRING, false),
    FIELD(value, value, ANY, false),           FIELD(id, line.id, STRING, false),
    FIELD(sha256, line.sha256, STRING, false), FIELD(file, line.file, STRING, false),
    FIELD(text, line.text, STRING, false),
};

enum ps_err transcript_line_read(struct json *json, struct ps_bytes octets,
                                 struct transcript_line *ret_line)
{
    static const struct json_limits limits = {TRANSCRIPT_LINE_MAX, JSON_DEPTH_MAX, 65536, false};
    struct members members = {.line = {.at = {NULL, 0}}};
    struct json_value root;

    PS_TRY(json_parse(json, octets, &limits, &root));
    if (json_type(root) != JSON_OBJECT) {
        return ps_fail(PS_E_INPUT, 0, "a line that is no JSON object");
    }
    PS_TRY(json_read_object(root, fields, PS_COUNT_OF(fields), &members, NULL));
    /* It becomes part of a route; with a slash it would be another route. */
    if (members.line.id.len != 0 && !ps_name_valid(members.line.id)) {
        return ps_fail(PS_E_INPUT, 0, "an id that is none");
    }
    *ret_line = members.line;
    if (members.value.doc != NULL) {
        ret_line->value = json_raw(members.value);
    }
    return PS_OK;
}
