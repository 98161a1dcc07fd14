#ifndef FAKE_P11_CALL_H
#define FAKE_P11_CALL_H

#include "session.h"

/*
 * Each function of the module is a call: call_begin counts it and does what the script asks for
 * before it, call_end what the script asks for after it. Between the two the session is locked.
 * Nothing is held while a call hangs, is delayed or waits for its token's latency.
 *
 *     struct call call;
 *     CK_RV rv = call_begin_session(&call, FAKE_C_Sign, session);
 *     if (rv == CKR_OK)
 *         rv = ...
 *     return call_end(&call, rv);
 */

/* What rules ask of one call. */
struct fault {
    CK_RV rv, rv_after; /* CKR_OK: none */
    enum fake_action answer;
    enum fake_action crash;
    uint64_t argument; /* of `answer` */
    int crash_signal;
    uint64_t attribute; /* of FAKE_GARBAGE_ATTRIBUTES */
};

struct call {
    struct module *module; /* NULL before C_Initialize */
    struct fake_control *control;
    struct session *session;
    unsigned token; /* or FAKE_NO_TOKEN */
    enum fake_function function;
    uint64_t start_ns;
    bool locked;
    bool local; /* answered without the token's work: no latency */
    struct fault fault;
    unsigned char *output; /* what FAKE_WRONG_SIGNATURE and its like spoil */
    CK_ULONG_PTR output_length;
};

/* For functions that work before C_Initialize. */
CK_RV call_begin_early(struct call *call, struct fake_control *control,
                       enum fake_function function);

/* Errors: CKR_CRYPTOKI_NOT_INITIALIZED, and what the script says */
CK_RV call_begin(struct call *call, enum fake_function function);

/* Errors: also CKR_SLOT_ID_INVALID */
CK_RV call_begin_slot(struct call *call, enum fake_function function, CK_SLOT_ID slot);

/* Errors: also CKR_SESSION_HANDLE_INVALID, CKR_DEVICE_REMOVED */
CK_RV call_begin_session(struct call *call, enum fake_function function, CK_SESSION_HANDLE session);

/* For functions with a mechanism or a template, which rules can name; either may be NULL. */
CK_RV call_begin_work(struct call *call, enum fake_function function, CK_SESSION_HANDLE session,
                      const CK_MECHANISM *mechanism, const CK_ATTRIBUTE *templ, CK_ULONG count);

CK_RV call_end(struct call *call, CK_RV rv);

/* The point for FAKE_CRASH_HALF in a function with two effects. */
void call_reach_half(const struct call *call);

/*
 * PKCS#11 v3.1, 5.2: a NULL buffer asks for the length, and a short one is answered with it.
 * Returns true when `need` octets may be written; otherwise ret_rv is the function's answer, and
 * the operation goes on.
 */
bool call_wants_output(struct call *call, CK_BYTE_PTR out, CK_ULONG_PTR length, CK_ULONG need,
                       CK_RV *ret_rv);

/* Lets the script spoil a number in the answer, such as a count of slots. */
void call_gives_count(struct call *call, CK_ULONG_PTR count);

/* A reference to an object that the session may see now.
 * Errors: CKR_OBJECT_HANDLE_INVALID, CKR_USER_NOT_LOGGED_IN */
CK_RV call_acquire_object(struct call *call, CK_OBJECT_HANDLE handle, struct object **ret_object);

/* Whether the session may make or change an object with these attributes.
 * Errors: CKR_SESSION_READ_ONLY, CKR_USER_NOT_LOGGED_IN */
CK_RV call_may_write(struct call *call, const struct attrs *attrs);

enum role call_role(const struct call *call);

#endif
