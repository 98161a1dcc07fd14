#ifndef SANDBOX_VARIANT_H
#define SANDBOX_VARIANT_H

/*
 * What differs between an ordinary build and one with sanitizers: meson takes variant_plain.c or
 * variant_sanitizer.c. Both lists end with NULL.
 */

/* Further system calls of every role. */
extern const char *const variant_system_calls[];

/* Variables that a role inherits from the supervisor. */
extern const char *const variant_environment[];

/* Called once in a role, before its sandbox. */
void variant_begin_role(void);

#endif
