#include "lib/base/problem.h"

static const struct ps_problem_info infos[PS_PROBLEM_COUNT] = {
#define PROBLEM(id, code, status, exit_code, retry, title, cause, remedy)                          \
    [PS_PROBLEM_##id] = {code, status, exit_code, retry, title, cause, remedy},
#include "lib/base/problem.def"
#undef PROBLEM
};

static const enum ps_problem of_err[PS_E_COUNT] = {
    [PS_OK] = PS_PROBLEM_INTERNAL,
    [PS_E_INPUT] = PS_PROBLEM_MALFORMED,
    [PS_E_DENIED] = PS_PROBLEM_FORBIDDEN,
    [PS_E_NOT_FOUND] = PS_PROBLEM_NOT_FOUND,
    [PS_E_CONFLICT] = PS_PROBLEM_CONFLICT,
    [PS_E_STATE] = PS_PROBLEM_WRONG_STATE,
    [PS_E_LIMIT] = PS_PROBLEM_TOO_LARGE,
    [PS_E_BUSY] = PS_PROBLEM_OVERLOADED,
    [PS_E_TOKEN] = PS_PROBLEM_TOKEN_UNAVAILABLE,
    [PS_E_STORAGE] = PS_PROBLEM_LOG_UNAVAILABLE,
    [PS_E_NO_MEMORY] = PS_PROBLEM_OVERLOADED,
    [PS_E_INTERNAL] = PS_PROBLEM_INTERNAL,
};

const struct ps_problem_info *ps_problem_info(enum ps_problem problem)
{
    return problem > PS_PROBLEM_NONE && problem < PS_PROBLEM_COUNT ? &infos[problem] : NULL;
}

enum ps_problem ps_problem_by_code(struct ps_bytes code)
{
    for (unsigned i = PS_PROBLEM_NONE + 1; i < PS_PROBLEM_COUNT; i++) {
        if (ps_bytes_equal_str(code, infos[i].code)) {
            return (enum ps_problem)i;
        }
    }
    return PS_PROBLEM_NONE;
}

uint32_t ps_problem_wait_s(enum ps_problem problem)
{
    const struct ps_problem_info *info = ps_problem_info(problem);

    return info != NULL && info->retry_helps ? 1 : 0;
}

enum ps_problem ps_problem_of_err(enum ps_err err)
{
    return (unsigned)err < PS_E_COUNT ? of_err[err] : PS_PROBLEM_INTERNAL;
}
