#ifndef FAKE_P11_CREATE_H
#define FAKE_P11_CREATE_H

#include "call.h"

/* Completes attributes and makes an object of them, in the token or in the session. Takes over the
 * attributes, also when it fails. Errors: as call_may_write, CKR_HOST_MEMORY, CKR_DEVICE_MEMORY */
CK_RV create_object(struct call *call, struct attrs *attrs, enum origin origin,
                    CK_MECHANISM_TYPE generated_by, CK_OBJECT_HANDLE *ret_handle);

#endif
