#include "appliance/cli/commands.h"

#include "api/client/privyseal.h"
#include "appliance/terminal.h"

#include <cjson/cJSON.h>
#include <stdio.h>
#include <time.h>

/*
 * `backup create --wait` and `backup drill --wait`: what the appliance does meanwhile is told on
 * standard error, a line each time that it is something else, and the exit code says how it ended.
 */

#define LOOK_NS    (200 * 1000 * 1000L)
#define ANSWER_MAX (8u * 1024u * 1024u)

struct watch {
    const struct cli_run *run;
    struct privyseal *client;
    char said[160];
};

static void clear(struct watch *watch)
{
    privyseal_close(watch->client);
}

static void delete_json(cJSON **json)
{
    cJSON_Delete(*json);
}

static const char *text_of(const cJSON *object, const char *name)
{
    const char *text = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(object, name));

    return text == NULL ? "" : text;
}

static double number_of(const cJSON *object, const char *name)
{
    const cJSON *value = cJSON_GetObjectItemCaseSensitive(object, name);

    return cJSON_IsNumber(value) ? value->valuedouble : 0;
}

/* --- How far it is --- */

static void tell(struct watch *watch, const cJSON *shown)
{
    const double all = number_of(shown, "leaves_in_all");
    char text[sizeof watch->said];

    if (strcmp(text_of(shown, "state"), "leaves") == 0 && all > 0) {
        (void)snprintf(text, sizeof text, "leaves, %.0f of %.0f", number_of(shown, "leaves"), all);
    } else {
        (void)snprintf(text, sizeof text, "%s", text_of(shown, "state"));
    }
    if (strcmp(text, watch->said) != 0) {
        terminal_complain(watch->run->command->words, "%s", text);
        memcpy(watch->said, text, sizeof text);
    }
}

/* CLI_DONE, or it was said why not; *ret_shown is then to be freed. */
static int look(const struct watch *watch, struct ps_buf *text, cJSON **ret_shown)
{
    PS_CLEANUP(privyseal_answer_clear) struct privyseal_answer answer = {0};
    const struct privyseal_request request = {.method = "GET", .path = watch->run->command->path};

    if (privyseal_call(watch->client, &request, &answer) != PRIVYSEAL_OK) {
        terminal_complain("privyseal", "%s", privyseal_last_error(watch->client));
        return CLI_UNAVAILABLE;
    }
    ps_buf_reset(text);
    ps_buf_put(text, ps_bytes(answer.body, answer.body_len));
    *ret_shown = cJSON_ParseWithLength(answer.body, answer.body_len);
    return ps_buf_status(text) == PS_OK && *ret_shown != NULL ? CLI_DONE : CLI_FAILED;
}

static int wait_for_end(struct watch *watch, struct ps_buf *text, cJSON **ret_shown)
{
    const struct timespec pause = {.tv_nsec = LOOK_NS};

    for (;;) {
        PS_CLEANUP(delete_json) cJSON *shown = NULL;
        const int code = look(watch, text, &shown);

        if (code != CLI_DONE) {
            return code;
        }
        if (strcmp(text_of(shown, "state"), "idle") == 0) {
            *ret_shown = shown;
            shown = NULL;
            return CLI_DONE;
        }
        tell(watch, shown);
        (void)nanosleep(&pause, NULL);
    }
}

/* --- How it ended --- */

static const char *newest(const cJSON *shown)
{
    const cJSON *items = cJSON_GetObjectItemCaseSensitive(shown, "items");
    const int count = cJSON_GetArraySize(items);

    return count == 0 ? "" : text_of(cJSON_GetArrayItem(items, count - 1), "file");
}

static int fail_with(const char *what, const char *why)
{
    terminal_complain("privyseal", "%s: %s", what,
                      why[0] != '\0' ? why : "the appliance was started anew meanwhile; ask again");
    return CLI_FAILED;
}

static int judge_backup(const cJSON *before, const cJSON *after)
{
    return strcmp(newest(before), newest(after)) != 0
               ? CLI_DONE
               : fail_with("no backup was made", text_of(after, "failure"));
}

static int judge_drill(const cJSON *before, const cJSON *after)
{
    const cJSON *last = cJSON_GetObjectItemCaseSensitive(after, "last");

    if (last == NULL ||
        (cJSON_Compare(last, cJSON_GetObjectItemCaseSensitive(before, "last"), true) &&
         strcmp(text_of(before, "last_at"), text_of(after, "last_at")) == 0)) {
        return fail_with("no drill was held", "");
    }
    return cJSON_IsTrue(cJSON_GetObjectItemCaseSensitive(last, "good"))
               ? CLI_DONE
               : fail_with("the drill was not good", text_of(last, "failure"));
}

/* What is waited for, and how it is known from what was there before. */
struct task {
    int (*judge)(const cJSON *before, const cJSON *after);
    bool has_second; /* by the second in which it ended */
};

static int wait_for(const struct cli_run *run, const struct task *task)
{
    const struct timespec second = {.tv_sec = 1};

    PS_CLEANUP(clear) struct watch watch = {.run = run};
    PS_CLEANUP(delete_json) cJSON *before = NULL;
    PS_CLEANUP(delete_json) cJSON *begun = NULL;
    PS_CLEANUP(delete_json) cJSON *after = NULL;
    PS_BUF_AUTO text = {.max = ANSWER_MAX};
    int code = cli_open(run, &watch.client);

    if (code == CLI_DONE) {
        code = look(&watch, &text, &before);
    }
    if (code == CLI_DONE) {
        if (task->has_second) {
            (void)nanosleep(&second, NULL); /* so that it is another one */
        }
        ps_buf_reset(&text);
        code = cli_send(run, run->command->path, ps_bytes(NULL, 0), &text);
    }
    if (code != CLI_DONE) {
        return code;
    }
    begun = cJSON_ParseWithLength((const char *)text.data, text.len);
    tell(&watch, begun);
    code = wait_for_end(&watch, &text, &after);
    if (code != CLI_DONE) {
        return code;
    }
    code = cli_render(run, ps_buf_bytes(&text));
    return code == CLI_DONE ? task->judge(before, after) : code;
}

int cli_backup_create(const struct cli_run *run)
{
    return cli_flag(run, "wait") ? wait_for(run, &(struct task){.judge = judge_backup})
                                 : cli_request(run);
}

int cli_backup_drill(const struct cli_run *run)
{
    const struct task task = {.judge = judge_drill, .has_second = true};

    return cli_flag(run, "wait") ? wait_for(run, &task) : cli_request(run);
}
