#include "tests/fuzz/fuzz.h"

#include "frontends/plugins/registry/import.h"
#include "frontends/plugins/registry/secret_hash.h"

#include <assert.h>

static struct json *json;

/* Who is let in has an id that a file can have, and claims that are read again. */
static enum ps_err look(void *context, struct person *person)
{
    const struct privyseal_auth_list none = {NULL, 0};
    PS_BUF_AUTO out = {.max = 2 * PERSON_CLAIMS_MAX};

    assert(person->id.len != 0 && memchr(person->id.data, '/', person->id.len) == NULL &&
           person->id.data[0] != '.');
    assert(person_put_metadata(json, ps_buf_bytes(&person->claims), &out) == PS_OK);
    assert(person_put_claims(json, ps_buf_bytes(&person->claims), &none, &none, &out) == PS_OK);
    ++*(size_t *)context;
    return PS_OK;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    size_t seen = 0;
    size_t count = 0;

    assert(json != NULL || (json_new(&json) == PS_OK && secret_hash_init() == PS_OK));
    assert(import_people(ps_bytes(data, size), look, &seen, &count) != PS_OK || count == seen);
    return 0;
}
