#include "tests/unit/support.h"

#include "pkcs11/module/libp11_admin.h"
#include "pkcs11/objects/values.h"
#include "pkcs11/wrapped/wrapping.h"

#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

/* A module that writes further than it was told ends the process, and nothing comes of it. */

static CK_RV too_far(CK_SESSION_HANDLE session, CK_OBJECT_HANDLE object, CK_ATTRIBUTE_PTR templ,
                     CK_ULONG count)
{
    (void)session;
    (void)object;
    (void)count;
    memset(templ->pValue, 0, templ->ulValueLen + 1);
    return CKR_OK;
}

/* Of the octets behind the buffer this one alone. */
static size_t far;

static CK_RV further(CK_SESSION_HANDLE session, CK_OBJECT_HANDLE object, CK_ATTRIBUTE_PTR templ,
                     CK_ULONG count)
{
    CK_BYTE *behind = (CK_BYTE *)templ->pValue + templ->ulValueLen;

    (void)session;
    (void)object;
    (void)count;
    behind[far] ^= 1;
    return CKR_OK;
}

static CK_RV wrap_too_far(CK_SESSION_HANDLE session, CK_MECHANISM_PTR mechanism,
                          CK_OBJECT_HANDLE wrapping, CK_OBJECT_HANDLE key, CK_BYTE_PTR out,
                          CK_ULONG_PTR len)
{
    (void)session;
    (void)mechanism;
    (void)wrapping;
    (void)key;
    memset(out, 0, *len + 1);
    return CKR_OK;
}

static CK_RV begin_search(CK_SESSION_HANDLE session, CK_ATTRIBUTE_PTR templ, CK_ULONG count)
{
    (void)session;
    (void)templ;
    (void)count;
    return CKR_OK;
}

/* One object. */
static CK_RV find_one(CK_SESSION_HANDLE session, CK_OBJECT_HANDLE_PTR objects, CK_ULONG max,
                      CK_ULONG_PTR count)
{
    static bool is_found;

    (void)session;
    (void)max;
    objects[0] = 7;
    *count = is_found ? 0 : 1;
    is_found = true;
    return CKR_OK;
}

static CK_RV end_search(CK_SESSION_HANDLE session)
{
    (void)session;
    return CKR_OK;
}

static const CK_FUNCTION_LIST functions = {
    .C_GetAttributeValue = too_far,
    .C_WrapKey = wrap_too_far,
    .C_FindObjectsInit = begin_search,
    .C_FindObjects = find_one,
    .C_FindObjectsFinal = end_search,
};
static const struct profile profile = {.certificates = true};
static struct session session = {.fn = &functions, .profile = &profile, .is_open = true};

static enum ps_err read_attribute(void)
{
    struct object_value value;

    return object_read(&session, 7, CKA_ID, &value);
}

static enum ps_err read_attributes(void)
{
    static struct object_values values;

    object_values_init(&values);
    assert_true(object_values_want(&values, CKA_ID, 16));
    assert_true(object_values_want(&values, CKA_LABEL, 16));
    (void)object_values_read(&values, &session, 7);
    return PS_OK;
}

static enum ps_err read_from_further(void)
{
    static const CK_FUNCTION_LIST others = {.C_GetAttributeValue = further};
    struct session session_of_others = {.fn = &others, .profile = &profile, .is_open = true};
    struct object_value value;

    return object_read(&session_of_others, 7, CKA_ID, &value);
}

static enum ps_err wrap(void)
{
    PS_BUF_AUTO out = {.max = 64};
    CK_MECHANISM mechanism = {CKM_AES_KEY_WRAP_PAD, NULL, 0};

    return wrapping_wrap(&session, &mechanism, 7, 8, 64, &out);
}

static enum ps_err read_certificate(void)
{
    const struct msg_token_certificate_get message = {.object_id = LITERAL("id")};
    struct admin_context context = {.session = &session};
    struct admin_answer answer = {.info = NULL};

    return libp11_get_certificate(&context, &message, &answer);
}

static void assert_ends(enum ps_err (*fn)(void))
{
    const pid_t child = fork();
    int status = 0;

    assert_true(child >= 0);
    if (child == 0) {
        (void)setrlimit(RLIMIT_CORE, &(struct rlimit){0, 0});
        (void)fn();
        _exit(0);
    }
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_false(WIFEXITED(status) && WEXITSTATUS(status) == 0);
}

static void what_is_written_too_far_ends_the_process(void **state)
{
    (void)state;
    assert_ends(read_attribute);
    assert_ends(read_attributes);
    assert_ends(wrap);
    assert_ends(read_certificate);
}

static void each_octet_of_the_guard_is_looked_at(void **state)
{
    (void)state;
    for (far = 0; far < OBJECT_GUARD; far++) {
        assert_ends(read_from_further);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_written_too_far_ends_the_process),
        cmocka_unit_test(each_octet_of_the_guard_is_looked_at),
    };

    return cmocka_run_group_tests_name("guards behind buffers", tests, NULL, NULL);
}
