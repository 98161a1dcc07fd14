#include <stdlib.h>
#include <string.h>

#include "operation.h"

static const struct hash {
    CK_MECHANISM_TYPE digest;
    CK_ULONG mask;
    const char *name;
} hashes[] = {
    {CKM_SHA_1, CKG_MGF1_SHA1, "SHA1"},
    {CKM_SHA256, CKG_MGF1_SHA256, "SHA256"},
    {CKM_SHA384, CKG_MGF1_SHA384, "SHA384"},
    {CKM_SHA512, CKG_MGF1_SHA512, "SHA512"},
};
#define HASH_COUNT (sizeof(hashes) / sizeof(hashes[0]))

static const char *digest_name(CK_MECHANISM_TYPE digest)
{
    for (size_t i = 0; i < HASH_COUNT; i++)
        if (hashes[i].digest == digest)
            return hashes[i].name;
    return NULL;
}

static const char *mask_name(CK_ULONG mask)
{
    for (size_t i = 0; i < HASH_COUNT; i++)
        if (hashes[i].mask == mask)
            return hashes[i].name;
    return NULL;
}

static CK_RV copy_label(struct parameters *parameters, const void *label, CK_ULONG length)
{
    if (length == 0)
        return CKR_OK;
    if (!label || length > 1UL << 24)
        return CKR_MECHANISM_PARAM_INVALID;
    parameters->label = malloc(length);
    if (!parameters->label)
        return CKR_HOST_MEMORY;
    memcpy(parameters->label, label, length);
    parameters->label_length = length;
    return CKR_OK;
}

static CK_RV read_pss(const CK_MECHANISM *given, const struct mechanism *mechanism,
                      struct parameters *parameters)
{
    const CK_RSA_PKCS_PSS_PARAMS *pss = given->pParameter;
    if (!pss || given->ulParameterLen != sizeof(*pss))
        return CKR_MECHANISM_PARAM_INVALID;
    parameters->hash = digest_name(pss->hashAlg);
    parameters->mask_hash = mask_name(pss->mgf);
    parameters->salt_length = pss->sLen;
    if (!parameters->hash || !parameters->mask_hash || pss->sLen > 512)
        return CKR_MECHANISM_PARAM_INVALID;
    if (mechanism->hash && strcmp(mechanism->hash, parameters->hash) != 0)
        return CKR_MECHANISM_PARAM_INVALID;
    return CKR_OK;
}

static CK_RV read_oaep(const CK_MECHANISM *given, struct parameters *parameters)
{
    const CK_RSA_PKCS_OAEP_PARAMS *oaep = given->pParameter;
    if (!oaep || given->ulParameterLen != sizeof(*oaep))
        return CKR_MECHANISM_PARAM_INVALID;
    parameters->hash = digest_name(oaep->hashAlg);
    parameters->mask_hash = mask_name(oaep->mgf);
    if (!parameters->hash || !parameters->mask_hash)
        return CKR_MECHANISM_PARAM_INVALID;
    if (oaep->source != 0 && oaep->source != CKZ_DATA_SPECIFIED)
        return CKR_MECHANISM_PARAM_INVALID;
    return copy_label(parameters, oaep->pSourceData, oaep->ulSourceDataLen);
}

static CK_RV read_gcm(const CK_MECHANISM *given, struct parameters *parameters)
{
    const CK_GCM_PARAMS *gcm = given->pParameter;
    if (!gcm || given->ulParameterLen != sizeof(*gcm))
        return CKR_MECHANISM_PARAM_INVALID;
    if (!gcm->pIv || gcm->ulIvLen == 0 || gcm->ulIvLen > sizeof(parameters->iv))
        return CKR_MECHANISM_PARAM_INVALID;
    if (gcm->ulTagBits % 8 != 0 || gcm->ulTagBits < 32 || gcm->ulTagBits > 128)
        return CKR_MECHANISM_PARAM_INVALID;
    memcpy(parameters->iv, gcm->pIv, gcm->ulIvLen);
    parameters->iv_length = gcm->ulIvLen;
    parameters->tag_length = gcm->ulTagBits / 8;
    return copy_label(parameters, gcm->pAAD, gcm->ulAADLen);
}

/* OpenSSL 3.0 has neither Ed25519ph nor Ed25519ctx. */
static CK_RV read_eddsa(const CK_MECHANISM *given)
{
    const CK_EDDSA_PARAMS *eddsa = given->pParameter;
    if (!eddsa || given->ulParameterLen == 0)
        return CKR_OK;
    if (given->ulParameterLen != sizeof(*eddsa) || eddsa->phFlag || eddsa->ulContextDataLen)
        return CKR_MECHANISM_PARAM_INVALID;
    return CKR_OK;
}

static CK_RV read_family(const CK_MECHANISM *given, const struct mechanism *mechanism,
                         struct parameters *parameters)
{
    if (mechanism->family == FAMILY_RSA_PSS)
        return read_pss(given, mechanism, parameters);
    if (mechanism->family == FAMILY_RSA_OAEP)
        return read_oaep(given, parameters);
    if (mechanism->family == FAMILY_AES_GCM)
        return read_gcm(given, parameters);
    if (mechanism->family == FAMILY_EDDSA)
        return read_eddsa(given);
    return given->ulParameterLen == 0 ? CKR_OK : CKR_MECHANISM_PARAM_INVALID;
}

CK_RV parameters_read(const CK_MECHANISM *given, const struct mechanism *mechanism,
                      struct parameters *ret_parameters)
{
    struct parameters parameters = {0};
    CK_RV rv = read_family(given, mechanism, &parameters);
    if (rv == CKR_OK)
        *ret_parameters = parameters;
    else
        parameters_clear(&parameters);
    return rv;
}

void parameters_clear(struct parameters *parameters)
{
    free(parameters->label);
    *parameters = (struct parameters){0};
}

bool parameters_equal(const struct parameters *a, const struct parameters *b)
{
    return a->hash == b->hash && a->mask_hash == b->mask_hash && a->salt_length == b->salt_length &&
           a->label_length == 0 && b->label_length == 0 && a->iv_length == 0 && b->iv_length == 0;
}
