#include <limits.h>
#include <openssl/rand.h>

#include "call.h"
#include "cryptoki.h"

CK_RV C_GenerateRandom(CK_SESSION_HANDLE handle, CK_BYTE_PTR out, CK_ULONG length)
{
    struct call call;
    CK_ULONG written = length;
    CK_RV rv = call_begin_session(&call, FAKE_C_GenerateRandom, handle);
    if (rv == CKR_OK && (!out || length > INT_MAX))
        rv = CKR_ARGUMENTS_BAD;
    if (rv == CKR_OK && RAND_bytes(out, (int)length) != 1)
        rv = CKR_DEVICE_ERROR;
    if (rv == CKR_OK) {
        call.output = out;
        call.output_length = &written;
    }
    return call_end(&call, rv);
}

CK_RV C_SeedRandom(CK_SESSION_HANDLE handle, CK_BYTE_PTR seed, CK_ULONG length)
{
    struct call call;
    CK_RV rv = call_begin_session(&call, FAKE_C_SeedRandom, handle);
    if (rv == CKR_OK && (!seed || length > INT_MAX))
        rv = CKR_ARGUMENTS_BAD;
    if (rv == CKR_OK)
        RAND_add(seed, (int)length, 0);
    return call_end(&call, rv);
}
