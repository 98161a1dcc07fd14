#ifndef TESTS_KEEPER_FILES_H
#define TESTS_KEEPER_FILES_H

#include "tests/keeper/fixture.h"

#include <spawn.h>
#include <sys/wait.h>

/* A program for files, with its operands. */
static inline PS_UNUSED void run(const char *program, const char *option, const char *one,
                                 const char *other)
{
    char *arguments[] = {(char *)(uintptr_t)program, (char *)(uintptr_t)option,
                         (char *)(uintptr_t)one, (char *)(uintptr_t)other, NULL};
    pid_t pid;
    int status;

    assert_int_equal(posix_spawnp(&pid, program, NULL, NULL, arguments, environ), 0);
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_int_equal(status, 0);
}

#endif
