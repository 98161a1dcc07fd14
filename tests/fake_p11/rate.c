#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

#include "harness.h"

/*
 * fake_p11_rate [SESSIONS [LATENCY-US [SECONDS]]]: how many ECDSA P-256 signatures a second that
 * many threads get out of one process, each in a session of its own.
 */

struct worker {
    pthread_t thread;
    const struct harness *harness;
    CK_SESSION_HANDLE session;
    CK_OBJECT_HANDLE key;
    uint64_t until_ns;
    uint64_t done, failed;
};

static void *work(void *argument)
{
    struct worker *worker = argument;
    CK_FUNCTION_LIST *p11 = worker->harness->p11;
    CK_MECHANISM mechanism = {CKM_ECDSA, NULL, 0};
    unsigned char digest[32] = {1}, signature[64];
    while (control_now_ns() < worker->until_ns) {
        CK_ULONG length = sizeof(signature);
        if (p11->C_SignInit(worker->session, &mechanism, worker->key) == CKR_OK &&
            p11->C_Sign(worker->session, digest, sizeof(digest), signature, &length) == CKR_OK)
            worker->done++;
        else
            worker->failed++;
    }
    return NULL;
}

static unsigned long word(char **argv, int argc, int index, unsigned long fallback)
{
    return index < argc ? strtoul(argv[index], NULL, 10) : fallback;
}

int main(int argc, char **argv)
{
    unsigned long sessions = word(argv, argc, 1, 64);
    unsigned long latency_us = word(argv, argc, 2, 2000);
    unsigned long seconds = word(argv, argc, 3, 5);
    struct harness harness;
    struct worker *workers = calloc(sessions, sizeof(*workers));
    if (!workers)
        return EXIT_FAILURE;
    harness_start(&harness, 1);
    struct pair pair = harness_make_p256(&harness, harness_login(&harness, 0));
    atomic_store(&harness.control->tokens[0].latency_us, latency_us);
    uint64_t start = control_now_ns();
    for (unsigned long i = 0; i < sessions; i++) {
        workers[i] = (struct worker){.harness = &harness,
                                     .session = harness_open(&harness, 0),
                                     .key = pair.private,
                                     .until_ns = start + seconds * 1000000000U};
        pthread_create(&workers[i].thread, NULL, work, &workers[i]);
    }
    uint64_t done = 0, failed = 0;
    for (unsigned long i = 0; i < sessions; i++) {
        pthread_join(workers[i].thread, NULL);
        done += workers[i].done;
        failed += workers[i].failed;
    }
    double elapsed = (double)(control_now_ns() - start) / 1e9;
    printf("%lu sessions, %lu us: %.0f signatures/s, %llu failed\n", sessions, latency_us,
           (double)done / elapsed, (unsigned long long)failed);
    harness_stop(&harness);
    free(workers);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
