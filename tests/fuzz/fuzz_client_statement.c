#include "tests/fuzz/fuzz.h"

#include "lib/ceremony/people/client_statement.h"

#include <assert.h>

/* What is read is within its bounds, in its only form, and of a client that can be one. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct json *json;
    struct client_statement statement;

    assert(json != NULL || json_new(&json) == PS_OK);
    if (client_statement_parse(json, ps_bytes(data, size), &statement) != PS_OK) {
        return 0;
    }
    assert(size <= CLIENT_STATEMENT_MAX && statement.new_key_len != 0);
    assert(statement.new_key_len <= CLIENT_SPKI_MAX && statement.client.len != 0);
    return 0;
}
