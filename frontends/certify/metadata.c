#include "frontends/certify/metadata.h"

#include "frontends/certify/proof.h"
#include "lib/base/encode.h"

static void put_text(struct ps_buf *out, const char *name, const char *text)
{
    ps_buf_printf(out, "\"%s\":", name);
    ps_buf_put_json_string(out, ps_bytes_str(text));
    ps_buf_put_u8(out, ',');
}

static void put_raw(struct ps_buf *out, const char *name, struct ps_bytes json)
{
    if (json.len != 0) {
        ps_buf_printf(out, "\"%s\":%.*s,", name, PS_BYTES_FMT(json));
    }
}

static void put_bytes(struct ps_buf *out, const char *name, struct ps_bytes text)
{
    ps_buf_printf(out, "\"%s\":", name);
    ps_buf_put_json_string(out, text);
    ps_buf_put_u8(out, ',');
}

/*
 * [{"path": ["name"], "display": [...]}], made of {"name": {"display": [...]}}. A path begins at
 * the credential's root: OpenID4VCI 1.0 appendix C.
 */
static enum ps_err put_claims(const struct configuration *configuration, struct ps_buf *out)
{
    PS_CLEANUP(json_free_cleanup) struct json *json = NULL;
    const struct json_limits limits = {CONFIGURATION_MAX, 16, 5000, false};
    const char *above = configuration->format == CREDENTIAL_LDP_VC ? "\"credentialSubject\"," : "";
    struct json_value subject;
    struct json_value claim;
    struct json_value display;
    struct ps_bytes name;
    uint32_t cursor = 0;

    PS_TRY(json_new(&json));
    PS_TRY(json_parse(json, configuration->subject, &limits, &subject));
    for (bool first = true; json_next(subject, &cursor, &name, &claim); first = false) {
        ps_buf_printf(out, "%s{\"path\":[%s\"%.*s\"]", first ? "" : ",", above, PS_BYTES_FMT(name));
        if (json_member(claim, "display", &display)) {
            ps_buf_printf(out, ",\"display\":%.*s", PS_BYTES_FMT(json_raw(display)));
        }
        ps_buf_put_u8(out, '}');
    }
    return ps_buf_status(out);
}

static enum ps_err put_credential_metadata(const struct configuration *configuration,
                                           struct ps_buf *out)
{
    ps_buf_put_str(out, "\"credential_metadata\":{");
    put_raw(out, "display", configuration->display);
    ps_buf_put_str(out, "\"claims\":[");
    PS_TRY(put_claims(configuration, out));
    ps_buf_put_str(out, "]},");
    return ps_buf_status(out);
}

/* OpenID4VCI 1.0 appendix A.1.2, and draft 13 appendix A.1.2, which shows the claims in it. */
static void put_ldp(const struct configuration *configuration, bool draft, struct ps_buf *out)
{
    ps_buf_put_str(out, "\"credential_definition\":{");
    put_raw(out, "@context", configuration->contexts);
    put_raw(out, "type", configuration->types);
    if (draft) {
        put_raw(out, "credentialSubject", configuration->subject);
    }
    out->len--; /* the last comma */
    ps_buf_printf(out, "},\"credential_signing_alg_values_supported\":[\"%s\"],",
                  configuration->suite->name);
}

static void put_sd_jwt(const struct configuration *configuration, bool draft, struct ps_buf *out)
{
    put_bytes(out, "vct", configuration->vct);
    if (draft) {
        put_raw(out, "claims", configuration->subject);
    }
    ps_buf_put_str(out, "\"credential_signing_alg_values_supported\":[\"ES256\"],");
}

static enum ps_err put_configuration(const struct configuration *configuration, bool draft,
                                     struct ps_buf *out)
{
    ps_buf_printf(out, "\"%.*s\":{", PS_BYTES_FMT(configuration->id));
    put_text(out, "format", configuration_format_name(configuration, draft));
    if (configuration->format == CREDENTIAL_LDP_VC) {
        put_ldp(configuration, draft, out);
    } else {
        put_sd_jwt(configuration, draft, out);
    }
    put_raw(out, "display", configuration->display);
    put_raw(out, "order", configuration->order);
    if (!draft) {
        PS_TRY(put_credential_metadata(configuration, out));
    }
    ps_buf_printf(out,
                  "\"proof_types_supported\":{\"jwt\":"
                  "{\"proof_signing_alg_values_supported\":%s}},",
                  proof_algorithms);
    ps_buf_put_str(out, "\"cryptographic_binding_methods_supported\":"
                        "[\"jwk\",\"did:jwk\",\"did:key\"],");
    put_bytes(out, "scope", configuration->scope);
    out->len--; /* the last comma */
    ps_buf_put_u8(out, '}');
    return ps_buf_status(out);
}

static void put_endpoint(const struct certify_config *config, const char *name, const char *path,
                         struct ps_buf *out)
{
    ps_buf_printf(out, "\"%s\":\"%.*s%s\",", name, (int)certify_origin_len(config),
                  config->certify.issuer, path);
}

enum ps_err metadata_put(const struct certify_config *config,
                         const struct configurations *configurations, bool draft,
                         struct ps_buf *out)
{
    const struct configuration *configuration;

    ps_buf_put_u8(out, '{');
    put_text(out, "credential_issuer", config->certify.issuer);
    ps_buf_put_str(out, "\"authorization_servers\":[");
    ps_buf_put_json_string(out, ps_bytes_str(config->tokens.server));
    ps_buf_put_str(out, "],");
    put_endpoint(config, "credential_endpoint", METADATA_CREDENTIAL_PATH, out);
    if (!draft) {
        put_endpoint(config, "nonce_endpoint", METADATA_NONCE_PATH, out);
    }
    ps_buf_put_str(out, "\"display\":[{\"name\":");
    ps_buf_put_json_string(out, ps_bytes_str(config->certify.name));
    ps_buf_put_str(out, ",\"locale\":");
    ps_buf_put_json_string(out, ps_bytes_str(config->certify.locale));
    ps_buf_put_str(out, "}],\"credential_configurations_supported\":{");
    for (size_t i = 0; (configuration = configurations_at(configurations, i)) != NULL; i++) {
        ps_buf_put_str(out, i == 0 ? "" : ",");
        PS_TRY(put_configuration(configuration, draft, out));
    }
    ps_buf_put_str(out, "}}");
    return ps_buf_status(out);
}
