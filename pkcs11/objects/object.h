#ifndef PKCS11_OBJECTS_OBJECT_H
#define PKCS11_OBJECTS_OBJECT_H

#include "lib/ipc/messages_common.h"
#include "pkcs11/module/session.h"

/*
 * Objects of the token: searches and attributes. What the module answers is looked at as if it came
 * from an attacker: counts and lengths are held against what was asked for.
 */

enum {
    OBJECT_TOTAL_MAX = 200000, /* handles of one search */
    OBJECT_VALUE_MAX = 2048,   /* octets of one attribute */
    OBJECT_PER_ID_MAX = 16,    /* objects that may share a CKA_ID */
    OBJECT_GUARD = 64          /* octets behind a buffer that no module may touch */
};

/*
 * Behind room for `most` octets that a module writes: by OBJECT_GUARD octets it is seen whether it
 * wrote past the length that it was given. If it did, our memory is spoiled, and the process ends.
 */
void object_set_guard(uint8_t *room, size_t most);
void object_check_guard(const uint8_t *room, size_t most, const char *call);

struct object_list {
    CK_OBJECT_HANDLE *handles;
    size_t count;
    size_t room;
};
void object_list_clear(struct object_list *list);

/*
 * Finds every object that fits the template. Each call of C_FindObjects asks for a batch; the
 * search is ended before anything else happens, since some modules allow no other call meanwhile.
 *
 * max:    more than so many is PS_E_LIMIT
 * Errors: PS_E_TOKEN, PS_E_LIMIT, PS_E_NO_MEMORY
 */
PS_MUST_USE enum ps_err object_find(struct session *session, CK_ATTRIBUTE *templ, CK_ULONG count,
                                    size_t max, struct object_list *ret_list);

/* All objects with this CKA_ID; `class` NULL: of any class. */
PS_MUST_USE enum ps_err object_find_id(struct session *session, struct ps_bytes id,
                                       const CK_OBJECT_CLASS *class, struct object_list *ret_list);

/* One attribute, with room behind it for a module that writes too far. */
struct object_value {
    bool is_there; /* false: the object has no such attribute, or it may not be read */
    size_t len;
    uint8_t octets[OBJECT_VALUE_MAX + OBJECT_GUARD];
};

static inline struct ps_bytes object_value_bytes(const struct object_value *value)
{
    return ps_bytes(value->octets, value->len);
}

/*
 * Reads one attribute. An attribute that is not there is no error.
 * Errors: PS_E_NOT_FOUND (the object is gone), PS_E_TOKEN (also for a length that cannot be)
 */
PS_MUST_USE enum ps_err object_read(struct session *session, CK_OBJECT_HANDLE handle,
                                    CK_ATTRIBUTE_TYPE type, struct object_value *ret_value);

/* A CK_ULONG that must be there. Errors: PS_E_TOKEN, PS_E_NOT_FOUND */
PS_MUST_USE enum ps_err object_read_number(struct session *session, CK_OBJECT_HANDLE handle,
                                           CK_ATTRIBUTE_TYPE type, CK_ULONG *ret_number);

/*
 * Which of our key types such an object is. `number`: the modulus of an RSA key, the parameters of
 * an elliptic one.
 */
enum ps_key_type object_key_type(CK_KEY_TYPE ck, struct ps_bytes number,
                                 const struct profile *profile);

/*
 * Which of our key types an object is; PS_KEY_NONE for any other. RSA keys whose private object
 * shows no modulus are looked at through the public object of the same id.
 */
PS_MUST_USE enum ps_err object_read_key_type(struct session *session, CK_OBJECT_HANDLE handle,
                                             enum ps_key_type *ret_type);

#endif
