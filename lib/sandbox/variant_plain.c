#include "lib/sandbox/variant.h"

#include <stddef.h>

const char *const variant_system_calls[] = {NULL};
const char *const variant_environment[] = {NULL};

void variant_begin_role(void)
{
}
