#include "pkcs11/wrapped/wrapping.h"

#include "pkcs11/objects/object.h"
#include "pkcs11/use/use.h"

#include <stdlib.h>

enum ps_err wrapping_find_mechanism(const struct profile *profile, CK_MECHANISM_TYPE *ret_mechanism)
{
    static const CK_MECHANISM_TYPE ours[] = {CKM_AES_KEY_WRAP_KWP, CKM_AES_KEY_WRAP_PAD, 0};

    return use_find_mechanism(profile, PROFILE_USE_WRAP, ours, ret_mechanism);
}

static void free_room(uint8_t **room)
{
    free(*room);
}

enum ps_err wrapping_wrap(struct session *session, CK_MECHANISM *mechanism,
                          CK_OBJECT_HANDLE wrapping, CK_OBJECT_HANDLE key, size_t most,
                          struct ps_buf *out)
{
    PS_CLEANUP(free_room) uint8_t *room = malloc(most + OBJECT_GUARD);
    CK_ULONG len = most;
    CK_RV rv;

    if (room == NULL) {
        return ps_fail(PS_E_NO_MEMORY, 0, "out of memory");
    }
    object_set_guard(room, most);
    rv = session->fn->C_WrapKey(session->handle, mechanism, wrapping, key, room, &len);
    object_check_guard(room, most, "C_WrapKey");
    PS_TRY(session_try(session, OPERATION_MAKE, rv, "C_WrapKey"));
    if (len == 0 || len > most) {
        return session_fail(session, OPERATION_MAKE, CKR_OK, "C_WrapKey");
    }
    ps_buf_put(out, ps_bytes(room, len));
    return ps_buf_status(out);
}
