#ifndef PS_BASE_PROBLEM_H
#define PS_BASE_PROBLEM_H

#include "lib/base/bytes.h"
#include "lib/base/err.h"

/* What a refusal is called towards clients: the rows of problem.def. */
enum ps_problem {
    PS_PROBLEM_NONE = 0,
#define PROBLEM(id, code, status, exit_code, retry, title, cause, remedy) PS_PROBLEM_##id,
#include "lib/base/problem.def"
#undef PROBLEM
    PS_PROBLEM_COUNT
};

struct ps_problem_info {
    const char *code;
    int http_status;
    int exit_code;
    bool retry_helps;
    const char *title;
    const char *cause;
    const char *remedy;
};

/* NULL when there is no such problem. */
const struct ps_problem_info *ps_problem_info(enum ps_problem problem);

/* PS_PROBLEM_NONE when no code has this name. */
enum ps_problem ps_problem_by_code(struct ps_bytes code);

/* Seconds after which the same may be tried again: few, as most of it is over soon; 0: it is no
 * use. */
uint32_t ps_problem_wait_s(enum ps_problem problem);

/* The problem that an error becomes when nothing more exact is known. */
enum ps_problem ps_problem_of_err(enum ps_err err);

#endif
