#ifndef TESTS_KEEPER_BESIDE_H
#define TESTS_KEEPER_BESIDE_H

#include <pthread.h>
#include <semaphore.h>

/*
 * A thread beside a test that forks. The child of a fork has the locks as they were, and not the
 * thread that would release them; an allocator with sanitizers does not see to its own. So a fork
 * waits while such a thread works, and the thread neither begins nor ends beside one.
 */
struct beside {
    pthread_t thread;
    void (*body)(void *context);
    void *context;
    sem_t begun;
    sem_t may_end;
};

/* Returns when it has begun. It works on nothing outside of beside_work and beside_rest. */
void beside_begin(struct beside *beside, void (*body)(void *context), void *context);

/* After the body has ended, or with whatever lets it end. */
void beside_end(struct beside *beside);

/* What a thread does between the two, a fork waits for: nothing in it waits for the test. */
void beside_work(void);
void beside_rest(void);

#endif
