#ifndef PS_BASE_COUNTED_H
#define PS_BASE_COUNTED_H

#include <stdint.h>

/* For an argument of a printf: ps_counted(...).text; a longer one is cut. */
struct ps_counted {
    char text[96];
};

/*
 * A number and what it is of: "1 leaf", "0 leaves". What agrees with the noun may follow it:
 * "leaf is signed for", "leaves are signed for".
 */
struct ps_counted ps_counted(uint64_t count, const char *one, const char *many);

#endif
