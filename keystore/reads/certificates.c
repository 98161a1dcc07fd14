#include "keystore/reads/internal.h"

#include "keystore/certificates/crls.h"
#include "lib/formats/pem.h"

/* The certificates of keys, and the profiles under which clients are issued theirs. */

enum { ACCEPT_CHAIN, ACCEPT_LEAF };

void read_put_certificate(const struct key_version *version, struct writer *json)
{
    const struct key_certificate *certificate = version_certificate(version);

    if (certificate == NULL) {
        return;
    }
    writer_begin_object(json, "certificate");
    writer_str(json, "kind", certificate_kind_name(certificate->kind));
    writer_time_s(json, "not_before", certificate->not_before_s);
    writer_time_s(json, "not_after", certificate->not_after_s);
    writer_octets(json, "sha256", ps_bytes(certificate->leaf_hash, PS_SHA256_LEN));
    writer_number(json, "chain", certificate->count);
    writer_end_object(json);
}

const struct key_version *read_find_version(struct key *key, uint64_t number)
{
    const struct key_version *version;

    if (number != 0) {
        return number > UINT32_MAX ? NULL : key_version(key, (uint32_t)number);
    }
    version = key_active(key, real_now_s());
    return version == NULL ? key_latest(key) : version;
}

/* A little while in caches; never longer than it holds. */
#define CRL_MAX_AGE_S 3600u

enum ps_err read_crl(struct read *read)
{
    struct crl_view view;
    uint64_t left_s;

    PS_TRY(crls_find(read->keeper->crls, read->message->name, &view));
    left_s = view.next_update_s - real_now_s();
    ps_buf_put(&read->body, view.der);
    read->document.max_age_s = left_s < CRL_MAX_AGE_S ? (uint32_t)left_s : CRL_MAX_AGE_S;
    read_tag_body(read);
    return PS_OK;
}

enum ps_err read_key_certificate(struct read *read)
{
    struct key *key = keys_find(read->keeper->keys, read->message->name);
    const struct key_version *version =
        key == NULL ? NULL : read_find_version(key, read->message->from);
    const struct key_certificate *certificate =
        version == NULL ? NULL : version_certificate(version);

    if (certificate == NULL) {
        return ps_fail(PS_E_NOT_FOUND, 0,
                       key == NULL ? "there is no such key"
                                   : "no certificate is installed for it: ask for a CSR");
    }
    if (read->message->accept == ACCEPT_LEAF) {
        read->document.media = MEDIA_CERTIFICATE;
        ps_buf_put(&read->body, certificate->chain[0]);
    } else {
        /* The order of RFC 8555 section 9.1. */
        for (size_t i = 0; i < certificate->count; i++) {
            pem_put(PEM_CERTIFICATE, certificate->chain[i], &read->body);
        }
    }
    read_tag_body(read);
    return PS_OK;
}

void read_put_profile(const struct profile_record *profile, uint64_t revision, struct writer *json)
{
    writer_text(json, "name", profile->name);
    writer_str(json, "kind", x509_kind_info(profile->kind)->name);
    writer_text(json, "issuer", profile->key);
    writer_raw(json, "subject", json_raw(profile->subject));
    writer_raw(json, "sans", json_raw(profile->sans));
    writer_raw(json, "purposes", json_raw(profile->purposes));
    writer_bool(json, "proof", profile->proof);
    writer_number(json, "longest_s", profile->longest_s);
    writer_text_if(json, "crl_url", profile->crl_url);
    writer_number(json, "revision", revision);
}

static enum ps_err put_profile(struct read *read, const struct catalog_row *row,
                               struct writer *json, bool *ret_written)
{
    struct profile_record profile;
    struct json_value body;

    PS_TRY(json_parse(read->parser, row->body, &JSON_LIMITS_REQUEST, &body));
    PS_TRY(profile_record_read(body, &profile));
    writer_begin_object(json, NULL);
    read_put_profile(&profile, row->revision, json);
    writer_end_object(json);
    *ret_written = true;
    return PS_OK;
}

enum ps_err read_profiles(struct read *read)
{
    return read_list(read, CATALOG_PROFILE, put_profile);
}
