#include "pkcs11/objects/attribute.h"

#include "lib/base/encode.h"
#include "pkcs11/use/mechanism.h"

#define ATTRIBUTE(id, json, kind)                                                                  \
    {                                                                                              \
        id, #id, json, ATTRIBUTE_##kind                                                            \
    }

static const struct attribute_info infos[] = {
    ATTRIBUTE(CKA_CLASS, "class", NUMBER),
    ATTRIBUTE(CKA_KEY_TYPE, "key_type", KEY_TYPE),
    ATTRIBUTE(CKA_ID, "id", OCTETS),
    ATTRIBUTE(CKA_LABEL, "label", TEXT),
    ATTRIBUTE(CKA_TOKEN, "token", BOOL),
    ATTRIBUTE(CKA_PRIVATE, "private", BOOL),
    ATTRIBUTE(CKA_SENSITIVE, "sensitive", BOOL),
    ATTRIBUTE(CKA_ALWAYS_SENSITIVE, "always_sensitive", BOOL),
    ATTRIBUTE(CKA_EXTRACTABLE, "extractable", BOOL),
    ATTRIBUTE(CKA_NEVER_EXTRACTABLE, "never_extractable", BOOL),
    ATTRIBUTE(CKA_LOCAL, "local", BOOL),
    ATTRIBUTE(CKA_KEY_GEN_MECHANISM, "key_gen_mechanism", MECHANISM),
    ATTRIBUTE(CKA_ENCRYPT, "encrypt", BOOL),
    ATTRIBUTE(CKA_DECRYPT, "decrypt", BOOL),
    ATTRIBUTE(CKA_SIGN, "sign", BOOL),
    ATTRIBUTE(CKA_SIGN_RECOVER, "sign_recover", BOOL),
    ATTRIBUTE(CKA_VERIFY, "verify", BOOL),
    ATTRIBUTE(CKA_VERIFY_RECOVER, "verify_recover", BOOL),
    ATTRIBUTE(CKA_WRAP, "wrap", BOOL),
    ATTRIBUTE(CKA_UNWRAP, "unwrap", BOOL),
    ATTRIBUTE(CKA_DERIVE, "derive", BOOL),
    ATTRIBUTE(CKA_WRAP_WITH_TRUSTED, "wrap_with_trusted", BOOL),
    ATTRIBUTE(CKA_ALWAYS_AUTHENTICATE, "always_authenticate", BOOL),
    ATTRIBUTE(CKA_COPYABLE, "copyable", BOOL),
    ATTRIBUTE(CKA_DESTROYABLE, "destroyable", BOOL),
    ATTRIBUTE(CKA_MODIFIABLE, "modifiable", BOOL),
    ATTRIBUTE(CKA_ALLOWED_MECHANISMS, "allowed_mechanisms", MECHANISMS),
    ATTRIBUTE(CKA_WRAP_TEMPLATE, "wrap_template", TEMPLATE),
    ATTRIBUTE(CKA_UNWRAP_TEMPLATE, "unwrap_template", TEMPLATE),
    ATTRIBUTE(CKA_MODULUS, "modulus", OCTETS),
    ATTRIBUTE(CKA_MODULUS_BITS, "modulus_bits", NUMBER),
    ATTRIBUTE(CKA_PUBLIC_EXPONENT, "public_exponent", OCTETS),
    ATTRIBUTE(CKA_EC_PARAMS, "ec_params", OCTETS),
    ATTRIBUTE(CKA_EC_POINT, "ec_point", OCTETS),
    ATTRIBUTE(CKA_VALUE, "value", OCTETS),
    ATTRIBUTE(CKA_VALUE_LEN, "value_len", NUMBER),
    ATTRIBUTE(CKA_APPLICATION, "application", TEXT),
};

const struct attribute_info *attribute_info(CK_ATTRIBUTE_TYPE type)
{
    for (size_t i = 0; i < PS_COUNT_OF(infos); i++) {
        if (infos[i].type == type) {
            return &infos[i];
        }
    }
    return NULL;
}

const struct attribute_info *attribute_by_name(struct ps_bytes name)
{
    for (size_t i = 0; i < PS_COUNT_OF(infos); i++) {
        if (ps_bytes_equal_str(name, infos[i].name)) {
            return &infos[i];
        }
    }
    return NULL;
}

static bool read_number(struct ps_bytes value, CK_ULONG *ret_number)
{
    if (value.len != sizeof *ret_number) {
        return false;
    }
    memcpy(ret_number, value.data, sizeof *ret_number);
    return true;
}

static const char *key_type_name(CK_KEY_TYPE type)
{
    static const struct {
        CK_KEY_TYPE type;
        const char *name;
    } names[] = {
        {CKK_RSA, "CKK_RSA"},
        {CKK_EC, "CKK_EC"},
        {CKK_EC_EDWARDS, "CKK_EC_EDWARDS"},
        {CKK_AES, "CKK_AES"},
        {CKK_GENERIC_SECRET, "CKK_GENERIC_SECRET"},
    };

    for (size_t i = 0; i < PS_COUNT_OF(names); i++) {
        if (names[i].type == type) {
            return names[i].name;
        }
    }
    return NULL;
}

static void put_name(const char *name, CK_ULONG number, struct ps_buf *out)
{
    if (name != NULL) {
        ps_buf_printf(out, "\"%s\"", name);
    } else {
        ps_buf_printf(out, "\"0x%08lx\"", number);
    }
}

static void put_number(enum attribute_kind kind, struct ps_bytes value, struct ps_buf *out)
{
    CK_ULONG number;

    if (!read_number(value, &number)) {
        ps_buf_put_str(out, "null");
    } else if (kind == ATTRIBUTE_MECHANISM) {
        put_name(mechanism_name(number), number, out);
    } else if (kind == ATTRIBUTE_KEY_TYPE) {
        put_name(key_type_name(number), number, out);
    } else {
        ps_buf_put_decimal(out, number);
    }
}

static void put_mechanisms(struct ps_bytes value, struct ps_buf *out)
{
    if (value.len % sizeof(CK_MECHANISM_TYPE) != 0) {
        ps_buf_put_str(out, "null");
        return;
    }
    ps_buf_put_u8(out, '[');
    for (size_t at = 0; at < value.len; at += sizeof(CK_MECHANISM_TYPE)) {
        ps_buf_put_str(out, at == 0 ? "" : ",");
        put_number(ATTRIBUTE_MECHANISM, ps_bytes(value.data + at, sizeof(CK_MECHANISM_TYPE)), out);
    }
    ps_buf_put_u8(out, ']');
}

static void put_bool(struct ps_bytes value, struct ps_buf *out)
{
    if (value.len != sizeof(CK_BBOOL)) {
        ps_buf_put_str(out, "null");
        return;
    }
    ps_buf_put_str(out, value.data[0] == CK_TRUE ? "true" : "false");
}

static void put_value(enum attribute_kind kind, struct ps_bytes value, struct ps_buf *out)
{
    switch (kind) {
    case ATTRIBUTE_BOOL:
        put_bool(value, out);
        break;
    case ATTRIBUTE_NUMBER:
    case ATTRIBUTE_MECHANISM:
    case ATTRIBUTE_KEY_TYPE:
        put_number(kind, value, out);
        break;
    case ATTRIBUTE_TEXT:
        ps_buf_put_json_string(out, value);
        break;
    case ATTRIBUTE_MECHANISMS:
        put_mechanisms(value, out);
        break;
    case ATTRIBUTE_OCTETS:
    case ATTRIBUTE_TEMPLATE:
        ps_buf_put_u8(out, '"');
        ps_buf_put_hex(out, value);
        ps_buf_put_u8(out, '"');
        break;
    }
}

void attribute_put_json(const struct attribute_info *info, struct ps_bytes value,
                        struct ps_buf *out)
{
    ps_buf_put_json_string(out, ps_bytes_str(info->json));
    ps_buf_put_u8(out, ':');
    put_value(info->kind, value, out);
}
