#ifndef CEREMONY_OPERATION_TYPES_H
#define CEREMONY_OPERATION_TYPES_H

#include "lib/base/bytes.h"

/*
 * The types of operations (ceremonies.md): operation_types.def is the one table of their names,
 * their classes, what they are about, their parameters and how they are told to people. The keeper
 * adds what executes them (keystore/operations/types.c).
 */

/* Who has to approve. The policy says how many; see operation_class_text for its defaults. */
#define OPERATION_CLASS_A    'A'
#define OPERATION_CLASS_B    'B'
#define OPERATION_CLASS_C    'C'
#define OPERATION_CLASS_U    'U'
#define OPERATION_CLASS_NONE '-' /* nobody, under an approved policy */

/* What an operation is about; the class of a key that it touches may be higher than its own. */
enum operation_about {
    OPERATION_ABOUT_APPLIANCE,
    OPERATION_ABOUT_CERTIFICATE,
    OPERATION_ABOUT_CLIENT,
    OPERATION_ABOUT_FAMILY,
    OPERATION_ABOUT_KEY,
    OPERATION_ABOUT_OPERATION,
    OPERATION_ABOUT_PERSON,
    OPERATION_ABOUT_POLICY,
    OPERATION_ABOUT_PROFILE,
    OPERATION_ABOUT_SET,
    OPERATION_ABOUT_TOKEN
};

struct operation_type_info {
    const char *name;           /* "key.create" */
    char class;                 /* of the OPERATION_CLASS_ letters */
    enum operation_about about; /* and which one it is: */
    const char *subject;        /* the member of params that names it; NULL: there is one only */
    const char *sentence;       /* for people; "{member}" is the value of a member of params */
    const char *approvals;      /* what the class does not say of who approves; or NULL */
};

/* In the order of the table, which is that of the names. NULL past the end. */
const struct operation_type_info *operation_type_info_at(size_t index);

/* NULL: there is no such type. */
const struct operation_type_info *operation_type_info_find(struct ps_bytes name);

/* Whether the appliance begins such ones by itself, as the approved policy of a key has it. */
bool operation_type_is_scheduled(const struct operation_type_info *type);

const char *operation_about_name(enum operation_about about); /* "key" */

/* "2 officers and 1 auditor, none of them the requester": the default of a class; NULL: no class.
 */
const char *operation_class_text(char class);

#endif
