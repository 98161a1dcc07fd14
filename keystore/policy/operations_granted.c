#include "keystore/policy/operations_granted.h"

#include "lib/base/name.h"

#include <assert.h>

#define FORMAT(format) GRANTED_FORMAT(PS_FORMAT_##format)

static const struct granted_op_info infos[GRANTED_COUNT] = {
#define OPERATION(id, name_, about_, formats_)                                                     \
    [GRANTED_##id] = {.name = (name_),                                                             \
                      .name_len = sizeof(name_) - 1,                                               \
                      .about = ABOUT_##about_,                                                     \
                      .formats = (formats_)},
#include "keystore/policy/operations_granted.def"
#undef OPERATION
};

/* Grants hold them as bits. */
static_assert(GRANTED_COUNT <= 64, "one bit for each operation");

const struct granted_op_info *granted_op_info(enum granted_op op)
{
    return op > GRANTED_NONE && op < GRANTED_COUNT ? &infos[op] : NULL;
}

enum granted_op granted_op_by_name(struct ps_bytes name, struct ps_bytes *ret_parameter)
{
    const uint8_t *colon = name.len == 0 ? NULL : memchr(name.data, ':', name.len);
    const size_t len = colon == NULL ? name.len : (size_t)(colon - name.data);
    const struct ps_bytes parameter =
        colon == NULL ? ps_bytes(NULL, 0) : ps_bytes_from(name, len + 1);

    for (unsigned i = GRANTED_NONE + 1; i < GRANTED_COUNT; i++) {
        if (infos[i].name_len != len || memcmp(infos[i].name, name.data, len) != 0) {
            continue;
        }
        if (infos[i].about == ABOUT_PARAMETER ? !ps_name_valid(parameter) : colon != NULL) {
            return GRANTED_NONE;
        }
        if (ret_parameter != NULL) {
            *ret_parameter = parameter;
        }
        return (enum granted_op)i;
    }
    return GRANTED_NONE;
}
