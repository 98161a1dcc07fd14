#include "lib/base/err.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

static const struct ps_err_info infos[PS_E_COUNT] = {
    [PS_OK] = {"ok", 200, 0, false},
    [PS_E_INPUT] = {"input", 400, 2, false},
    [PS_E_DENIED] = {"denied", 403, 3, false},
    [PS_E_NOT_FOUND] = {"not-found", 404, 4, false},
    [PS_E_CONFLICT] = {"conflict", 409, 1, false},
    [PS_E_STATE] = {"state", 409, 3, false},
    [PS_E_LIMIT] = {"limit", 429, 5, true},
    [PS_E_BUSY] = {"busy", 503, 5, true},
    [PS_E_TOKEN] = {"token", 503, 5, true},
    [PS_E_STORAGE] = {"storage", 503, 5, true},
    [PS_E_NO_MEMORY] = {"no-memory", 503, 1, true},
    [PS_E_INTERNAL] = {"internal", 500, 1, false},
};

static _Thread_local struct ps_detail current;

const struct ps_err_info *ps_err_info(enum ps_err err)
{
    return &infos[(unsigned)err < PS_E_COUNT ? err : PS_E_INTERNAL];
}

const struct ps_detail *ps_detail(void)
{
    return &current;
}

void ps_record_failure(enum ps_err err, long code, const char *format, ...)
{
    va_list args;

    current.err = err;
    current.code = code;
    va_start(args, format);
    (void)vsnprintf(current.text, sizeof current.text, format, args);
    va_end(args);
}

void ps_record_errno(enum ps_err err, const char *format, ...)
{
    const int number = errno;
    va_list args;
    size_t used;

    current.err = err;
    current.code = number;
    va_start(args, format);
    (void)vsnprintf(current.text, sizeof current.text, format, args);
    va_end(args);
    used = strlen(current.text);
    (void)snprintf(current.text + used, sizeof current.text - used, ": %s",
                   strerrordesc_np(number));
}
