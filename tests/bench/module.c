#include "tests/bench/module.h"

#include <dlfcn.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#define SLOTS_MAX 64u
#define LABEL_LEN 32u

void fail(const char *what)
{
    (void)fprintf(stderr, "%s: %s failed\n", program_invocation_short_name, what);
    exit(1);
}

void module_read_pin(const char *path, char ret_pin[MODULE_PIN_MAX])
{
    FILE *file = fopen(path, "re");

    must(file != NULL && fgets(ret_pin, MODULE_PIN_MAX, file) != NULL, "reading the PIN file");
    (void)fclose(file);
    ret_pin[strcspn(ret_pin, "\n")] = '\0';
}

CK_FUNCTION_LIST *module_load(const char *path)
{
    void *module = dlopen(path, RTLD_NOW | RTLD_LOCAL);
    CK_FUNCTION_LIST *p11 = NULL;
    CK_C_GetFunctionList get_list;

    must(module != NULL, "loading the module");
    *(void **)&get_list = dlsym(module, "C_GetFunctionList");
    must(get_list != NULL && get_list(&p11) == CKR_OK, "C_GetFunctionList");
    return p11;
}

static CK_SLOT_ID find_slot(CK_FUNCTION_LIST *p11, const char *label)
{
    CK_SLOT_ID slots[SLOTS_MAX];
    CK_ULONG count = SLOTS_MAX;
    char padded[LABEL_LEN + 1];

    (void)snprintf(padded, sizeof padded, "%-32s", label);
    must(p11->C_GetSlotList(CK_TRUE, slots, &count) == CKR_OK, "C_GetSlotList");
    for (CK_ULONG i = 0; i < count; i++) {
        CK_TOKEN_INFO info;

        if (p11->C_GetTokenInfo(slots[i], &info) == CKR_OK &&
            memcmp(info.label, padded, LABEL_LEN) == 0) {
            return slots[i];
        }
    }
    fail("finding the token");
}

CK_SESSION_HANDLE module_open_session(CK_FUNCTION_LIST *p11, CK_SLOT_ID slot)
{
    CK_SESSION_HANDLE session = 0;

    must(p11->C_OpenSession(slot, CKF_SERIAL_SESSION | CKF_RW_SESSION, NULL, NULL, &session) ==
             CKR_OK,
         "C_OpenSession");
    return session;
}

CK_SLOT_ID module_log_in(CK_FUNCTION_LIST *p11, const char *label, const char *pin)
{
    CK_C_INITIALIZE_ARGS args = {.flags = CKF_OS_LOCKING_OK};
    CK_SESSION_HANDLE session;
    CK_SLOT_ID slot;

    must(p11->C_Initialize(&args) == CKR_OK, "C_Initialize");
    slot = find_slot(p11, label);
    session = module_open_session(p11, slot);
    must(p11->C_Login(session, CKU_USER, (unsigned char *)(uintptr_t)pin, strlen(pin)) == CKR_OK,
         "C_Login");
    return slot;
}

CK_OBJECT_HANDLE module_find_key(CK_FUNCTION_LIST *p11, CK_SESSION_HANDLE session,
                                 struct ps_bytes id)
{
    CK_OBJECT_CLASS class = CKO_PRIVATE_KEY;
    CK_ATTRIBUTE wanted[] = {{CKA_CLASS, &class, sizeof class},
                             {CKA_ID, (void *)(uintptr_t)id.data, id.len}};
    CK_OBJECT_HANDLE key = 0;
    CK_ULONG count = 0;

    must(p11->C_FindObjectsInit(session, wanted, 2) == CKR_OK, "C_FindObjectsInit");
    must(p11->C_FindObjects(session, &key, 1, &count) == CKR_OK && count == 1, "finding the key");
    (void)p11->C_FindObjectsFinal(session);
    return key;
}
