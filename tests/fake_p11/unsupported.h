#ifndef FAKE_P11_UNSUPPORTED_H
#define FAKE_P11_UNSUPPORTED_H

#include "cryptoki.h"

/* Fills in the functions the module does not have. */
void unsupported_fill(CK_FUNCTION_LIST *list);
void unsupported_fill_v3(CK_FUNCTION_LIST_3_0 *list);

#endif
