#include "lib/formats/x509/profile.h"

#define DAY_S  UINT64_C(86400)
#define YEAR_S (365 * DAY_S)

#define ATTRIBUTE(name) (1u << X509_##name)
#define SAN(name)       X509_SAN_BIT(X509_SAN_##name)
#define PURPOSE(name)   X509_PURPOSE_BIT(X509_##name)

static const struct x509_kind_info kinds[X509_KIND_COUNT] = {
    [X509_KIND_ROOT] = {.name = "root",
                        .title = "a root CA",
                        .is_ca = true,
                        .key_usage = X509_KEY_CERT_SIGN | X509_CRL_SIGN,
                        .needs = ATTRIBUTE(COMMON_NAME),
                        .longest_s = 30 * YEAR_S},
    [X509_KIND_INTERMEDIATE] = {.name = "intermediate",
                                .title = "an intermediate CA",
                                .is_ca = true,
                                .key_usage = X509_KEY_CERT_SIGN | X509_CRL_SIGN,
                                .needs = ATTRIBUTE(COMMON_NAME),
                                .longest_s = 15 * YEAR_S},
    [X509_KIND_SIGNING] = {.name = "signing",
                           .title = "signatures of tokens and credentials",
                           .key_usage = X509_DIGITAL_SIGNATURE,
                           .needs = ATTRIBUTE(COMMON_NAME),
                           .sans = SAN(DNS) | SAN(URI) | SAN(EMAIL),
                           .longest_s = 5 * YEAR_S},
    /* RFC 9336; the e-mail purpose is for readers that know no other for documents. */
    [X509_KIND_DOCUMENT_SIGNER] = {.name = "document-signer",
                                   .title = "signatures of documents",
                                   .key_usage = X509_DIGITAL_SIGNATURE | X509_NON_REPUDIATION,
                                   .purposes =
                                       PURPOSE(DOCUMENT_SIGNING) | PURPOSE(EMAIL_PROTECTION),
                                   .needs = ATTRIBUTE(COMMON_NAME),
                                   .sans = SAN(URI) | SAN(EMAIL),
                                   .longest_s = 5 * YEAR_S},
    [X509_KIND_ENCRYPTION] = {.name = "encryption",
                              .title = "encryption to its key",
                              .key_usage = X509_KEY_AGREEMENT,
                              .key_usage_rsa = X509_KEY_ENCIPHERMENT,
                              .needs = ATTRIBUTE(COMMON_NAME),
                              .sans = SAN(DNS) | SAN(URI) | SAN(EMAIL),
                              .longest_s = 5 * YEAR_S},
    /* TLS 1.3 signs only, with RSA keys too. */
    [X509_KIND_TLS_SERVER] = {.name = "tls-server",
                              .title = "a TLS server",
                              .key_usage = X509_DIGITAL_SIGNATURE,
                              .purposes = PURPOSE(SERVER_AUTH),
                              .sans = SAN(DNS) | SAN(IP),
                              .needs_san = true,
                              .names_host = true,
                              .longest_s = 398 * DAY_S},
    [X509_KIND_TLS_CLIENT] = {.name = "tls-client",
                              .title = "a TLS client",
                              .key_usage = X509_DIGITAL_SIGNATURE,
                              .purposes = PURPOSE(CLIENT_AUTH),
                              .sans = SAN(DNS) | SAN(URI) | SAN(EMAIL),
                              .longest_s = 398 * DAY_S},
    [X509_KIND_WALLET_BINDING] = {.name = "wallet-binding",
                                  .title = "a key in a wallet",
                                  .key_usage = X509_DIGITAL_SIGNATURE,
                                  .needs = ATTRIBUTE(COMMON_NAME),
                                  .longest_s = 5 * YEAR_S},
};

static const char *const purposes[X509_PURPOSE_COUNT] = {
    [X509_SERVER_AUTH] = "server-auth",
    [X509_CLIENT_AUTH] = "client-auth",
    [X509_DOCUMENT_SIGNING] = "document-signing",
    [X509_EMAIL_PROTECTION] = "email-protection",
};

const struct x509_kind_info *x509_kind_info(enum x509_kind kind)
{
    return kind > X509_KIND_NONE && kind < X509_KIND_COUNT ? &kinds[kind] : NULL;
}

enum x509_kind x509_kind_by_name(struct ps_bytes name)
{
    for (unsigned i = X509_KIND_NONE + 1; i < X509_KIND_COUNT; i++) {
        if (ps_bytes_equal_str(name, kinds[i].name)) {
            return (enum x509_kind)i;
        }
    }
    return X509_KIND_NONE;
}

const char *x509_purpose_name(enum x509_purpose purpose)
{
    return purpose < X509_PURPOSE_COUNT ? purposes[purpose] : NULL;
}

bool x509_purpose_by_name(struct ps_bytes name, enum x509_purpose *ret_purpose)
{
    for (unsigned i = 0; i < X509_PURPOSE_COUNT; i++) {
        if (ps_bytes_equal_str(name, purposes[i])) {
            *ret_purpose = (enum x509_purpose)i;
            return true;
        }
    }
    return false;
}

uint16_t x509_kind_key_usage(enum x509_kind kind, enum ps_key_type type)
{
    const bool is_rsa = ps_key_type_info(type)->family == PS_FAMILY_RSA;

    return is_rsa && kinds[kind].key_usage_rsa != 0 ? kinds[kind].key_usage_rsa
                                                    : kinds[kind].key_usage;
}

bool x509_kind_fits(enum x509_kind kind, enum ps_usage usage, unsigned formats)
{
    switch ((unsigned)usage) {
    case PS_USAGE_SIGN:
        return kind == X509_KIND_SIGNING;
    case PS_USAGE_DECRYPT:
        return kind == X509_KIND_ENCRYPTION;
    case PS_USAGE_CERTIFY:
        return (formats & 1u << PS_FORMAT_X509) != 0
                   ? kind == X509_KIND_ROOT || kind == X509_KIND_INTERMEDIATE
                   : kind == X509_KIND_DOCUMENT_SIGNER;
    default:
        return false;
    }
}
