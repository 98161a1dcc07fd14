#include "begin.h"
#include "cryptoki.h"
#include "signature.h"

/* PKCS#11 v3.0, C_SignInit: with a NULL mechanism it "terminates an active signature operation". */
static CK_RV init(struct call *call, enum operation_kind kind, const CK_MECHANISM *mechanism,
                  CK_OBJECT_HANDLE key)
{
    struct operation *operation = &call->session->operations[kind];
    if (!mechanism) {
        operation_end(operation);
        return CKR_OK;
    }
    CK_RV rv = begin_operation(call, kind, mechanism, key);
    if (rv != CKR_OK)
        return rv;
    rv = signature_prepare(operation, kind == OPERATION_SIGN);
    if (rv == CKR_OK)
        atomic_store(&operation->active, true);
    else
        operation_clear(operation);
    return rv;
}

static CK_RV finish(struct call *call, const unsigned char *data, CK_ULONG length,
                    CK_BYTE_PTR signature, CK_ULONG_PTR signature_size)
{
    struct operation *operation = &call->session->operations[OPERATION_SIGN];
    CK_ULONG need = signature_length(operation);
    CK_RV rv;
    if (!call_wants_output(call, signature, signature_size, need, &rv))
        return rv;
    rv = signature_make(operation, data, length, signature);
    if (rv == CKR_OK)
        *signature_size = need;
    operation_end(operation);
    return rv;
}

static CK_RV sign(struct call *call, CK_BYTE_PTR data, CK_ULONG length, CK_BYTE_PTR signature,
                  CK_ULONG_PTR signature_size)
{
    struct operation *operation = &call->session->operations[OPERATION_SIGN];
    CK_RV rv = begin_continue(call, OPERATION_SIGN);
    if (rv != CKR_OK)
        return rv;
    if (!signature_size || (!data && length > 0) || operation->in_parts) {
        operation_end(operation);
        return CKR_ARGUMENTS_BAD;
    }
    return finish(call, data ? data : (const unsigned char *)"", length, signature, signature_size);
}

static CK_RV update(struct call *call, enum operation_kind kind, const unsigned char *part,
                    CK_ULONG length)
{
    struct operation *operation = &call->session->operations[kind];
    CK_RV rv = begin_continue(call, kind);
    if (rv != CKR_OK)
        return rv;
    if (!part && length > 0)
        rv = CKR_ARGUMENTS_BAD;
    else if (!signature_takes_parts(operation))
        rv = CKR_FUNCTION_NOT_SUPPORTED;
    else if (length > 0)
        rv = signature_update(operation, part, length);
    operation->in_parts = true;
    if (rv != CKR_OK)
        operation_end(operation);
    return rv;
}

static CK_RV verify(struct call *call, const unsigned char *data, CK_ULONG length,
                    const unsigned char *signature, CK_ULONG signature_size)
{
    struct operation *operation = &call->session->operations[OPERATION_VERIFY];
    CK_RV rv = begin_continue(call, OPERATION_VERIFY);
    if (rv != CKR_OK)
        return rv;
    rv = signature ? signature_check(operation, data, length, signature, signature_size)
                   : CKR_ARGUMENTS_BAD;
    operation_end(operation);
    return rv;
}

CK_RV C_SignInit(CK_SESSION_HANDLE handle, CK_MECHANISM_PTR mechanism, CK_OBJECT_HANDLE key)
{
    struct call call;
    CK_RV rv = call_begin_work(&call, FAKE_C_SignInit, handle, mechanism, NULL, 0);
    if (rv == CKR_OK)
        rv = init(&call, OPERATION_SIGN, mechanism, key);
    return call_end(&call, rv);
}

CK_RV C_Sign(CK_SESSION_HANDLE handle, CK_BYTE_PTR data, CK_ULONG length, CK_BYTE_PTR signature,
             CK_ULONG_PTR signature_size)
{
    struct call call;
    CK_RV rv = call_begin_session(&call, FAKE_C_Sign, handle);
    if (rv == CKR_OK)
        rv = sign(&call, data, length, signature, signature_size);
    return call_end(&call, rv);
}

CK_RV C_SignUpdate(CK_SESSION_HANDLE handle, CK_BYTE_PTR part, CK_ULONG length)
{
    struct call call;
    CK_RV rv = call_begin_session(&call, FAKE_C_SignUpdate, handle);
    if (rv == CKR_OK)
        rv = update(&call, OPERATION_SIGN, part, length);
    return call_end(&call, rv);
}

CK_RV C_SignFinal(CK_SESSION_HANDLE handle, CK_BYTE_PTR signature, CK_ULONG_PTR signature_size)
{
    struct call call;
    CK_RV rv = call_begin_session(&call, FAKE_C_SignFinal, handle);
    if (rv == CKR_OK)
        rv = begin_continue(&call, OPERATION_SIGN);
    if (rv == CKR_OK && !signature_size)
        rv = CKR_ARGUMENTS_BAD;
    if (rv == CKR_OK && !signature_takes_parts(&call.session->operations[OPERATION_SIGN]))
        rv = CKR_FUNCTION_NOT_SUPPORTED;
    if (rv == CKR_OK)
        rv = finish(&call, NULL, 0, signature, signature_size);
    return call_end(&call, rv);
}

CK_RV C_VerifyInit(CK_SESSION_HANDLE handle, CK_MECHANISM_PTR mechanism, CK_OBJECT_HANDLE key)
{
    struct call call;
    CK_RV rv = call_begin_work(&call, FAKE_C_VerifyInit, handle, mechanism, NULL, 0);
    if (rv == CKR_OK)
        rv = init(&call, OPERATION_VERIFY, mechanism, key);
    return call_end(&call, rv);
}

CK_RV C_Verify(CK_SESSION_HANDLE handle, CK_BYTE_PTR data, CK_ULONG length, CK_BYTE_PTR signature,
               CK_ULONG signature_size)
{
    struct call call;
    CK_RV rv = call_begin_session(&call, FAKE_C_Verify, handle);
    if (rv == CKR_OK && !data && length > 0)
        rv = CKR_ARGUMENTS_BAD;
    if (rv == CKR_OK)
        rv = verify(&call, data ? data : (const unsigned char *)"", length, signature,
                    signature_size);
    return call_end(&call, rv);
}

CK_RV C_VerifyUpdate(CK_SESSION_HANDLE handle, CK_BYTE_PTR part, CK_ULONG length)
{
    struct call call;
    CK_RV rv = call_begin_session(&call, FAKE_C_VerifyUpdate, handle);
    if (rv == CKR_OK)
        rv = update(&call, OPERATION_VERIFY, part, length);
    return call_end(&call, rv);
}

CK_RV C_VerifyFinal(CK_SESSION_HANDLE handle, CK_BYTE_PTR signature, CK_ULONG signature_size)
{
    struct call call;
    CK_RV rv = call_begin_session(&call, FAKE_C_VerifyFinal, handle);
    if (rv == CKR_OK)
        rv = begin_continue(&call, OPERATION_VERIFY);
    if (rv == CKR_OK && !signature_takes_parts(&call.session->operations[OPERATION_VERIFY]))
        rv = CKR_FUNCTION_NOT_SUPPORTED;
    if (rv == CKR_OK)
        rv = verify(&call, NULL, 0, signature, signature_size);
    return call_end(&call, rv);
}
