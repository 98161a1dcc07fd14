#ifndef FAKE_P11_CRYPTOKI_H
#define FAKE_P11_CRYPTOKI_H

#include "pkcs11/module/cryptoki_extra.h"

/* The functions of v3.0 that the function lists name and p11-kit does not declare. */
CK_RV C_GetInterfaceList(CK_INTERFACE_PTR list, CK_ULONG_PTR count);
CK_RV C_GetInterface(CK_UTF8CHAR_PTR name, CK_VERSION_PTR version, CK_INTERFACE_PTR_PTR interface,
                     CK_FLAGS flags);
CK_RV C_SessionCancel(CK_SESSION_HANDLE handle, CK_FLAGS flags);

/* What a program that loads the module finds by name; the rest it finds in the lists. */
#define FAKE_EXPORT __attribute__((visibility("default")))

#endif
