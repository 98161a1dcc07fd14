#ifndef KEYSTORE_SIGNING_AES_GCM_H
#define KEYSTORE_SIGNING_AES_GCM_H

#include "lib/ipc/messages_token.h"

/*
 * The ciphertext of AES keys, docs/encryption.md:
 *
 *   0x01 | version of the key (4, big-endian) | nonce (12) | ciphertext | tag (16)
 *
 * The first five octets are authenticated with it: the additional data that the token gets are they
 * and then the caller's.
 */
enum { AES_GCM_FORM = 1, AES_GCM_HEAD = 5, AES_GCM_EXTRA = 33 };

#endif
