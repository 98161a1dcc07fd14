#ifndef PKCS11_MODULE_MODULE_H
#define PKCS11_MODULE_MODULE_H

#include "lib/base/hash.h"
#include "pkcs11/module/profile.h"

/* The vendor's library: loaded by its path, started, stopped. One thread does this. */
struct module;

/*
 * Nothing is loaded yet.
 *
 * path:   absolute
 * sha256: of the file; another one is not loaded
 * Errors: PS_E_INPUT, PS_E_NO_MEMORY
 */
PS_MUST_USE enum ps_err module_new(struct ps_bytes path, struct ps_bytes sha256,
                                   struct module **ret_module);

/* A module that is started is left as it is: nobody can say what it does at that moment. */
void module_free(struct module *module);
PS_DEFINE_CLEANUP(struct module, module_free)

/*
 * Loads the library if it is not loaded, and calls C_Initialize. Each time its file is hashed
 * before it is loaded, since from then on the code in it runs.
 *
 * ret_fault: what the module answered; FAULT_RELOAD with CKR_OK when it did not come so far
 * Blocks:    as long as the vendor's start takes
 * Errors:    PS_E_TOKEN, PS_E_STATE (of another manufacturer than the profile is for),
 * PS_E_CONFLICT (the file is another one, or became so meanwhile: nothing in the process is to be
 *            trusted any more)
 * Source:    PKCS#11 v3.1, section 5.4: C_GetInterface, C_GetFunctionList, C_Initialize
 */
PS_MUST_USE enum ps_err module_start(struct module *module, const struct profile *profile,
                                     struct fault *ret_fault);

/* C_Finalize if it is started, and with `unload` dlclose. */
void module_stop(struct module *module, bool unload);

/* NULL while it is not started. */
const CK_FUNCTION_LIST *module_functions(const struct module *module);

const char *module_path(const struct module *module);

#endif
