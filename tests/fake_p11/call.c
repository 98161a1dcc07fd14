#include "call.h"

#include "fault.h"
#include "objects.h"
#include "store.h"

static void count_call(struct call *call)
{
    atomic_fetch_add_explicit(&call->control->counts[call->token][call->function], 1,
                              memory_order_relaxed);
}

static CK_RV start(struct call *call, enum fake_function function)
{
    *call = (struct call){.function = function, .token = FAKE_NO_TOKEN};
    call->start_ns = control_now_ns();
    call->module = module_acquire();
    if (!call->module)
        return CKR_CRYPTOKI_NOT_INITIALIZED;
    call->control = call->module->control;
    return CKR_OK;
}

CK_RV call_begin_early(struct call *call, struct fake_control *control, enum fake_function function)
{
    *call = (struct call){.control = control, .function = function, .token = FAKE_NO_TOKEN};
    count_call(call);
    fault_meet(call, &(struct fault_site){.mechanism = FAKE_ANY});
    return call->fault.rv;
}

CK_RV call_begin(struct call *call, enum fake_function function)
{
    CK_RV rv = start(call, function);
    if (rv != CKR_OK)
        return rv;
    count_call(call);
    fault_meet(call, &(struct fault_site){.mechanism = FAKE_ANY});
    return call->fault.rv;
}

CK_RV call_begin_slot(struct call *call, enum fake_function function, CK_SLOT_ID slot)
{
    CK_RV rv = start(call, function);
    if (rv != CKR_OK)
        return rv;
    if (slot < module_token_count(call->module))
        call->token = (unsigned)slot;
    else
        rv = CKR_SLOT_ID_INVALID;
    count_call(call);
    if (rv != CKR_OK)
        return rv;
    fault_meet(call, &(struct fault_site){.mechanism = FAKE_ANY});
    return call->fault.rv;
}

static const unsigned ends_flags[] = {
    [OPERATION_SIGN] = FAKE_ENDS_SIGN,
    [OPERATION_VERIFY] = FAKE_ENDS_VERIFY,
    [OPERATION_ENCRYPT] = FAKE_ENDS_ENCRYPT,
    [OPERATION_DECRYPT] = FAKE_ENDS_DECRYPT,
};

static unsigned function_flags(enum fake_function function)
{
#define FUNCTION_FLAGS(name, flags) flags,
    static const unsigned char all[] = {FAKE_FUNCTIONS(FUNCTION_FLAGS)};
#undef FUNCTION_FLAGS
    return all[function];
}

/* PKCS#11 v3.1, C_Sign: "A call to C_Sign always terminates the active signing operation unless it
 * returns CKR_BUFFER_TOO_SMALL or is a successful call [...] to determine the length". */
static void end_operations(struct call *call)
{
    unsigned flags = function_flags(call->function);
    for (size_t i = 0; i < OPERATION_COUNT; i++)
        if (flags & ends_flags[i])
            operation_end(&call->session->operations[i]);
}

/* Functions that go on with an operation have its mechanism. */
static CK_MECHANISM_TYPE mechanism_of(const struct call *call, const CK_MECHANISM *given)
{
    if (given)
        return given->mechanism;
    unsigned flags = function_flags(call->function);
    for (size_t i = 0; i < OPERATION_COUNT; i++) {
        const struct operation *operation = &call->session->operations[i];
        const struct mechanism *mechanism = atomic_load(&operation->mechanism);
        if ((flags & ends_flags[i]) && mechanism && atomic_load(&operation->active))
            return mechanism->type;
    }
    return FAKE_ANY;
}

static CK_RV check_session(const struct call *call)
{
    if (!control_token_present(call->control, call->token))
        return CKR_DEVICE_REMOVED;
    if (session_is_lost(call->module, call->session))
        return CKR_SESSION_HANDLE_INVALID;
    return CKR_OK;
}

CK_RV call_begin_work(struct call *call, enum fake_function function, CK_SESSION_HANDLE session,
                      const CK_MECHANISM *mechanism, const CK_ATTRIBUTE *templ, CK_ULONG count)
{
    CK_RV rv = start(call, function);
    if (rv != CKR_OK)
        return rv;
    call->session = session_acquire(call->module, session);
    if (call->session)
        call->token = call->session->token;
    count_call(call);
    if (!call->session)
        return CKR_SESSION_HANDLE_INVALID;
    fault_meet(call, &(struct fault_site){mechanism_of(call, mechanism), templ, count});
    rv = check_session(call);
    if (rv != CKR_OK)
        return rv;
    pthread_mutex_lock(&call->session->lock);
    call->locked = true;
    if (call->fault.rv != CKR_OK && call->fault.rv != CKR_BUFFER_TOO_SMALL)
        end_operations(call);
    return call->fault.rv;
}

CK_RV call_begin_session(struct call *call, enum fake_function function, CK_SESSION_HANDLE session)
{
    return call_begin_work(call, function, session, NULL, NULL, 0);
}

static void wait_latency(const struct call *call)
{
    if (call->token == FAKE_NO_TOKEN || call->local ||
        !(function_flags(call->function) & FAKE_COSTS))
        return;
    uint64_t latency = atomic_load(&call->control->tokens[call->token].latency_us);
    if (latency != 0)
        fault_sleep_exactly(call->start_ns + latency * 1000U);
}

CK_RV call_end(struct call *call, CK_RV rv)
{
    if (!call->control)
        return rv;
    rv = fault_answer(call, rv);
    if (call->locked)
        pthread_mutex_unlock(&call->session->lock);
    wait_latency(call);
    session_release(call->session);
    module_release(call->module);
    return rv;
}

void call_reach_half(const struct call *call)
{
    if (call->fault.crash == FAKE_CRASH_HALF)
        fault_crash(&call->fault);
}

bool call_wants_output(struct call *call, CK_BYTE_PTR out, CK_ULONG_PTR length, CK_ULONG need,
                       CK_RV *ret_rv)
{
    call->output = out;
    call->output_length = length;
    if (out && *length >= need)
        return true;
    call->local = true;
    call->output = NULL;
    *length = need;
    *ret_rv = out ? CKR_BUFFER_TOO_SMALL : CKR_OK;
    return false;
}

void call_gives_count(struct call *call, CK_ULONG_PTR count)
{
    call->output_length = count;
}

enum role call_role(const struct call *call)
{
    return module_role(call->module, call->token);
}

CK_RV call_acquire_object(struct call *call, CK_OBJECT_HANDLE handle, struct object **ret_object)
{
    CK_RV rv = store_sync(call->module, call->token, false);
    if (rv != CKR_OK)
        return rv;
    struct object *object = objects_acquire(&call->module->objects, handle);
    if (!object || object->token != call->token) {
        object_release(object);
        return CKR_OBJECT_HANDLE_INVALID;
    }
    if (object->is_private && call_role(call) != ROLE_USER) {
        object_release(object);
        return CKR_USER_NOT_LOGGED_IN;
    }
    *ret_object = object;
    return CKR_OK;
}

CK_RV call_may_write(struct call *call, const struct attrs *attrs)
{
    if (attrs_get_bool(attrs, CKA_TOKEN, false) && !call->session->writes)
        return CKR_SESSION_READ_ONLY;
    if (attrs_get_bool(attrs, CKA_PRIVATE, true) && call_role(call) != ROLE_USER)
        return CKR_USER_NOT_LOGGED_IN;
    return CKR_OK;
}
