#include "lib/ceremony/operation/types.h"

#include "lib/base/compiler.h"
#include "lib/ceremony/operation/schema.h"

#include <assert.h>

static const struct operation_type_info types[] = {
#define TYPE(name_, class_, about_, subject_, sentence_, approvals_)                               \
    {.name = (name_),                                                                              \
     .class = OPERATION_CLASS_##class_,                                                            \
     .about = OPERATION_ABOUT_##about_,                                                            \
     .subject = (subject_),                                                                        \
     .sentence = (sentence_),                                                                      \
     .approvals = (approvals_)},
#define PARAM(...)
#include "lib/ceremony/operation/types.def"
#undef TYPE
#undef PARAM
};

/* The same table once more: each type's row stands before the rows of its params. */
static const struct param rows[] = {
#define TYPE(name_, ...)         {.path = (name_), .kind = PARAM_TYPE},
#define PARAM(path_, kind_, ...) {.path = (path_), .kind = PARAM_##kind_, __VA_ARGS__},
#include "lib/ceremony/operation/types.def"
#undef TYPE
#undef PARAM
};

static const char *const abouts[] = {
    [OPERATION_ABOUT_APPLIANCE] = "appliance",
    [OPERATION_ABOUT_CERTIFICATE] = "certificate",
    [OPERATION_ABOUT_CLIENT] = "client",
    [OPERATION_ABOUT_FAMILY] = "family",
    [OPERATION_ABOUT_KEY] = "key",
    [OPERATION_ABOUT_OPERATION] = "operation",
    [OPERATION_ABOUT_PERSON] = "person",
    [OPERATION_ABOUT_POLICY] = "policy",
    [OPERATION_ABOUT_PROFILE] = "profile",
    [OPERATION_ABOUT_SET] = "set",
    [OPERATION_ABOUT_TOKEN] = "token",
};

static const struct {
    char class;
    const char *text;
} classes[] = {
    {OPERATION_CLASS_A, "2 officers and 1 auditor, none of them the requester"},
    {OPERATION_CLASS_B, "2 officers, none of them the requester"},
    {OPERATION_CLASS_C, "1 officer, who may be the requester"},
    {OPERATION_CLASS_U, "2 officers, who may be the requester"},
    {OPERATION_CLASS_NONE, "nobody, under an approved policy"},
};

static const char *const scheduled[] = {"certificate.issue", "key.activate", "key.deactivate",
                                        "key.rotate"};

bool operation_type_is_scheduled(const struct operation_type_info *type)
{
    for (size_t i = 0; i < PS_COUNT_OF(scheduled); i++) {
        if (strcmp(type->name, scheduled[i]) == 0) {
            return true;
        }
    }
    return false;
}

const struct operation_type_info *operation_type_info_at(size_t index)
{
    return index < PS_COUNT_OF(types) ? &types[index] : NULL;
}

const struct operation_type_info *operation_type_info_find(struct ps_bytes name)
{
    for (size_t i = 0; i < PS_COUNT_OF(types); i++) {
        if (ps_bytes_equal_str(name, types[i].name)) {
            return &types[i];
        }
    }
    return NULL;
}

const char *operation_about_name(enum operation_about about)
{
    assert(about < PS_COUNT_OF(abouts));
    return abouts[about];
}

const char *operation_class_text(char class)
{
    for (size_t i = 0; i < PS_COUNT_OF(classes); i++) {
        if (classes[i].class == class) {
            return classes[i].text;
        }
    }
    return NULL;
}

/* The rows from `first` to the next type's. */
static struct params params_from(size_t first, const char *prefix)
{
    size_t end = first;

    while (end < PS_COUNT_OF(rows) && rows[end].kind != PARAM_TYPE) {
        end++;
    }
    return (struct params){.rows = rows + first, .count = end - first, .prefix = prefix};
}

struct params operation_params_of_document(void)
{
    return params_from(0, "");
}

struct params operation_params_of(const struct operation_type_info *type)
{
    size_t at = 0;

    while (at < PS_COUNT_OF(rows) &&
           (rows[at].kind != PARAM_TYPE || strcmp(rows[at].path, type->name) != 0)) {
        at++;
    }
    assert(at < PS_COUNT_OF(rows));
    return params_from(at + 1, "params.");
}
