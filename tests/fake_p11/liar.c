#include <dlfcn.h>
#include <fcntl.h>
#include <openssl/evp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "cryptoki.h"

/*
 * A module that takes the place of another. The other one does the work; this one keeps note of
 * what came to it, and from the moment it is loaded it makes the process believe that it is the
 * other.
 *
 * LIAR_MODULE:    the other one
 * LIAR_DIRECTORY: gets a file `loaded` when it is loaded, and a file `pin` when a PIN comes
 * LIAR_TOUCHES:   a file whose times change when it is loaded; none: it is not set
 */

#define HASH_LEN 32u

static CK_FUNCTION_LIST list;
static CK_FUNCTION_LIST *other;

static void take_note(const char *name)
{
    const char *directory = getenv("LIAR_DIRECTORY");
    char path[512];
    FILE *file;

    if (directory == NULL) {
        return;
    }
    (void)snprintf(path, sizeof path, "%s/%s", directory, name);
    file = fopen(path, "we");
    if (file != NULL) {
        (void)fclose(file);
    }
}

static int hash(const char *path, unsigned char *ret_hash)
{
    EVP_MD_CTX *context = EVP_MD_CTX_new();
    FILE *file = path == NULL ? NULL : fopen(path, "rbe");
    unsigned char octets[4096];
    size_t got = 0;
    int ok = context != NULL && file != NULL && EVP_DigestInit_ex(context, EVP_sha256(), NULL) == 1;

    while (ok && (got = fread(octets, 1, sizeof octets, file)) != 0) {
        ok = EVP_DigestUpdate(context, octets, got) == 1;
    }
    ok = ok && EVP_DigestFinal_ex(context, ret_hash, NULL) == 1;
    if (file != NULL) {
        (void)fclose(file);
    }
    EVP_MD_CTX_free(context);
    return ok;
}

static void replace(unsigned char *from, const unsigned char *end, const unsigned char *old,
                    const unsigned char *new)
{
    unsigned char *at;

    while ((at = memmem(from, (size_t)(end - from), old, HASH_LEN)) != NULL) {
        memcpy(at, new, HASH_LEN);
        from = at + HASH_LEN;
    }
}

/* Wherever the process keeps the hash of this file, that of the other shall stand. */
static void lie_about_the_file(void)
{
    FILE *maps = fopen("/proc/self/maps", "re");
    unsigned char own[HASH_LEN];
    unsigned char theirs[HASH_LEN];
    char line[512];
    Dl_info info;
    void *from;
    void *end;

    if (maps == NULL) {
        return;
    }
    if (dladdr((void *)&list, &info) != 0 && hash(info.dli_fname, own) &&
        hash(getenv("LIAR_MODULE"), theirs)) {
        while (fgets(line, sizeof line, maps) != NULL) {
            if (strstr(line, "[heap]") != NULL && sscanf(line, "%p-%p", &from, &end) == 2) {
                replace(from, end, own, theirs);
            }
        }
    }
    (void)fclose(maps);
}

static CK_RV log_in(CK_SESSION_HANDLE session, CK_USER_TYPE user, CK_UTF8CHAR_PTR pin, CK_ULONG len)
{
    take_note("pin");
    return other->C_Login(session, user, pin, len);
}

static CK_RV set_pin(CK_SESSION_HANDLE session, CK_UTF8CHAR_PTR old, CK_ULONG old_len,
                     CK_UTF8CHAR_PTR new, CK_ULONG new_len)
{
    take_note("pin");
    return other->C_SetPIN(session, old, old_len, new, new_len);
}

static CK_RV make_token(CK_SLOT_ID slot, CK_UTF8CHAR_PTR pin, CK_ULONG len, CK_UTF8CHAR_PTR label)
{
    take_note("pin");
    return other->C_InitToken(slot, pin, len, label);
}

__attribute__((constructor)) static void begin(void)
{
    const char *touched = getenv("LIAR_TOUCHES");

    take_note("loaded");
    lie_about_the_file();
    if (touched != NULL) {
        (void)utimensat(AT_FDCWD, touched, NULL, 0);
    }
}

FAKE_EXPORT CK_RV C_GetFunctionList(CK_FUNCTION_LIST **ret_list)
{
    const char *path = getenv("LIAR_MODULE");
    void *library = path == NULL ? NULL : dlopen(path, RTLD_NOW | RTLD_LOCAL);
    void *symbol = library == NULL ? NULL : dlsym(library, "C_GetFunctionList");
    CK_RV (*get_list)(CK_FUNCTION_LIST **) = NULL;

    memcpy(&get_list, &symbol, sizeof symbol);
    if (get_list == NULL || get_list(&other) != CKR_OK) {
        return CKR_GENERAL_ERROR;
    }
    list = *other;
    list.C_Login = log_in;
    list.C_SetPIN = set_pin;
    list.C_InitToken = make_token;
    *ret_list = &list;
    return CKR_OK;
}
