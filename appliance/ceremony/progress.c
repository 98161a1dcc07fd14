#include "appliance/ceremony/progress.h"

#include "appliance/terminal.h"
#include "lib/base/clock.h"

#include <stdio.h>
#include <time.h>

#define STILL_S 5 /* so often it is said that it takes its time */

static void close_client(struct privyseal **client)
{
    privyseal_close(*client);
}

/* What the appliance says of it: "37 of 100 made". */
static void ask(struct privyseal *client, const char *path, char *ret_text, size_t size)
{
    PS_CLEANUP(privyseal_answer_clear) struct privyseal_answer answer = {0};
    const struct privyseal_request request = {.method = "GET", .path = path};
    char state[32];

    ret_text[0] = '\0';
    if (privyseal_call(client, &request, &answer) != PRIVYSEAL_OK) {
        return;
    }
    doing_read(answer.body, "state", state, sizeof state);
    if (strcmp(state, "executing") == 0) {
        doing_read(answer.body, "detail", ret_text, size);
    }
}

static void tell(const char *text)
{
    PS_BUF_AUTO line = {.max = 1024};

    ps_buf_put_str(&line, "  ");
    terminal_put_line(text, &line);
    ps_buf_put_u8(&line, '\n');
    if (ps_buf_status(&line) == PS_OK) {
        (void)!terminal_print(ps_buf_bytes(&line));
    }
}

/* True when the execution has ended within a second. */
static bool wait_a_second(struct progress *progress)
{
    struct timespec until;
    bool is_ended;

    (void)clock_gettime(CLOCK_REALTIME, &until);
    until.tv_sec++;
    (void)pthread_mutex_lock(&progress->lock);
    if (!progress->is_ended) {
        (void)pthread_cond_timedwait(&progress->ended, &progress->lock, &until);
    }
    is_ended = progress->is_ended;
    (void)pthread_mutex_unlock(&progress->lock);
    return is_ended;
}

static void *watch(void *context)
{
    PS_CLEANUP(close_client) struct privyseal *client = NULL;
    struct progress *progress = context;
    char said[256] = "";
    char text[256];

    for (unsigned seconds = 1; !wait_a_second(progress); seconds++) {
        if (client == NULL && cli_open(progress->run, &client) != CLI_DONE) {
            return NULL;
        }
        ask(client, progress->path, text, sizeof text);
        if (text[0] == '\0' && seconds % STILL_S == 0) {
            (void)snprintf(text, sizeof text, "executing for %u s", seconds);
        }
        if (text[0] != '\0' && strcmp(text, said) != 0) {
            tell(text);
            memcpy(said, text, sizeof said);
        }
    }
    return NULL;
}

void progress_start(struct progress *progress, const struct doing *doing)
{
    *progress = (struct progress){.run = doing->ceremony->run};
    (void)snprintf(progress->path, sizeof progress->path, "/v1/operations/%s", doing->id);
    if (pthread_mutex_init(&progress->lock, NULL) == 0 &&
        pthread_cond_init(&progress->ended, NULL) == 0) {
        progress->is_running = pthread_create(&progress->thread, NULL, watch, progress) == 0;
    }
}

void progress_stop(struct progress *progress)
{
    if (progress->is_running) {
        (void)pthread_mutex_lock(&progress->lock);
        progress->is_ended = true;
        (void)pthread_cond_signal(&progress->ended);
        (void)pthread_mutex_unlock(&progress->lock);
        (void)pthread_join(progress->thread, NULL);
    }
    (void)pthread_cond_destroy(&progress->ended);
    (void)pthread_mutex_destroy(&progress->lock);
}
