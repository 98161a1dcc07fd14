#include "pkcs11/objects/readback.h"

#include "lib/base/encode.h"
#include "pkcs11/objects/attribute.h"
#include "pkcs11/objects/values.h"

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

/* What an object is to show beside its type, in the order in which it is told what differs. */
enum { SET_BY_TOKEN = 3 };

struct expected {
    struct {
        CK_ATTRIBUTE_TYPE type;
        struct ps_bytes value;
    } of[TEMPLATE_MAX + SET_BY_TOKEN];
    size_t count;
};

static void expect(const struct profile *profile, CK_ATTRIBUTE_TYPE type, struct ps_bytes value,
                   struct expected *expected)
{
    if (profile_support(profile, type) == PROFILE_ENFORCED) {
        expected->of[expected->count].type = type;
        expected->of[expected->count++].value = value;
    }
}

/* The type is compared as a whole: a curve may be named in several ways, a number have zeros. */
static bool is_part_of_type(CK_ATTRIBUTE_TYPE type)
{
    return type == CKA_KEY_TYPE || type == CKA_EC_PARAMS || type == CKA_PUBLIC_EXPONENT ||
           type == CKA_MODULUS_BITS;
}

static void expect_template(const struct profile *profile, const struct template *template,
                            struct expected *expected)
{
    for (CK_ULONG i = 0; i < template->count; i++) {
        const CK_ATTRIBUTE *attribute = &template->attributes[i];
        const struct attribute_info *info = attribute_info(attribute->type);

        if (!is_part_of_type(attribute->type) && info != NULL && info->kind != ATTRIBUTE_TEMPLATE) {
            expect(profile, attribute->type, ps_bytes(attribute->pValue, attribute->ulValueLen),
                   expected);
        }
    }
}

static void expect_token_set(const struct profile *profile, bool extractable,
                             struct expected *expected)
{
    static const CK_BBOOL yes = CK_TRUE;
    static const CK_BBOOL no = CK_FALSE;

    expect(profile, CKA_LOCAL, ps_bytes(&yes, 1), expected);
    expect(profile, CKA_ALWAYS_SENSITIVE, ps_bytes(&yes, 1), expected);
    expect(profile, CKA_NEVER_EXTRACTABLE, ps_bytes(extractable ? &no : &yes, 1), expected);
}

static bool is_same(CK_ATTRIBUTE_TYPE type, struct ps_bytes shown, struct ps_bytes wanted)
{
    const struct attribute_info *info = attribute_info(type);

    return info != NULL && info->kind == ATTRIBUTE_MECHANISMS ? same_mechanisms(shown, wanted)
                                                              : ps_bytes_equal(shown, wanted);
}

/* Octets that say the type of a key, beside CKA_KEY_TYPE. 0: none do. */
enum { NUMBER_MAX = 513 }; /* the modulus of RSA-4096, and one for who puts a zero in front */

static CK_ATTRIBUTE_TYPE number_of(enum ps_key_type type)
{
    const enum ps_key_family family = ps_key_type_info(type)->family;

    if (family == PS_FAMILY_SECRET) {
        return 0;
    }
    return family == PS_FAMILY_RSA ? CKA_MODULUS : CKA_EC_PARAMS;
}

static bool want_all(enum ps_key_type type, const struct expected *expected,
                     struct object_values *values)
{
    for (size_t i = 0; i < expected->count; i++) {
        if (!object_values_want(values, expected->of[i].type, expected->of[i].value.len + 1)) {
            return false;
        }
    }
    return object_values_want(values, CKA_KEY_TYPE, sizeof(CK_KEY_TYPE) + 1) &&
           (number_of(type) == 0 || object_values_want(values, number_of(type), NUMBER_MAX));
}

/* They stand behind the others. */
static bool shows_type(const struct session *session, const struct object_values *values, size_t at,
                       enum ps_key_type type)
{
    const struct ps_bytes shown = object_values_get(values, at);
    const struct ps_bytes number =
        number_of(type) == 0 ? ps_bytes(NULL, 0) : object_values_get(values, at + 1);
    CK_KEY_TYPE ck;

    if (shown.len != sizeof ck) {
        return false;
    }
    memcpy(&ck, shown.data, sizeof ck);
    return object_key_type(ck, number, session->profile) == type;
}

/* False: it is not so, or one call does not tell. */
static bool shows_all(const struct session *session, CK_OBJECT_HANDLE handle, enum ps_key_type type,
                      const struct expected *expected)
{
    struct object_values values;

    object_values_init(&values);
    if (!want_all(type, expected, &values) || !object_values_read(&values, session, handle)) {
        return false;
    }
    for (size_t i = 0; i < expected->count; i++) {
        if (!is_same(expected->of[i].type, object_values_get(&values, i), expected->of[i].value)) {
            return false;
        }
    }
    return shows_type(session, &values, expected->count, type);
}

/* One after another; *ret_name stays NULL when all is as it should be. */
static enum ps_err find_first(struct session *session, CK_OBJECT_HANDLE handle,
                              enum ps_key_type wanted, const struct expected *expected,
                              const char **ret_name)
{
    enum ps_key_type type;
    const char *name = NULL;

    PS_TRY(object_read_key_type(session, handle, &type));
    if (type != wanted) {
        name = name_of(CKA_KEY_TYPE);
    }
    for (size_t i = 0; i < expected->count && name == NULL; i++) {
        struct object_value value;

        PS_TRY(object_read(session, handle, expected->of[i].type, &value));
        if (!value.is_there ||
            !is_same(expected->of[i].type, object_value_bytes(&value), expected->of[i].value)) {
            name = name_of(expected->of[i].type);
        }
    }
    *ret_name = name;
    return PS_OK;
}

enum ps_err readback_find_difference(struct session *session, CK_OBJECT_HANDLE handle,
                                     const struct template_request *request,
                                     enum template_role role, const struct template *template,
                                     const char **ret_name)
{
    struct expected expected = {.count = 0};

    expect_template(session->profile, template, &expected);
    if (role != TEMPLATE_PUBLIC && !request->is_unwrapped) {
        expect_token_set(session->profile, request->extractable, &expected);
    }
    if (shows_all(session, handle, request->type, &expected)) {
        *ret_name = NULL;
        return PS_OK;
    }
    return find_first(session, handle, request->type, &expected, ret_name);
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
