#ifndef KEYSTORE_POLICY_OPERATIONS_GRANTED_H
#define KEYSTORE_POLICY_OPERATIONS_GRANTED_H

#include "lib/base/algorithm.h"

/* What a grant may name: the rows of operations_granted.def. */
enum granted_op {
    GRANTED_NONE,
#define OPERATION(id, name, about, formats) GRANTED_##id,
#include "keystore/policy/operations_granted.def"
#undef OPERATION
    GRANTED_COUNT
};

enum granted_about { ABOUT_KEY, ABOUT_APPLIANCE, ABOUT_PARAMETER };

struct granted_op_info {
    const char *name;
    size_t name_len;
    enum granted_about about;
    unsigned formats; /* GRANTED_FORMAT(...) of those it touches; 0: none */
};
#define GRANTED_FORMAT(format) (1u << (format))

/* NULL when it is none. */
const struct granted_op_info *granted_op_info(enum granted_op op);

/*
 * GRANTED_NONE when there is no such operation. *ret_parameter, which may be NULL, becomes what
 * stands behind the ":", borrowed from `name`; empty for operations without a parameter.
 */
enum granted_op granted_op_by_name(struct ps_bytes name, struct ps_bytes *ret_parameter);

#endif
