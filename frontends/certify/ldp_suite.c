#include "frontends/certify/ldp_suite.h"

#include "lib/base/compiler.h"

static const struct ldp_suite suites[] = {
    {"Ed25519Signature2020", "Ed25519Signature2020", NULL, false},
    {"eddsa-rdfc-2022", "DataIntegrityProof", "eddsa-rdfc-2022", true},
};

const struct ldp_suite *ldp_suite_find(struct ps_bytes name)
{
    for (size_t i = 0; i < PS_COUNT_OF(suites); i++) {
        if (ps_bytes_equal_str(name, suites[i].name)) {
            return &suites[i];
        }
    }
    return NULL;
}
