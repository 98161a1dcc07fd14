#include "policy.h"

#include <string.h>

#define DATA    0x01U
#define CERT    0x02U
#define PUBLIC  0x04U
#define PRIVATE 0x08U
#define SECRET  0x10U
#define PAIR    (PUBLIC | PRIVATE)
#define HIDDEN  (PRIVATE | SECRET)
#define KEYS    (PUBLIC | PRIVATE | SECRET)
#define ALL     (DATA | CERT | KEYS)

enum kind { BOOL, ULONG, OCTETS, TEMPLATE };

#define MATERIAL 0x01U /* of the key itself: only in templates of C_CreateObject */
#define READONLY 0x02U /* set by the token alone */
#define LATER    0x04U /* may be changed afterwards */
#define RAISE    0x08U /* may be changed from false to true */
#define LOWER    0x10U /* may be changed from true to false */
#define SEALED   0x20U /* hidden while SENSITIVE or not EXTRACTABLE */
#define COPYING  0x40U /* may be changed in a copy */
#define SO_TRUE  0x80U /* only the SO may set it to true */

/* The default of a boolean; NO_DEFAULT leaves it out. A usage left out is granted, as several
 * tokens do: whoever relies on defaults shall find out here. */
enum fallback { NO_DEFAULT, DEFAULT_FALSE, DEFAULT_TRUE };

struct rule {
    CK_ATTRIBUTE_TYPE type;
    enum kind kind;
    unsigned classes;
    unsigned flags;
    enum fallback fallback;
};

static const struct rule rules[] = {
    {CKA_CLASS, ULONG, ALL, 0, NO_DEFAULT},
    {CKA_TOKEN, BOOL, ALL, COPYING, DEFAULT_FALSE},
    {CKA_PRIVATE, BOOL, HIDDEN, COPYING, DEFAULT_TRUE},
    {CKA_PRIVATE, BOOL, DATA | CERT | PUBLIC, COPYING, DEFAULT_FALSE},
    {CKA_LABEL, OCTETS, ALL, LATER, NO_DEFAULT},
    {CKA_UNIQUE_ID, OCTETS, ALL, READONLY, NO_DEFAULT},
    {CKA_MODIFIABLE, BOOL, ALL, COPYING, DEFAULT_TRUE},
    {CKA_COPYABLE, BOOL, ALL, COPYING | LOWER, DEFAULT_TRUE},
    {CKA_DESTROYABLE, BOOL, ALL, COPYING, DEFAULT_TRUE},

    {CKA_APPLICATION, OCTETS, DATA, LATER, NO_DEFAULT},
    {CKA_OBJECT_ID, OCTETS, DATA, LATER, NO_DEFAULT},
    {CKA_VALUE, OCTETS, DATA, LATER, NO_DEFAULT},

    {CKA_CERTIFICATE_TYPE, ULONG, CERT, 0, NO_DEFAULT},
    {CKA_CERTIFICATE_CATEGORY, ULONG, CERT, 0, NO_DEFAULT},
    {CKA_CHECK_VALUE, OCTETS, CERT | SECRET, 0, NO_DEFAULT},
    {CKA_ISSUER, OCTETS, CERT, LATER, NO_DEFAULT},
    {CKA_SERIAL_NUMBER, OCTETS, CERT, LATER, NO_DEFAULT},
    {CKA_URL, OCTETS, CERT, 0, NO_DEFAULT},
    {CKA_HASH_OF_SUBJECT_PUBLIC_KEY, OCTETS, CERT, 0, NO_DEFAULT},
    {CKA_HASH_OF_ISSUER_PUBLIC_KEY, OCTETS, CERT, 0, NO_DEFAULT},
    {CKA_NAME_HASH_ALGORITHM, ULONG, CERT, 0, NO_DEFAULT},
    {CKA_VALUE, OCTETS, CERT, 0, NO_DEFAULT},

    {CKA_KEY_TYPE, ULONG, KEYS, 0, NO_DEFAULT},
    {CKA_ID, OCTETS, CERT | KEYS, LATER, NO_DEFAULT},
    {CKA_START_DATE, OCTETS, CERT | KEYS, LATER, NO_DEFAULT},
    {CKA_END_DATE, OCTETS, CERT | KEYS, LATER, NO_DEFAULT},
    {CKA_SUBJECT, OCTETS, CERT | PAIR, LATER, NO_DEFAULT},
    {CKA_PUBLIC_KEY_INFO, OCTETS, CERT | PAIR, MATERIAL, NO_DEFAULT},
    {CKA_TRUSTED, BOOL, CERT | PUBLIC | SECRET, LATER | SO_TRUE, DEFAULT_FALSE},
    {CKA_LOCAL, BOOL, KEYS, READONLY, NO_DEFAULT},
    {CKA_KEY_GEN_MECHANISM, ULONG, KEYS, READONLY, NO_DEFAULT},
    {CKA_ALLOWED_MECHANISMS, OCTETS, KEYS, 0, NO_DEFAULT},

    {CKA_ENCRYPT, BOOL, PUBLIC | SECRET, LATER, DEFAULT_TRUE},
    {CKA_DECRYPT, BOOL, HIDDEN, LATER, DEFAULT_TRUE},
    {CKA_SIGN, BOOL, HIDDEN, LATER, DEFAULT_TRUE},
    {CKA_SIGN_RECOVER, BOOL, PRIVATE, LATER, DEFAULT_FALSE},
    {CKA_VERIFY, BOOL, PUBLIC | SECRET, LATER, DEFAULT_TRUE},
    {CKA_VERIFY_RECOVER, BOOL, PUBLIC, LATER, DEFAULT_FALSE},
    {CKA_WRAP, BOOL, PUBLIC | SECRET, LATER, DEFAULT_TRUE},
    {CKA_UNWRAP, BOOL, HIDDEN, LATER, DEFAULT_TRUE},
    {CKA_DERIVE, BOOL, KEYS, LATER, DEFAULT_FALSE},
    {CKA_WRAP_TEMPLATE, TEMPLATE, PUBLIC | SECRET, 0, NO_DEFAULT},
    {CKA_UNWRAP_TEMPLATE, TEMPLATE, HIDDEN, 0, NO_DEFAULT},
    {CKA_DERIVE_TEMPLATE, TEMPLATE, HIDDEN, 0, NO_DEFAULT},

    {CKA_SENSITIVE, BOOL, HIDDEN, RAISE, DEFAULT_TRUE},
    {CKA_EXTRACTABLE, BOOL, HIDDEN, LOWER, DEFAULT_FALSE},
    {CKA_WRAP_WITH_TRUSTED, BOOL, HIDDEN, RAISE, DEFAULT_FALSE},
    {CKA_ALWAYS_AUTHENTICATE, BOOL, PRIVATE, 0, DEFAULT_FALSE},
    {CKA_ALWAYS_SENSITIVE, BOOL, HIDDEN, READONLY, NO_DEFAULT},
    {CKA_NEVER_EXTRACTABLE, BOOL, HIDDEN, READONLY, NO_DEFAULT},

    {CKA_MODULUS, OCTETS, PAIR, MATERIAL, NO_DEFAULT},
    {CKA_MODULUS_BITS, ULONG, PUBLIC, 0, NO_DEFAULT},
    {CKA_PUBLIC_EXPONENT, OCTETS, PUBLIC, 0, NO_DEFAULT},
    {CKA_PUBLIC_EXPONENT, OCTETS, PRIVATE, MATERIAL, NO_DEFAULT},
    {CKA_PRIVATE_EXPONENT, OCTETS, PRIVATE, MATERIAL | SEALED, NO_DEFAULT},
    {CKA_PRIME_1, OCTETS, PRIVATE, MATERIAL | SEALED, NO_DEFAULT},
    {CKA_PRIME_2, OCTETS, PRIVATE, MATERIAL | SEALED, NO_DEFAULT},
    {CKA_EXPONENT_1, OCTETS, PRIVATE, MATERIAL | SEALED, NO_DEFAULT},
    {CKA_EXPONENT_2, OCTETS, PRIVATE, MATERIAL | SEALED, NO_DEFAULT},
    {CKA_COEFFICIENT, OCTETS, PRIVATE, MATERIAL | SEALED, NO_DEFAULT},
    {CKA_EC_PARAMS, OCTETS, PUBLIC, 0, NO_DEFAULT},
    {CKA_EC_PARAMS, OCTETS, PRIVATE, MATERIAL, NO_DEFAULT},
    {CKA_EC_POINT, OCTETS, PUBLIC, MATERIAL, NO_DEFAULT},
    {CKA_VALUE, OCTETS, HIDDEN, MATERIAL | SEALED, NO_DEFAULT},
    {CKA_VALUE_LEN, ULONG, SECRET, 0, NO_DEFAULT},
};
#define RULE_COUNT (sizeof(rules) / sizeof(rules[0]))

static unsigned class_bit(CK_OBJECT_CLASS class)
{
    static const struct {
        CK_OBJECT_CLASS class;
        unsigned bit;
    } bits[] = {{CKO_DATA, DATA},
                {CKO_CERTIFICATE, CERT},
                {CKO_PUBLIC_KEY, PUBLIC},
                {CKO_PRIVATE_KEY, PRIVATE},
                {CKO_SECRET_KEY, SECRET}};
    for (size_t i = 0; i < sizeof(bits) / sizeof(bits[0]); i++)
        if (bits[i].class == class)
            return bits[i].bit;
    return 0;
}

static const struct rule *rule_find(CK_OBJECT_CLASS class, CK_ATTRIBUTE_TYPE type)
{
    unsigned bit = class_bit(class);
    for (size_t i = 0; i < RULE_COUNT; i++)
        if (rules[i].type == type && (rules[i].classes & bit))
            return &rules[i];
    return NULL;
}

bool policy_is_secret(CK_OBJECT_CLASS class, CK_ATTRIBUTE_TYPE type)
{
    const struct rule *rule = rule_find(class, type);
    return rule && (rule->flags & SEALED);
}

static bool value_is_sound(const struct rule *rule, const CK_ATTRIBUTE *given)
{
    if (given->ulValueLen > 0 && !given->pValue)
        return false;
    if (rule->kind == BOOL)
        return given->ulValueLen == sizeof(CK_BBOOL);
    if (rule->kind == ULONG)
        return given->ulValueLen == sizeof(CK_ULONG);
    if (rule->kind == TEMPLATE)
        return given->ulValueLen % sizeof(CK_ATTRIBUTE) == 0;
    return given->ulValueLen <= 1UL << 24;
}

static bool given_true(const CK_ATTRIBUTE *given)
{
    return *(const CK_BBOOL *)given->pValue != CK_FALSE;
}

static CK_RV store_value(struct attrs *attrs, const struct rule *rule, const CK_ATTRIBUTE *given)
{
    if (rule->kind == TEMPLATE)
        return attrs_set_packed(attrs, given->type, given->pValue,
                                given->ulValueLen / sizeof(CK_ATTRIBUTE));
    if (rule->kind == BOOL)
        return attrs_set_bool(attrs, given->type, given_true(given));
    return attrs_set(attrs, given->type, given->pValue, given->ulValueLen);
}

static CK_RV rule_admits(const struct rule *rule, enum origin origin, enum role role,
                         const CK_ATTRIBUTE *given)
{
    if (!rule)
        return CKR_ATTRIBUTE_TYPE_INVALID;
    if (!value_is_sound(rule, given))
        return CKR_ATTRIBUTE_VALUE_INVALID;
    if (rule->flags & READONLY)
        return CKR_ATTRIBUTE_READ_ONLY;
    if ((rule->flags & MATERIAL) && origin != ORIGIN_CREATE)
        return CKR_TEMPLATE_INCONSISTENT;
    if ((rule->flags & SO_TRUE) && given_true(given) && role != ROLE_SO)
        return CKR_ATTRIBUTE_READ_ONLY;
    return CKR_OK;
}

static CK_RV take_class(struct attrs *attrs, const CK_ATTRIBUTE *templ, CK_ULONG count)
{
    for (CK_ULONG i = 0; i < count; i++) {
        if (templ[i].type != CKA_CLASS || attrs_get(attrs, CKA_CLASS))
            continue;
        if (!templ[i].pValue || templ[i].ulValueLen != sizeof(CK_OBJECT_CLASS))
            return CKR_ATTRIBUTE_VALUE_INVALID;
        CK_RV rv = attrs_set(attrs, CKA_CLASS, templ[i].pValue, templ[i].ulValueLen);
        if (rv != CKR_OK)
            return rv;
    }
    return attrs_get(attrs, CKA_CLASS) ? CKR_OK : CKR_TEMPLATE_INCOMPLETE;
}

static CK_RV take_one(struct attrs *attrs, const struct rule *rule, const CK_ATTRIBUTE *given)
{
    struct attrs single = {0};
    CK_RV rv = store_value(&single, rule, given);
    if (rv == CKR_OK) {
        const struct attr *value = &single.items[0];
        const struct attr *present = attrs_get(attrs, given->type);
        if (present && !attr_equals(present, value->data, value->length))
            rv = CKR_TEMPLATE_INCONSISTENT;
        else
            rv = attrs_set(attrs, given->type, value->data, value->length);
    }
    attrs_clear(&single);
    return rv;
}

CK_RV policy_take_template(struct attrs *attrs, enum origin origin, enum role role,
                           const CK_ATTRIBUTE *templ, CK_ULONG count)
{
    if (count > 0 && !templ)
        return CKR_ARGUMENTS_BAD;
    CK_RV rv = take_class(attrs, templ, count);
    if (rv != CKR_OK)
        return rv;
    CK_OBJECT_CLASS class = attrs_get_ulong(attrs, CKA_CLASS, 0);
    if (class_bit(class) == 0)
        return CKR_ATTRIBUTE_VALUE_INVALID;
    for (CK_ULONG i = 0; i < count; i++) {
        const struct rule *rule = rule_find(class, templ[i].type);
        rv = rule_admits(rule, origin, role, &templ[i]);
        if (rv == CKR_OK)
            rv = take_one(attrs, rule, &templ[i]);
        if (rv != CKR_OK)
            return rv;
    }
    return CKR_OK;
}

static CK_RV complete_defaults(struct attrs *attrs, unsigned bit)
{
    for (size_t i = 0; i < RULE_COUNT; i++) {
        const struct rule *rule = &rules[i];
        if (!(rule->classes & bit) || rule->fallback == NO_DEFAULT || attrs_get(attrs, rule->type))
            continue;
        CK_RV rv = attrs_set_bool(attrs, rule->type, rule->fallback == DEFAULT_TRUE);
        if (rv != CKR_OK)
            return rv;
    }
    return CKR_OK;
}

/* CKA_ID, CKA_LABEL and CKA_SUBJECT exist in every object that may have them, empty if need be. */
static CK_RV complete_empty(struct attrs *attrs, CK_OBJECT_CLASS class)
{
    static const CK_ATTRIBUTE_TYPE types[] = {CKA_LABEL, CKA_ID, CKA_SUBJECT};
    for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++) {
        if (!rule_find(class, types[i]) || attrs_get(attrs, types[i]))
            continue;
        CK_RV rv = attrs_set(attrs, types[i], NULL, 0);
        if (rv != CKR_OK)
            return rv;
    }
    return CKR_OK;
}

static CK_RV complete_history(struct attrs *attrs, enum origin origin,
                              CK_MECHANISM_TYPE generated_by)
{
    bool generated = origin == ORIGIN_GENERATE;
    CK_OBJECT_CLASS class = attrs_get_ulong(attrs, CKA_CLASS, 0);
    CK_RV rv = attrs_set_bool(attrs, CKA_LOCAL, generated);
    if (rv == CKR_OK)
        rv = attrs_set_ulong(attrs, CKA_KEY_GEN_MECHANISM,
                             generated ? generated_by : CK_UNAVAILABLE_INFORMATION);
    if (rv != CKR_OK || class == CKO_PUBLIC_KEY)
        return rv;
    bool sensitive = attrs_get_bool(attrs, CKA_SENSITIVE, true);
    bool extractable = attrs_get_bool(attrs, CKA_EXTRACTABLE, false);
    rv = attrs_set_bool(attrs, CKA_ALWAYS_SENSITIVE, generated && sensitive);
    if (rv != CKR_OK)
        return rv;
    return attrs_set_bool(attrs, CKA_NEVER_EXTRACTABLE, generated && !extractable);
}

/* PKCS#11 v3.1, C_UnwrapKey: "The CKA_EXTRACTABLE attribute is by default set to CK_TRUE." */
static CK_RV complete_unwrapped(struct attrs *attrs, enum origin origin)
{
    if (origin != ORIGIN_UNWRAP || attrs_get(attrs, CKA_EXTRACTABLE))
        return CKR_OK;
    return attrs_set_bool(attrs, CKA_EXTRACTABLE, true);
}

CK_RV policy_complete(struct attrs *attrs, enum origin origin, CK_MECHANISM_TYPE generated_by)
{
    CK_OBJECT_CLASS class = attrs_get_ulong(attrs, CKA_CLASS, 0);
    CK_RV rv = complete_unwrapped(attrs, origin);
    if (rv == CKR_OK)
        rv = complete_defaults(attrs, class_bit(class));
    if (rv == CKR_OK)
        rv = complete_empty(attrs, class);
    if (rv == CKR_OK && (class_bit(class) & KEYS))
        rv = complete_history(attrs, origin, generated_by);
    return rv;
}

static bool change_allowed(const struct rule *rule, const struct attrs *attrs, bool copying,
                           const CK_ATTRIBUTE *given)
{
    if ((rule->flags & LATER) || (copying && (rule->flags & COPYING)))
        return true;
    if (!(rule->flags & (RAISE | LOWER)))
        return false;
    bool now = attrs_get_bool(attrs, given->type, false);
    bool next = given_true(given);
    return now == next || ((rule->flags & RAISE) ? next : !next);
}

CK_RV policy_change(struct attrs *attrs, enum role role, bool copying, const CK_ATTRIBUTE *templ,
                    CK_ULONG count)
{
    if (count > 0 && !templ)
        return CKR_ARGUMENTS_BAD;
    CK_OBJECT_CLASS class = attrs_get_ulong(attrs, CKA_CLASS, 0);
    for (CK_ULONG i = 0; i < count; i++) {
        const struct rule *rule = rule_find(class, templ[i].type);
        CK_RV rv = rule_admits(rule, ORIGIN_CREATE, role, &templ[i]);
        if (rv == CKR_OK && !change_allowed(rule, attrs, copying, &templ[i]))
            rv = CKR_ATTRIBUTE_READ_ONLY;
        if (rv == CKR_OK)
            rv = store_value(attrs, rule, &templ[i]);
        if (rv != CKR_OK)
            return rv;
    }
    return CKR_OK;
}
