#include "appliance/variant.h"

#include <stddef.h>

const char *const variant_system_calls[] = {NULL};
const char *const variant_environment[] = {NULL};
