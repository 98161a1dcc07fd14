#include "tests/unit/softhsm.h"
#include "tests/unit/token_keys.h"

#include <cjson/cJSON.h>

/*
 * The attacks on the interface of PKCS#11 that "Tookan" and others before it found (Clulow, CHES
 * 2003; Bortolozzo and others, CCS 2010), by somebody who has the user's PIN and a session of his
 * own, on keys as the token process makes them. What the token answers stands in its profile.
 */

#define ID_LEN 16u

static struct process process;
static CK_FUNCTION_LIST *fn;
static CK_SLOT_ID slot;
static CK_SESSION_HANDLE session;
static cJSON *profile;
static CK_OBJECT_HANDLE kek;     /* wraps private keys */
static CK_OBJECT_HANDLE secrets; /* wraps secret keys */
static CK_OBJECT_HANDLE signing; /* a private key of the token */
static CK_OBJECT_HANDLE decrypting;
static CK_OBJECT_HANDLE trojan; /* whose value the attacker knows */
static CK_OBJECT_HANDLE victim; /* a private key on its way to be wrapped */
static CK_OBJECT_HANDLE secret; /* and a secret one */
static CK_BBOOL yes = CK_TRUE;
static CK_BBOOL no = CK_FALSE;

#define BOOL(type, value)                                                                          \
    {                                                                                              \
        (type), &(value), sizeof(CK_BBOOL)                                                         \
    }

static void make_object(enum ps_key_type type, enum ps_usage usage, uint8_t flags, uint8_t *id)
{
    struct process_answer answer;
    struct msg_token_generate message = {.label = ps_bytes_str("a.key"),
                                         .key_type = (uint8_t)type,
                                         .usage = (uint8_t)usage,
                                         .flags = flags};
    uint8_t algorithms[] = {PS_ALG_ES256};

    ps_random(id, ID_LEN);
    message.object_id = ps_bytes(id, ID_LEN);
    if (usage == PS_USAGE_SIGN) {
        message.algorithms = ps_bytes(algorithms, sizeof algorithms);
    }
    process_call(&process, &msg_token_generate_info, &message, &answer);
    assert_answered(&answer);
}

static CK_OBJECT_HANDLE find_object(const uint8_t *id, CK_OBJECT_CLASS class)
{
    CK_ATTRIBUTE wanted[] = {{CKA_ID, (void *)(uintptr_t)id, ID_LEN},
                             {CKA_CLASS, &class, sizeof class}};
    CK_OBJECT_HANDLE found = CK_INVALID_HANDLE;
    CK_ULONG count = 0;

    assert_int_equal(fn->C_FindObjectsInit(session, wanted, 2), CKR_OK);
    assert_int_equal(fn->C_FindObjects(session, &found, 1, &count), CKR_OK);
    assert_int_equal(fn->C_FindObjectsFinal(session), CKR_OK);
    assert_int_equal(count, 1);
    return found;
}

/* As the token process makes a wrapped key before it is wrapped: of the session, extractable. */
static void make_victim(void)
{
    static CK_BYTE p256[] = {0x06, 0x08, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07};
    CK_MECHANISM mechanism = {CKM_EC_KEY_PAIR_GEN, NULL, 0};
    CK_ATTRIBUTE public[] = {{CKA_EC_PARAMS, p256, sizeof p256}, BOOL(CKA_TOKEN, no)};
    CK_ATTRIBUTE private[] = {BOOL(CKA_TOKEN, no),      BOOL(CKA_PRIVATE, yes),
                              BOOL(CKA_SENSITIVE, yes), BOOL(CKA_EXTRACTABLE, yes),
                              BOOL(CKA_SIGN, yes),      BOOL(CKA_DECRYPT, no),
                              BOOL(CKA_UNWRAP, no),     BOOL(CKA_DERIVE, no),
                              BOOL(CKA_MODIFIABLE, no), BOOL(CKA_COPYABLE, no)};
    CK_OBJECT_HANDLE other;

    assert_int_equal(fn->C_GenerateKeyPair(session, &mechanism, public, 2, private,
                                           PS_COUNT_OF(private), &other, &victim),
                     CKR_OK);
}

static void make_secret_victim(void)
{
    CK_MECHANISM mechanism = {CKM_AES_KEY_GEN, NULL, 0};
    CK_ULONG len = 32;
    CK_ATTRIBUTE attributes[] = {{CKA_VALUE_LEN, &len, sizeof len},
                                 BOOL(CKA_TOKEN, no),
                                 BOOL(CKA_PRIVATE, yes),
                                 BOOL(CKA_SENSITIVE, yes),
                                 BOOL(CKA_EXTRACTABLE, yes),
                                 BOOL(CKA_ENCRYPT, yes),
                                 BOOL(CKA_DECRYPT, yes),
                                 BOOL(CKA_SIGN, no),
                                 BOOL(CKA_VERIFY, no),
                                 BOOL(CKA_WRAP, no),
                                 BOOL(CKA_UNWRAP, no),
                                 BOOL(CKA_DERIVE, no),
                                 BOOL(CKA_COPYABLE, no),
                                 BOOL(CKA_MODIFIABLE, no)};

    assert_int_equal(
        fn->C_GenerateKey(session, &mechanism, attributes, PS_COUNT_OF(attributes), &secret),
        CKR_OK);
}

static void make_trojan(void)
{
    static CK_BYTE value[32] = {1, 2, 3};
    CK_OBJECT_CLASS class = CKO_SECRET_KEY;
    CK_KEY_TYPE type = CKK_AES;
    CK_ATTRIBUTE attributes[] = {{CKA_CLASS, &class, sizeof class},
                                 {CKA_KEY_TYPE, &type, sizeof type},
                                 {CKA_VALUE, value, sizeof value},
                                 BOOL(CKA_TOKEN, no),
                                 BOOL(CKA_EXTRACTABLE, yes),
                                 BOOL(CKA_WRAP, yes),
                                 BOOL(CKA_UNWRAP, yes),
                                 BOOL(CKA_DECRYPT, yes)};

    if (fn->C_CreateObject(session, attributes, PS_COUNT_OF(attributes), &trojan) != CKR_OK) {
        trojan = CK_INVALID_HANDLE;
    }
}

static int make_shared(void **state)
{
    uint8_t ids[4][ID_LEN];
    struct process_setup setup;
    PS_BUF_AUTO text = {.max = 65536};

    (void)state;
    softhsm_make_store();
    setup = softhsm_setup();
    process_profile(&setup, &text);
    profile = cJSON_ParseWithLength((const char *)text.data, text.len);
    assert_non_null(profile);
    process_start(&process, &setup);
    initialise_token(&process);
    process_make_ready(&process);
    make_object(PS_KEY_AES_256, PS_USAGE_WRAP, TOKEN_KEY_EXTRACTABLE, ids[0]);
    make_object(PS_KEY_EC_P256, PS_USAGE_SIGN, 0, ids[1]);
    make_object(PS_KEY_RSA_2048, PS_USAGE_DECRYPT, 0, ids[2]);
    make_object(PS_KEY_AES_256, PS_USAGE_WRAP, TOKEN_KEY_EXTRACTABLE | TOKEN_KEY_FOR_SECRETS,
                ids[3]);
    fn = softhsm_log_in(&slot, &session);
    secrets = find_object(ids[3], CKO_SECRET_KEY);
    kek = find_object(ids[0], CKO_SECRET_KEY);
    signing = find_object(ids[1], CKO_PRIVATE_KEY);
    decrypting = find_object(ids[2], CKO_PRIVATE_KEY);
    make_victim();
    make_secret_victim();
    make_trojan();
    return 0;
}

static int end_shared(void **state)
{
    (void)state;
    (void)fn->C_Finalize(NULL);
    cJSON_Delete(profile);
    softhsm_end(&process);
    return 0;
}

/* --- Each attack: true when the token let it pass --- */

static bool wraps(CK_MECHANISM_TYPE type, CK_OBJECT_HANDLE by, CK_OBJECT_HANDLE key, CK_BYTE *out,
                  CK_ULONG *len)
{
    CK_MECHANISM mechanism = {type, NULL, 0};

    return fn->C_WrapKey(session, &mechanism, by, key, out, len) == CKR_OK;
}

static bool begins(CK_RV (*init)(CK_SESSION_HANDLE, CK_MECHANISM *, CK_OBJECT_HANDLE),
                   CK_MECHANISM_TYPE type, CK_OBJECT_HANDLE key)
{
    static CK_BYTE iv[16];
    CK_MECHANISM mechanism = {type, type == CKM_AES_CBC ? iv : NULL,
                              type == CKM_AES_CBC ? sizeof iv : 0};
    CK_SESSION_HANDLE own; /* a session has one operation at a time */
    CK_RV rv;

    assert_int_equal(fn->C_OpenSession(slot, CKF_SERIAL_SESSION | CKF_RW_SESSION, NULL, NULL, &own),
                     CKR_OK);
    rv = init(own, &mechanism, key);
    assert_int_equal(fn->C_CloseSession(own), CKR_OK);
    return rv == CKR_OK;
}

static bool sets(CK_OBJECT_HANDLE key, CK_ATTRIBUTE_TYPE type, CK_BBOOL *value)
{
    CK_ATTRIBUTE attribute = {type, value, sizeof *value};

    return fn->C_SetAttributeValue(session, key, &attribute, 1) == CKR_OK;
}

static bool copies(CK_OBJECT_HANDLE key)
{
    CK_ATTRIBUTE attributes[] = {BOOL(CKA_TOKEN, no), BOOL(CKA_SENSITIVE, no)};
    CK_OBJECT_HANDLE copy;

    return fn->C_CopyObject(session, key, attributes, 2, &copy) == CKR_OK;
}

static bool reads(CK_OBJECT_HANDLE key)
{
    CK_BYTE value[512];
    CK_ATTRIBUTE attribute = {CKA_VALUE, value, sizeof value};

    return fn->C_GetAttributeValue(session, key, &attribute, 1) == CKR_OK;
}

/* What may be asked for otherwise than the token process does, when a secret key is opened. */
enum {
    AS_READABLE = 1,
    AS_EXTRACTABLE = 2,
    AS_WRAPPING = 4,
    AS_UNWRAPPING = 8,
    AS_DERIVING = 16,
    AS_PRIVATE = 32,
    AS_GENERIC = 64,
    BY_THE_OTHER = 128
};

static CK_BBOOL *flag(bool is_set)
{
    return is_set ? &yes : &no;
}

static bool opens_secret(unsigned how)
{
    CK_MECHANISM mechanism = {CKM_AES_KEY_WRAP_PAD, NULL, 0};
    CK_OBJECT_CLASS class = (how & AS_PRIVATE) != 0 ? CKO_PRIVATE_KEY : CKO_SECRET_KEY;
    CK_KEY_TYPE type = (how & AS_PRIVATE) != 0   ? CKK_EC
                       : (how & AS_GENERIC) != 0 ? CKK_GENERIC_SECRET
                                                 : CKK_AES;
    CK_BYTE blob[512];
    CK_ULONG len = sizeof blob;
    CK_ATTRIBUTE attributes[] = {{CKA_CLASS, &class, sizeof class},
                                 {CKA_KEY_TYPE, &type, sizeof type},
                                 BOOL(CKA_TOKEN, no),
                                 BOOL(CKA_PRIVATE, yes),
                                 {CKA_SENSITIVE, flag((how & AS_READABLE) == 0), 1},
                                 {CKA_EXTRACTABLE, flag((how & AS_EXTRACTABLE) != 0), 1},
                                 {CKA_UNWRAP, flag((how & AS_UNWRAPPING) != 0), 1},
                                 {CKA_DERIVE, flag((how & AS_DERIVING) != 0), 1},
                                 {CKA_WRAP, flag((how & AS_WRAPPING) != 0), 1}};
    /* Private keys have no CKA_WRAP. */
    const CK_ULONG count = PS_COUNT_OF(attributes) - ((how & AS_PRIVATE) != 0 ? 1 : 0);
    CK_OBJECT_HANDLE opened;

    assert_true(wraps(CKM_AES_KEY_WRAP_PAD, secrets, secret, blob, &len));
    return fn->C_UnwrapKey(session, &mechanism, (how & BY_THE_OTHER) != 0 ? kek : secrets, blob,
                           len, attributes, count, &opened) == CKR_OK;
}

/* What the wrapping key has wrapped, opened with another template than its own. */
static bool unwraps_as(CK_OBJECT_CLASS class, CK_BBOOL sensitive, CK_BBOOL extractable)
{
    CK_MECHANISM mechanism = {CKM_AES_KEY_WRAP_PAD, NULL, 0};
    CK_KEY_TYPE type = class == CKO_PRIVATE_KEY ? CKK_EC : CKK_GENERIC_SECRET;
    CK_BYTE blob[512];
    CK_ULONG len = sizeof blob;
    CK_ATTRIBUTE attributes[] = {{CKA_CLASS, &class, sizeof class},
                                 {CKA_KEY_TYPE, &type, sizeof type},
                                 BOOL(CKA_TOKEN, no),
                                 BOOL(CKA_SENSITIVE, sensitive),
                                 BOOL(CKA_EXTRACTABLE, extractable)};
    CK_OBJECT_HANDLE opened;

    assert_true(wraps(CKM_AES_KEY_WRAP_PAD, kek, victim, blob, &len));
    return fn->C_UnwrapKey(session, &mechanism, kek, blob, len, attributes, PS_COUNT_OF(attributes),
                           &opened) == CKR_OK;
}

static bool wrap_then_decrypt(void)
{
    return begins(fn->C_DecryptInit, CKM_AES_ECB, kek) ||
           begins(fn->C_DecryptInit, CKM_AES_CBC, kek) ||
           begins(fn->C_DecryptInit, CKM_AES_ECB, secrets) ||
           begins(fn->C_DecryptInit, CKM_AES_CBC, secrets);
}

static bool encrypt_then_unwrap(void)
{
    return begins(fn->C_EncryptInit, CKM_AES_ECB, kek) ||
           begins(fn->C_EncryptInit, CKM_AES_CBC, kek) ||
           begins(fn->C_EncryptInit, CKM_AES_ECB, secrets) ||
           begins(fn->C_EncryptInit, CKM_AES_CBC, secrets);
}

static bool role_added(void)
{
    return sets(kek, CKA_DECRYPT, &yes) || sets(kek, CKA_SIGN, &yes) ||
           sets(signing, CKA_DECRYPT, &yes) || sets(decrypting, CKA_UNWRAP, &yes) ||
           sets(victim, CKA_DECRYPT, &yes) || sets(secrets, CKA_DECRYPT, &yes) ||
           sets(secret, CKA_WRAP, &yes) || sets(secret, CKA_UNWRAP, &yes) ||
           sets(secret, CKA_SIGN, &yes);
}

static bool role_confused(void)
{
    CK_BYTE out[512];
    CK_ULONG len = sizeof out;

    return begins(fn->C_SignInit, CKM_RSA_PKCS, decrypting) ||
           begins(fn->C_DecryptInit, CKM_RSA_PKCS, decrypting) ||
           wraps(CKM_AES_KEY_WRAP_PAD, signing, victim, out, &len) ||
           wraps(CKM_AES_KEY_WRAP_PAD, secret, victim, out, &len) ||
           wraps(CKM_AES_KEY_WRAP_PAD, secrets, victim, out, &len) ||
           wraps(CKM_AES_KEY_WRAP_PAD, kek, secret, out, &len) ||
           begins(fn->C_SignInit, CKM_SHA256_HMAC, secret);
}

static bool attribute_downgraded(void)
{
    return sets(kek, CKA_SENSITIVE, &no) || sets(signing, CKA_SENSITIVE, &no) ||
           sets(signing, CKA_EXTRACTABLE, &yes) || sets(victim, CKA_SENSITIVE, &no) ||
           sets(secrets, CKA_SENSITIVE, &no) || sets(secret, CKA_SENSITIVE, &no);
}

static bool copied_with_less(void)
{
    return copies(kek) || copies(signing) || copies(victim) || copies(secrets) || copies(secret);
}

static bool value_read(void)
{
    return reads(kek) || reads(signing) || reads(victim) || reads(secrets) || reads(secret);
}

static bool unwrapped_as_readable(void)
{
    return unwraps_as(CKO_PRIVATE_KEY, CK_FALSE, CK_FALSE) ||
           unwraps_as(CKO_PRIVATE_KEY, CK_TRUE, CK_TRUE) || opens_secret(AS_READABLE) ||
           opens_secret(AS_EXTRACTABLE);
}

static bool unwrapped_as_another_class(void)
{
    return unwraps_as(CKO_SECRET_KEY, CK_TRUE, CK_FALSE) || opens_secret(AS_PRIVATE) ||
           opens_secret(BY_THE_OTHER);
}

static bool unwrapped_as_wrapping(void)
{
    return opens_secret(AS_WRAPPING) || opens_secret(AS_UNWRAPPING) || opens_secret(AS_DERIVING);
}

/* Of one octet string the token knows no kind: what tells is the record's MAC. */
static bool unwrapped_as_another_type(void)
{
    return opens_secret(AS_GENERIC);
}

static bool trojan_marked_trusted(void)
{
    return trojan != CK_INVALID_HANDLE && sets(trojan, CKA_TRUSTED, &yes);
}

static bool trojan_wraps(CK_OBJECT_HANDLE key)
{
    CK_BYTE out[4096];
    CK_ULONG len = sizeof out;

    return trojan != CK_INVALID_HANDLE && wraps(CKM_AES_KEY_WRAP_PAD, trojan, key, out, &len);
}

static bool trojan_wraps_token_key(void)
{
    return trojan_wraps(signing) || trojan_wraps(decrypting);
}

static bool trojan_wraps_wrapping_key(void)
{
    CK_BYTE out[512];
    CK_ULONG len = sizeof out;

    return trojan_wraps(kek) || trojan_wraps(secrets) ||
           wraps(CKM_AES_KEY_WRAP_PAD, secrets, kek, out, &len) ||
           wraps(CKM_AES_KEY_WRAP_PAD, secrets, secrets, out, &len);
}

static bool trojan_wraps_key_being_made(void)
{
    return trojan_wraps(victim) || trojan_wraps(secret);
}

static bool secret_key_wrapped(void)
{
    CK_BYTE out[512];
    CK_ULONG len = sizeof out;

    return trojan != CK_INVALID_HANDLE && wraps(CKM_AES_KEY_WRAP_PAD, kek, trojan, out, &len);
}

/* A key that wraps, and whose value the attacker knows, among those that live outside. */
static bool trojan_kept_outside(void)
{
    CK_BYTE out[512];
    CK_ULONG len = sizeof out;

    return trojan != CK_INVALID_HANDLE && wraps(CKM_AES_KEY_WRAP_PAD, secrets, trojan, out, &len);
}

static const struct {
    const char *name;
    bool (*passes)(void);
} attacks[] = {
    {"attribute-downgrade", attribute_downgraded},
    {"copy-with-less", copied_with_less},
    {"encrypt-then-unwrap", encrypt_then_unwrap},
    {"role-added", role_added},
    {"role-confusion", role_confused},
    {"trojan-kept-outside", trojan_kept_outside},
    {"trojan-trusted", trojan_marked_trusted},
    {"trojan-wraps-key-being-made", trojan_wraps_key_being_made},
    {"trojan-wraps-token-key", trojan_wraps_token_key},
    {"trojan-wraps-wrapping-key", trojan_wraps_wrapping_key},
    {"unwrap-as-another-class", unwrapped_as_another_class},
    {"unwrap-as-another-type", unwrapped_as_another_type},
    {"unwrap-as-readable", unwrapped_as_readable},
    {"unwrap-as-wrapping", unwrapped_as_wrapping},
    {"value-read", value_read},
    {"wrap-secret-key", secret_key_wrapped},
    {"wrap-then-decrypt", wrap_then_decrypt},
};

/* Else a refusal would say nothing of the rule that it is there for. */
static void what_is_no_attack_works(void **state)
{
    (void)state;
    assert_true(unwraps_as(CKO_PRIVATE_KEY, CK_TRUE, CK_FALSE));
    assert_true(opens_secret(0));
    assert_true(begins(fn->C_EncryptInit, CKM_AES_ECB, secret));
    assert_true(trojan != CK_INVALID_HANDLE);
    assert_true(begins(fn->C_DecryptInit, CKM_AES_ECB, trojan));
    assert_true(begins(fn->C_SignInit, CKM_ECDSA, signing));
}

static void the_profile_says_what_the_token_lets_pass(void **state)
{
    const cJSON *recorded = cJSON_GetObjectItemCaseSensitive(profile, "attacks");
    unsigned others = 0;

    (void)state;
    for (size_t i = 0; i < PS_COUNT_OF(attacks); i++) {
        const cJSON *outcome = cJSON_GetObjectItemCaseSensitive(recorded, attacks[i].name);
        const char *seen = attacks[i].passes() ? "possible" : "refused";

        if (!cJSON_IsString(outcome) || strcmp(outcome->valuestring, seen) != 0) {
            print_error("\"%s\": \"%s\"\n", attacks[i].name, seen);
            others++;
        }
    }
    assert_int_equal(others, 0);
    assert_int_equal(cJSON_GetArraySize(recorded), PS_COUNT_OF(attacks));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_no_attack_works),
        cmocka_unit_test(the_profile_says_what_the_token_lets_pass),
    };

    return cmocka_run_group_tests(tests, make_shared, end_shared);
}
