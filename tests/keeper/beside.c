#include "tests/keeper/beside.h"

#include "tests/unit/support.h"

static pthread_mutex_t working = PTHREAD_MUTEX_INITIALIZER;
static pthread_once_t once = PTHREAD_ONCE_INIT;

void beside_work(void)
{
    (void)pthread_mutex_lock(&working);
}

void beside_rest(void)
{
    (void)pthread_mutex_unlock(&working);
}

static void heed_forks(void)
{
    (void)pthread_atfork(beside_work, beside_rest, beside_rest);
}

static void wait_for(sem_t *told)
{
    while (sem_wait(told) != 0) {
    }
}

static void *run(void *context)
{
    struct beside *beside = context;

    (void)sem_post(&beside->begun);
    beside->body(beside->context);
    wait_for(&beside->may_end);
    return NULL;
}

void beside_begin(struct beside *beside, void (*body)(void *context), void *context)
{
    assert_int_equal(pthread_once(&once, heed_forks), 0);
    beside->body = body;
    beside->context = context;
    assert_int_equal(sem_init(&beside->begun, 0, 0), 0);
    assert_int_equal(sem_init(&beside->may_end, 0, 0), 0);
    assert_int_equal(pthread_create(&beside->thread, NULL, run, beside), 0);
    wait_for(&beside->begun);
}

void beside_end(struct beside *beside)
{
    (void)sem_post(&beside->may_end);
    assert_int_equal(pthread_join(beside->thread, NULL), 0);
    (void)sem_destroy(&beside->begun);
    (void)sem_destroy(&beside->may_end);
}
