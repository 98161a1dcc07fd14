#include <stdlib.h>
#include <string.h>

#include "call.h"
#include "cryptoki.h"
#include "objects.h"
#include "store.h"

/* FAKE_TOO_MANY_HANDLES claims so many more than were asked for. */
#define TOO_MANY 1000

static CK_RV find_init(struct call *call, const CK_ATTRIBUTE *templ, CK_ULONG count)
{
    struct session *session = call->session;
    if (session->finding)
        return CKR_OPERATION_ACTIVE;
    if (count > 0 && !templ)
        return CKR_ARGUMENTS_BAD;
    CK_RV rv = store_sync(call->module, call->token, true);
    if (rv != CKR_OK)
        return rv;
    free(session->found);
    session->found = NULL;
    session->found_next = 0;
    rv = objects_find(call->module, call->token, templ, count, &session->found,
                      &session->found_count);
    session->finding = rv == CKR_OK;
    return rv;
}

static CK_RV find(struct call *call, CK_OBJECT_HANDLE *out, CK_ULONG most, CK_ULONG *ret_count)
{
    struct session *session = call->session;
    if (!session->finding)
        return CKR_OPERATION_NOT_INITIALIZED;
    if (!ret_count || (!out && most > 0))
        return CKR_ARGUMENTS_BAD;
    CK_ULONG left = session->found_count - session->found_next;
    CK_ULONG count = left < most ? left : most;
    if (count > 0)
        memcpy(out, session->found + session->found_next, count * sizeof(*out));
    session->found_next += count;
    *ret_count = call->fault.answer == FAKE_TOO_MANY_HANDLES ? most + TOO_MANY : count;
    call_gives_count(call, ret_count);
    return CKR_OK;
}

CK_RV C_FindObjectsInit(CK_SESSION_HANDLE handle, CK_ATTRIBUTE_PTR templ, CK_ULONG count)
{
    struct call call;
    CK_RV rv = call_begin_work(&call, FAKE_C_FindObjectsInit, handle, NULL, templ, count);
    if (rv == CKR_OK)
        rv = find_init(&call, templ, count);
    return call_end(&call, rv);
}

CK_RV C_FindObjects(CK_SESSION_HANDLE handle, CK_OBJECT_HANDLE_PTR out, CK_ULONG most,
                    CK_ULONG_PTR ret_count)
{
    struct call call;
    CK_RV rv = call_begin_session(&call, FAKE_C_FindObjects, handle);
    if (rv == CKR_OK)
        rv = find(&call, out, most, ret_count);
    return call_end(&call, rv);
}

CK_RV C_FindObjectsFinal(CK_SESSION_HANDLE handle)
{
    struct call call;
    CK_RV rv = call_begin_session(&call, FAKE_C_FindObjectsFinal, handle);
    if (rv == CKR_OK)
        rv = call.session->finding ? CKR_OK : CKR_OPERATION_NOT_INITIALIZED;
    if (rv == CKR_OK)
        call.session->finding = false;
    return call_end(&call, rv);
}
