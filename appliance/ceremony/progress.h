#ifndef APPLIANCE_CEREMONY_PROGRESS_H
#define APPLIANCE_CEREMONY_PROGRESS_H

#include "appliance/ceremony/doing.h"

#include <pthread.h>

/* Tells how far an execution has come while the request for it is waited for. */
struct progress {
    const struct cli_run *run;
    char path[128]; /* of the operation */
    pthread_t thread;
    pthread_mutex_t lock;
    pthread_cond_t ended;
    bool is_ended;
    bool is_running;
};

/* When it cannot be started, the execution is only less talkative. */
void progress_start(struct progress *progress, const struct doing *doing);
void progress_stop(struct progress *progress);

#endif
