#include "lib/formats/data_integrity.h"

static const struct data_integrity_suite suites[] = {
    {"eddsa-rdfc-2022", PS_ALG_EDDSA, PS_SHA256},
    {"eddsa-jcs-2022", PS_ALG_EDDSA, PS_SHA256},
    {"Ed25519Signature2020", PS_ALG_EDDSA, PS_SHA256},
    {"ecdsa-rdfc-2019", PS_ALG_ES256, PS_SHA256},
    {"ecdsa-rdfc-2019", PS_ALG_ES384, PS_SHA384},
    {"ecdsa-jcs-2019", PS_ALG_ES256, PS_SHA256},
    {"ecdsa-jcs-2019", PS_ALG_ES384, PS_SHA384},
    {"EcdsaSecp256r1Signature2019", PS_ALG_ES256, PS_SHA256},
};

const struct data_integrity_suite *data_integrity_suite_at(size_t i)
{
    return i < PS_COUNT_OF(suites) ? &suites[i] : NULL;
}

const struct data_integrity_suite *data_integrity_suite_find(struct ps_bytes name, enum ps_alg alg)
{
    for (size_t i = 0; i < PS_COUNT_OF(suites); i++) {
        if (suites[i].alg == alg && ps_bytes_equal_str(name, suites[i].name)) {
            return &suites[i];
        }
    }
    return NULL;
}

bool data_integrity_suite_exists(struct ps_bytes name)
{
    for (size_t i = 0; i < PS_COUNT_OF(suites); i++) {
        if (ps_bytes_equal_str(name, suites[i].name)) {
            return true;
        }
    }
    return false;
}

static enum ps_err check_hash(const struct data_integrity_suite *suite, const char *name,
                              struct ps_bytes hash)
{
    if (hash.len != ps_hash_len(suite->hash)) {
        return ps_fail(PS_E_INPUT, 0, "member \"%s\": not the %zu octets of %s's hash", name,
                       ps_hash_len(suite->hash), suite->name);
    }
    return PS_OK;
}

/* "hashData: the result of joining proofConfigHash (the first hash) with transformedDocumentHash
 * (the second hash)": vc-di-eddsa 1.0 section 3.2.4, and the same in each of the other suites. */
enum ps_err data_integrity_put_block(const struct data_integrity_suite *suite,
                                     struct ps_bytes proof_hash, struct ps_bytes document_hash,
                                     struct ps_buf *out)
{
    PS_TRY(check_hash(suite, "proof_hash", proof_hash));
    PS_TRY(check_hash(suite, "document_hash", document_hash));
    ps_buf_put(out, proof_hash);
    ps_buf_put(out, document_hash);
    return ps_buf_status(out);
}
