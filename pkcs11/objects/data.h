#ifndef PKCS11_OBJECTS_DATA_H
#define PKCS11_OBJECTS_DATA_H

#include "pkcs11/module/admin.h"

/*
 * msg_token_random, and data objects of ours: msg_token_data_read, msg_token_data_write. A new
 * content is a new object with a higher number in CKA_APPLICATION, the old one goes afterwards: a
 * crash at any moment leaves one whole object at least, and the highest number counts. What such a
 * crash left besides goes when the data is read or written next.
 */
admin_fn data_read;
admin_fn data_write;
admin_fn data_random;

#endif
