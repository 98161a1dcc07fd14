#include "pkcs11/libp11_context.h"

#include <openssl/err.h>
#include <stdlib.h>

struct context {
    PKCS11_CTX *context;
    PKCS11_SLOT *slots;
    unsigned count;
};

struct libp11 {
    const char *module;
    struct context contexts[LIBP11_PURPOSES];
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

static void unload(struct context *context)
{
    if (context->context == NULL) {
        return;
    }
    if (context->slots != NULL) {
        PKCS11_release_all_slots(context->context, context->slots, context->count);
    }
    PKCS11_CTX_unload(context->context);
    PKCS11_CTX_free(context->context);
    *context = (struct context){0};
}

void libp11_unload(struct libp11 *libp11)
{
    for (unsigned i = 0; i < LIBP11_PURPOSES; i++) {
        unload(&libp11->contexts[i]);
    }
    ERR_clear_error();
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

static enum ps_err load(const struct libp11 *libp11, struct session *session,
                        struct context *context)
{
    context->context = PKCS11_CTX_new();
    if (context->context == NULL) {
        return ps_fail(PS_E_NO_MEMORY, 0, "out of memory");
    }
    if (PKCS11_CTX_load(context->context, libp11->module) != 0) {
        PKCS11_CTX_free(context->context);
        context->context = NULL;
        return libp11_fail(session, OPERATION_START, "PKCS11_CTX_load");
    }
    if (PKCS11_enumerate_slots(context->context, &context->slots, &context->count) != 0) {
        context->slots = NULL;
        return libp11_fail(session, OPERATION_SLOT, "PKCS11_enumerate_slots");
    }
    return PS_OK;
}

enum ps_err libp11_find_token(struct libp11 *libp11, struct session *session,
                              enum libp11_purpose purpose, PKCS11_TOKEN **ret_token)
{
    struct context *context = &libp11->contexts[purpose];

    ERR_clear_error();
    /* A blank token has no sessions before it is initialised. */
    if (session->is_open) {
        PS_TRY(check_room(session));
    }
    if (context->context == NULL) {
        PS_TRY(load(libp11, session, context));
    }
    for (unsigned i = 0; i < context->count && context->slots != NULL; i++) {
        PKCS11_SLOT *slot = &context->slots[i];

        if (PKCS11_get_slotid_from_slot(slot) == session->slot && slot->token != NULL) {
            *ret_token = slot->token;
            return PS_OK;
        }
    }
    return session_fail(session, OPERATION_SLOT, CKR_TOKEN_NOT_PRESENT, "PKCS11_enumerate_slots");
}
