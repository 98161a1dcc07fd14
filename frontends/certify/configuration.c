#include "frontends/certify/configuration.h"

#include "frontends/certify/claims.h"
#include "frontends/certify/configuration_ldp.h"
#include "frontends/certify/disclose.h"
#include "frontends/certify/vc_template.h"

#include <stdlib.h>

#define SCOPE_MAX        128u
#define VALIDITY_DEFAULT (730u * 86400u)
#define VALIDITY_LEAST_S 60u
#define VALIDITY_MOST_S  (20u * 366u * 86400u)
#define DISPLAYS_MAX     50u

static const struct json_limits limits = {CONFIGURATION_MAX, 16, 5000, false};

/* What an administrator sends. */
struct definition {
    struct ps_bytes id;
    struct ps_bytes format;
    struct ps_bytes scope;
    struct ps_bytes key;
    struct ps_bytes vct;
    struct ps_bytes provider;
    struct json_value template_json;
    struct json_value display;
    struct json_value subject;
    struct json_value order;
    struct json_value sd_claim;
    struct ps_bytes suite;
    struct json_value contexts;
    struct json_value types;
    uint32_t validity_s;
    bool chain;
};

#define FIELD(name_, member, kind_, required_, max_)                                               \
    {                                                                                              \
        .name = (name_), .offset = offsetof(struct definition, member), .max = (max_),             \
        .kind = (kind_), .required = (required_)                                                   \
    }

static const struct json_field fields[] = {
    FIELD("credentialConfigKeyId", id, JSON_KIND_STRING, false, CONFIGURATION_ID_MAX),
    FIELD("credentialFormat", format, JSON_KIND_STRING, true, 40),
    FIELD("scope", scope, JSON_KIND_STRING, true, SCOPE_MAX),
    FIELD("key", key, JSON_KIND_NAME, true, 0),
    FIELD("dataProvider", provider, JSON_KIND_NAME, true, 0),
    FIELD("vcTemplate", template_json, JSON_KIND_OBJECT, true, 0),
    FIELD("metaDataDisplay", display, JSON_KIND_ARRAY, true, 0),
    FIELD("credentialSubjectDefinition", subject, JSON_KIND_OBJECT, true, 0),
    FIELD("displayOrder", order, JSON_KIND_ARRAY, false, 0),
    FIELD("validitySeconds", validity_s, JSON_KIND_U32, false, VALIDITY_MOST_S),
    FIELD("sdJwtVct", vct, JSON_KIND_STRING, false, 512),
    FIELD("sdClaim", sd_claim, JSON_KIND_ARRAY, false, 0),
    FIELD("signatureCryptoSuite", suite, JSON_KIND_STRING, false, 64),
    FIELD("contextURLs", contexts, JSON_KIND_ARRAY, false, 0),
    FIELD("credentialTypes", types, JSON_KIND_ARRAY, false, 0),
    FIELD("certificateChain", chain, JSON_KIND_BOOL, false, 0),
};

static enum ps_err bad(const char *member, const char *what)
{
    return ps_fail(PS_E_INPUT, 0, "member \"%s\": %s", member, what);
}

bool configuration_id_valid(struct ps_bytes id)
{
    for (size_t i = 0; i < id.len; i++) {
        const uint8_t c = id.data[i];

        if (!ps_is_letter(c) && !ps_is_digit(c) && (i == 0 || strchr("._-", c) == NULL || c == 0)) {
            return false;
        }
    }
    return id.len != 0 && id.len <= CONFIGURATION_ID_MAX;
}

/* RFC 6749 section 3.3: scope-token. */
static bool is_scope(struct ps_bytes scope)
{
    for (size_t i = 0; i < scope.len; i++) {
        const uint8_t c = scope.data[i];

        if (c <= 0x20 || c >= 0x7f || c == '"' || c == '\\') {
            return false;
        }
    }
    return scope.len != 0;
}

/* What wallets in use demand of each; one that lacks it makes them refuse the whole issuer. */
static enum ps_err check_display(struct json_value display)
{
    static const char *const texts[] = {"name", "locale", "background_color", "text_color"};
    struct json_value one;
    uint32_t cursor = 0;

    if (json_count(display) == 0 || json_count(display) > DISPLAYS_MAX) {
        return bad("metaDataDisplay", "it has at least one element");
    }
    while (json_next(display, &cursor, NULL, &one)) {
        struct json_value image;
        struct ps_bytes text;

        for (size_t i = 0; i < PS_COUNT_OF(texts); i++) {
            if (json_type(one) != JSON_OBJECT || !claims_text(one, texts[i], &text)) {
                return ps_fail(PS_E_INPUT, 0, "member \"metaDataDisplay\": no \"%s\"", texts[i]);
            }
        }
        if (!json_member(one, "background_image", &image) || json_type(image) != JSON_OBJECT) {
            return bad("metaDataDisplay", "no \"background_image\"");
        }
    }
    return PS_OK;
}

/* {"name": {"display": [{"name", "locale"}]}} */
static enum ps_err check_subject(struct json_value subject)
{
    struct json_value claim;
    struct json_value display;
    uint32_t cursor = 0;

    if (json_count(subject) == 0) {
        return bad("credentialSubjectDefinition", "it has at least one claim");
    }
    while (json_next(subject, &cursor, NULL, &claim)) {
        if (json_type(claim) != JSON_OBJECT || !json_member(claim, "display", &display) ||
            json_type(display) != JSON_ARRAY || json_count(display) == 0) {
            return bad("credentialSubjectDefinition", "a claim without \"display\"");
        }
    }
    return PS_OK;
}

static enum ps_err check_strings(struct json_value array, const char *member)
{
    struct json_value one;
    uint32_t cursor = 0;

    while (json_next(array, &cursor, NULL, &one)) {
        if (json_type(one) != JSON_STRING) {
            return bad(member, "it has strings only");
        }
    }
    return PS_OK;
}

static bool is_there(struct json_value value)
{
    return value.doc != NULL;
}

static enum ps_err read_sd_paths(struct json_value array, struct ps_buf *paths)
{
    struct json_value one;
    struct ps_bytes text;
    uint32_t cursor = 0;

    while (json_next(array, &cursor, NULL, &one)) {
        PS_TRY(json_string(one, &text));
        if (!disclose_path_valid(text)) {
            return bad("sdClaim", "what is no path of a claim");
        }
        ps_buf_put(paths, text);
        ps_buf_put_u8(paths, '\n');
    }
    return ps_buf_status(paths);
}

/* What the issuer says itself, and nobody's data may. */
static enum ps_err check_claims(struct json_value template_json)
{
    static const char *const own[] = {"iss", "iat",    "nbf", "exp",    "cnf",
                                      "vct", "status", "_sd", "_sd_alg"};
    struct json_value value;

    for (size_t i = 0; i < PS_COUNT_OF(own); i++) {
        if (json_member(template_json, own[i], &value)) {
            return ps_fail(PS_E_INPUT, 0, "member \"vcTemplate\": \"%s\" is the issuer's own",
                           own[i]);
        }
    }
    return PS_OK;
}

static enum ps_err read_sd_jwt(const struct definition *definition,
                               struct configuration *configuration)
{
    if (definition->vct.len == 0) {
        return bad("sdJwtVct", "an SD-JWT has a type");
    }
    if (definition->suite.len != 0 || is_there(definition->contexts) ||
        is_there(definition->types)) {
        return bad("credentialFormat", "what is of ldp_vc is not of an SD-JWT");
    }
    PS_TRY(check_claims(definition->template_json));
    if (is_there(definition->sd_claim)) {
        PS_TRY(check_strings(definition->sd_claim, "sdClaim"));
        PS_TRY(read_sd_paths(definition->sd_claim, &configuration->sd_paths));
    }
    configuration->vct = definition->vct;
    ps_buf_put_str(&configuration->selector, "sd-jwt ");
    ps_buf_put(&configuration->selector, definition->vct);
    return ps_buf_status(&configuration->selector);
}

static enum ps_err read_ldp(const struct definition *definition,
                            struct configuration *configuration)
{
    const struct ldp_definition ldp = {.template_json = definition->template_json,
                                       .suite = definition->suite,
                                       .contexts = definition->contexts,
                                       .types = definition->types};

    if (definition->vct.len != 0 || is_there(definition->sd_claim)) {
        return bad("credentialFormat", "what is of an SD-JWT is not of ldp_vc");
    }
    return configuration_read_ldp(&ldp, configuration);
}

static enum ps_err read_format(const struct definition *definition,
                               struct configuration *configuration)
{
    if (ps_bytes_equal_str(definition->format, "dc+sd-jwt") ||
        ps_bytes_equal_str(definition->format, "vc+sd-jwt")) {
        configuration->format = CREDENTIAL_SD_JWT;
        return read_sd_jwt(definition, configuration);
    }
    if (ps_bytes_equal_str(definition->format, "ldp_vc")) {
        configuration->format = CREDENTIAL_LDP_VC;
        return read_ldp(definition, configuration);
    }
    return bad("credentialFormat", "it is dc+sd-jwt or ldp_vc");
}

static enum ps_err check(const struct definition *definition)
{
    if (!configuration_id_valid(definition->id)) {
        return bad("credentialConfigKeyId", "it is 1 to 100 of A-Z a-z 0-9 . _ -");
    }
    if (!is_scope(definition->scope)) {
        return bad("scope", "it is one scope");
    }
    if (definition->validity_s < VALIDITY_LEAST_S) {
        return bad("validitySeconds", "it is at least 60");
    }
    PS_TRY(check_display(definition->display));
    PS_TRY(check_subject(definition->subject));
    if (is_there(definition->order)) {
        PS_TRY(check_strings(definition->order, "displayOrder"));
    }
    return vc_template_check(definition->template_json);
}

static enum ps_err take(const struct definition *definition, struct configuration *configuration)
{
    configuration->id = definition->id;
    configuration->scope = definition->scope;
    configuration->template_json = json_raw(definition->template_json);
    configuration->display = json_raw(definition->display);
    configuration->subject = json_raw(definition->subject);
    configuration->validity_s = definition->validity_s;
    configuration->chain = definition->chain;
    if (is_there(definition->order)) {
        configuration->order = json_raw(definition->order);
    }
    configuration->key = ps_bytes_to_str(definition->key);
    configuration->provider = ps_bytes_to_str(definition->provider);
    return configuration->key == NULL || configuration->provider == NULL
               ? ps_fail(PS_E_NO_MEMORY, 0, "out of memory")
               : PS_OK;
}

static enum ps_err read(struct ps_bytes id, struct configuration *configuration)
{
    struct definition definition = {
        .id = {.len = 0}, .validity_s = VALIDITY_DEFAULT, .chain = true};
    struct json_value root;

    PS_TRY(json_parse(configuration->json, ps_buf_bytes(&configuration->text), &limits, &root));
    PS_TRY(json_read_object(root, fields, PS_COUNT_OF(fields), &definition, NULL));
    if (id.len != 0 && definition.id.len != 0 && !ps_bytes_equal(id, definition.id)) {
        return bad("credentialConfigKeyId", "the path names another one");
    }
    definition.id = definition.id.len == 0 ? id : definition.id;
    PS_TRY(check(&definition));
    PS_TRY(read_format(&definition, configuration));
    return take(&definition, configuration);
}

enum ps_err configuration_read(struct ps_bytes id, struct ps_bytes text,
                               struct configuration **ret_configuration)
{
    PS_CLEANUP(configuration_release_cleanup)
    struct configuration *configuration = calloc(1, sizeof *configuration);

    if (configuration == NULL) {
        return ps_fail(PS_E_NO_MEMORY, 0, "out of memory");
    }
    configuration->users = 1;
    ps_buf_init(&configuration->text, CONFIGURATION_MAX + 256);
    ps_buf_init(&configuration->selector, CONFIGURATION_MAX);
    ps_buf_init(&configuration->sd_paths, CONFIGURATION_MAX);
    ps_buf_put(&configuration->text, text);
    /* The path's name is kept behind the text, which has to hold everything. */
    ps_buf_put(&configuration->text, id);
    PS_TRY(ps_buf_status(&configuration->text));
    id = ps_bytes_from(ps_buf_bytes(&configuration->text), text.len);
    configuration->text.len = text.len;
    PS_TRY(json_new(&configuration->json));
    PS_TRY(read(id, configuration));
    *ret_configuration = configuration;
    configuration = NULL;
    return PS_OK;
}

struct configuration *configuration_keep(struct configuration *configuration)
{
    configuration->users++;
    return configuration;
}

void configuration_release(struct configuration *configuration)
{
    if (configuration == NULL || --configuration->users != 0) {
        return;
    }
    json_free(configuration->json);
    ps_buf_clear(&configuration->text);
    ps_buf_clear(&configuration->selector);
    ps_buf_clear(&configuration->sd_paths);
    free(configuration->key);
    free(configuration->provider);
    free(configuration);
}

const char *configuration_format_name(const struct configuration *configuration, bool draft)
{
    if (configuration->format == CREDENTIAL_LDP_VC) {
        return "ldp_vc";
    }
    return draft ? "vc+sd-jwt" : "dc+sd-jwt";
}
