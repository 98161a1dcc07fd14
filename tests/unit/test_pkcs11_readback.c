#include "tests/unit/profile.h"

#include "pkcs11/objects/attribute.h"
#include "pkcs11/objects/readback.h"

/*
 * A key that was opened is compared with the template it was opened by: in one call where the
 * module gives all that is asked for, else attribute by attribute, and to the same end.
 */

/* How the module takes a call for several attributes. */
enum manner {
    GIVES_ALL,
    REFUSES_SEVERAL,   /* with an error */
    GIVES_THE_FIRST,   /* and says that all is well */
    GIVES_NONE_OF_MANY /* the same, with the lengths as they were */
};

static struct profile profile;
static struct template shown; /* what the object has */
static CK_ATTRIBUTE_TYPE spoiled;
static CK_ATTRIBUTE_TYPE missing;
static CK_ATTRIBUTE_TYPE emptied;
static enum manner manner;
static unsigned call_count;

#define NO_ATTRIBUTE CK_UNAVAILABLE_INFORMATION

static const CK_ATTRIBUTE *find_shown(CK_ATTRIBUTE_TYPE type)
{
    for (CK_ULONG i = 0; i < shown.count && type != missing; i++) {
        if (shown.attributes[i].type == type) {
            return &shown.attributes[i];
        }
    }
    return NULL;
}

static CK_RV give(CK_ATTRIBUTE *asked)
{
    const struct profile_key_type *curve = &profile.key_types[PS_KEY_EC_P256];
    const CK_ATTRIBUTE params = {CKA_EC_PARAMS, (void *)(uintptr_t)curve->params,
                                 curve->params_len};
    const CK_ATTRIBUTE *attribute = asked->type == CKA_EC_PARAMS && missing != CKA_EC_PARAMS
                                        ? &params
                                        : find_shown(asked->type);

    if (attribute == NULL) {
        asked->ulValueLen = CK_UNAVAILABLE_INFORMATION;
        return CKR_ATTRIBUTE_TYPE_INVALID;
    }
    if (asked->ulValueLen < attribute->ulValueLen) {
        asked->ulValueLen = CK_UNAVAILABLE_INFORMATION;
        return CKR_BUFFER_TOO_SMALL;
    }
    memcpy(asked->pValue, attribute->pValue, attribute->ulValueLen);
    asked->ulValueLen = attribute->ulValueLen;
    if (asked->type == spoiled) {
        *(uint8_t *)asked->pValue ^= 1;
    }
    if (asked->type == emptied) {
        asked->ulValueLen = 0;
    }
    return CKR_OK;
}

static CK_RV get(CK_SESSION_HANDLE session, CK_OBJECT_HANDLE object, CK_ATTRIBUTE_PTR templ,
                 CK_ULONG count)
{
    CK_RV rv = CKR_OK;

    (void)session;
    (void)object;
    call_count++;
    if (count > 1 && manner == REFUSES_SEVERAL) {
        return CKR_ARGUMENTS_BAD;
    }
    if (count > 1 && manner == GIVES_THE_FIRST) {
        return give(&templ[0]);
    }
    for (CK_ULONG i = 0; i < count && (count == 1 || manner != GIVES_NONE_OF_MANY); i++) {
        const CK_RV one = give(&templ[i]);

        rv = one != CKR_OK ? one : rv;
    }
    return rv;
}

static const CK_FUNCTION_LIST functions = {.C_GetAttributeValue = get};
static struct session session = {.fn = &functions, .profile = &profile, .is_open = true};

static const uint8_t algorithms[] = {PS_ALG_ES256};
static const struct template_request request = {
    .id = {(const uint8_t *)"0123456789abcdef", 16},
    .label = {(const uint8_t *)"a.key", 5},
    .type = PS_KEY_EC_P256,
    .usage = PS_USAGE_SIGN,
    .algorithms = {algorithms, sizeof algorithms},
    .is_session = true,
    .is_unwrapped = true,
};

static int begin(void **state)
{
    (void)state;
    read_softhsm_profile(&profile);
    return 0;
}

static void begin_object(enum manner how)
{
    template_build(&profile, &request, TEMPLATE_PRIVATE, &shown);
    spoiled = NO_ATTRIBUTE;
    missing = NO_ATTRIBUTE;
    emptied = NO_ATTRIBUTE;
    manner = how;
    call_count = 0;
}

static const char *find_difference(void)
{
    struct template template;
    const char *name = "not asked";

    template_build(&profile, &request, TEMPLATE_PRIVATE, &template);
    assert_ok(readback_find_difference(&session, 7, &request, TEMPLATE_PRIVATE, &template, &name));
    return name;
}

static void one_call_is_enough(void **state)
{
    (void)state;
    begin_object(GIVES_ALL);
    assert_null(find_difference());
    assert_int_equal(call_count, 1);
}

static void who_does_not_give_them_at_once_is_asked_for_each(void **state)
{
    (void)state;
    for (enum manner how = REFUSES_SEVERAL; how <= GIVES_NONE_OF_MANY; how++) {
        begin_object(how);
        assert_null(find_difference());
        assert_true(call_count > 10);
    }
}

/* Of each attribute, whatever the module does with many: `which` says that something is wrong. */
static void assert_each_is_named(CK_ATTRIBUTE_TYPE *which)
{
    for (enum manner how = GIVES_ALL; how <= GIVES_NONE_OF_MANY; how++) {
        begin_object(how);
        for (CK_ULONG i = 0; i < shown.count; i++) {
            const CK_ATTRIBUTE_TYPE type = shown.attributes[i].type;

            if (type != CKA_KEY_TYPE) {
                *which = type;
                assert_string_equal(find_difference(), attribute_info(type)->name);
            }
        }
    }
}

static void whatever_differs_is_named(void **state)
{
    (void)state;
    assert_each_is_named(&spoiled);
}

static void whatever_is_missing_is_named(void **state)
{
    (void)state;
    assert_each_is_named(&missing);
}

/* No mechanisms, for one, may be all of them. */
static void whatever_is_empty_is_named(void **state)
{
    (void)state;
    assert_each_is_named(&emptied);
}

static void a_key_of_another_type_is_not_the_one(void **state)
{
    static const CK_ATTRIBUTE_TYPE types[] = {CKA_KEY_TYPE, CKA_EC_PARAMS};

    (void)state;
    for (enum manner how = GIVES_ALL; how <= GIVES_NONE_OF_MANY; how++) {
        for (size_t i = 0; i < PS_COUNT_OF(types); i++) {
            begin_object(how);
            spoiled = types[i];
            assert_string_equal(find_difference(), "CKA_KEY_TYPE");
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(one_call_is_enough),
        cmocka_unit_test(who_does_not_give_them_at_once_is_asked_for_each),
        cmocka_unit_test(whatever_differs_is_named),
        cmocka_unit_test(whatever_is_missing_is_named),
        cmocka_unit_test(whatever_is_empty_is_named),
        cmocka_unit_test(a_key_of_another_type_is_not_the_one),
    };

    return cmocka_run_group_tests_name("keys compared with their templates", tests, begin, NULL);
}
