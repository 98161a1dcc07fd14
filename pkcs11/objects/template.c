#include "pkcs11/objects/template.h"

#include "pkcs11/use/mechanism.h"

#include <assert.h>

static const CK_BBOOL yes = CK_TRUE;
static const CK_BBOOL no = CK_FALSE;
static const CK_OBJECT_CLASS private_key = CKO_PRIVATE_KEY;
static const CK_OBJECT_CLASS secret_key = CKO_SECRET_KEY;
/* 65537: the only public exponent made, FIPS 186-5 section 5.1. */
static const CK_BYTE exponent[] = {0x01, 0x00, 0x01};

enum source {
    FROM_TRUE,
    FROM_FALSE,
    FROM_CLASS,
    FROM_KEY_TYPE,
    FROM_ID,
    FROM_LABEL,
    FROM_TOKEN,       /* false for what goes with the session */
    FROM_USAGE,       /* true for what the usage table names */
    FROM_EXTRACTABLE, /* as asked for */
    FROM_TRUSTED,     /* WRAP_WITH_TRUSTED, see wants_trusted */
    FROM_VISIBILITY,  /* of public keys, from the profile */
    FROM_MODULUS_BITS,
    FROM_EXPONENT,
    FROM_EC_PARAMS,
    FROM_VALUE_LEN,
    FROM_ALLOWED,
    FROM_WRAP_TEMPLATE,
    FROM_UNWRAP_TEMPLATE
};

enum {
    PRIV = TEMPLATE_PRIVATE,
    PUB = TEMPLATE_PUBLIC,
    SEC = TEMPLATE_SECRET,
    OWN = PRIV | SEC,
    ALL = PRIV | PUB | SEC
};

static const struct {
    CK_ATTRIBUTE_TYPE type;
    unsigned roles;
    enum source source;
} rows[] = {
    {CKA_CLASS, ALL, FROM_CLASS},
    {CKA_KEY_TYPE, ALL, FROM_KEY_TYPE},
    {CKA_ID, ALL, FROM_ID},
    {CKA_LABEL, ALL, FROM_LABEL},
    {CKA_TOKEN, ALL, FROM_TOKEN},
    {CKA_PRIVATE, OWN, FROM_TRUE},
    {CKA_PRIVATE, PUB, FROM_VISIBILITY},
    {CKA_SENSITIVE, OWN, FROM_TRUE},
    {CKA_EXTRACTABLE, OWN, FROM_EXTRACTABLE},
    {CKA_WRAP_WITH_TRUSTED, OWN, FROM_TRUSTED},
    {CKA_ENCRYPT, PUB | SEC, FROM_USAGE},
    {CKA_DECRYPT, OWN, FROM_USAGE},
    {CKA_SIGN, OWN, FROM_USAGE},
    {CKA_SIGN_RECOVER, PRIV, FROM_FALSE},
    {CKA_VERIFY, PUB | SEC, FROM_USAGE},
    {CKA_VERIFY_RECOVER, PUB, FROM_FALSE},
    {CKA_WRAP, PUB | SEC, FROM_USAGE},
    {CKA_UNWRAP, OWN, FROM_USAGE},
    {CKA_DERIVE, ALL, FROM_USAGE},
    {CKA_ALWAYS_AUTHENTICATE, PRIV, FROM_FALSE},
    {CKA_MODULUS_BITS, PUB, FROM_MODULUS_BITS},
    {CKA_PUBLIC_EXPONENT, PUB, FROM_EXPONENT},
    {CKA_EC_PARAMS, PUB, FROM_EC_PARAMS},
    {CKA_VALUE_LEN, SEC, FROM_VALUE_LEN},
    {CKA_ALLOWED_MECHANISMS, OWN, FROM_ALLOWED},
    {CKA_WRAP_TEMPLATE, SEC, FROM_WRAP_TEMPLATE},
    {CKA_UNWRAP_TEMPLATE, OWN, FROM_UNWRAP_TEMPLATE},
    {CKA_DESTROYABLE, ALL, FROM_TRUE},
    {CKA_COPYABLE, ALL, FROM_FALSE},
    /* Last: some tokens apply a template from the front and stop when this is set. */
    {CKA_MODIFIABLE, ALL, FROM_FALSE},
};

/* What a key may do, architecture.md's table of usages; and with which mechanisms. */
static const struct usage_row {
    enum ps_usage usage;
    enum ps_key_family family;
    enum ps_key_type only; /* PS_KEY_NONE: every type of the family */
    CK_ATTRIBUTE_TYPE own[2];
    CK_ATTRIBUTE_TYPE public;
    bool by_algorithms; /* the mechanisms are those of the key's algorithms */
    enum profile_use use;
} usages[] = {
#define SIGNING(usage, family)                                                                     \
    {                                                                                              \
        usage, family, PS_KEY_NONE, {CKA_SIGN, CKA_SIGN}, CKA_VERIFY, true, PROFILE_USE_COUNT      \
    }
    SIGNING(PS_USAGE_SIGN, PS_FAMILY_RSA),
    SIGNING(PS_USAGE_SIGN, PS_FAMILY_EC),
    SIGNING(PS_USAGE_SIGN, PS_FAMILY_EDWARDS),
    SIGNING(PS_USAGE_CERTIFY, PS_FAMILY_RSA),
    SIGNING(PS_USAGE_CERTIFY, PS_FAMILY_EC),
    SIGNING(PS_USAGE_CERTIFY, PS_FAMILY_EDWARDS),
#undef SIGNING
    {PS_USAGE_DECRYPT,
     PS_FAMILY_RSA,
     PS_KEY_NONE,
     {CKA_DECRYPT, CKA_DECRYPT},
     CKA_ENCRYPT,
     false,
     PROFILE_USE_DECRYPT_RSA},
    {PS_USAGE_DECRYPT,
     PS_FAMILY_EC,
     PS_KEY_NONE,
     {CKA_DERIVE, CKA_DERIVE},
     CKA_DERIVE,
     false,
     PROFILE_USE_DECRYPT_EC},
    {PS_USAGE_ENCRYPT,
     PS_FAMILY_SECRET,
     PS_KEY_AES_256,
     {CKA_ENCRYPT, CKA_DECRYPT},
     CKA_ENCRYPT,
     false,
     PROFILE_USE_ENCRYPT},
    {PS_USAGE_MAC,
     PS_FAMILY_SECRET,
     PS_KEY_HMAC_SHA256,
     {CKA_SIGN, CKA_VERIFY},
     CKA_VERIFY,
     false,
     PROFILE_USE_MAC},
    {PS_USAGE_WRAP,
     PS_FAMILY_SECRET,
     PS_KEY_AES_256,
     {CKA_WRAP, CKA_UNWRAP},
     CKA_WRAP,
     false,
     PROFILE_USE_WRAP},
    {PS_USAGE_WRAP,
     PS_FAMILY_RSA,
     PS_KEY_RSA_4096,
     {CKA_UNWRAP, CKA_UNWRAP},
     CKA_WRAP,
     false,
     PROFILE_USE_TRANSPORT},
};

/*
 * A wrapping key carries keys of one class that live outside the token, and nothing else; what it
 * opens can neither be read nor be wrapped again. Of secret keys none that wraps or derives others:
 * the blob of one is 32 octets that would do for any.
 */
static const CK_ATTRIBUTE wrap_rows[] = {
    {CKA_CLASS, (void *)(uintptr_t)&private_key, sizeof private_key},
};
static const CK_ATTRIBUTE wrap_secret_rows[] = {
    {CKA_CLASS, (void *)(uintptr_t)&secret_key, sizeof secret_key},
    {CKA_SENSITIVE, (void *)(uintptr_t)&yes, sizeof yes},
    {CKA_WRAP, (void *)(uintptr_t)&no, sizeof no},
    {CKA_UNWRAP, (void *)(uintptr_t)&no, sizeof no},
    {CKA_DERIVE, (void *)(uintptr_t)&no, sizeof no},
};
/* What it arrives under in another token opens secret keys, and these two only. */
static const CK_ATTRIBUTE arrival_rows[] = {
    {CKA_CLASS, (void *)(uintptr_t)&secret_key, sizeof secret_key},
    {CKA_PRIVATE, (void *)(uintptr_t)&yes, sizeof yes},
    {CKA_SENSITIVE, (void *)(uintptr_t)&yes, sizeof yes},
    {CKA_WRAP_WITH_TRUSTED, (void *)(uintptr_t)&yes, sizeof yes},
};
static const CK_ATTRIBUTE unwrap_rows[] = {
    {CKA_CLASS, (void *)(uintptr_t)&private_key, sizeof private_key},
    {CKA_TOKEN, (void *)(uintptr_t)&no, sizeof no},
    {CKA_PRIVATE, (void *)(uintptr_t)&yes, sizeof yes},
    {CKA_SENSITIVE, (void *)(uintptr_t)&yes, sizeof yes},
    {CKA_EXTRACTABLE, (void *)(uintptr_t)&no, sizeof no},
};
static const CK_ATTRIBUTE unwrap_secret_rows[] = {
    {CKA_CLASS, (void *)(uintptr_t)&secret_key, sizeof secret_key},
    {CKA_TOKEN, (void *)(uintptr_t)&no, sizeof no},
    {CKA_PRIVATE, (void *)(uintptr_t)&yes, sizeof yes},
    {CKA_SENSITIVE, (void *)(uintptr_t)&yes, sizeof yes},
    {CKA_WRAP, (void *)(uintptr_t)&no, sizeof no},
    {CKA_UNWRAP, (void *)(uintptr_t)&no, sizeof no},
    {CKA_DERIVE, (void *)(uintptr_t)&no, sizeof no},
    {CKA_EXTRACTABLE, (void *)(uintptr_t)&no, sizeof no},
};

bool template_is_pair(enum ps_key_type type)
{
    return ps_key_type_info(type)->family != PS_FAMILY_SECRET;
}

static const struct usage_row *find_usage(enum ps_key_type type, enum ps_usage usage)
{
    const struct ps_key_type_info *info = ps_key_type_info(type);

    for (size_t i = 0; i < PS_COUNT_OF(usages) && info != NULL; i++) {
        if (usages[i].usage == usage && usages[i].family == info->family &&
            (usages[i].only == PS_KEY_NONE || usages[i].only == type)) {
            return &usages[i];
        }
    }
    return NULL;
}

static enum ps_err check_algorithms(const struct profile *profile,
                                    const struct template_request *request)
{
    if (request->algorithms.len == 0 || request->algorithms.len > PROFILE_ALLOWED_MAX) {
        return ps_fail(PS_E_INPUT, 0, "a key that signs has one to eight algorithms");
    }
    for (size_t i = 0; i < request->algorithms.len; i++) {
        const enum ps_alg alg = (enum ps_alg)request->algorithms.data[i];

        if (!ps_alg_fits(alg, request->type)) {
            return ps_fail(PS_E_INPUT, 0, "an algorithm does not go with the key's type");
        }
        if (!profile->algorithms[alg].offered) {
            return ps_fail(PS_E_DENIED, 0, "the token does not offer %s", ps_alg_info(alg)->name);
        }
    }
    return PS_OK;
}

enum ps_err template_check(const struct profile *profile, const struct template_request *request)
{
    const struct usage_row *row = find_usage(request->type, request->usage);

    if (row == NULL) {
        return ps_fail(PS_E_INPUT, 0, "keys of this type are not made for this usage");
    }
    if (request->id.len == 0) {
        return ps_fail(PS_E_INPUT, 0, "a key needs an id");
    }
    if (!profile->key_types[request->type].offered) {
        return ps_fail(PS_E_DENIED, 0, "the token does not offer %s keys",
                       ps_key_type_info(request->type)->name);
    }
    if (row->by_algorithms) {
        return check_algorithms(profile, request);
    }
    if (request->algorithms.len != 0) {
        return ps_fail(PS_E_INPUT, 0, "signature algorithms are for keys that sign");
    }
    if (profile->uses[row->use].count == 0) {
        return ps_fail(PS_E_DENIED, 0, "the token does not offer this usage");
    }
    return PS_OK;
}

static void add(struct template *template, CK_ATTRIBUTE_TYPE type, const void *value, size_t len)
{
    assert(template->count < TEMPLATE_MAX);
    template->attributes[template->count++] = (CK_ATTRIBUTE){type, (void *)(uintptr_t)value, len};
}

static void add_bool(struct template *template, CK_ATTRIBUTE_TYPE type, bool value)
{
    add(template, type, value ? &yes : &no, sizeof yes);
}

static void add_number(struct template *template, CK_ATTRIBUTE_TYPE type, CK_ULONG value)
{
    CK_ULONG *place = &template->numbers[template->numbers_used++];

    assert(template->numbers_used <= TEMPLATE_NUMBERS_MAX);
    *place = value;
    add(template, type, place, sizeof *place);
}

static void add_mechanism(struct template *template, CK_MECHANISM_TYPE mechanism)
{
    for (size_t i = 0; i < template->mechanisms_count; i++) {
        if (template->mechanisms[i] == mechanism) {
            return;
        }
    }
    template->mechanisms[template->mechanisms_count++] = mechanism;
}

static void add_allowed(const struct profile *profile, const struct template_request *request,
                        struct template *template)
{
    const struct usage_row *row = find_usage(request->type, request->usage);

    for (size_t i = 0; row->by_algorithms && i < request->algorithms.len; i++) {
        add_mechanism(template, profile->algorithms[request->algorithms.data[i]].mechanism);
    }
    for (size_t i = 0; !row->by_algorithms && i < profile->uses[row->use].count; i++) {
        add_mechanism(template, profile->uses[row->use].mechanisms[i]);
    }
    add(template, CKA_ALLOWED_MECHANISMS, template->mechanisms,
        template->mechanisms_count * sizeof template->mechanisms[0]);
}

struct nested {
    const CK_ATTRIBUTE *rows;
    size_t count;
};

#define NESTED(rows)                                                                               \
    (struct nested)                                                                                \
    {                                                                                              \
        (rows), PS_COUNT_OF(rows)                                                                  \
    }

static struct nested nested_of(const struct template_request *request, bool is_wrap)
{
    struct nested nested;

    if (is_wrap) {
        return request->for_secrets ? NESTED(wrap_secret_rows) : NESTED(wrap_rows);
    }
    if (template_is_pair(request->type)) {
        return NESTED(arrival_rows);
    }
    nested = request->for_secrets ? NESTED(unwrap_secret_rows) : NESTED(unwrap_rows);
    /* Of the copy by which keys are wrapped anew: the same, but for the last. */
    nested.count -= request->only_opens ? 1 : 0;
    return nested;
}

static void add_nested(const struct template_request *request, CK_ATTRIBUTE_TYPE type,
                       struct template *template)
{
    const bool is_wrap = type == CKA_WRAP_TEMPLATE;
    const struct nested nested = nested_of(request, is_wrap);
    CK_ATTRIBUTE *to = template->nested[is_wrap ? 0 : 1];

    if (request->usage == PS_USAGE_WRAP) {
        assert(nested.count <= TEMPLATE_NESTED_MAX);
        memcpy(to, nested.rows, nested.count * sizeof *to);
        add(template, type, to, nested.count * sizeof *to);
    }
}

static bool has_usage(const struct template_request *request, enum template_role role,
                      CK_ATTRIBUTE_TYPE type)
{
    const struct usage_row *row = find_usage(request->type, request->usage);

    if (role == TEMPLATE_PUBLIC) {
        return row->public == type;
    }
    if (request->only_opens && type == CKA_WRAP) {
        return false;
    }
    return row->own[0] == type || row->own[1] == type;
}

/*
 * A key of the session that can leave the token leaves it under a wrapping key, which the token
 * does not know as trusted; all other keys, the wrapping keys first, may only leave under one the
 * SO has marked.
 */
static bool wants_trusted(const struct template_request *request)
{
    return !request->extractable || !request->is_session || request->usage == PS_USAGE_WRAP;
}

static CK_OBJECT_CLASS class_of(enum template_role role)
{
    switch (role) {
    case TEMPLATE_PRIVATE:
        return CKO_PRIVATE_KEY;
    case TEMPLATE_PUBLIC:
        return CKO_PUBLIC_KEY;
    case TEMPLATE_SECRET:
        break;
    }
    return CKO_SECRET_KEY;
}

/* What depends on the type of the key; nothing is added where it does not apply. */
static void add_material(const struct profile *profile, const struct template_request *request,
                         enum source source, struct template *template)
{
    const struct ps_key_type_info *info = ps_key_type_info(request->type);
    const struct profile_key_type *quirk = &profile->key_types[request->type];

    if (info->family == PS_FAMILY_RSA && source == FROM_MODULUS_BITS) {
        add_number(template, CKA_MODULUS_BITS, info->bits);
    } else if (info->family == PS_FAMILY_RSA && source == FROM_EXPONENT) {
        add(template, CKA_PUBLIC_EXPONENT, exponent, sizeof exponent);
    } else if (quirk->params_len != 0 && source == FROM_EC_PARAMS) {
        add(template, CKA_EC_PARAMS, quirk->params, quirk->params_len);
    } else if (info->family == PS_FAMILY_SECRET && source == FROM_VALUE_LEN &&
               !request->is_unwrapped) {
        add_number(template, CKA_VALUE_LEN, info->bits / 8);
    }
}

static void add_row(const struct profile *profile, const struct template_request *request,
                    enum template_role role, size_t index, struct template *template)
{
    const CK_ATTRIBUTE_TYPE type = rows[index].type;

    switch (rows[index].source) {
    case FROM_TRUE:
    case FROM_FALSE:
        add_bool(template, type, rows[index].source == FROM_TRUE);
        break;
    case FROM_CLASS:
        add_number(template, type, class_of(role));
        break;
    case FROM_KEY_TYPE:
        add_number(template, type, mechanism_key_type(request->type)->ck);
        break;
    case FROM_ID:
        add(template, type, request->id.data, request->id.len);
        break;
    case FROM_LABEL:
        add(template, type, request->label.data, request->label.len);
        break;
    case FROM_TOKEN:
        add_bool(template, type, !request->is_session);
        break;
    case FROM_USAGE:
        add_bool(template, type, has_usage(request, role, type));
        break;
    case FROM_EXTRACTABLE:
        add_bool(template, type, request->extractable);
        break;
    case FROM_TRUSTED:
        add_bool(template, type, wants_trusted(request));
        break;
    case FROM_VISIBILITY:
        add_bool(template, type, profile->private_public);
        break;
    case FROM_ALLOWED:
        add_allowed(profile, request, template);
        break;
    case FROM_WRAP_TEMPLATE:
    case FROM_UNWRAP_TEMPLATE:
        add_nested(request, type, template);
        break;
    case FROM_MODULUS_BITS:
    case FROM_EXPONENT:
    case FROM_EC_PARAMS:
    case FROM_VALUE_LEN:
        add_material(profile, request, rows[index].source, template);
        break;
    }
}

void template_build(const struct profile *profile, const struct template_request *request,
                    enum template_role role, struct template *ret_template)
{
    *ret_template = (struct template){0};
    for (size_t i = 0; i < PS_COUNT_OF(rows); i++) {
        if ((rows[i].roles & role) != 0 &&
            profile_support(profile, rows[i].type) != PROFILE_REJECTED) {
            add_row(profile, request, role, i, ret_template);
        }
    }
}
