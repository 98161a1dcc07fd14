#include "lib/base/counted.h"

#include <stdio.h>

struct ps_counted ps_counted(uint64_t count, const char *one, const char *many)
{
    struct ps_counted counted;

    (void)snprintf(counted.text, sizeof counted.text, "%llu %s", (unsigned long long)count,
                   count == 1 ? one : many);
    return counted;
}
