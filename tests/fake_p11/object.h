#ifndef FAKE_P11_OBJECT_H
#define FAKE_P11_OBJECT_H

#include <openssl/types.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <sys/types.h>
#include <time.h>

#include "attrs.h"

/* 16 random octets in hexadecimal: the object's CKA_UNIQUE_ID and the name of its file. */
#define OBJECT_ID_SIZE 33

/* Tells one version of an object's file from another. */
struct object_stamp {
    ino_t inode;
    off_t size;
    struct timespec changed;
};

/*
 * One object as it was at one moment. It never changes: changing an attribute makes a new one that
 * takes the old one's place and handle, so that a signature under way keeps what it began with.
 */
struct object {
    atomic_uint refs;
    unsigned token;
    char id[OBJECT_ID_SIZE];
    CK_OBJECT_HANDLE handle; /* the table's; read only under its lock */
    CK_SESSION_HANDLE owner; /* of a session object; CK_INVALID_HANDLE for a token object */
    CK_OBJECT_CLASS class;
    CK_KEY_TYPE key_type;
    bool is_private;
    struct object_stamp stamp;
    struct attrs attrs;
    _Atomic(EVP_PKEY *) pkey; /* made when first used */
};

/* Takes over the attributes, also when it fails. */
struct object *object_new(unsigned token, const char *id, CK_SESSION_HANDLE owner,
                          struct attrs *attrs);
struct object *object_ref(struct object *object);
void object_release(struct object *object);

bool object_is_key(const struct object *object);

/* Whether the value of an attribute must not leave the token. */
bool object_hides(const struct object *object, CK_ATTRIBUTE_TYPE type);

/* Whether the object is one a search with this template finds. */
bool object_matches(const struct object *object, const CK_ATTRIBUTE *templ, CK_ULONG count);

/* The key in OpenSSL's form, owned by the object; NULL when its attributes make no key. */
EVP_PKEY *object_pkey(struct object *object);

#endif
