#include "pkcs11/attribute.h"

#include "lib/base/encode.h"
#include "pkcs11/mechanism.h"

#define ATTRIBUTE(id, json, kind)                                                                  \
    {                                                                                              \
        id, #id, json, ATTRIBUTE_##kind                                                            \
    }

static const struct attribute_info infos[] = {
    ATTRIBUTE(CKA_CLASS, "class", NUMBER),
    ATTRIBUTE(CKA_KEY_TYPE, "key_type", NUMBER),
    ATTRIBUTE(CKA_ID, "id", OCTETS),
    ATTRIBUTE(CKA_LABEL, "label", TEXT),
    ATTRIBUTE(CKA_TOKEN, "token", BOOL),
    ATTRIBUTE(CKA_PRIVATE, "private", BOOL),
    ATTRIBUTE(CKA_SENSITIVE, "sensitive", BOOL),
    ATTRIBUTE(CKA_ALWAYS_SENSITIVE, "always_sensitive", BOOL),
    ATTRIBUTE(CKA_EXTRACTABLE, "extractable", BOOL),
    ATTRIBUTE(CKA_NEVER_EXTRACTABLE, "never_extractable", BOOL),
    ATTRIBUTE(CKA_LOCAL, "local", BOOL),
    ATTRIBUTE(CKA_KEY_GEN_MECHANISM, "key_gen_mechanism", NUMBER),
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

static void put_number(struct ps_bytes value, struct ps_buf *out)
{
    CK_ULONG number;

    if (value.len != sizeof number) {
        ps_buf_put_str(out, "null");
        return;
    }
    memcpy(&number, value.data, sizeof number);
    ps_buf_put_decimal(out, number);
}

static void put_mechanisms(struct ps_bytes value, struct ps_buf *out)
{
    const size_t count = value.len / sizeof(CK_MECHANISM_TYPE);

    if (value.len % sizeof(CK_MECHANISM_TYPE) != 0) {
        ps_buf_put_str(out, "null");
        return;
    }
    ps_buf_put_u8(out, '[');
    for (size_t i = 0; i < count; i++) {
        CK_MECHANISM_TYPE mechanism;
        const char *name;

        memcpy(&mechanism, value.data + i * sizeof mechanism, sizeof mechanism);
        name = mechanism_name(mechanism);
        ps_buf_put_str(out, i == 0 ? "\"" : ",\"");
        if (name != NULL) {
            ps_buf_put_str(out, name);
        } else {
            ps_buf_printf(out, "0x%08lx", mechanism);
        }
        ps_buf_put_u8(out, '"');
    }
    ps_buf_put_u8(out, ']');
}

static void put_value(enum attribute_kind kind, struct ps_bytes value, struct ps_buf *out)
{
    switch (kind) {
    case ATTRIBUTE_BOOL:
        ps_buf_put_str(out, value.len != 1 ? "null" : value.data[0] == CK_TRUE ? "true" : "false");
        break;
    case ATTRIBUTE_NUMBER:
        put_number(value, out);
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
