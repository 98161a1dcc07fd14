#ifndef TESTS_BENCH_MODULE_H
#define TESTS_BENCH_MODULE_H

#include "lib/base/bytes.h"
#include "lib/base/compiler.h"

#include <p11-kit/pkcs11.h>

/*
 * A PKCS#11 module with nothing of ours between. Whatever fails ends the program with a sentence.
 */
#define MODULE_PIN_MAX 256u

/* Ends the program, or the process of it, with what failed. */
PS_NORETURN void fail(const char *what);

static inline void must(bool good, const char *what)
{
    if (!good) {
        fail(what);
    }
}

/* The first line of the file. */
void module_read_pin(const char *path, char ret_pin[MODULE_PIN_MAX]);

/* Does not initialise it: PKCS#11 v3.1 section 5.4.1 has each process do that after its fork. */
CK_FUNCTION_LIST *module_load(const char *path);

/* Initialises the module and logs the user in to the token, once per process; yields its slot. */
CK_SLOT_ID module_log_in(CK_FUNCTION_LIST *p11, const char *label, const char *pin);

CK_SESSION_HANDLE module_open_session(CK_FUNCTION_LIST *p11, CK_SLOT_ID slot);

/* The private key with this CKA_ID. */
CK_OBJECT_HANDLE module_find_key(CK_FUNCTION_LIST *p11, CK_SESSION_HANDLE session,
                                 struct ps_bytes id);

#endif
