#include "frontends/certify/configuration_ldp.h"

#include "frontends/certify/claims.h"
#include "frontends/certify/credential_definition.h"

static enum ps_err bad(const char *what)
{
    return ps_fail(PS_E_INPUT, 0, "member \"vcTemplate\": %s", what);
}

/* A slot would let data choose what the other data mean. */
static enum ps_err check_no_slots(struct json_value array)
{
    struct json_value one;
    struct ps_bytes text;
    uint32_t cursor = 0;

    while (json_next(array, &cursor, NULL, &one)) {
        PS_TRY(json_string(one, &text));
        if (memchr(text.data, '$', text.len) != NULL) {
            return bad("\"@context\" and \"type\" have no slots");
        }
    }
    return PS_OK;
}

static bool has(struct json_value array, const char *text)
{
    struct json_value one;
    struct ps_bytes said;
    uint32_t cursor = 0;

    while (json_next(array, &cursor, NULL, &one)) {
        if (json_string(one, &said) == PS_OK && ps_bytes_equal_str(said, text)) {
            return true;
        }
    }
    return false;
}

static bool is_text(struct json_value object, const char *name, const char *text)
{
    struct ps_bytes said;

    return claims_text(object, name, &said) && ps_bytes_equal_str(said, text);
}

/* The string itself, or the id of an object. */
static bool names(struct json_value object, const char *name, const char *text)
{
    struct json_value value;

    return is_text(object, name, text) ||
           (json_member(object, name, &value) && json_type(value) == JSON_OBJECT &&
            is_text(value, "id", text));
}

/* The first context says which version of the data model it is, and with it how dates are called.
 */
static enum ps_err check_version(struct json_value template_json, struct json_value contexts)
{
    struct json_value first;
    struct json_value date;
    struct ps_bytes text;
    uint32_t cursor = 0;

    if (!json_next(contexts, &cursor, NULL, &first)) {
        return bad("\"@context\" is empty");
    }
    PS_TRY(json_string(first, &text));
    if (ps_bytes_equal_str(text, "https://www.w3.org/ns/credentials/v2")) {
        return PS_OK;
    }
    if (!ps_bytes_equal_str(text, "https://www.w3.org/2018/credentials/v1")) {
        return bad("its first context is credentials/v1 or credentials/v2 of the W3C");
    }
    return json_member(template_json, "issuanceDate", &date)
               ? PS_OK
               : bad("a credential of the data model 1.1 has an \"issuanceDate\"");
}

/*
 * A verifier takes only the issuer's own statement, and the holder shows that he is its subject by
 * the key that his proof was made with.
 */
static enum ps_err check_parties(struct json_value template_json)
{
    struct json_value value;

    if (json_member(template_json, "proof", &value)) {
        return bad("\"proof\" is the issuer's own");
    }
    if (!names(template_json, "issuer", "${_issuer}")) {
        return bad("\"issuer\" is \"${_issuer}\", or an object with that as its id");
    }
    if (!json_member(template_json, "credentialSubject", &value) ||
        json_type(value) != JSON_OBJECT || !is_text(value, "id", "${_holderId}")) {
        return bad("\"credentialSubject\" is an object whose id is \"${_holderId}\"");
    }
    return PS_OK;
}

enum ps_err ldp_check_inner_contexts(struct json_value document)
{
    struct json_value inner;
    struct json_value context;
    uint32_t cursor = 0;

    while (json_next(document, &cursor, NULL, &inner)) {
        if (json_type(inner) == JSON_OBJECT && json_member(inner, "@context", &context)) {
            return bad("\"@context\" stands at its top alone, and in no data");
        }
        PS_TRY(ldp_check_inner_contexts(inner));
    }
    return PS_OK;
}

/* "@context" has a check of its own, which looks at the template, too. */
static bool may_be_called(struct ps_bytes name)
{
    return !ps_bytes_equal_str(name, "id") && memchr(name.data, '\\', name.len) == NULL &&
           (name.len == 0 || name.data[0] != '@' || ps_bytes_equal_str(name, "@context"));
}

enum ps_err ldp_check_data(struct json_value value)
{
    const bool is_object = json_type(value) == JSON_OBJECT;
    struct json_value inner;
    struct ps_bytes name = ps_bytes("", 0);
    uint32_t cursor = 0;

    if (!is_object && json_type(value) != JSON_ARRAY) {
        return PS_OK;
    }
    while (json_next(value, &cursor, &name, &inner)) {
        if (is_object && !may_be_called(name)) {
            return ps_fail(
                PS_E_INPUT, 0,
                "data with a member called \"id\", or like a keyword of JSON-LD: what it "
                "is about is the template's to say");
        }
        PS_TRY(ldp_check_data(inner));
    }
    return PS_OK;
}

/* What is said twice has to be the same. */
static enum ps_err check_lists(const struct ldp_definition *definition, struct json_value contexts,
                               struct json_value types, struct ps_bytes selector)
{
    PS_BUF_AUTO said = {.max = CONFIGURATION_MAX};

    if (definition->contexts.doc == NULL && definition->types.doc == NULL) {
        return PS_OK;
    }
    PS_TRY(credential_definition_put(
        definition->contexts.doc == NULL ? contexts : definition->contexts,
        definition->types.doc == NULL ? types : definition->types, &said));
    return ps_bytes_equal(ps_buf_bytes(&said), selector)
               ? PS_OK
               : ps_fail(PS_E_INPUT, 0,
                         "members \"contextURLs\" and \"credentialTypes\" are not what "
                         "\"vcTemplate\" has");
}

enum ps_err configuration_read_ldp(const struct ldp_definition *definition,
                                   struct configuration *configuration)
{
    const struct json_value template_json = definition->template_json;
    struct json_value contexts;
    struct json_value types;

    configuration->suite = ldp_suite_find(definition->suite);
    if (configuration->suite == NULL) {
        return ps_fail(
            PS_E_INPUT, 0,
            "member \"signatureCryptoSuite\": it is Ed25519Signature2020 or eddsa-rdfc-2022");
    }
    if (!json_member(template_json, "@context", &contexts) ||
        !json_member(template_json, "type", &types)) {
        return bad("there is no \"@context\", or no \"type\"");
    }
    PS_TRY(credential_definition_put(contexts, types, &configuration->selector));
    PS_TRY(check_no_slots(contexts));
    PS_TRY(check_no_slots(types));
    if (!has(types, "VerifiableCredential")) {
        return bad("\"type\" names VerifiableCredential");
    }
    PS_TRY(check_version(template_json, contexts));
    PS_TRY(check_parties(template_json));
    PS_TRY(ldp_check_inner_contexts(template_json));
    PS_TRY(check_lists(definition, contexts, types, ps_buf_bytes(&configuration->selector)));
    configuration->contexts = json_raw(contexts);
    configuration->types = json_raw(types);
    return PS_OK;
}
