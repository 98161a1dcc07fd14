#ifndef PKCS11_MODULE_SESSION_H
#define PKCS11_MODULE_SESSION_H

#include "lib/base/secret.h"
#include "pkcs11/module/calls.h"
#include "pkcs11/module/profile.h"
#include "pkcs11/module/slot.h"

/*
 * One session of the module, used by one thread at a time. A call that fails leaves its answer in
 * `fault`, from which recovery starts.
 */
struct session {
    const CK_FUNCTION_LIST *fn;
    const struct profile *profile;
    struct ps_bytes store; /* directory of a soft token; empty: none */
    CK_SLOT_ID slot;
    CK_SESSION_HANDLE handle;
    bool is_open;
    struct fault fault;
    struct calls *calls; /* where they are noted; NULL: nowhere */
};

/*
 * Records what `call` answered and returns the error class for it. With CKR_OK it is for an answer
 * that cannot be: its class is then FAULT_UNEXPLAINED.
 */
PS_MUST_USE enum ps_err session_fail(struct session *session, enum operation operation, CK_RV rv,
                                     const char *call);

/* What the calls that follow are about, for calls.h. */
static inline void session_about(struct session *session, const char *class, struct ps_bytes id)
{
    if (session->calls != NULL) {
        calls_about(session->calls, class, id);
    }
}

/* Notes a call. Searches change nothing, and what they read back is told elsewhere. */
static inline void session_note(struct session *session, enum operation operation, CK_RV rv,
                                const char *call)
{
    if (session->calls != NULL && operation != OPERATION_FIND) {
        calls_note(session->calls, call, rv);
    }
}

/* PS_OK for CKR_OK, else session_fail. */
PS_MUST_USE static inline enum ps_err session_try(struct session *session, enum operation operation,
                                                  CK_RV rv, const char *call)
{
    session_note(session, operation, rv, call);
    return rv == CKR_OK ? PS_OK : session_fail(session, operation, rv, call);
}

/* A read-write session: some modules offer nothing else. */
PS_MUST_USE enum ps_err session_open(struct session *session);

/* Forgets the session; tells the module when `tell`. */
void session_close(struct session *session, bool tell);

/*
 * Opens a new one in its place, before the old one is closed so that the login stays: for a session
 * in which an operation is left over.
 */
PS_MUST_USE enum ps_err session_replace(struct session *session);

/*
 * One C_Login as the user. Errors: PS_E_DENIED (fault.class FAULT_PIN: never try this PIN again),
 * PS_E_TOKEN, PS_E_BUSY
 */
PS_MUST_USE enum ps_err session_login(struct session *session, struct ps_bytes pin);

/*
 * Asks the token and the session how they are. What may be a moment's disturbance is asked again
 * before it is believed, which takes up to 60 ms.
 *
 * logged_in: whether the user must be logged in
 * serial:    which the token must have; empty: any
 * Errors:    PS_E_TOKEN; another token than before is FAULT_GONE, a lost login FAULT_LOGIN
 */
PS_MUST_USE enum ps_err session_check(struct session *session, bool logged_in,
                                      struct ps_bytes serial);

/*
 * Turns a fault that leaves open what happened (FAULT_UNEXPLAINED, FAULT_DOUBT, a handle or object
 * that is not there) into what it is, by asking the token. Keeps the fault when the token is well.
 */
void session_explain(struct session *session, struct ps_bytes serial);

#endif
