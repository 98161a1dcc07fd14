#include "pkcs11/objects/readback.h"

#include "lib/base/encode.h"
#include "pkcs11/objects/attribute.h"

/* What is written down, by kind of object. Key material is not among it. */
static const struct {
    CK_ATTRIBUTE_TYPE type;
    unsigned roles;
} described[] = {
    {CKA_KEY_TYPE, TEMPLATE_PRIVATE | TEMPLATE_PUBLIC | TEMPLATE_SECRET},
    {CKA_ID, TEMPLATE_PRIVATE | TEMPLATE_PUBLIC | TEMPLATE_SECRET},
    {CKA_LABEL, TEMPLATE_PRIVATE | TEMPLATE_PUBLIC | TEMPLATE_SECRET},
    {CKA_TOKEN, TEMPLATE_PRIVATE | TEMPLATE_PUBLIC | TEMPLATE_SECRET},
    {CKA_PRIVATE, TEMPLATE_PRIVATE | TEMPLATE_PUBLIC | TEMPLATE_SECRET},
    {CKA_LOCAL, TEMPLATE_PRIVATE | TEMPLATE_PUBLIC | TEMPLATE_SECRET},
    {CKA_SENSITIVE, TEMPLATE_PRIVATE | TEMPLATE_SECRET},
    {CKA_ALWAYS_SENSITIVE, TEMPLATE_PRIVATE | TEMPLATE_SECRET},
    {CKA_EXTRACTABLE, TEMPLATE_PRIVATE | TEMPLATE_SECRET},
    {CKA_NEVER_EXTRACTABLE, TEMPLATE_PRIVATE | TEMPLATE_SECRET},
    {CKA_WRAP_WITH_TRUSTED, TEMPLATE_PRIVATE | TEMPLATE_SECRET},
    {CKA_KEY_GEN_MECHANISM, TEMPLATE_PRIVATE | TEMPLATE_PUBLIC | TEMPLATE_SECRET},
    {CKA_ENCRYPT, TEMPLATE_PUBLIC | TEMPLATE_SECRET},
    {CKA_DECRYPT, TEMPLATE_PRIVATE | TEMPLATE_SECRET},
    {CKA_SIGN, TEMPLATE_PRIVATE | TEMPLATE_SECRET},
    {CKA_SIGN_RECOVER, TEMPLATE_PRIVATE},
    {CKA_VERIFY, TEMPLATE_PUBLIC | TEMPLATE_SECRET},
    {CKA_VERIFY_RECOVER, TEMPLATE_PUBLIC},
    {CKA_WRAP, TEMPLATE_PUBLIC | TEMPLATE_SECRET},
    {CKA_UNWRAP, TEMPLATE_PRIVATE | TEMPLATE_SECRET},
    {CKA_DERIVE, TEMPLATE_PRIVATE | TEMPLATE_PUBLIC | TEMPLATE_SECRET},
    {CKA_ALWAYS_AUTHENTICATE, TEMPLATE_PRIVATE},
    {CKA_ALLOWED_MECHANISMS, TEMPLATE_PRIVATE | TEMPLATE_SECRET},
    {CKA_COPYABLE, TEMPLATE_PRIVATE | TEMPLATE_PUBLIC | TEMPLATE_SECRET},
    {CKA_DESTROYABLE, TEMPLATE_PRIVATE | TEMPLATE_PUBLIC | TEMPLATE_SECRET},
    {CKA_MODIFIABLE, TEMPLATE_PRIVATE | TEMPLATE_PUBLIC | TEMPLATE_SECRET},
};

static bool has_mechanism(struct ps_bytes list, CK_MECHANISM_TYPE wanted)
{
    for (size_t at = 0; at + sizeof wanted <= list.len; at += sizeof wanted) {
        CK_MECHANISM_TYPE one;

        memcpy(&one, list.data + at, sizeof one);
        if (one == wanted) {
            return true;
        }
    }
    return false;
}

/* The order of a list of mechanisms is the token's own. */
static bool same_mechanisms(struct ps_bytes a, struct ps_bytes b)
{
    if (a.len != b.len) {
        return false;
    }
    for (size_t at = 0; at + sizeof(CK_MECHANISM_TYPE) <= a.len; at += sizeof(CK_MECHANISM_TYPE)) {
        CK_MECHANISM_TYPE one;

        memcpy(&one, a.data + at, sizeof one);
        if (!has_mechanism(b, one)) {
            return false;
        }
    }
    return true;
}

static const char *name_of(CK_ATTRIBUTE_TYPE type)
{
    const struct attribute_info *info = attribute_info(type);

    return info == NULL ? "attribute" : info->name;
}

/* Sets *ret_name, and leaves it alone when the attribute is as it should be. */
static enum ps_err compare_one(struct session *session, CK_OBJECT_HANDLE handle,
                               CK_ATTRIBUTE_TYPE type, struct ps_bytes wanted,
                               const char **ret_name)
{
    const struct attribute_info *info = attribute_info(type);
    struct object_value value;
    bool same;

    if (profile_support(session->profile, type) != PROFILE_ENFORCED) {
        return PS_OK;
    }
    PS_TRY(object_read(session, handle, type, &value));
    same = info != NULL && info->kind == ATTRIBUTE_MECHANISMS
               ? same_mechanisms(object_value_bytes(&value), wanted)
               : ps_bytes_equal(object_value_bytes(&value), wanted);
    if (!value.is_there || !same) {
        *ret_name = name_of(type);
    }
    return PS_OK;
}

/* The type is compared as a whole: a curve may be named in several ways, a number have zeros. */
static bool is_part_of_type(CK_ATTRIBUTE_TYPE type)
{
    return type == CKA_EC_PARAMS || type == CKA_PUBLIC_EXPONENT || type == CKA_MODULUS_BITS;
}

static enum ps_err compare_token_set(struct session *session, CK_OBJECT_HANDLE handle,
                                     bool extractable, const char **ret_name)
{
    static const CK_BBOOL yes = CK_TRUE;
    const CK_BBOOL never = extractable ? CK_FALSE : CK_TRUE;

    PS_TRY(compare_one(session, handle, CKA_LOCAL, ps_bytes(&yes, 1), ret_name));
    PS_TRY(compare_one(session, handle, CKA_ALWAYS_SENSITIVE, ps_bytes(&yes, 1), ret_name));
    return compare_one(session, handle, CKA_NEVER_EXTRACTABLE, ps_bytes(&never, 1), ret_name);
}

static enum ps_err compare_template(struct session *session, CK_OBJECT_HANDLE handle,
                                    const struct template *template, const char **ret_name)
{
    for (CK_ULONG i = 0; i < template->count && *ret_name == NULL; i++) {
        const CK_ATTRIBUTE *attribute = &template->attributes[i];
        const struct attribute_info *info = attribute_info(attribute->type);

        if (is_part_of_type(attribute->type) || info == NULL || info->kind == ATTRIBUTE_TEMPLATE) {
            continue;
        }
        PS_TRY(compare_one(session, handle, attribute->type,
                           ps_bytes(attribute->pValue, attribute->ulValueLen), ret_name));
    }
    return PS_OK;
}

enum ps_err readback_find_difference(struct session *session, CK_OBJECT_HANDLE handle,
                                     const struct template_request *request,
                                     enum template_role role, const struct template *template,
                                     const char **ret_name)
{
    const char *name = NULL;
    enum ps_key_type type;

    PS_TRY(object_read_key_type(session, handle, &type));
    if (type != request->type) {
        name = name_of(CKA_KEY_TYPE);
    } else {
        PS_TRY(compare_template(session, handle, template, &name));
    }
    if (name == NULL && role != TEMPLATE_PUBLIC && !request->is_unwrapped) {
        PS_TRY(compare_token_set(session, handle, request->extractable, &name));
    }
    *ret_name = name;
    return PS_OK;
}

enum ps_err readback_compare(struct session *session, CK_OBJECT_HANDLE handle,
                             const struct template_request *request, enum template_role role,
                             const struct template *template)
{
    const char *name;

    PS_TRY(readback_find_difference(session, handle, request, role, template, &name));
    if (name == NULL) {
        return PS_OK;
    }
    (void)!session_fail(session, OPERATION_MAKE, CKR_OK, "reading back");
    /* The token is not broken, but it does not do what it was told. */
    session->fault.class = FAULT_KEY;
    return ps_fail(PS_E_TOKEN, 0, "the new object's %s is not what was asked for", name);
}

static const char *role_name(enum template_role role)
{
    switch (role) {
    case TEMPLATE_PRIVATE:
        return "private";
    case TEMPLATE_PUBLIC:
        return "public";
    case TEMPLATE_SECRET:
        break;
    }
    return "secret";
}

enum ps_err readback_describe(struct session *session, CK_OBJECT_HANDLE handle,
                              enum template_role role, struct ps_buf *json)
{
    const char *between = "{";

    ps_buf_put_json_string(json, ps_bytes_str(role_name(role)));
    ps_buf_put_u8(json, ':');
    for (size_t i = 0; i < PS_COUNT_OF(described); i++) {
        struct object_value value;

        if ((described[i].roles & role) == 0) {
            continue;
        }
        PS_TRY(object_read(session, handle, described[i].type, &value));
        if (value.is_there) {
            ps_buf_put_str(json, between);
            attribute_put_json(attribute_info(described[i].type), object_value_bytes(&value), json);
            between = ",";
        }
    }
    ps_buf_put_str(json, between[0] == '{' ? "{}" : "}");
    return ps_buf_status(json);
}
