#include "harness.h"

#include <dlfcn.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void need(bool holds, const char *what)
{
    if (holds)
        return;
    fprintf(stderr, "harness: %s\n", what);
    abort();
}

static void load(struct harness *harness)
{
    const char *path = getenv("FAKE_P11_MODULE");
    need(path != NULL, "FAKE_P11_MODULE is not set");
    harness->library = dlopen(path, RTLD_NOW | RTLD_LOCAL);
    need(harness->library != NULL, "the module does not load");
    CK_C_GetFunctionList get = NULL;
    *(void **)&get = dlsym(harness->library, "C_GetFunctionList");
    need(get && get(&harness->p11) == CKR_OK, "the module has no functions");
}

static void give_pins(const struct harness *harness, CK_SLOT_ID slot)
{
    CK_FUNCTION_LIST *p11 = harness->p11;
    CK_UTF8CHAR so_pin[] = HARNESS_SO_PIN, pin[] = HARNESS_USER_PIN, label[33];
    snprintf((char *)label, sizeof(label), "%-32s", "harness");
    need(p11->C_InitToken(slot, so_pin, sizeof(so_pin) - 1, label) == CKR_OK, "C_InitToken");
    CK_SESSION_HANDLE session = harness_open(harness, slot);
    need(p11->C_Login(session, CKU_SO, so_pin, sizeof(so_pin) - 1) == CKR_OK, "C_Login as SO");
    need(p11->C_InitPIN(session, pin, sizeof(pin) - 1) == CKR_OK, "C_InitPIN");
    need(p11->C_CloseSession(session) == CKR_OK, "C_CloseSession");
}

void harness_start(struct harness *harness, unsigned tokens)
{
    *harness = (struct harness){.directory = "/tmp/fake_p11.XXXXXX"};
    need(mkdtemp(harness->directory) != NULL, "no temporary directory");
    setenv("FAKE_P11_DIR", harness->directory, 1);
    need(control_open(harness->directory, &harness->control) == 0, "control_open");
    load(harness);
    CK_C_INITIALIZE_ARGS arguments = {.flags = CKF_OS_LOCKING_OK};
    need(harness->p11->C_Initialize(&arguments) == CKR_OK, "C_Initialize");
    for (unsigned i = 0; i < tokens; i++)
        give_pins(harness, i);
}

static int remove_entry(const char *path, const struct stat *st, int flag, struct FTW *at)
{
    (void)st;
    (void)flag;
    (void)at;
    return remove(path);
}

void harness_stop(struct harness *harness)
{
    control_clear_rule(harness->control, 0);
    harness->p11->C_Finalize(NULL);
    control_close(harness->control);
    dlclose(harness->library);
    nftw(harness->directory, remove_entry, 8, FTW_DEPTH | FTW_PHYS);
}

CK_SESSION_HANDLE harness_open(const struct harness *harness, CK_SLOT_ID slot)
{
    CK_SESSION_HANDLE session = CK_INVALID_HANDLE;
    CK_RV rv = harness->p11->C_OpenSession(slot, CKF_SERIAL_SESSION | CKF_RW_SESSION, NULL, NULL,
                                           &session);
    need(rv == CKR_OK, "C_OpenSession");
    return session;
}

CK_SESSION_HANDLE harness_login(const struct harness *harness, CK_SLOT_ID slot)
{
    CK_UTF8CHAR pin[] = HARNESS_USER_PIN;
    CK_SESSION_HANDLE session = harness_open(harness, slot);
    CK_RV rv = harness->p11->C_Login(session, CKU_USER, pin, sizeof(pin) - 1);
    need(rv == CKR_OK || rv == CKR_USER_ALREADY_LOGGED_IN, "C_Login");
    return session;
}

struct pair harness_make_curve(const struct harness *harness, CK_SESSION_HANDLE session,
                               const unsigned char *params, size_t length)
{
    CK_BBOOL yes = CK_TRUE, no = CK_FALSE;
    unsigned char copy[32];
    memcpy(copy, params, length);
    CK_ATTRIBUTE public[] = {
        {CKA_TOKEN, &yes, sizeof(yes)},
        {CKA_EC_PARAMS, copy, length},
        {CKA_VERIFY, &yes, sizeof(yes)},
    };
    CK_ATTRIBUTE private[] = {
        {CKA_TOKEN, &yes, sizeof(yes)},     {CKA_PRIVATE, &yes, sizeof(yes)},
        {CKA_SENSITIVE, &yes, sizeof(yes)}, {CKA_EXTRACTABLE, &no, sizeof(no)},
        {CKA_SIGN, &yes, sizeof(yes)},      {CKA_DERIVE, &yes, sizeof(yes)},
    };
    CK_MECHANISM mechanism = {length == 5 ? CKM_EC_EDWARDS_KEY_PAIR_GEN : CKM_EC_KEY_PAIR_GEN, NULL,
                              0};
    struct pair pair;
    CK_RV rv = harness->p11->C_GenerateKeyPair(session, &mechanism, public, 3, private, 6,
                                               &pair.public, &pair.private);
    need(rv == CKR_OK, "C_GenerateKeyPair");
    return pair;
}

struct pair harness_make_p256(const struct harness *harness, CK_SESSION_HANDLE session)
{
    static const unsigned char params[] = {0x06, 0x08, 0x2a, 0x86, 0x48,
                                           0xce, 0x3d, 0x03, 0x01, 0x07};
    return harness_make_curve(harness, session, params, sizeof(params));
}

uint64_t harness_rule(const struct harness *harness, uint64_t function, enum fake_action action,
                      uint64_t argument)
{
    struct fake_rule rule = {.function = function,
                             .mechanism = FAKE_ANY,
                             .attribute = FAKE_ANY,
                             .token = FAKE_ANY,
                             .action = action,
                             .argument = argument};
    uint64_t id = control_add_rule(harness->control, &rule);
    need(id != 0, "no place for a rule");
    return id;
}
