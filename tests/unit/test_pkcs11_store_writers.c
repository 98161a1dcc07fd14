#include "tests/unit/scratch.h"
#include "tests/unit/support.h"

#include "pkcs11/module/store_lock.h"
#include "pkcs11/pins/as_so.h"
#include "pkcs11/pins/set_pin.h"
#include "pkcs11/wrapped/carry.h"

#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <openssl/param_build.h>
#include <openssl/x509.h>
#include <sys/file.h>

/*
 * What has a soft token write its own file anew: with its store alone, and with a copy of the file
 * kept, for a process may be killed in the middle.
 */

static unsigned logins;
static unsigned pins;
static uint8_t spki[640];
static size_t spki_len;

static void assert_alone_with_a_copy(void)
{
    const int lock = store_lock_take_within(ps_bytes_str(scratch_directory), false, 0);
    char path[SCRATCH_PATH_MAX];
    struct stat info;

    assert_int_not_equal(flock(lock, LOCK_SH | LOCK_NB), 0);
    store_lock_drop(&lock);
    scratch_path("one/token.kept", path);
    assert_int_equal(stat(path, &info), 0);
    assert_int_equal(info.st_size, 1);
}

static CK_RV get_session_info(CK_SESSION_HANDLE session, CK_SESSION_INFO_PTR info)
{
    (void)session;
    info->state = CKS_RW_PUBLIC_SESSION;
    return CKR_OK;
}

static CK_RV refuse_login(CK_SESSION_HANDLE session, CK_USER_TYPE user, CK_UTF8CHAR_PTR pin,
                          CK_ULONG len)
{
    (void)session;
    (void)pin;
    (void)len;
    assert_int_equal(user, CKU_SO);
    assert_alone_with_a_copy();
    logins++;
    return CKR_PIN_INCORRECT;
}

static CK_RV take_pin(CK_SESSION_HANDLE session, CK_UTF8CHAR_PTR old, CK_ULONG old_len,
                      CK_UTF8CHAR_PTR next, CK_ULONG next_len)
{
    (void)session;
    (void)old;
    (void)old_len;
    (void)next;
    (void)next_len;
    assert_alone_with_a_copy();
    pins++;
    return CKR_OK;
}

static const CK_FUNCTION_LIST functions = {
    .C_GetSessionInfo = get_session_info, .C_Login = refuse_login, .C_SetPIN = take_pin};

static const struct profile profile = {
    .rewritten_file = {"token"},
    .pin_min = 1,
    .pin_max = 64,
    .uses = {[PROFILE_USE_TRANSPORT] = {.count = 1}},
};

/* Of a number that nobody has factors of. */
static void make_spki(void)
{
    uint8_t modulus[512];
    uint8_t *at = spki;
    BIGNUM *n;
    BIGNUM *e = BN_new();
    EVP_PKEY_CTX *context = EVP_PKEY_CTX_new_from_name(NULL, "RSA", NULL);
    OSSL_PARAM_BLD *builder = OSSL_PARAM_BLD_new();
    OSSL_PARAM *params;
    EVP_PKEY *pkey = NULL;

    memset(modulus, 0xa5, sizeof modulus);
    n = BN_bin2bn(modulus, sizeof modulus, NULL);
    assert_int_equal(BN_set_word(e, 65537), 1);
    assert_int_equal(OSSL_PARAM_BLD_push_BN(builder, OSSL_PKEY_PARAM_RSA_N, n), 1);
    assert_int_equal(OSSL_PARAM_BLD_push_BN(builder, OSSL_PKEY_PARAM_RSA_E, e), 1);
    params = OSSL_PARAM_BLD_to_param(builder);
    assert_int_equal(EVP_PKEY_fromdata_init(context), 1);
    assert_int_equal(EVP_PKEY_fromdata(context, &pkey, EVP_PKEY_PUBLIC_KEY, params), 1);
    spki_len = (size_t)i2d_PUBKEY(pkey, NULL);
    assert_true(spki_len <= sizeof spki);
    assert_int_equal(i2d_PUBKEY(pkey, &at), (int)spki_len);
    EVP_PKEY_free(pkey);
    OSSL_PARAM_free(params);
    OSSL_PARAM_BLD_free(builder);
    EVP_PKEY_CTX_free(context);
    BN_free(e);
    BN_free(n);
}

static int make_store(void **state)
{
    char path[SCRATCH_PATH_MAX];
    int fd;

    assert_int_equal(scratch_make(state), 0);
    scratch_path("one", path);
    assert_int_equal(mkdir(path, 0700), 0);
    scratch_path("one/token", path);
    fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
    assert_int_equal(write(fd, "x", 1), 1);
    (void)close(fd);
    return 0;
}

static enum ps_err call(admin_fn *fn, const void *message, struct admin_answer *answer)
{
    struct session session = {.fn = &functions,
                              .profile = &profile,
                              .store = ps_bytes_str(scratch_directory),
                              .handle = 1,
                              .is_open = true};
    struct admin_context context = {.session = &session};

    *answer = (struct admin_answer){.info = NULL};
    logins = pins = 0;
    return fn(&context, message, answer);
}

static void a_changed_pin(void **state)
{
    const struct msg_token_set_pin message = {.pin = LITERAL("old"), .next = LITERAL("new")};
    struct admin_answer answer;

    (void)state;
    assert_ok(call(set_pin, &message, &answer));
    assert_int_equal(pins, 1);
}

static void a_login_of_the_security_officer(void **state)
{
    const struct msg_token_so message = {.act = TOKEN_SO_TRY, .so_pin = LITERAL("pin")};
    struct admin_answer answer;

    (void)state;
    assert_ok(call(as_so, &message, &answer));
    assert_int_equal(answer.message.so_done.refused, 1);
    assert_int_equal(logins, 1);
}

static void a_login_to_carry_keys_away(void **state)
{
    struct msg_token_carry_out message = {.so_pin = LITERAL("pin"), .pin = LITERAL("pin")};
    struct admin_answer answer;

    (void)state;
    make_spki();
    message.public_key = ps_bytes(spki, spki_len);
    assert_ok(call(wrapped_carry_out, &message, &answer));
    assert_int_equal(answer.message.carried.so_pin_refused, 1);
    assert_int_equal(logins, 1);
}

#define STORE_TEST(function) cmocka_unit_test_setup_teardown(function, make_store, scratch_remove)

int main(void)
{
    const struct CMUnitTest tests[] = {
        STORE_TEST(a_changed_pin),
        STORE_TEST(a_login_of_the_security_officer),
        STORE_TEST(a_login_to_carry_keys_away),
    };

    return cmocka_run_group_tests_name("what writes a token's file anew", tests, NULL, NULL);
}
