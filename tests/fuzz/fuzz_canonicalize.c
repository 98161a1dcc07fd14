#include "tests/fuzz/fuzz.h"

#include "lib/rdf/canonicalize.h"
#include "lib/rdf/nquads.h"

#include <assert.h>
/* What is canonical is its own canonical form; in its order it may need a few steps more. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const struct rdf_work work = {5000, 64};
    struct rdf_canonical *first = NULL;
    struct rdf_canonical *again = NULL;
    struct rdf_dataset *dataset = NULL;
    struct rdf_dataset *canonical = NULL;
    assert(rdf_dataset_new(&RDF_LIMITS, &dataset) == PS_OK);
    assert(rdf_dataset_new(&RDF_LIMITS, &canonical) == PS_OK);
    if (rdf_parse_nquads(ps_bytes(data, size), dataset) == PS_OK &&
        rdf_canonicalize(dataset, PS_SHA256, &work, &first) == PS_OK) {
        assert(rdf_parse_nquads(rdf_canonical_nquads(first), canonical) == PS_OK);
        if (rdf_canonicalize(canonical, PS_SHA256, &RDF_WORK, &again) == PS_OK) {
            assert(ps_bytes_equal(rdf_canonical_nquads(first), rdf_canonical_nquads(again)));
        }
    }
    rdf_canonical_free(first);
    rdf_canonical_free(again);
    rdf_dataset_free(dataset);
    rdf_dataset_free(canonical);
    return 0;
}
