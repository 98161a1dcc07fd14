#include "appliance/dev/dev.h"
#include "appliance/dev/gate.h"
#include "appliance/terminal.h"
#include "lib/ceremony/operation/text.h"
#include "lib/formats/json/json.h"

#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>

#define ERRORS_MAX   65536u
#define WATCH_MS     300
#define REMEMBER_MAX 64u /* as many as can wait at the same time */

enum { EXIT_DONE = 0, EXIT_FAILED = 1, EXIT_USAGE = 2, EXIT_REFUSED = 3 };

const char dev_approve_usage[] =
    "usage: privyseal dev approve-all [DIR] [--watch]\n"
    "Signs every operation that waits as the people of the practice appliance in DIR, whose keys\n"
    "are in DIR/officers, and executes it. DIR is PRIVYSEAL_DIR if not said (DIR/env sets it).\n"
    "  --watch   go on doing so until a signal\n";

/* One that could not be executed. */
struct stuck {
    char id[DEV_ID_MAX];
    char state[DEV_STATE_MAX];
};

struct approver {
    struct dev dev;
    bool watch;
    size_t refused;
    struct stuck stuck[REMEMBER_MAX];
    size_t stuck_count;
};

static struct dev *interrupted_dev;

static void on_signal(int number)
{
    (void)number;
    atomic_store(&interrupted_dev->leaving, true);
}

static void watch_signals(struct dev *dev)
{
    const struct sigaction action = {.sa_handler = on_signal};

    interrupted_dev = dev;
    (void)sigaction(SIGINT, &action, NULL);
    (void)sigaction(SIGTERM, &action, NULL);
    (void)sigaction(SIGHUP, &action, NULL);
}

static bool refuse(const char *what)
{
    (void)fprintf(stderr, "privyseal dev approve-all: %s\n%s", what, dev_approve_usage);
    return false;
}

static bool read_options(int argc, char **argv, struct approver *ret)
{
    static const struct option options[] = {{"watch", no_argument, NULL, 'w'}, {NULL, 0, NULL, 0}};
    int option;

    optind = 0;
    opterr = 0;
    while ((option = getopt_long(argc, argv, "", options, NULL)) != -1) {
        if (option != 'w') {
            return refuse("an option that there is not");
        }
        ret->watch = true;
    }
    ret->dev.options.directory = optind < argc ? argv[optind++] : getenv("PRIVYSEAL_DIR");
    if (optind < argc || ret->dev.options.directory == NULL) {
        return refuse("whose operations? Name the directory of one appliance");
    }
    return true;
}

/* --- Whether it is one that may be served so --- */

static enum ps_err load(struct dev *dev)
{
    char path[DEV_PATH_MAX];
    PS_BUF_AUTO errors;
    enum ps_err err;

    ps_buf_init(&errors, ERRORS_MAX);
    PS_TRY(dev_take_directory(dev));
    dev_path(dev, "privyseald.conf", path);
    err = config_load(path, &errors, &dev->config);
    if (err != PS_OK) {
        return ps_fail(err, 0, "%.120s is not the directory of `privyseal dev`: %.120s",
                       dev->directory, ps_detail()->text);
    }
    if (!dev->config->appliance.practice) {
        return ps_fail(PS_E_DENIED, 0, "%.160s is not configured as a practice appliance",
                       dev->directory);
    }
    return PS_OK;
}

/* The configuration may have been changed since its genesis: what counts is what the log says. */
static enum ps_err check_practice(const struct dev_gate *gate)
{
    PS_CLEANUP(privyseal_answer_clear) struct privyseal_answer answer = {.status = 0};
    PS_CLEANUP(json_free_cleanup) struct json *parser = NULL;
    struct json_value root;
    struct json_value practice;

    PS_TRY(dev_call(gate, "GET", "/v1/system", NULL, &answer));
    if (answer.status != 200) {
        return dev_refused("/v1/system", &answer);
    }
    PS_TRY(json_new(&parser));
    PS_TRY(json_parse(parser, ps_bytes(answer.body, answer.body_len), &JSON_LIMITS_REQUEST, &root));
    if (!json_member(root, "practice", &practice) || json_type(practice) != JSON_TRUE) {
        return ps_fail(PS_E_DENIED, 0,
                       "the appliance in %.120s is not marked practice: its people approve "
                       "themselves",
                       gate->dev->directory);
    }
    return PS_OK;
}

/* --- One operation --- */

static struct stuck *find_stuck(struct approver *approver, const struct dev_waiting *waiting)
{
    for (size_t i = 0; i < approver->stuck_count; i++) {
        if (strcmp(approver->stuck[i].id, waiting->id) == 0) {
            return &approver->stuck[i];
        }
    }
    return NULL;
}

static bool is_stuck(struct approver *approver, const struct dev_waiting *waiting)
{
    const struct stuck *stuck = find_stuck(approver, waiting);

    return stuck != NULL && strcmp(stuck->state, waiting->state) == 0;
}

static void note_stuck(struct approver *approver, const struct dev_waiting *waiting)
{
    struct stuck *stuck = find_stuck(approver, waiting);

    if (stuck == NULL) {
        stuck = &approver->stuck[approver->refused++ % REMEMBER_MAX];
        approver->stuck_count += approver->stuck_count < REMEMBER_MAX ? 1 : 0;
    }
    (void)snprintf(stuck->id, sizeof stuck->id, "%s", waiting->id);
    (void)snprintf(stuck->state, sizeof stuck->state, "%s", waiting->state);
}

/* The outcome may quote what a client sent: nothing in it moves the cursor. */
static void say(const struct dev_waiting *waiting, const char *outcome)
{
    PS_BUF_AUTO text = {.max = ERRORS_MAX};

    operation_text_put_visible(ps_bytes_str(outcome), &text);
    (void)printf("%s %s: %.*s", waiting->id, waiting->type, PS_BYTES_FMT(ps_buf_bytes(&text)));
    if (waiting->signers[0] != '\0') {
        (void)printf(" (signed: %s)", waiting->signers);
    }
    (void)putchar('\n');
    (void)fflush(stdout);
}

/* What is approved and yet refused may only have to wait, as for the cooling-off of a policy. */
static enum ps_err approve_one(const struct dev_gate *gate, struct dev_waiting *waiting,
                               void *context)
{
    PS_CLEANUP(privyseal_answer_clear) struct privyseal_answer answer = {.status = 0};
    struct approver *approver = context;
    const bool was_said = is_stuck(approver, waiting);
    enum ps_err err;

    if (was_said && strcmp(waiting->state, "approved") != 0) {
        return PS_OK;
    }
    err = dev_finish(gate, waiting, &answer);
    if (err == PS_OK && dev_is_done(&answer)) {
        say(waiting, "done");
        return PS_OK;
    }
    if (atomic_load(&gate->dev->leaving)) {
        return err;
    }
    if (!was_said) {
        say(waiting, err != PS_OK ? ps_detail()->text : answer.problem.detail);
        note_stuck(approver, waiting);
    }
    return PS_OK;
}

/* --- All of them --- */

static enum ps_err approve_all(struct approver *approver)
{
    PS_CLEANUP(dev_gate_close) struct dev_gate gate = {.dev = &approver->dev};

    PS_TRY(dev_gate_open(&approver->dev, &gate));
    PS_TRY(check_practice(&gate));
    if (approver->watch) {
        dev_say("Approving as the people of %s until Ctrl-C.", approver->dev.directory);
    }
    do {
        PS_TRY(dev_each_waiting(&gate, approve_one, approver));
    } while (approver->watch && dev_pause(&approver->dev, WATCH_MS) == PS_OK);
    return PS_OK;
}

int dev_approve_main(int argc, char **argv)
{
    struct approver approver = {.watch = false};
    enum ps_err err;

    if (argc == 2 && terminal_asks_for_help(argv[1])) {
        (void)fputs(dev_approve_usage, stdout);
        return EXIT_DONE;
    }
    if (!read_options(argc, argv, &approver)) {
        return EXIT_USAGE;
    }
    watch_signals(&approver.dev);
    err = load(&approver.dev);
    if (err == PS_OK) {
        err = approve_all(&approver);
    }
    config_free(approver.dev.config);
    if (atomic_load(&approver.dev.leaving)) {
        return EXIT_DONE;
    }
    if (err != PS_OK) {
        dev_say("privyseal dev approve-all: %s", ps_detail()->text);
        return err == PS_E_DENIED ? EXIT_REFUSED : EXIT_FAILED;
    }
    return approver.refused == 0 ? EXIT_DONE : EXIT_REFUSED;
}
