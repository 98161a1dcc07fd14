#include "keystore/policy/rules.h"

#include "lib/base/name.h"

/* Every rule sees the whole record; it holds also where it says nothing about a key of that kind.
 */
typedef bool key_rule_fn(const struct key_record *key, const struct key_rule_context *context);

struct key_rule {
    struct rule rule;
    key_rule_fn *holds;
};

static enum ps_key_family family_of(const struct key_record *key)
{
    return ps_key_type_info(key->type)->family;
}

/* Keys that make signatures. */
static bool signs(const struct key_record *key)
{
    return key->usage == PS_USAGE_SIGN || key->usage == PS_USAGE_CERTIFY;
}

static bool has_format(const struct key_record *key, enum ps_format format)
{
    for (size_t i = 0; i < key->format_count; i++) {
        if (key->formats[i] == format) {
            return true;
        }
    }
    return false;
}

#define RULE_FN(function)                                                                          \
    static bool function(const struct key_record *key,                                             \
                         PS_UNUSED const struct key_rule_context *context)

RULE_FN(name_is_free)
{
    return context->is_ours || !ps_name_reserved(key->name);
}

RULE_FN(signing_type_fits)
{
    return !signs(key) || family_of(key) != PS_FAMILY_SECRET;
}

RULE_FN(decryption_type_fits)
{
    return key->usage != PS_USAGE_DECRYPT || family_of(key) == PS_FAMILY_RSA ||
           key->type == PS_KEY_EC_P256 || key->type == PS_KEY_EC_P384;
}

RULE_FN(encryption_type_fits)
{
    return key->usage != PS_USAGE_ENCRYPT || key->type == PS_KEY_AES_256;
}

RULE_FN(mac_type_fits)
{
    return key->usage != PS_USAGE_MAC || key->type == PS_KEY_HMAC_SHA256;
}

RULE_FN(wrapping_type_fits)
{
    return key->usage != PS_USAGE_WRAP || key->type == PS_KEY_AES_256;
}

RULE_FN(wrapping_is_ours)
{
    return key->usage != PS_USAGE_WRAP || (context->is_ours && ps_name_reserved(key->name));
}

/* With it anybody can be made to be believed: ceremonies.md puts the keys of CAs in class A. */
RULE_FN(certifying_is_of_class_a)
{
    return key->usage != PS_USAGE_CERTIFY || key->class == KEY_CLASS_A;
}

RULE_FN(signing_has_format)
{
    return key->usage != PS_USAGE_SIGN || key->format_count != 0;
}

RULE_FN(others_have_no_format)
{
    return signs(key) || key->format_count == 0;
}

/* Whatever else one key signs could be read as a certificate that nobody meant to issue. */
RULE_FN(certifying_has_one_format)
{
    return key->usage != PS_USAGE_CERTIFY || key->format_count == 1;
}

RULE_FN(formats_fit_usage)
{
    for (size_t i = 0; i < key->format_count; i++) {
        const bool certifies =
            key->formats[i] == PS_FORMAT_X509 || key->formats[i] == PS_FORMAT_CMS;

        if (signs(key) && certifies != (key->usage == PS_USAGE_CERTIFY)) {
            return false;
        }
    }
    return true;
}

/*
 * 64 octets of a "hash block" that a caller chooses can be a JWS signing input, and `raw` can be
 * anything: one such key would forge for the other job.
 */
RULE_FN(raw_is_alone)
{
    return key->format_count < 2 || !has_format(key, PS_FORMAT_RAW);
}

RULE_FN(data_integrity_is_alone)
{
    return key->format_count < 2 || !has_format(key, PS_FORMAT_DATA_INTEGRITY);
}

/* No cryptosuite is for the others: such a key could never be used. */
RULE_FN(data_integrity_type_fits)
{
    return !has_format(key, PS_FORMAT_DATA_INTEGRITY) || key->type == PS_KEY_ED25519 ||
           key->type == PS_KEY_EC_P256 || key->type == PS_KEY_EC_P384;
}

RULE_FN(signing_has_algorithm)
{
    return !signs(key) || key->algorithm_count != 0;
}

RULE_FN(others_have_no_algorithm)
{
    return signs(key) || key->algorithm_count == 0;
}

RULE_FN(algorithms_fit_type)
{
    for (size_t i = 0; i < key->algorithm_count; i++) {
        if (!ps_alg_fits(key->algorithms[i], key->type)) {
            return false;
        }
    }
    return true;
}

RULE_FN(token_is_named)
{
    return key->token.len != 0;
}

RULE_FN(wrapped_residence_is_possible)
{
    return !ps_bytes_equal_str(key->residence, "wrapped") || context->has_wrapping_key;
}

/* What wraps the key is no wrapped key itself. */
RULE_FN(wrapping_lives_in_token)
{
    return key->usage != PS_USAGE_WRAP || ps_bytes_equal_str(key->residence, "token");
}

/* Of what lives outside its token there are the backups, and every token with the wrapping key. */
static bool is_recovered_outside(const struct key_record *key)
{
    return ps_bytes_equal_str(key->recovery, "wrapped") ||
           ps_bytes_equal_str(key->recovery, "replicated");
}

RULE_FN(wrapped_residence_recovers_so)
{
    return !ps_bytes_equal_str(key->residence, "wrapped") || is_recovered_outside(key);
}

RULE_FN(recovery_fits_residence)
{
    return ps_bytes_equal_str(key->residence, "wrapped") || !is_recovered_outside(key);
}

RULE_FN(wrapped_recovery_is_possible)
{
    return !ps_bytes_equal_str(key->recovery, "wrapped") || context->has_wrapping_key;
}

RULE_FN(replicated_recovery_is_possible)
{
    return !ps_bytes_equal_str(key->recovery, "replicated") || context->has_replicas;
}

RULE_FN(vendor_recovery_is_possible)
{
    return !ps_bytes_equal_str(key->recovery, "vendor") || context->has_vendor_recovery;
}

RULE_FN(begins_unused)
{
    return key->state == KEY_PRE_ACTIVATION || key->state == KEY_ACTIVE;
}

/* One faulty signature of RSA or EdDSA gives the key away; with ECDSA it only fails to verify. */
RULE_FN(sampling_is_for_ecdsa)
{
    if (key->verify == KEY_VERIFY_ALWAYS) {
        return true;
    }
    for (size_t i = 0; i < key->algorithm_count; i++) {
        if (ps_alg_info(key->algorithms[i])->scheme != PS_SCHEME_ECDSA) {
            return false;
        }
    }
    return key->algorithm_count != 0;
}

RULE_FN(durations_are_sane)
{
    return key->validity_s <= RECORD_SECONDS_MAX && key->rotation.period_s <= RECORD_SECONDS_MAX &&
           key->rotation.publish_ahead_s <= RECORD_SECONDS_MAX &&
           key->rotation.retain_s <= RECORD_SECONDS_MAX && key->jwt_max_ttl_s <= RECORD_SECONDS_MAX;
}

RULE_FN(published_after_predecessor)
{
    return key->rotation.period_s == 0 || key->rotation.publish_ahead_s < key->rotation.period_s;
}

RULE_FN(published_before_use)
{
    return key->rotation.period_s == 0 || !has_format(key, PS_FORMAT_JWS) ||
           key->rotation.publish_ahead_s >= context->jwks_max_age_s;
}

RULE_FN(rotated_before_expiry)
{
    return key->validity_s == 0 || key->rotation.period_s <= key->validity_s;
}

RULE_FN(wrapping_rotates_by_ceremony)
{
    return key->usage != PS_USAGE_WRAP || key->rotation.period_s == 0;
}

RULE_FN(certified_has_public_key)
{
    return key->rotation.certificates == KEY_CERTIFICATES_NONE ||
           family_of(key) != PS_FAMILY_SECRET;
}

RULE_FN(internal_has_issuer)
{
    return (key->rotation.certificates == KEY_CERTIFICATES_INTERNAL) == (key->issuer.len != 0) &&
           !ps_bytes_equal(key->issuer, key->name);
}

/* A first version, too, is used with its certificate only. */
RULE_FN(certified_begins_unused)
{
    return key->rotation.certificates == KEY_CERTIFICATES_NONE || key->state == KEY_PRE_ACTIVATION;
}

RULE_FN(stops_with_certificate)
{
    return !key->rotation.stops || key->rotation.certificates != KEY_CERTIFICATES_NONE;
}

/* What is pinned is the issuer and the life of a JWT: a CWT of the same key would get round it. */
RULE_FN(jwt_pins_are_for_jws)
{
    return (key->jwt_type.len == 0 && key->jwt_issuer.len == 0 && key->jwt_max_ttl_s == 0) ||
           (key->usage == PS_USAGE_SIGN && key->format_count == 1 &&
            has_format(key, PS_FORMAT_JWS));
}

static const struct key_rule rules[] = {
    {{"reserved-name", "`name`: names that begin with \"privyseal.\" are the appliance's own"},
     name_is_free},
    {{"sign-type", "`type`: a key that signs is RSA, an elliptic curve's or Ed25519"},
     signing_type_fits},
    {{"decrypt-type", "`type`: a key that decrypts is RSA, ec-p256 or ec-p384"},
     decryption_type_fits},
    {{"encrypt-type", "`type`: a key that encrypts is aes-256"}, encryption_type_fits},
    {{"mac-type", "`type`: a key that makes MACs is hmac-sha256"}, mac_type_fits},
    {{"wrap-type", "`type`: a key that wraps is aes-256"}, wrapping_type_fits},
    {{"wrap-ours", "`usage`: only the appliance's own wrapping key wraps"}, wrapping_is_ours},
    {{"certify-class", "`class`: a key that certifies is of class A"}, certifying_is_of_class_a},
    {{"sign-format", "`formats`: a key that signs has at least one"}, signing_has_format},
    {{"certify-format", "`formats`: a key that certifies has exactly one, x509 or cms"},
     certifying_has_one_format},
    {{"no-format", "`formats`: only keys that sign or certify have any"}, others_have_no_format},
    {{"format-usage", "`formats`: x509 and cms are for keys that certify, the others for keys of "
                      "usage sign"},
     formats_fit_usage},
    {{"raw-alone", "`formats`: raw excludes every other format"}, raw_is_alone},
    {{"data-integrity-alone", "`formats`: data-integrity excludes every other format"},
     data_integrity_is_alone},
    {{"data-integrity-type", "`type`: a key with the format data-integrity is ed25519, ec-p256 or "
                             "ec-p384"},
     data_integrity_type_fits},
    {{"sign-algorithm", "`algorithms`: a key that signs or certifies has at least one"},
     signing_has_algorithm},
    {{"no-algorithm", "`algorithms`: only keys that sign or certify have any"},
     others_have_no_algorithm},
    {{"algorithm-type", "`algorithms`: one of them is not of this type of key"},
     algorithms_fit_type},
    {{"token", "`token`: it names the token that the key lives in"}, token_is_named},
    {{"residence-wrapped", "`residence`: wrapped needs a wrapping key, and there is none"},
     wrapped_residence_is_possible},
    {{"wrap-residence", "`residence`: the wrapping key lives in its token"},
     wrapping_lives_in_token},
    {{"residence-recovery", "`recovery`: what resides wrapped is recovered wrapped or replicated"},
     wrapped_residence_recovers_so},
    {{"recovery-wrapped", "`recovery`: wrapped needs a wrapping key, and there is none"},
     wrapped_recovery_is_possible},
    {{"recovery-replicated", "`recovery`: replicated needs two tokens that hold the newest version "
                             "of the wrapping key and wrap keys of this type: wrapping.carry"},
     replicated_recovery_is_possible},
    {{"recovery-vendor", "`recovery`: the token's profile knows no way of its vendor's"},
     vendor_recovery_is_possible},
    {{"recovery-residence", "`recovery`: wrapped and replicated are for what resides wrapped: what "
                            "lives in a token is in no backup and in no other token"},
     recovery_fits_residence},
    {{"state", "`state`: a new key is pre-activation or active"}, begins_unused},
    {{"verify-sampled", "`verify`: sampled is for keys that make ECDSA signatures only"},
     sampling_is_for_ecdsa},
    {{"durations", "no duration is longer than a hundred years"}, durations_are_sane},
    {{"publish-ahead", "`rotation`: publish_ahead_s is shorter than period_s"},
     published_after_predecessor},
    {{"publish-max-age", "`rotation`: publish_ahead_s is at least the max-age of the JWKS, or "
                         "verifiers meet signatures of a key they have not seen"},
     published_before_use},
    {{"rotation-validity", "`rotation`: period_s is not longer than validity_s, or a version runs "
                           "out before its successor signs"},
     rotated_before_expiry},
    {{"wrap-rotation", "`rotation`: a wrapping key is rotated in a ceremony only"},
     wrapping_rotates_by_ceremony},
    {{"certificate-type", "`rotation`: only keys with a public half have certificates"},
     certified_has_public_key},
    {{"certificate-issuer", "`rotation`: `issuer` names another key when `certificate` is "
                            "internal, and nothing when it is not"},
     internal_has_issuer},
    {{"certificate-state", "`state`: a key that needs certificates begins in pre-activation"},
     certified_begins_unused},
    {{"on-expiry", "`rotation`: `on_expiry` is for keys that need certificates"},
     stops_with_certificate},
    {{"jwt-pins", "`jwt`: only keys whose one format is jws have it"}, jwt_pins_are_for_jws},
};

const struct rule *rules_check_key(const struct key_record *key,
                                   const struct key_rule_context *context)
{
    for (size_t i = 0; i < PS_COUNT_OF(rules); i++) {
        if (!rules[i].holds(key, context)) {
            return &rules[i].rule;
        }
    }
    return NULL;
}
