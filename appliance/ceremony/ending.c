#include "appliance/ceremony/progress.h"

#include "lib/base/clock.h"
#include "lib/base/problem.h"
#include "lib/ceremony/people/conditions.h"

#include <stdio.h>
#include <time.h>

/* An operation that was made is brought to its end: signatures, execution, what goes wrong. */

#define ANSWER_MAX (1024u * 900u) /* with what surrounds it, it is a line of the transcript */
#define LOOK_NS    500000000L
#define AGAIN_NS   (5 * PS_NS_PER_S) /* between two tries to execute what has to wait still */

static enum ps_err note_done(struct doing *doing, const char *body)
{
    struct ps_bytes value = ps_bytes_str(body == NULL ? "" : body);
    struct json_value root;
    PS_CLEANUP(json_free_cleanup) struct json *json = NULL;

    PS_TRY(json_new(&json));
    if (value.len > ANSWER_MAX || memchr(value.data, '\n', value.len) != NULL ||
        doing_parse(json, body, &root) != PS_OK) {
        value = ps_bytes_str("{}");
    }
    return transcript_put(doing->ceremony->transcript,
                          &(struct transcript_line){.what = ps_bytes_str("done"),
                                                    .step = doing->step->name,
                                                    .value = value});
}

struct outcome doing_finish(struct doing *doing, const char *body)
{
    const enum ps_err err = note_done(doing, body);

    if (err != PS_OK) {
        return ceremony_end_failed(err);
    }
    doing_say(doing, "done");
    (void)cli_render(doing->ceremony->run, ps_bytes_str(body == NULL ? "" : body));
    return OUTCOME_ON;
}

/*
 * Before genesis there are no rows to be read: `resume` shows what waits then. Of one that was
 * executed the row says so.
 */
static enum privyseal_result ask_state(struct doing *doing, struct privyseal_answer *ret_answer)
{
    char verb[128];
    enum privyseal_result result;

    (void)snprintf(verb, sizeof verb, "/%s", doing->id);
    result = doing_call(doing, "GET", verb, NULL, NULL, ret_answer);
    if (result != PRIVYSEAL_REFUSED) {
        return result;
    }
    privyseal_answer_clear(ret_answer);
    *ret_answer = (struct privyseal_answer){0};
    (void)snprintf(verb, sizeof verb, "/%s/resume", doing->id);
    return doing_call(doing, "POST", verb, NULL, NULL, ret_answer);
}

static void say_state(struct doing *doing, const char *body)
{
    char sentence[sizeof doing->state + sizeof doing->missing + 2];

    doing_take_state(doing, body);
    (void)snprintf(sentence, sizeof sentence, "%s%s%s", doing->state,
                   doing->missing[0] == '\0' ? "" : ": ", doing->missing);
    doing_say(doing, sentence);
}

static bool is_one_of(const char *state, const char *const *states, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (strcmp(state, states[i]) == 0) {
            return true;
        }
    }
    return false;
}

/* It came to an end that is none of ours: said, and noted, so that --resume makes it anew. */
static struct outcome end(struct doing *doing, const char *why)
{
    const enum ps_err err = transcript_put(doing->ceremony->transcript,
                                           &(struct transcript_line){.what = ps_bytes_str("failed"),
                                                                     .step = doing->step->name,
                                                                     .text = ps_bytes_str(why)});

    if (err != PS_OK) {
        return ceremony_end_failed(err);
    }
    (void)ceremony_failed(ps_fail(PS_E_DENIED, 0,
                                  "step %.*s: %.140s The ceremony stops here; with --resume this "
                                  "step is asked for anew.",
                                  PS_BYTES_FMT(doing->step->name), why));
    return (struct outcome){false, CLI_REFUSED};
}

static struct outcome end_in_state(struct doing *doing)
{
    char why[sizeof doing->state + sizeof doing->missing + 32];

    (void)snprintf(why, sizeof why, "the operation is %s%s%s.", doing->state,
                   doing->missing[0] == '\0' ? "" : ": ", doing->missing);
    return end(doing, why);
}

static bool retry_helps(const struct privyseal_problem *problem)
{
    const enum ps_problem known = ps_problem_by_code(ps_bytes_str(problem->code));

    return known != PS_PROBLEM_NONE && ps_problem_info(known)->retry_helps;
}

/*
 * Conditions that time brings, and those that nothing does (conditions.h): the detail begins with
 * the condition's sentence.
 */
static const struct condition_info *condition_of(const char *detail, bool *ret_passes)
{
    for (unsigned i = 0; i < CONDITION_COUNT; i++) {
        const struct condition_info *info = condition_info((enum condition)i);

        if (info != NULL && strncmp(info->sentence, detail, strlen(info->sentence)) == 0) {
            *ret_passes =
                i == CONDITION_COOLING_OFF || i == CONDITION_NOT_YET || i == CONDITION_TOKEN;
            return info;
        }
    }
    return NULL;
}

static struct outcome not_executed(struct doing *doing, const struct privyseal_problem *problem)
{
    bool passes = retry_helps(problem);
    const struct condition_info *condition = condition_of(problem->detail, &passes);

    if (condition != NULL && !passes) {
        return end(doing, condition->sentence);
    }
    if (!passes) {
        return doing_refused(doing, problem); /* it still waits: --resume tries it again */
    }
    doing_say(doing, problem->detail[0] != '\0' ? problem->detail : problem->title);
    doing->next_try_ns = ps_clock_mono_ns() + AGAIN_NS;
    return OUTCOME_ON;
}

/* ret_done: it was executed */
static struct outcome execute(struct doing *doing, bool *ret_done)
{
    PS_CLEANUP(privyseal_answer_clear) struct privyseal_answer answer = {0};
    struct progress progress;
    char verb[128];
    enum privyseal_result result;

    doing_say(doing, "executing ...");
    (void)snprintf(verb, sizeof verb, "/%s/execute", doing->id);
    progress_start(&progress, doing);
    result = doing_call(doing, "POST", verb, NULL, NULL, &answer);
    progress_stop(&progress);
    if (result == PRIVYSEAL_REFUSED) {
        return not_executed(doing, &answer.problem);
    }
    if (result == PRIVYSEAL_OK && answer.status != 202) {
        *ret_done = true;
        return doing_finish(doing, answer.body);
    }
    return OUTCOME_ON;
}

/* Looks once. ret_done: it has come to its end. */
static struct outcome look(struct doing *doing, bool *ret_done)
{
    static const char *const bad_ends[] = {"failed", "rejected", "expired", "cancelled"};
    PS_CLEANUP(privyseal_answer_clear) struct privyseal_answer answer = {0};
    const enum privyseal_result result = ask_state(doing, &answer);
    const struct condition_info *condition;
    bool passes = true;
    enum ps_err err;

    if (result == PRIVYSEAL_REFUSED && !retry_helps(&answer.problem)) {
        return doing_refused(doing, &answer.problem);
    }
    if (result != PRIVYSEAL_OK) {
        return OUTCOME_ON; /* away; it may come back */
    }
    say_state(doing, answer.body);
    condition =
        condition_of(doing->condition[0] == '\0' ? doing->missing : doing->condition, &passes);
    if (condition != NULL && !passes) {
        return end(doing, condition->sentence);
    }
    if (strcmp(doing->state, "done") == 0) {
        *ret_done = true;
        return doing_finish(doing, answer.body);
    }
    if (is_one_of(doing->state, bad_ends, PS_COUNT_OF(bad_ends))) {
        return end_in_state(doing);
    }
    err = signatures_pass_on(doing);
    if (err != PS_OK) {
        return ceremony_end_failed(err);
    }
    return strcmp(doing->state, "approved") == 0 && ps_clock_mono_ns() >= doing->next_try_ns
               ? execute(doing, ret_done)
               : OUTCOME_ON;
}

struct outcome doing_wait(struct doing *doing)
{
    static const struct timespec between = {.tv_nsec = LOOK_NS};
    bool is_done = false;
    struct outcome outcome = look(doing, &is_done);

    while (outcome.goes_on && !is_done) {
        (void)nanosleep(&between, NULL);
        outcome = look(doing, &is_done);
    }
    return outcome;
}
