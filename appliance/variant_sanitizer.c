#include "appliance/variant.h"

#include <stddef.h>

/* The sanitizers look at their own maps when they start, report and end. */
const char *const variant_system_calls[] = {
    "clone", "fork", "openat", "ptrace", "readlink", "wait4", NULL,
};
const char *const variant_environment[] = {
    "ASAN_OPTIONS", "LSAN_OPTIONS", "TSAN_OPTIONS", "UBSAN_OPTIONS", NULL,
};
