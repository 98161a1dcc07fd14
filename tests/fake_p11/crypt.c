#include <openssl/crypto.h>
#include <string.h>

#include "begin.h"
#include "cipher.h"
#include "cryptoki.h"

/* More than any cipher writes beyond its result, and never an empty buffer. */
#define SLACK 32

static CK_RV init(struct call *call, enum operation_kind kind, const CK_MECHANISM *mechanism,
                  CK_OBJECT_HANDLE key)
{
    struct operation *operation = &call->session->operations[kind];
    if (!mechanism) {
        operation_end(operation);
        return CKR_OK;
    }
    CK_RV rv = begin_operation(call, kind, mechanism, key);
    if (rv == CKR_OK)
        atomic_store(&operation->active, true);
    return rv;
}

/* Works in a buffer of its own, since only the result tells whether the caller's is too short. */
static CK_RV run(struct call *call, struct operation *operation, struct cipher_job *job,
                 CK_BYTE_PTR out, CK_ULONG_PTR out_length)
{
    size_t bound = cipher_bound(job);
    CK_RV rv = CKR_HOST_MEMORY;
    if (!out) {
        call_wants_output(call, NULL, out_length, bound, &rv);
        return rv;
    }
    job->out = OPENSSL_malloc(bound + SLACK);
    if (job->out)
        rv = cipher_run(job);
    bool goes_on = rv == CKR_OK && !call_wants_output(call, out, out_length, job->out_length, &rv);
    if (rv == CKR_OK) {
        memcpy(out, job->out, job->out_length);
        *out_length = job->out_length;
    }
    OPENSSL_clear_free(job->out, bound + SLACK);
    if (!goes_on)
        operation_end(operation);
    return rv;
}

static CK_RV crypt_once(struct call *call, enum operation_kind kind, const unsigned char *in,
                        CK_ULONG in_length, CK_BYTE_PTR out, CK_ULONG_PTR out_length)
{
    struct operation *operation = &call->session->operations[kind];
    CK_RV rv = begin_continue(call, kind);
    if (rv != CKR_OK)
        return rv;
    if (!out_length || (!in && in_length > 0)) {
        operation_end(operation);
        return CKR_ARGUMENTS_BAD;
    }
    struct cipher_job job = {
        .key = operation->key,
        .mechanism = atomic_load(&operation->mechanism),
        .parameters = &operation->parameters,
        .encrypting = kind == OPERATION_ENCRYPT,
        .in = in ? in : (const unsigned char *)"",
        .in_length = in_length,
    };
    return run(call, operation, &job, out, out_length);
}

CK_RV C_EncryptInit(CK_SESSION_HANDLE handle, CK_MECHANISM_PTR mechanism, CK_OBJECT_HANDLE key)
{
    struct call call;
    CK_RV rv = call_begin_work(&call, FAKE_C_EncryptInit, handle, mechanism, NULL, 0);
    if (rv == CKR_OK)
        rv = init(&call, OPERATION_ENCRYPT, mechanism, key);
    return call_end(&call, rv);
}

CK_RV C_Encrypt(CK_SESSION_HANDLE handle, CK_BYTE_PTR data, CK_ULONG length, CK_BYTE_PTR out,
                CK_ULONG_PTR out_length)
{
    struct call call;
    CK_RV rv = call_begin_session(&call, FAKE_C_Encrypt, handle);
    if (rv == CKR_OK)
        rv = crypt_once(&call, OPERATION_ENCRYPT, data, length, out, out_length);
    return call_end(&call, rv);
}

CK_RV C_DecryptInit(CK_SESSION_HANDLE handle, CK_MECHANISM_PTR mechanism, CK_OBJECT_HANDLE key)
{
    struct call call;
    CK_RV rv = call_begin_work(&call, FAKE_C_DecryptInit, handle, mechanism, NULL, 0);
    if (rv == CKR_OK)
        rv = init(&call, OPERATION_DECRYPT, mechanism, key);
    return call_end(&call, rv);
}

CK_RV C_Decrypt(CK_SESSION_HANDLE handle, CK_BYTE_PTR data, CK_ULONG length, CK_BYTE_PTR out,
                CK_ULONG_PTR out_length)
{
    struct call call;
    CK_RV rv = call_begin_session(&call, FAKE_C_Decrypt, handle);
    if (rv == CKR_OK)
        rv = crypt_once(&call, OPERATION_DECRYPT, data, length, out, out_length);
    return call_end(&call, rv);
}
