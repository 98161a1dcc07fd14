#include "tests/fuzz/fuzz.h"

#include "lib/jsonld/jsonld.h"

#include <assert.h>
static const char context[] = "{\"@context\": [{\"@vocab\": \"a:\", \"T\": {\"@context\": {\"n\": "
                              "{\"@type\": \"@json\"}}}}]}";
/* What is converted without loss is the same quads when loss is allowed. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct jsonld_contexts *contexts;
    struct jsonld_options options = {.limits = {65536, 32, 5000, (size_t)4 * 1024 * 1024}};
    struct rdf_dataset *strict = NULL, *lossy = NULL;
    uint8_t digest[PS_SHA256_LEN];
    ps_sha256(ps_bytes_str(context), digest);
    assert(contexts != NULL || (jsonld_contexts_new(&contexts) == PS_OK &&
                                jsonld_contexts_add(contexts, ps_bytes_str("c:1"),
                                                    ps_bytes_str(context), digest) == PS_OK));
    options.contexts = contexts;
    options.direction = (enum jsonld_direction)(size % 3);
    assert(rdf_dataset_new(&RDF_LIMITS, &strict) == PS_OK);
    assert(rdf_dataset_new(&RDF_LIMITS, &lossy) == PS_OK);
    if (jsonld_to_rdf(ps_bytes(data, size), &options, strict) == PS_OK) {
        options.lossy = true;
        assert(jsonld_to_rdf(ps_bytes(data, size), &options, lossy) == PS_OK);
        assert(rdf_dataset_count(strict) == rdf_dataset_count(lossy));
    }
    rdf_dataset_free(strict);
    rdf_dataset_free(lossy);
    return 0;
}
