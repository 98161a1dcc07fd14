#ifndef TESTS_UNIT_SOFTHSM_H
#define TESTS_UNIT_SOFTHSM_H

#include "tests/unit/token_process.h"

#include "pkcs11/module/cryptoki_extra.h"

#include <dlfcn.h>
#include <ftw.h>

/* A store of SoftHSM of the test's own, made by the token process itself. */

#define SOFTHSM_MODULE "/usr/lib/softhsm/libsofthsm2.so"
#define SOFTHSM_URI    "pkcs11:token=unit-test"
#define SO_PIN         "87654321"

static char softhsm_top[200];
static char softhsm_store[256];
static char softhsm_away[256];
static char softhsm_environment[300];

static int remove_entry(const char *path, const struct stat *info, int flag, struct FTW *walk)
{
    (void)info;
    (void)flag;
    (void)walk;
    return remove(path);
}

static inline PS_UNUSED void softhsm_make_store(void)
{
    const char *top = getenv("TMPDIR");
    char path[256];
    FILE *file;

    (void)snprintf(softhsm_top, sizeof softhsm_top, "%s/privyseal-softhsm-XXXXXX",
                   top == NULL ? "/tmp" : top);
    assert_non_null(mkdtemp(softhsm_top));
    (void)snprintf(softhsm_store, sizeof softhsm_store, "%s/tokens", softhsm_top);
    (void)snprintf(softhsm_away, sizeof softhsm_away, "%s/away", softhsm_top);
    (void)snprintf(path, sizeof path, "%s/softhsm2.conf", softhsm_top);
    (void)snprintf(softhsm_environment, sizeof softhsm_environment, "SOFTHSM2_CONF=%s", path);
    assert_int_equal(mkdir(softhsm_store, 0700), 0);
    file = fopen(path, "we");
    assert_non_null(file);
    (void)fprintf(file, "directories.tokendir = %s\nobjectstore.backend = file\n", softhsm_store);
    assert_int_equal(fclose(file), 0);
}

static inline PS_UNUSED void softhsm_remove_store(void)
{
    (void)nftw(softhsm_top, remove_entry, 16, FTW_DEPTH | FTW_PHYS);
}

static inline PS_UNUSED struct process_setup softhsm_setup(void)
{
    return (struct process_setup){
        .module = SOFTHSM_MODULE,
        .uri = SOFTHSM_URI,
        .profile = "softhsm2.json",
        .environment = softhsm_environment,
        .sync_directory = softhsm_store,
    };
}

/* Makes the token through a running process that has found a blank one. */
static inline PS_UNUSED void initialise_token(struct process *process)
{
    const struct msg_token_initialise message = {
        .label = ps_bytes_str("unit-test"),
        .so_pin = ps_bytes_str(SO_PIN),
        .pin = ps_bytes_str(TEST_PIN),
    };
    struct process_answer answer;

    process_wait_state(process, TOKEN_BLANK);
    process_call(process, &msg_token_initialise_info, &message, &answer);
    assert_answered(&answer);
}

/* A session of the test itself, which has the user's PIN, in the token that was made first. */
static inline PS_UNUSED CK_FUNCTION_LIST *softhsm_log_in(CK_SLOT_ID *ret_slot,
                                                         CK_SESSION_HANDLE *ret_session)
{
    void *module = dlopen(SOFTHSM_MODULE, RTLD_NOW | RTLD_LOCAL);
    CK_RV (*list)(CK_FUNCTION_LIST **);
    CK_FUNCTION_LIST *fn;
    CK_SLOT_ID slots[4];
    CK_ULONG count = PS_COUNT_OF(slots);

    assert_non_null(module);
    *(void **)&list = dlsym(module, "C_GetFunctionList");
    assert_non_null(list);
    assert_int_equal(putenv(softhsm_environment), 0);
    assert_int_equal(list(&fn), CKR_OK);
    assert_int_equal(fn->C_Initialize(NULL), CKR_OK);
    assert_int_equal(fn->C_GetSlotList(CK_TRUE, slots, &count), CKR_OK);
    *ret_slot = slots[0];
    assert_int_equal(
        fn->C_OpenSession(slots[0], CKF_SERIAL_SESSION | CKF_RW_SESSION, NULL, NULL, ret_session),
        CKR_OK);
    assert_int_equal(fn->C_Login(*ret_session, CKU_USER, (CK_BYTE *)(uintptr_t)TEST_PIN, 6),
                     CKR_OK);
    return fn;
}

/* A store, and a process that has made its token and is ready. */
static inline PS_UNUSED void softhsm_begin(struct process *process, uint32_t sessions)
{
    struct process_setup setup;

    softhsm_make_store();
    setup = softhsm_setup();
    setup.sessions = sessions;
    process_start(process, &setup);
    initialise_token(process);
    process_make_ready(process);
}

/* Another process of the same token. */
static inline PS_UNUSED void softhsm_start_second(struct process *process, uint32_t sessions)
{
    struct process_setup setup = softhsm_setup();

    setup.sessions = sessions;
    process_start(process, &setup);
    process_make_ready(process);
}

static inline PS_UNUSED void softhsm_end(struct process *process)
{
    assert_int_equal(process_stop(process), 0);
    softhsm_remove_store();
}

#endif
