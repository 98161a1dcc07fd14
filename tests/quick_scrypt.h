#ifndef TESTS_QUICK_SCRYPT_H
#define TESTS_QUICK_SCRYPT_H

#include <stdbool.h>

/* There is no memory for it. */
extern bool quick_scrypt_fails;

#endif
