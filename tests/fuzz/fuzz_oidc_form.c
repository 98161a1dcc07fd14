#include "tests/fuzz/fuzz.h"

#include "frontends/oidc/csrf.h"
#include "frontends/oidc/form.h"

#include <assert.h>

/* What is decoded stays where it was put, each name once; and a header Cookie. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    PS_BUF_AUTO memory = {.max = FORM_MAX + 1};
    struct form form = {.count = 0};
    struct ps_bytes value;

    if (csrf_find(ps_bytes(data, size), CSRF_COOKIE, &value)) {
        assert(value.len == CSRF_VALUE_LEN);
    }
    assert(!csrf_is_good(ps_bytes(data, size), ps_bytes(data, size)));
    if (form_parse(ps_bytes(data, size), &memory, &form) != PS_OK) {
        return 0;
    }
    for (size_t i = 0; i < form.count; i++) {
        const struct ps_bytes name = form.of[i].name;

        assert(name.len <= size && name.data >= memory.data &&
               name.data + name.len <= memory.data + memory.len);
    }
    return 0;
}
