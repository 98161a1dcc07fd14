#ifndef PS_BASE_ERR_H
#define PS_BASE_ERR_H

#include <stdbool.h>
#include <stddef.h>

#include "lib/base/compiler.h"

/*
 * The classes of failure. A class says what a caller can do about it; what exactly happened is the
 * detail (below), for people. Which class becomes which HTTP status, exit code and retry advice
 * stands in one table, ps_err_info().
 */
enum ps_err {
    PS_OK = 0,
    PS_E_INPUT,     /* malformed, or outside its limits */
    PS_E_DENIED,    /* not permitted */
    PS_E_NOT_FOUND, /* no such thing, or not one the caller may see */
    PS_E_CONFLICT,  /* exists already with other content, or changed meanwhile */
    PS_E_STATE,     /* not in this state */
    PS_E_LIMIT,     /* a quota, rate or size is used up */
    PS_E_BUSY,      /* not now; trying again helps */
    PS_E_TOKEN,     /* the PKCS#11 token failed */
    PS_E_STORAGE,   /* disk or database failed */
    PS_E_NO_MEMORY,
    PS_E_INTERNAL, /* our own mistake */
    PS_E_COUNT
};

struct ps_err_info {
    const char *name; /* "input", "denied", ... */
    int http_status;  /* used where no problem code is more exact */
    int exit_code;    /* of the command line: 1 failed, 2 usage, 3 refused, 4 not found, 5 away */
    bool retry_helps;
};

const struct ps_err_info *ps_err_info(enum ps_err err);

/*
 * What happened, for a person: kept for the calling thread from the place where an error starts
 * until the next ps_fail. `code` is the number of the layer below (errno, CK_RV, SQLite's).
 */
struct ps_detail {
    enum ps_err err;
    long code;
    char text[240];
};

/*
 * Records the detail and yields `err`, so that an error starts with
 * `return ps_fail(PS_E_INPUT, 0, "%zu octets", len);`. A macro, so that compilers and analysers see
 * that what is returned is not PS_OK.
 */
#define ps_fail(err, code, ...) (ps_record_failure((err), (code), __VA_ARGS__), (err))

/* The same with errno as code and its text at the end. */
#define ps_fail_errno(err, ...) (ps_record_errno((err), __VA_ARGS__), (err))

PS_PRINTF(3, 4) void ps_record_failure(enum ps_err err, long code, const char *format, ...);
PS_PRINTF(2, 3) void ps_record_errno(enum ps_err err, const char *format, ...);

const struct ps_detail *ps_detail(void);

/* Passes an error on. The only macro that hides a return. */
#define PS_TRY(call)                                                                               \
    do {                                                                                           \
        enum ps_err ps_try_err = (call);                                                           \
        if (ps_try_err != PS_OK) {                                                                 \
            return ps_try_err;                                                                     \
        }                                                                                          \
    } while (0)

#endif
