#include "tests/fuzz/fuzz.h"

#include "api/schema.h"

#include <assert.h>

/* Bodies of changes: what is handed on is a JSON object without the members of every change. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const struct body_schema *const schemas[] = {
        &schema_nothing,         &schema_genesis,   &schema_key_create, &schema_key_version,
        &schema_client_register, &schema_grant_add, &schema_set_put};
    static struct json *json;
    struct json_value body;
    struct json_value member;

    assert(json != NULL || json_new(&json) == PS_OK);
    for (unsigned i = 0; i < PS_COUNT_OF(schemas); i++) {
        PS_BUF_AUTO out = {.max = 48 * 1024};
        struct change_common common;

        if (json_parse(json, ps_bytes(data, size), &JSON_LIMITS_REQUEST, &body) == PS_OK &&
            schema_read_change(schemas[i], body, &common, &out) == PS_OK) {
            assert(json_parse(json, ps_buf_bytes(&out), &JSON_LIMITS_REQUEST, &body) == PS_OK);
            assert(!json_member(body, "reason", &member));
        }
    }
    return 0;
}
