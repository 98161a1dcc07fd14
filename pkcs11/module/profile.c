#include "pkcs11/module/profile.h"

#include "lib/base/encode.h"
#include "pkcs11/objects/attribute.h"
#include "pkcs11/use/mechanism.h"

#include <cjson/cJSON.h>

#define FILE_MAX    (64u * 1024u)
#define MEMBERS_MAX 32u

typedef enum ps_err read_fn(const cJSON *value, void *target);

struct member {
    const char *name;
    read_fn *read;
    bool optional;
    size_t offset; /* of what `read` fills in, in the struct that the table is for */
};

static enum ps_err wrong(const cJSON *value, const char *what)
{
    return ps_fail(PS_E_INPUT, 0, "profile: \"%.64s\" %s",
                   value->string == NULL ? "(top)" : value->string, what);
}

static const struct member *find_member(const struct member *table, size_t count, const char *name)
{
    for (size_t i = 0; i < count; i++) {
        if (strcmp(table[i].name, name) == 0) {
            return &table[i];
        }
    }
    return NULL;
}

/* A closed object: each member known and once, each one that is not optional there. */
static enum ps_err read_members(const cJSON *object, const struct member *table, size_t count,
                                void *target)
{
    bool seen[MEMBERS_MAX] = {false};
    const cJSON *value;

    if (!cJSON_IsObject(object)) {
        return wrong(object, "is not an object");
    }
    cJSON_ArrayForEach(value, object)
    {
        const struct member *member = find_member(table, count, value->string);

        if (member == NULL) {
            return wrong(value, "is not a member that belongs there");
        }
        if (seen[member - table]) {
            return wrong(value, "stands there twice");
        }
        seen[member - table] = true;
        PS_TRY(member->read(value, (uint8_t *)target + member->offset));
    }
    for (size_t i = 0; i < count; i++) {
        if (!seen[i] && !table[i].optional) {
            return ps_fail(PS_E_INPUT, 0, "profile: \"%s\" is missing", table[i].name);
        }
    }
    return PS_OK;
}

static enum ps_err read_string(const cJSON *value, size_t max, char *to)
{
    size_t len;

    if (!cJSON_IsString(value)) {
        return wrong(value, "is not a string");
    }
    len = strlen(value->valuestring);
    if (len > max) {
        return wrong(value, "is too long");
    }
    memcpy(to, value->valuestring, len + 1);
    return PS_OK;
}

static enum ps_err read_match_text(const cJSON *value, void *target)
{
    return read_string(value, PROFILE_MATCH_MAX, ((struct profile_text *)target)->text);
}

/* Of a file in a directory that is already known: no path. */
static enum ps_err read_file_name(const cJSON *value, void *target)
{
    char *name = ((struct profile_text *)target)->text;

    PS_TRY(read_string(value, PROFILE_MATCH_MAX, name));
    return name[0] == 0 || name[0] == '.' || strchr(name, '/') != NULL
               ? wrong(value, "is not the plain name of a file")
               : PS_OK;
}

static enum ps_err read_bool(const cJSON *value, void *target)
{
    if (!cJSON_IsBool(value)) {
        return wrong(value, "is neither true nor false");
    }
    *(bool *)target = cJSON_IsTrue(value);
    return PS_OK;
}

static enum ps_err read_number(const cJSON *value, void *target)
{
    if (!cJSON_IsNumber(value) || !(value->valuedouble >= 0 && value->valuedouble <= 1000000) ||
        value->valuedouble != (double)(uint32_t)value->valuedouble) {
        return wrong(value, "is not a whole number from 0 to 1000000");
    }
    *(uint32_t *)target = (uint32_t)value->valuedouble;
    return PS_OK;
}

/* The place of a word among `words`, which a NULL ends. */
static enum ps_err read_word(const cJSON *value, const char *const *words, unsigned *ret_index)
{
    for (unsigned i = 0; cJSON_IsString(value) && words[i] != NULL; i++) {
        if (strcmp(value->valuestring, words[i]) == 0) {
            *ret_index = i;
            return PS_OK;
        }
    }
    return wrong(value, "is not one of the words that may stand there");
}

static enum ps_err read_schema(const cJSON *value, void *target)
{
    static const char *const words[] = {"privyseal-profile/1", NULL};
    unsigned index;

    (void)target;
    return read_word(value, words, &index);
}

static enum ps_err read_id(const cJSON *value, void *target)
{
    PS_TRY(read_string(value, PROFILE_ID_MAX, target));
    return *(char *)target == 0 ? wrong(value, "is empty") : PS_OK;
}

static enum ps_err read_status(const cJSON *value, void *target)
{
    static const char *const words[] = {"verified", "draft", NULL};
    unsigned index;

    (void)target;
    return read_word(value, words, &index);
}

static enum ps_err read_reload(const cJSON *value, void *target)
{
    static const char *const words[] = {"finalize", "unload", "exit", NULL};
    unsigned index;

    PS_TRY(read_word(value, words, &index));
    *(enum profile_reload *)target = (enum profile_reload)index;
    return PS_OK;
}

/* The second of two words. */
static enum ps_err read_second(const cJSON *value, const char *const *words, void *target)
{
    unsigned index;

    PS_TRY(read_word(value, words, &index));
    *(bool *)target = index == 1;
    return PS_OK;
}
#define SECOND_OF(function, first, second)                                                         \
    static enum ps_err function(const cJSON *value, void *target)                                  \
    {                                                                                              \
        static const char *const words[] = {first, second, NULL};                                  \
                                                                                                   \
        return read_second(value, words, target);                                                  \
    }

SECOND_OF(read_interface, "2.40", "3.0")

static enum ps_err read_mechanism(const cJSON *value, void *target)
{
    if (!cJSON_IsString(value) || !mechanism_by_name(ps_bytes_str(value->valuestring), target)) {
        return wrong(value, "is not a mechanism");
    }
    return PS_OK;
}

/* "oid", "name" or hexadecimal digits; what it means depends on the key type. */
struct raw_key_type {
    CK_MECHANISM_TYPE generate;
    const cJSON *params;
};

static enum ps_err read_params_text(const cJSON *value, void *target)
{
    if (!cJSON_IsString(value)) {
        return wrong(value, "is not a string");
    }
    *(const cJSON **)target = value;
    return PS_OK;
}

static enum ps_err set_params(const cJSON *value, enum ps_key_type type,
                              struct profile_key_type *to)
{
    const struct mechanism_key_type *row = mechanism_key_type(type);
    PS_BUF_AUTO hex;
    struct ps_bytes params;

    ps_buf_init(&hex, PROFILE_PARAMS_MAX);
    if (strcmp(value->valuestring, "oid") == 0) {
        params = row->oid;
    } else if (strcmp(value->valuestring, "name") == 0) {
        params = row->name;
    } else {
        PS_TRY(ps_hex_decode(ps_bytes_str(value->valuestring), &hex));
        params = ps_buf_bytes(&hex);
    }
    if (params.len == 0 || params.len > PROFILE_PARAMS_MAX || row->oid.len == 0) {
        return wrong(value, "does not go with this key type");
    }
    memcpy(to->params, params.data, params.len);
    to->params_len = params.len;
    return PS_OK;
}

static enum ps_err read_key_type(const cJSON *value, enum ps_key_type type,
                                 struct profile_key_type *to)
{
    static const struct member members[] = {
        {"generate", read_mechanism, false, offsetof(struct raw_key_type, generate)},
        {"params", read_params_text, true, offsetof(struct raw_key_type, params)},
    };
    struct raw_key_type raw = {0};

    PS_TRY(read_members(value, members, PS_COUNT_OF(members), &raw));
    if ((raw.params == NULL) != (mechanism_key_type(type)->oid.len == 0)) {
        return wrong(value, "needs \"params\" if and only if it is a curve");
    }
    if (raw.params != NULL) {
        PS_TRY(set_params(raw.params, type, to));
    }
    to->generate = raw.generate;
    to->offered = true;
    return PS_OK;
}

static enum ps_err read_key_types(const cJSON *object, void *target)
{
    struct profile_key_type *to = target;
    const cJSON *value;

    if (!cJSON_IsObject(object)) {
        return wrong(object, "is not an object");
    }
    cJSON_ArrayForEach(value, object)
    {
        const enum ps_key_type type = ps_key_type_by_name(ps_bytes_str(value->string));

        if (type == PS_KEY_NONE || to[type].offered) {
            return wrong(value, "is no key type, or stands there twice");
        }
        PS_TRY(read_key_type(value, type, &to[type]));
    }
    return PS_OK;
}

static enum ps_err read_algorithms(const cJSON *object, void *target)
{
    static const struct member members[] = {
        {"mechanism", read_mechanism, false, offsetof(struct profile_algorithm, mechanism)},
    };
    struct profile_algorithm *to = target;
    const cJSON *value;

    if (!cJSON_IsObject(object)) {
        return wrong(object, "is not an object");
    }
    cJSON_ArrayForEach(value, object)
    {
        const enum ps_alg alg = ps_alg_by_name(ps_bytes_str(value->string));

        if (alg == PS_ALG_NONE || to[alg].offered) {
            return wrong(value, "is no algorithm, or stands there twice");
        }
        PS_TRY(read_members(value, members, PS_COUNT_OF(members), &to[alg]));
        to[alg].offered = true;
    }
    return PS_OK;
}

static enum ps_err read_allowed(const cJSON *array, void *target)
{
    struct profile_allowed *to = target;
    const cJSON *value;

    if (!cJSON_IsArray(array) || cJSON_GetArraySize(array) > PROFILE_ALLOWED_MAX ||
        cJSON_GetArraySize(array) == 0) {
        return wrong(array, "is not an array of one to eight mechanisms");
    }
    cJSON_ArrayForEach(value, array)
    {
        PS_TRY(read_mechanism(value, &to->mechanisms[to->count]));
        to->count++;
    }
    return PS_OK;
}

static enum ps_err read_uses(const cJSON *object, void *target)
{
    static const struct member members[] = {
#define USE(name, use) {name, read_allowed, true, (use) * sizeof(struct profile_allowed)}
        USE("decrypt-rsa", PROFILE_USE_DECRYPT_RSA),
        USE("decrypt-ec", PROFILE_USE_DECRYPT_EC),
        USE("encrypt", PROFILE_USE_ENCRYPT),
        USE("mac", PROFILE_USE_MAC),
        USE("wrap", PROFILE_USE_WRAP),
        USE("transport", PROFILE_USE_TRANSPORT),
#undef USE
    };

    return read_members(object, members, PS_COUNT_OF(members), target);
}

static enum ps_err read_point(const cJSON *value, void *target)
{
    static const char *const words[] = {"der", "raw", "either", NULL};
    unsigned index;

    PS_TRY(read_word(value, words, &index));
    *(enum profile_point *)target = (enum profile_point)index;
    return PS_OK;
}

SECOND_OF(read_signature, "raw", "der")

SECOND_OF(read_eddsa, "none", "struct")

static enum ps_err add_attribute(const cJSON *value, struct profile *profile)
{
    static const char *const words[] = {"enforced", "ignored", "rejected", NULL};
    const struct attribute_info *info = attribute_by_name(ps_bytes_str(value->string));
    unsigned index;

    if (info == NULL) {
        return wrong(value, "is not an attribute we set");
    }
    for (size_t i = 0; i < profile->attributes_count; i++) {
        if (profile->attributes[i].type == info->type) {
            return wrong(value, "stands there twice");
        }
    }
    if (profile->attributes_count == PROFILE_ATTRIBUTES_MAX) {
        return wrong(value, "is one attribute too many");
    }
    PS_TRY(read_word(value, words, &index));
    profile->attributes[profile->attributes_count++] =
        (struct profile_attribute){info->type, (enum profile_support)index};
    return PS_OK;
}

static enum ps_err read_attributes(const cJSON *object, void *target)
{
    const cJSON *value;

    if (!cJSON_IsObject(object)) {
        return wrong(object, "is not an object");
    }
    cJSON_ArrayForEach(value, object)
    {
        PS_TRY(add_attribute(value, target));
    }
    return PS_OK;
}

/* A name of the table, or "0x..." for a vendor's own. */
static enum ps_err read_rv(const cJSON *value, void *target)
{
    CK_RV *rv = target;
    const struct ps_bytes text =
        cJSON_IsString(value) ? ps_bytes_str(value->valuestring) : ps_bytes(NULL, 0);

    if (recovery_rv_by_name(text, rv)) {
        return *rv == CKR_OK ? wrong(value, "is not a failure") : PS_OK;
    }
    if (ps_bytes_starts_with(text, ps_bytes_str("0x")) && mechanism_by_name(text, rv) &&
        *rv != CKR_OK) {
        return PS_OK;
    }
    return wrong(value, "is not a CKR_ value");
}

static enum ps_err read_operation(const cJSON *value, void *target)
{
    if (!cJSON_IsString(value) ||
        !recovery_operation_by_name(ps_bytes_str(value->valuestring), target)) {
        return wrong(value, "is not a kind of call");
    }
    return PS_OK;
}

static enum ps_err read_class(const cJSON *value, void *target)
{
    enum fault_class *class = target;

    if (!cJSON_IsString(value) ||
        !recovery_class_by_name(ps_bytes_str(value->valuestring), class) || *class == FAULT_NONE) {
        return wrong(value, "is not a class of failures");
    }
    return PS_OK;
}

static enum ps_err read_rules(const cJSON *array, void *target)
{
    static const struct member members[] = {
        {"rv", read_rv, false, offsetof(struct recovery_rule, rv)},
        {"operation", read_operation, false, offsetof(struct recovery_rule, operation)},
        {"class", read_class, false, offsetof(struct recovery_rule, class)},
    };
    struct profile *profile = target;
    const cJSON *value;

    if (!cJSON_IsArray(array) || cJSON_GetArraySize(array) > PROFILE_RULES_MAX) {
        return wrong(array, "is not an array of at most 32 rules");
    }
    cJSON_ArrayForEach(value, array)
    {
        PS_TRY(read_members(value, members, PS_COUNT_OF(members),
                            &profile->rules[profile->rules_count]));
        profile->rules_count++;
    }
    return PS_OK;
}

/* What people have to know of the token, and nothing here goes by; only its form is held to. */
static enum ps_err read_sources(const cJSON *array, void *target)
{
    const cJSON *value;

    (void)target;
    if (!cJSON_IsArray(array) && !cJSON_IsObject(array)) {
        return wrong(array, "is no list");
    }
    cJSON_ArrayForEach(value, array)
    {
        if (!cJSON_IsString(value)) {
            return wrong(array, "holds something else than strings");
        }
    }
    return PS_OK;
}

#define FIELD(name, read, field)                                                                   \
    {                                                                                              \
        name, read, false, offsetof(struct profile, field)                                         \
    }
#define OPTION(name, read, field)                                                                  \
    {                                                                                              \
        name, read, true, offsetof(struct profile, field)                                          \
    }
#define GROUP(function, ...)                                                                       \
    static enum ps_err function(const cJSON *value, void *target)                                  \
    {                                                                                              \
        static const struct member members[] = {__VA_ARGS__};                                      \
                                                                                                   \
        return read_members(value, members, PS_COUNT_OF(members), target);                         \
    }

GROUP(read_match, FIELD("library_manufacturer", read_match_text, library_manufacturer),
      FIELD("token_manufacturer", read_match_text, token_manufacturer),
      FIELD("token_model", read_match_text, token_model))
GROUP(read_module, FIELD("interface", read_interface, interface_3),
      FIELD("reload", read_reload, reload), FIELD("reload_when_gone", read_bool, reload_when_gone),
      FIELD("start_timeout_ms", read_number, start_timeout_ms),
      OPTION("rewritten_file", read_file_name, rewritten_file))
GROUP(read_pin, FIELD("min", read_number, pin_min), FIELD("max", read_number, pin_max))
GROUP(read_limits, FIELD("sessions", read_number, sessions_max),
      FIELD("random", read_number, random_max))
GROUP(read_objects, FIELD("data", read_bool, data_objects),
      FIELD("certificates", read_bool, certificates),
      FIELD("public_keys_private", read_bool, private_public))
GROUP(read_ec, FIELD("point", read_point, point), FIELD("signature", read_signature, signature_der),
      FIELD("eddsa_params", read_eddsa, eddsa_params))

static enum ps_err read_wrappable(const cJSON *array, void *target)
{
    uint32_t *to = target;
    const cJSON *value;

    if (!cJSON_IsArray(array)) {
        return wrong(array, "is not an array");
    }
    cJSON_ArrayForEach(value, array)
    {
        const enum ps_key_type type = cJSON_IsString(value)
                                          ? ps_key_type_by_name(ps_bytes_str(value->valuestring))
                                          : PS_KEY_NONE;

        if (type == PS_KEY_NONE || (*to >> type & 1u) != 0) {
            return wrong(array, "holds what is no type of key, or one twice");
        }
        *to |= UINT32_C(1) << type;
    }
    return PS_OK;
}

SECOND_OF(read_transport_hash, "sha1", "sha256")

GROUP(read_wrapping, FIELD("key_types", read_wrappable, wrappable),
      OPTION("transport_hash", read_transport_hash, transport_sha256))

#define PART(name, read)                                                                           \
    {                                                                                              \
        name, read, false, 0                                                                       \
    }
static const struct member top_members[] = {
    PART("schema", read_schema),
    FIELD("id", read_id, id),
    PART("status", read_status),
    PART("match", read_match),
    PART("module", read_module),
    PART("pin", read_pin),
    PART("limits", read_limits),
    PART("objects", read_objects),
    FIELD("key_types", read_key_types, key_types),
    FIELD("algorithms", read_algorithms, algorithms),
    FIELD("uses", read_uses, uses),
    {"wrapping", read_wrapping, true, 0},
    PART("ec", read_ec),
    PART("attributes", read_attributes),
    PART("recovery", read_rules),
    {"attacks", read_sources, true, 0},
    PART("sources", read_sources),
};
_Static_assert(PS_COUNT_OF(top_members) <= MEMBERS_MAX, "the table of members is too long");

static enum ps_err check_values(const struct profile *profile)
{
    if (profile->pin_min > profile->pin_max || profile->pin_max == 0) {
        return ps_fail(PS_E_INPUT, 0, "profile: the shortest PIN is longer than the longest");
    }
    if (profile->start_timeout_ms == 0 || profile->random_max == 0) {
        return ps_fail(PS_E_INPUT, 0, "profile: a limit is 0");
    }
    return PS_OK;
}

static void free_json(cJSON **json)
{
    cJSON_Delete(*json);
}

enum ps_err profile_read(struct ps_bytes json, struct profile *ret_profile)
{
    PS_CLEANUP(free_json) cJSON *top = NULL;
    struct profile profile = {0};
    const char *end = NULL;

    if (json.len == 0 || json.len > FILE_MAX || !ps_utf8_valid(json) ||
        memchr(json.data, 0, json.len) != NULL) {
        return ps_fail(PS_E_INPUT, 0, "profile: not a text of at most %u octets", FILE_MAX);
    }
    top = cJSON_ParseWithLengthOpts((const char *)json.data, json.len, &end, false);
    if (top == NULL) {
        return ps_fail(PS_E_INPUT, 0, "profile: not JSON");
    }
    for (; end < (const char *)json.data + json.len; end++) {
        if (strchr(" \t\r\n", *end) == NULL) {
            return ps_fail(PS_E_INPUT, 0, "profile: something follows the object");
        }
    }
    PS_TRY(read_members(top, top_members, PS_COUNT_OF(top_members), &profile));
    PS_TRY(check_values(&profile));
    *ret_profile = profile;
    return PS_OK;
}

enum profile_support profile_support(const struct profile *profile, CK_ATTRIBUTE_TYPE type)
{
    for (size_t i = 0; i < profile->attributes_count; i++) {
        if (profile->attributes[i].type == type) {
            return profile->attributes[i].support;
        }
    }
    return PROFILE_ENFORCED;
}
