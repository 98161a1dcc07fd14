#include "frontends/certify/request.h"

#include "frontends/certify/claims.h"
#include "frontends/certify/credential_definition.h"

static const struct json_limits limits = {REQUEST_MAX, 12, 1000, false};

static enum ps_err refuse(struct refusal *refusal, const char *code, const char *description)
{
    *refusal = (struct refusal){code, description};
    return ps_fail(PS_E_INPUT, 0, "%s", description);
}

static bool has(struct json_value object, const char *name)
{
    struct json_value value;

    return json_member(object, name, &value);
}

/* OpenID4VCI 1.0 section 8.2: one type of proof, with at least one; we say that we take one. */
static enum ps_err read_proofs(struct json_value root, struct credential_request *request,
                               struct refusal *refusal)
{
    struct json_value proofs;
    struct json_value list;
    struct json_value one;
    uint32_t cursor = 0;

    if (!json_member(root, "proofs", &proofs) || json_type(proofs) != JSON_OBJECT) {
        return refuse(refusal, "invalid_proof", "there is no proof");
    }
    if (json_count(proofs) != 1 || !json_member(proofs, "jwt", &list) ||
        json_type(list) != JSON_ARRAY || json_count(list) != 1) {
        return refuse(refusal, "invalid_proof", "there has to be one proof, of the type jwt");
    }
    if (!json_next(list, &cursor, NULL, &one) || json_type(one) != JSON_STRING) {
        return refuse(refusal, "invalid_proof", "the proof is no text");
    }
    return json_string(one, &request->proof);
}

static enum ps_err read_1_0(struct json_value root, struct credential_request *request,
                            struct refusal *refusal)
{
    if (has(root, "format") || has(root, "proof")) {
        return refuse(refusal, "invalid_credential_request",
                      "members of draft 13 beside credential_configuration_id or proofs");
    }
    if (has(root, "credential_identifier")) {
        return refuse(refusal, "unknown_credential_identifier",
                      "no credential identifiers are given out here");
    }
    if (has(root, "credential_response_encryption")) {
        return refuse(refusal, "invalid_encryption_parameters", "responses are not encrypted here");
    }
    if (!claims_text(root, "credential_configuration_id", &request->id)) {
        return refuse(refusal, "invalid_credential_request",
                      "credential_configuration_id is missing or no text");
    }
    return read_proofs(root, request, refusal);
}

/* Codes as Inji Certify has them. */
static enum ps_err read_draft(struct json_value root, struct credential_request *request,
                              struct refusal *refusal)
{
    struct json_value proof;
    struct ps_bytes type;

    request->draft = true;
    if (!claims_text(root, "format", &request->format)) {
        return refuse(refusal, "invalid_vc_format", "format is missing or no text");
    }
    if (!json_member(root, "proof", &proof) || json_type(proof) != JSON_OBJECT) {
        return refuse(refusal, "invalid_proof", "there is no proof");
    }
    if (!claims_text(proof, "proof_type", &type) || !ps_bytes_equal_str(type, "jwt")) {
        return refuse(refusal, "unsupported_proof_type", "proof_type is not jwt");
    }
    if (!claims_text(proof, "jwt", &request->proof)) {
        return refuse(refusal, "invalid_proof", "the proof has no jwt");
    }
    return PS_OK;
}

enum ps_err request_read(struct ps_bytes body, struct json *json,
                         struct credential_request *ret_request, struct refusal *ret_refusal)
{
    struct credential_request request = {.draft = false};
    struct json_value root;
    const enum ps_err err = json_parse(json, body, &limits, &root);

    if (err == PS_E_NO_MEMORY) {
        return err;
    }
    if (err != PS_OK || json_type(root) != JSON_OBJECT) {
        return refuse(ret_refusal, "invalid_credential_request", "the body is no JSON object");
    }
    request.document = root;
    if (has(root, "credential_configuration_id") || has(root, "credential_identifier") ||
        has(root, "proofs")) {
        PS_TRY(read_1_0(root, &request, ret_refusal));
    } else {
        PS_TRY(read_draft(root, &request, ret_refusal));
    }
    *ret_request = request;
    return PS_OK;
}

/* Its `credentialSubject` says what the wallet would like to see, and selects nothing. */
static enum ps_err put_ldp_selector(const struct credential_request *request, struct ps_buf *out,
                                    struct refusal *refusal)
{
    struct json_value definition;
    struct json_value contexts;
    struct json_value types;
    enum ps_err err;

    if (!json_member(request->document, "credential_definition", &definition) ||
        json_type(definition) != JSON_OBJECT || !json_member(definition, "@context", &contexts) ||
        !json_member(definition, "type", &types)) {
        return refuse(refusal, "invalid_credential_request",
                      "credential_definition has no @context or no type");
    }
    err = credential_definition_put(contexts, types, out);
    return err == PS_E_INPUT ? refuse(refusal, "invalid_credential_request",
                                      "@context and type are arrays of strings, none there twice")
                             : err;
}

static enum ps_err put_sd_jwt_selector(const struct credential_request *request, struct ps_buf *out,
                                       struct refusal *refusal)
{
    struct ps_bytes vct;

    if (!claims_text(request->document, "vct", &vct)) {
        return refuse(refusal, "invalid_credential_request", "vct is missing or no text");
    }
    ps_buf_put_str(out, "sd-jwt ");
    ps_buf_put(out, vct);
    return ps_buf_status(out);
}

enum ps_err request_put_selector(const struct credential_request *request, struct ps_buf *out,
                                 struct refusal *ret_refusal)
{
    if (ps_bytes_equal_str(request->format, "ldp_vc")) {
        return put_ldp_selector(request, out, ret_refusal);
    }
    if (ps_bytes_equal_str(request->format, "vc+sd-jwt") ||
        ps_bytes_equal_str(request->format, "dc+sd-jwt")) {
        return put_sd_jwt_selector(request, out, ret_refusal);
    }
    return refuse(ret_refusal, "unsupported_credential_format", "no such format");
}
