#include "lib/jsonld/canonical_hash.h"

#include "lib/rdf/canonicalize.h"

enum ps_err jsonld_canonical_hash(struct ps_bytes document, const struct jsonld_contexts *contexts,
                                  uint8_t ret_hash[PS_SHA256_LEN])
{
    const struct jsonld_options options = {.limits = JSONLD_LIMITS, .contexts = contexts};
    PS_CLEANUP(rdf_dataset_free_cleanup) struct rdf_dataset *dataset = NULL;
    PS_CLEANUP(rdf_canonical_free_cleanup) struct rdf_canonical *canonical = NULL;

    PS_TRY(rdf_dataset_new(&RDF_LIMITS, &dataset));
    PS_TRY(jsonld_to_rdf(document, &options, dataset));
    PS_TRY(rdf_canonicalize(dataset, PS_SHA256, &RDF_WORK, &canonical));
    ps_sha256(rdf_canonical_nquads(canonical), ret_hash);
    return PS_OK;
}
