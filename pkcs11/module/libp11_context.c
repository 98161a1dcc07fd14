#include "pkcs11/module/libp11_context.h"

#include <openssl/err.h>
#include <stdlib.h>

struct libp11 {
    const char *module;
    PKCS11_CTX *context; /* NULL until it is needed */
    PKCS11_SLOT *slots;
    unsigned count;
};

enum ps_err libp11_new(const char *module, struct libp11 **ret_libp11)
{
    struct libp11 *libp11 = calloc(1, sizeof *libp11);

    if (libp11 == NULL) {
        return ps_fail(PS_E_NO_MEMORY, 0, "out of memory");
    }
    libp11->module = module;
    *ret_libp11 = libp11;
    return PS_OK;
}

void libp11_unload(struct libp11 *libp11)
{
    if (libp11->context == NULL) {
        return;
    }
    if (libp11->slots != NULL) {
        PKCS11_release_all_slots(libp11->context, libp11->slots, libp11->count);
    }
    PKCS11_CTX_unload(libp11->context);
    PKCS11_CTX_free(libp11->context);
    ERR_clear_error();
    libp11->context = NULL;
    libp11->slots = NULL;
}

bool libp11_is_in_use(const struct libp11 *libp11)
{
    return libp11->context != NULL;
}

void libp11_free(struct libp11 *libp11)
{
    free(libp11);
}

enum ps_err libp11_fail(struct session *session, enum operation operation, const char *call)
{
    CK_RV rv = CKR_OK;
    unsigned long error;

    while ((error = ERR_get_error()) != 0) {
        if (ERR_GET_LIB(error) == ERR_get_CKR_code()) {
            rv = (CK_RV)ERR_GET_REASON(error);
        }
    }
    return session_fail(session, operation, rv, call);
}

/* A session is to be had now, or nothing is begun. Only this thread opens sessions at this time. */
static enum ps_err check_room(const struct session *session)
{
    struct session trial = *session;

    trial.is_open = false;
    PS_TRY(session_open(&trial));
    session_close(&trial, true);
    return PS_OK;
}

static enum ps_err load(struct libp11 *libp11, struct session *session)
{
    libp11->context = PKCS11_CTX_new();
    if (libp11->context == NULL) {
        return ps_fail(PS_E_NO_MEMORY, 0, "out of memory");
    }
    if (PKCS11_CTX_load(libp11->context, libp11->module) != 0) {
        PKCS11_CTX_free(libp11->context);
        libp11->context = NULL;
        return libp11_fail(session, OPERATION_START, "PKCS11_CTX_load");
    }
    if (PKCS11_enumerate_slots(libp11->context, &libp11->slots, &libp11->count) != 0) {
        libp11->slots = NULL;
        return libp11_fail(session, OPERATION_SLOT, "PKCS11_enumerate_slots");
    }
    return PS_OK;
}

enum ps_err libp11_find_token(struct libp11 *libp11, struct session *session,
                              PKCS11_TOKEN **ret_token)
{
    ERR_clear_error();
    /* A blank token has no sessions before it is initialised. */
    if (session->is_open) {
        PS_TRY(check_room(session));
    }
    if (libp11->context == NULL) {
        PS_TRY(load(libp11, session));
    }
    for (unsigned i = 0; i < libp11->count && libp11->slots != NULL; i++) {
        PKCS11_SLOT *slot = &libp11->slots[i];

        if (PKCS11_get_slotid_from_slot(slot) == session->slot && slot->token != NULL) {
            *ret_token = slot->token;
            return PS_OK;
        }
    }
    return session_fail(session, OPERATION_SLOT, CKR_TOKEN_NOT_PRESENT, "PKCS11_enumerate_slots");
}
