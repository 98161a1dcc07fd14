#ifndef TESTS_TOGETHER_H
#define TESTS_TOGETHER_H

/* One test of a program that is made of several (together.c). */
struct together_test {
    const char *file; /* ends in test_<name>.c */
    int (*run)(void);
    struct together_test *next;
};

/* test: stays where it is until the program ends */
void together_join(struct together_test *test);

#endif
