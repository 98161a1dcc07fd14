#include "lib/formats/x509/internal.h"

#include "lib/formats/public_key/public_key.h"

#include <openssl/err.h>
#include <openssl/x509v3.h>

#define LAST_S UINT64_C(9214646399) /* the end of 2261, as everywhere here */

static enum ps_err bad(const struct x509_kind_info *info, const char *what)
{
    return ps_fail(PS_E_INPUT, 0, "%s: %s", info->name, what);
}

static bool has_san(const struct x509_sans *sans, struct ps_bytes text)
{
    for (size_t i = 0; i < sans->count; i++) {
        if (ps_bytes_equal(sans->items[i].text, text)) {
            return true;
        }
    }
    return false;
}

static enum ps_err check_names(const struct x509_wish *wish, const struct x509_kind_info *info)
{
    const struct ps_bytes common = wish->subject->values[X509_COMMON_NAME];

    PS_TRY(x509_subject_check(wish->subject));
    for (unsigned i = 0; i < X509_ATTRIBUTE_COUNT; i++) {
        if (wish->subject->values[i].len == 0 && (info->needs & 1u << i) != 0) {
            return ps_fail(PS_E_INPUT, 0, "%s: the subject needs %s", info->name,
                           x509_attribute_name((enum x509_attribute)i));
        }
    }
    for (size_t i = 0; i < wish->sans->count; i++) {
        PS_TRY(x509_san_check(&wish->sans->items[i]));
        if ((info->sans & X509_SAN_BIT(wish->sans->items[i].kind)) == 0) {
            return ps_fail(PS_E_INPUT, 0, "%s: names of the kind %s are not for it", info->name,
                           x509_san_kind_name(wish->sans->items[i].kind));
        }
    }
    if (info->needs_san && wish->sans->count == 0) {
        return bad(info, "it needs at least one name (dns: or ip:)");
    }
    if (info->names_host && common.len != 0 && !has_san(wish->sans, common)) {
        return bad(info, "the common name is one of its dns: or ip: names, or is left out");
    }
    if (wish->sans->count == 0 && x509_subject_is_empty(wish->subject)) {
        return bad(info, "it needs a subject or a name");
    }
    return PS_OK;
}

static enum ps_err check_dates(const struct x509_wish *wish, const struct x509_kind_info *info)
{
    if (wish->not_after_s <= wish->not_before_s || wish->not_after_s > LAST_S) {
        return bad(info, "it ends before it begins, or after 2261");
    }
    /* RFC 5280 section 4.1.2.5: "from notBefore through notAfter, inclusive". */
    if (wish->not_after_s - wish->not_before_s >= info->longest_s) {
        return ps_fail(PS_E_INPUT, 0, "%s: valid longer than %llu days", info->name,
                       (unsigned long long)(info->longest_s / 86400));
    }
    return PS_OK;
}

/* RFC 8410 section 5: an Ed25519 key has the key usages of signatures only. */
static enum ps_err take_key_type(const struct x509_wish *wish, const struct x509_kind_info *info,
                                 enum ps_key_type *ret_type)
{
    PS_CLEANUP(public_key_free_cleanup) struct public_key *key = NULL;
    enum ps_key_type type;

    PS_TRY(public_key_from_spki(wish->spki, &key));
    type = public_key_type(key);
    if (ps_key_type_info(type)->family == PS_FAMILY_EDWARDS &&
        (x509_kind_key_usage(wish->kind, type) & (X509_KEY_ENCIPHERMENT | X509_KEY_AGREEMENT)) !=
            0) {
        return bad(info, "nothing can be encrypted to an Ed25519 key");
    }
    *ret_type = type;
    return PS_OK;
}

static enum ps_err check_rest(const struct x509_wish *wish, const struct x509_kind_info *info)
{
    if (wish->serial.len != X509_SERIAL_LEN) {
        return bad(info, "a serial of another length");
    }
    if (wish->path_len < -1 || wish->path_len > 127 || (!info->is_ca && wish->path_len != -1)) {
        return bad(info, "a path length from 0 to 127 is for CAs");
    }
    if ((wish->purposes & ~info->purposes) != 0) {
        return bad(info, "a purpose that it is not for");
    }
    if (wish->crl_url.len != 0) {
        const struct x509_san url = {.kind = X509_SAN_URI, .text = wish->crl_url};

        PS_TRY(x509_san_check(&url));
    }
    if ((wish->kind == X509_KIND_ROOT) != (wish->issuer.len == 0)) {
        return bad(info, wish->issuer.len == 0 ? "it has an issuer" : "it signs itself");
    }
    return PS_OK;
}

/* What its own certificate lets an issuer do: RFC 5280 section 6.1.4. */
static enum ps_err check_issuer(const struct x509_wish *wish, const struct x509_kind_info *info,
                                const struct x509_certificate *issuer)
{
    const struct x509_facts *facts = &issuer->facts;

    if (!facts->is_ca || (facts->has_key_usage && (facts->key_usage & X509_KEY_CERT_SIGN) == 0)) {
        return ps_fail(PS_E_STATE, 0, "the issuer's certificate is not one of a CA");
    }
    if (!ps_alg_fits(wish->algorithm, issuer->key_type)) {
        return ps_fail(PS_E_STATE, 0, "the issuer's certificate is for a key of another type");
    }
    if (info->is_ca && facts->path_len >= 0 &&
        (wish->path_len < 0 || wish->path_len >= facts->path_len)) {
        return ps_fail(PS_E_STATE, 0, "the issuer's path length is %d: %s", facts->path_len,
                       facts->path_len == 0 ? "no CA may be below it"
                                            : "that of a CA below it is smaller");
    }
    if (wish->not_before_s < facts->not_before_s || wish->not_after_s > facts->not_after_s) {
        return ps_fail(PS_E_STATE, 0,
                       "the issuer's own certificate is not valid so long; ask for "
                       "a shorter time or renew the issuer first");
    }
    return PS_OK;
}

/* What is written, beside the wish. */
struct plan {
    const struct x509_wish *wish;
    const struct x509_kind_info *info;
    const struct x509_certificate *issuer; /* NULL: it signs itself */
    enum ps_key_type type;
    uint8_t key_id[KEY_ID_LEN];
};

static void put_extensions(const struct plan *plan, struct ps_buf *out)
{
    const struct x509_wish *wish = plan->wish;
    const struct x509_kind_info *info = plan->info;
    const unsigned purposes = wish->purposes != 0 ? wish->purposes : info->purposes;
    const size_t outer = der_begin(out);
    const size_t list = der_begin(out);

    extension_put_basic_constraints(info->is_ca, wish->path_len, out);
    extension_put_key_usage(x509_kind_key_usage(wish->kind, plan->type), out);
    if (purposes != 0) {
        extension_put_purposes(purposes, out);
    }
    extension_put_subject_key_id(ps_bytes(plan->key_id, KEY_ID_LEN), out);
    if (plan->issuer != NULL) {
        extension_put_authority_key_id(ps_buf_bytes(&plan->issuer->key_id), out);
    }
    if (wish->sans->count != 0) {
        /* RFC 5280 section 4.2.1.6: critical when the subject is empty. */
        extension_put_sans(wish->sans, x509_subject_is_empty(wish->subject), out);
    }
    if (wish->crl_url.len != 0) {
        extension_put_crl_point(wish->crl_url, out);
    }
    der_end(out, DER_SEQUENCE, list);
    der_end(out, DER_CONTEXT_SET(3), outer);
}

void x509_serial(struct ps_bytes random, uint8_t out[X509_SERIAL_LEN])
{
    memcpy(out, random.data, X509_SERIAL_LEN);
    out[0] = (uint8_t)((out[0] & 0x7f) | 0x40);
}

static void put_all(const struct plan *plan, struct ps_buf *out)
{
    const struct x509_wish *wish = plan->wish;
    static const uint8_t version_3 = 2;
    uint8_t serial[X509_SERIAL_LEN];
    const size_t start = der_begin(out);
    size_t part = der_begin(out);

    der_put_positive(out, ps_bytes(&version_3, 1));
    der_end(out, DER_CONTEXT_SET(0), part);
    x509_serial(wish->serial, serial);
    der_put_positive(out, ps_bytes(serial, sizeof serial));
    x509_put_algorithm(wish->algorithm, out);
    if (plan->issuer == NULL) {
        x509_put_subject(wish->subject, out);
    } else {
        ps_buf_put(out, ps_buf_bytes(&plan->issuer->name));
    }
    part = der_begin(out);
    x509_put_time(wish->not_before_s, out);
    x509_put_time(wish->not_after_s, out);
    der_end(out, DER_SEQUENCE, part);
    x509_put_subject(wish->subject, out);
    ps_buf_put(out, wish->spki);
    put_extensions(plan, out);
    der_end(out, DER_SEQUENCE, start);
}

static void name_constraints_cleanup(NAME_CONSTRAINTS **constraints)
{
    NAME_CONSTRAINTS_free(*constraints);
}

static bool has_host(const struct x509_sans *sans)
{
    for (size_t i = 0; i < sans->count; i++) {
        if (sans->items[i].kind == X509_SAN_DNS) {
            return true;
        }
    }
    return false;
}

/* Without a host among its names a common name that looks like one counts as one. */
static enum ps_err check_constraints(const struct x509_wish *wish,
                                     const struct x509_certificate *written,
                                     const struct x509_certificate *above)
{
    PS_CLEANUP(name_constraints_cleanup)
    NAME_CONSTRAINTS *constraints = X509_get_ext_d2i(above->x509, NID_name_constraints, NULL, NULL);
    const bool has_no_host = !x509_kind_info(wish->kind)->is_ca && !has_host(wish->sans);
    const bool is_allowed =
        constraints == NULL ||
        (NAME_CONSTRAINTS_check(written->x509, constraints) == X509_V_OK &&
         (!has_no_host || NAME_CONSTRAINTS_check_CN(written->x509, constraints) == X509_V_OK));

    ERR_clear_error();
    return is_allowed ? PS_OK
                      : ps_fail(PS_E_STATE, 0,
                                "the name constraints of the issuer's certificate, or of one above "
                                "it, do not allow these names");
}

/*
 * What is above the issuer binds its certificates, too: RFC 5280 section 6.1.4 (g) and (l) to (m).
 * A self-issued CA is not counted.
 */
static enum ps_err check_above(const struct x509_wish *wish, const struct x509_certificate *written,
                               const struct x509_certificate *issuer)
{
    const size_t count = wish->above_count + (wish->root.len != 0 ? 1 : 0);
    int cas = issuer->facts.is_self_issued ? 1 : 2; /* with the new one */

    for (size_t i = 0; i < count; i++) {
        PS_CLEANUP(x509_certificate_free_cleanup) struct x509_certificate *above = NULL;

        PS_TRY(x509_read(i < wish->above_count ? wish->above[i] : wish->root, &above));
        PS_TRY(check_constraints(wish, written, above));
        if (x509_kind_info(wish->kind)->is_ca && above->facts.path_len >= 0 &&
            above->facts.path_len < cas) {
            return ps_fail(PS_E_STATE, 0,
                           "the path length of a certificate above the issuer's is %d: no CA may "
                           "be below the issuer",
                           above->facts.path_len);
        }
        cas += above->facts.is_self_issued ? 0 : 1;
    }
    return PS_OK;
}

/*
 * OpenSSL reads what was written, with a signature of zeros, and holds it to the name constraints
 * of all above it: the second pair of eyes on our own DER.
 */
static enum ps_err check_written(struct ps_bytes tbs, const struct x509_wish *wish,
                                 const struct x509_certificate *issuer)
{
    static const uint8_t ones[64] = {[31] = 1, [63] = 1};
    PS_CLEANUP(x509_certificate_free_cleanup) struct x509_certificate *written = NULL;
    PS_BUF_AUTO whole;

    ps_buf_init(&whole, X509_CERTIFICATE_MAX);
    PS_TRY(x509_put_signed(tbs, wish->algorithm, ps_bytes(ones, sizeof ones), &whole));
    PS_TRY(x509_read(ps_buf_bytes(&whole), &written));
    if (issuer == NULL) {
        return PS_OK;
    }
    PS_TRY(check_constraints(wish, written, issuer));
    return check_above(wish, written, issuer);
}

enum ps_err x509_put_tbs(const struct x509_wish *wish, struct ps_buf *out)
{
    static const struct x509_sans none = {.count = 0};
    PS_CLEANUP(x509_certificate_free_cleanup) struct x509_certificate *issuer = NULL;
    struct x509_wish whole = *wish;
    struct plan plan = {.wish = &whole, .info = x509_kind_info(wish->kind)};
    PS_BUF_AUTO tbs;

    ps_buf_init(&tbs, X509_CERTIFICATE_MAX);
    if (plan.info == NULL || ps_alg_info(wish->algorithm) == NULL) {
        return ps_fail(PS_E_INPUT, 0, "no such kind of certificate or algorithm");
    }
    whole.sans = wish->sans == NULL ? &none : wish->sans;
    PS_TRY(check_names(&whole, plan.info));
    PS_TRY(check_dates(&whole, plan.info));
    PS_TRY(check_rest(&whole, plan.info));
    PS_TRY(take_key_type(&whole, plan.info, &plan.type));
    if (whole.issuer.len != 0) {
        PS_TRY(x509_read(whole.issuer, &issuer));
        PS_TRY(check_issuer(&whole, plan.info, issuer));
        plan.issuer = issuer;
    } else if (!ps_alg_fits(whole.algorithm, plan.type)) {
        return ps_fail(PS_E_INPUT, 0, "the algorithm is not one of this type of key");
    }
    PS_TRY(x509_key_id(whole.spki, plan.key_id));
    put_all(&plan, &tbs);
    PS_TRY(ps_buf_status(&tbs));
    PS_TRY(check_written(ps_buf_bytes(&tbs), &whole, issuer));
    ps_buf_put(out, ps_buf_bytes(&tbs));
    return ps_buf_status(out);
}
