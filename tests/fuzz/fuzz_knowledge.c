#include "tests/fuzz/fuzz.h"

#include "frontends/plugins/registry/knowledge.h"
#include "lib/base/encode.h"

#include <assert.h>

/* What a browser sends as knowledge, and the document within it: nobody is anybody by chance. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct json *json;
    static struct json *other;
    PS_BUF_AUTO challenge = {.max = 1u << 20};
    PS_BUF_AUTO text = {.max = 0};
    PERSON_AUTO person;
    struct knowledge knowledge;

    assert(json != NULL || (json_new(&json) == PS_OK && json_new(&other) == PS_OK));
    person_init(&person);
    ps_buf_put_str(&person.policy, "P-1");
    ps_buf_put_str(&person.claims, "{\"name\":\"Sample One\",\"birthdate\":\"1980-01-01\"}");
    ps_buf_put_base64url(&challenge, ps_bytes(data, size));
    assert(knowledge_read(json, ps_bytes(data, size), &text, &knowledge) != PS_OK || size < 4000);
    if (knowledge_read(json, ps_buf_bytes(&challenge), &text, &knowledge) == PS_OK &&
        knowledge_matches(other, &knowledge, &person)) {
        assert(ps_bytes_equal_str(knowledge.policy, "P-1") && knowledge.name.len >= 10);
    }
    return 0;
}
