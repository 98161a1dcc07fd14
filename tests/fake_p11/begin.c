#include "begin.h"

/* What each kind of operation needs of a mechanism and of a key. */
static const struct need {
    CK_FLAGS flag;
    CK_ATTRIBUTE_TYPE usage;
    CK_OBJECT_CLASS class;
} needs[] = {
    [OPERATION_SIGN] = {CKF_SIGN, CKA_SIGN, CKO_PRIVATE_KEY},
    [OPERATION_VERIFY] = {CKF_VERIFY, CKA_VERIFY, CKO_PUBLIC_KEY},
    [OPERATION_ENCRYPT] = {CKF_ENCRYPT, CKA_ENCRYPT, CKO_PUBLIC_KEY},
    [OPERATION_DECRYPT] = {CKF_DECRYPT, CKA_DECRYPT, CKO_PRIVATE_KEY},
};

static bool type_fits(const struct mechanism *mechanism, CK_KEY_TYPE type)
{
    if (mechanism->family == FAMILY_HMAC)
        return type == CKK_GENERIC_SECRET || type == CKK_SHA256_HMAC;
    return type == mechanism->key_type;
}

CK_RV begin_check_key(const struct object *key, const struct mechanism *mechanism,
                      CK_OBJECT_CLASS class, CK_ATTRIBUTE_TYPE usage)
{
    bool symmetric = mechanism->family == FAMILY_HMAC || mechanism->key_type == CKK_AES;
    if (!object_is_key(key))
        return CKR_KEY_HANDLE_INVALID;
    if (key->class != (symmetric ? CKO_SECRET_KEY : class) || !type_fits(mechanism, key->key_type))
        return CKR_KEY_TYPE_INCONSISTENT;
    if (!attrs_get_bool(&key->attrs, usage, false))
        return CKR_KEY_FUNCTION_NOT_PERMITTED;
    if (!attrs_allow_ulong(&key->attrs, CKA_ALLOWED_MECHANISMS, mechanism->type))
        return CKR_MECHANISM_INVALID;
    return CKR_OK;
}

/* Takes over the key's reference and the parameters. */
static void take_up(struct operation *operation, const struct mechanism *mechanism,
                    struct object *key, struct parameters *parameters)
{
    if (operation->key == key && atomic_load(&operation->mechanism) == mechanism &&
        parameters_equal(&operation->parameters, parameters)) {
        object_release(key);
        return;
    }
    operation_clear(operation);
    operation->key = key;
    atomic_store(&operation->mechanism, mechanism);
    operation->parameters = *parameters;
}

CK_RV begin_operation(struct call *call, enum operation_kind kind, const CK_MECHANISM *given,
                      CK_OBJECT_HANDLE handle)
{
    struct operation *operation = &call->session->operations[kind];
    const struct mechanism *mechanism = mechanism_find(given->mechanism);
    struct parameters parameters;
    struct object *key;
    if (atomic_load(&operation->active))
        return CKR_OPERATION_ACTIVE;
    if (!mechanism || !(mechanism->flags & needs[kind].flag))
        return CKR_MECHANISM_INVALID;
    CK_RV rv = call_acquire_object(call, handle, &key);
    if (rv != CKR_OK)
        return rv;
    rv = begin_check_key(key, mechanism, needs[kind].class, needs[kind].usage);
    if (rv == CKR_OK)
        rv = parameters_read(given, mechanism, &parameters);
    if (rv != CKR_OK) {
        object_release(key);
        return rv;
    }
    take_up(operation, mechanism, key, &parameters);
    return CKR_OK;
}

CK_RV begin_continue(const struct call *call, enum operation_kind kind)
{
    struct operation *operation = &call->session->operations[kind];
    if (!atomic_load(&operation->active))
        return CKR_OPERATION_NOT_INITIALIZED;
    bool logged_in = !operation->key->is_private || call_role(call) == ROLE_USER;
    bool asks = attrs_get_bool(&operation->key->attrs, CKA_ALWAYS_AUTHENTICATE, false);
    if (logged_in && (!asks || operation->authenticated))
        return CKR_OK;
    operation_end(operation);
    return CKR_USER_NOT_LOGGED_IN;
}
