#include "tests/together.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>

/* Runs the one test that it is called with: of all of them it is linked once. */
static struct together_test *tests;

void together_join(struct together_test *test)
{
    test->next = tests;
    tests = test;
}

static bool is_named(const struct together_test *test, const char *name)
{
    const char *slash = strrchr(test->file, '/');
    char expected[256];

    (void)snprintf(expected, sizeof expected, "test_%s.c", name);
    return strcmp(slash == NULL ? test->file : slash + 1, expected) == 0;
}

int main(int argc, char **argv)
{
    for (const struct together_test *test = tests; argc == 2 && test != NULL; test = test->next) {
        if (is_named(test, argv[1])) {
            return test->run();
        }
    }
    (void)fprintf(stderr, "usage: %s NAME, of one of these files without test_ and .c\n", argv[0]);
    for (const struct together_test *test = tests; test != NULL; test = test->next) {
        (void)fprintf(stderr, "  %s\n", test->file);
    }
    return 2;
}
