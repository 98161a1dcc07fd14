#include "frontends/certify/credential_definition.h"

#include "lib/base/encode.h"

#include <stdlib.h>

static int compare(const void *a, const void *b)
{
    const struct ps_bytes *first = a;
    const struct ps_bytes *second = b;

    return ps_bytes_compare(*first, *second);
}

static enum ps_err bad(const char *what, const char *why)
{
    return ps_fail(PS_E_INPUT, 0, "%s: %s", what, why);
}

/* Each as JSON writes it, so that no text can look like two. */
static enum ps_err put_set(struct json_value array, const char *what, struct ps_buf *out)
{
    struct ps_bytes names[CREDENTIAL_NAMES_MAX];
    struct json_value one;
    uint32_t cursor = 0;
    size_t count = 0;

    if (json_type(array) != JSON_ARRAY || json_count(array) == 0 ||
        json_count(array) > CREDENTIAL_NAMES_MAX) {
        return bad(what, "it is an array of 1 to 32 strings");
    }
    while (json_next(array, &cursor, NULL, &one)) {
        if (json_type(one) != JSON_STRING) {
            return bad(what, "it has strings only");
        }
        PS_TRY(json_string(one, &names[count]));
        count++;
    }
    qsort(names, count, sizeof names[0], compare);
    for (size_t i = 0; i < count; i++) {
        if (i != 0 && ps_bytes_equal(names[i - 1], names[i])) {
            return bad(what, "it has one of them twice");
        }
        ps_buf_put_json_string(out, names[i]);
    }
    return ps_buf_status(out);
}

enum ps_err credential_definition_put(struct json_value contexts, struct json_value types,
                                      struct ps_buf *out)
{
    ps_buf_put_str(out, "ldp_vc ");
    PS_TRY(put_set(contexts, "@context", out));
    ps_buf_put_u8(out, ' ');
    return put_set(types, "type", out);
}
