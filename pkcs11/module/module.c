#include "pkcs11/module/module.h"

#include <dlfcn.h>
#include <fcntl.h>
#include <openssl/evp.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

enum { READ_SIZE = 4096 };

struct module {
    char *path;
    void *library;
    CK_FUNCTION_LIST *functions;
    bool started;
    uint8_t sha256[PS_SHA256_LEN]; /* of the only file that is loaded */
};

static void close_fd(const int *fd)
{
    if (*fd >= 0) {
        (void)close(*fd);
    }
}

static void free_digest(EVP_MD_CTX **context)
{
    EVP_MD_CTX_free(*context);
}

enum ps_err module_new(struct ps_bytes path, struct ps_bytes sha256, struct module **ret_module)
{
    PS_CLEANUP(module_free_cleanup) struct module *module = NULL;

    if (path.len < 2 || path.data[0] != '/' || memchr(path.data, 0, path.len) != NULL) {
        return ps_fail(PS_E_INPUT, 0, "the path of a PKCS#11 module is absolute");
    }
    if (sha256.len != PS_SHA256_LEN) {
        return ps_fail(PS_E_INPUT, 0, "the hash of a PKCS#11 module has %d octets", PS_SHA256_LEN);
    }
    module = calloc(1, sizeof *module);
    if (module == NULL || (module->path = ps_bytes_to_str(path)) == NULL) {
        return ps_fail(PS_E_NO_MEMORY, 0, "out of memory");
    }
    memcpy(module->sha256, sha256.data, sha256.len);
    *ret_module = module;
    module = NULL;
    return PS_OK;
}

void module_free(struct module *module)
{
    if (module == NULL) {
        return;
    }
    free(module->path);
    free(module);
}

static enum ps_err hash_fd(int fd, uint8_t *ret_hash)
{
    PS_CLEANUP(free_digest) EVP_MD_CTX *context = EVP_MD_CTX_new();
    uint8_t octets[READ_SIZE];
    ssize_t got = 1;

    if (context == NULL || EVP_DigestInit_ex(context, EVP_sha256(), NULL) != 1) {
        return ps_fail(PS_E_NO_MEMORY, 0, "no digest");
    }
    while (got > 0) {
        got = read(fd, octets, sizeof octets);
        if (got < 0) {
            return ps_fail_errno(PS_E_TOKEN, "cannot read the module");
        }
        if (EVP_DigestUpdate(context, octets, (size_t)got) != 1) {
            return ps_fail(PS_E_INTERNAL, 0, "a digest failed");
        }
    }
    return EVP_DigestFinal_ex(context, ret_hash, NULL) == 1
               ? PS_OK
               : ps_fail(PS_E_INTERNAL, 0, "a digest failed");
}

static bool same_file(const struct stat *a, const struct stat *b)
{
    return a->st_dev == b->st_dev && a->st_ino == b->st_ino && a->st_size == b->st_size &&
           a->st_mtim.tv_sec == b->st_mtim.tv_sec && a->st_mtim.tv_nsec == b->st_mtim.tv_nsec;
}

/*
 * It is loaded by its path, not from a copy of what was hashed: vendors' modules look for their
 * other files beside it ($ORIGIN, dladdr). docs/decisions/0076 says what that leaves open.
 */
static enum ps_err open_library(struct module *module)
{
    PS_CLEANUP(close_fd) const int fd = open(module->path, O_RDONLY | O_CLOEXEC);
    uint8_t found[PS_SHA256_LEN];
    struct stat before;
    struct stat after;

    if (fd < 0 || fstat(fd, &before) != 0) {
        return ps_fail_errno(PS_E_TOKEN, "cannot open the module");
    }
    PS_TRY(hash_fd(fd, found));
    if (memcmp(found, module->sha256, sizeof found) != 0) {
        return ps_fail(PS_E_CONFLICT, 0, "the module's file is not the one it was at the start");
    }
    module->library = dlopen(module->path, RTLD_NOW | RTLD_LOCAL);
    if (module->library == NULL) {
        return ps_fail(PS_E_TOKEN, 0, "cannot load the module: %s", dlerror());
    }
    if (stat(module->path, &after) != 0 || !same_file(&before, &after)) {
        return ps_fail(PS_E_CONFLICT, 0, "the module's file changed while it was loaded");
    }
    return PS_OK;
}

/* Functions that come as data from dlsym; POSIX promises that this works. */
static void find_function(void *library, const char *name, void *ret_function)
{
    void *symbol = dlsym(library, name);

    memcpy(ret_function, &symbol, sizeof symbol);
}

static CK_FUNCTION_LIST *list_of_interface(void *library)
{
    CK_C_GetInterface get_interface = NULL;
    CK_VERSION version = {3, 0};
    CK_INTERFACE *interface = NULL;

    find_function(library, "C_GetInterface", &get_interface);
    if (get_interface == NULL ||
        get_interface((CK_UTF8CHAR_PTR)(uintptr_t) "PKCS 11", &version, &interface, 0) != CKR_OK ||
        interface == NULL) {
        return NULL;
    }
    return interface->pFunctionList;
}

static CK_FUNCTION_LIST *list_of_functions(void *library)
{
    CK_RV (*get_list)(CK_FUNCTION_LIST_PTR_PTR) = NULL;
    CK_FUNCTION_LIST *list = NULL;

    find_function(library, "C_GetFunctionList", &get_list);
    return get_list == NULL || get_list(&list) != CKR_OK ? NULL : list;
}

/* All that we call, so that nothing has to be looked at later. */
static bool is_complete(const CK_FUNCTION_LIST *list)
{
    return list->C_Initialize != NULL && list->C_Finalize != NULL && list->C_GetInfo != NULL &&
           list->C_GetSlotList != NULL && list->C_GetTokenInfo != NULL &&
           list->C_OpenSession != NULL && list->C_CloseSession != NULL &&
           list->C_CloseAllSessions != NULL && list->C_GetSessionInfo != NULL &&
           list->C_Login != NULL && list->C_Logout != NULL && list->C_CreateObject != NULL &&
           list->C_DestroyObject != NULL && list->C_GetAttributeValue != NULL &&
           list->C_FindObjectsInit != NULL && list->C_FindObjects != NULL &&
           list->C_FindObjectsFinal != NULL && list->C_SignInit != NULL && list->C_Sign != NULL &&
           list->C_GenerateKey != NULL && list->C_GenerateKeyPair != NULL &&
           list->C_GenerateRandom != NULL;
}

static enum ps_err load(struct module *module, const struct profile *profile)
{
    CK_FUNCTION_LIST *list = NULL;

    PS_TRY(open_library(module));
    if (profile->interface_3) {
        list = list_of_interface(module->library);
    }
    if (list == NULL) {
        list = list_of_functions(module->library);
    }
    if (list == NULL || !is_complete(list)) {
        return ps_fail(PS_E_TOKEN, 0, "the module has no complete list of functions");
    }
    module->functions = list;
    return PS_OK;
}

static void unload(struct module *module)
{
    if (module->library != NULL) {
        (void)dlclose(module->library);
    }
    module->library = NULL;
    module->functions = NULL;
}

static enum ps_err check_manufacturer(const struct module *module, const struct profile *profile)
{
    const char *wanted = profile->library_manufacturer.text;
    CK_INFO info = {0};
    const CK_RV rv = module->functions->C_GetInfo(&info);

    if (rv != CKR_OK) {
        return ps_fail(PS_E_TOKEN, (long)rv, "C_GetInfo: %s", recovery_rv_name(rv));
    }
    if (strncmp((const char *)info.manufacturerID, wanted, strlen(wanted)) != 0) {
        return ps_fail(PS_E_STATE, 0, "the module is not of the manufacturer the profile is for");
    }
    return PS_OK;
}

enum ps_err module_start(struct module *module, const struct profile *profile,
                         struct fault *ret_fault)
{
    CK_C_INITIALIZE_ARGS arguments = {.flags = CKF_OS_LOCKING_OK};
    enum ps_err err;
    CK_RV rv;

    *ret_fault = (struct fault){CKR_OK, OPERATION_START, FAULT_RELOAD};
    if (module->functions == NULL) {
        err = load(module, profile);
        if (err != PS_OK) {
            unload(module);
            return err;
        }
    }
    rv = module->functions->C_Initialize(&arguments);
    ret_fault->rv = rv;
    if (recovery_class(profile->rules, profile->rules_count, rv, OPERATION_START) != FAULT_NONE) {
        return ps_fail(PS_E_TOKEN, (long)rv, "C_Initialize: %s", recovery_rv_name(rv));
    }
    module->started = true;
    return check_manufacturer(module, profile);
}

void module_stop(struct module *module, bool unload_too)
{
    if (module->started) {
        (void)module->functions->C_Finalize(NULL);
        module->started = false;
    }
    if (unload_too) {
        unload(module);
    }
}

const CK_FUNCTION_LIST *module_functions(const struct module *module)
{
    return module->started ? module->functions : NULL;
}

const char *module_path(const struct module *module)
{
    return module->path;
}
