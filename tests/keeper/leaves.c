#include "tests/keeper/leaves.h"

#include "lib/base/clock.h"
#include "lib/ceremony/log/files.h"
#include "lib/ceremony/log/shards.h"

#include <fcntl.h>
#include <unistd.h>

/* --- Leaves --- */

typedef void leaf_fn(void *context, struct json *parser, struct ps_bytes leaf);

static int open_log(const struct stack *stack, const char *name)
{
    char path[200];
    int fd;

    (void)snprintf(path, sizeof path, "%s/log/%s", stack->data, name);
    fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    assert_true(fd >= 0);
    return fd;
}

/* Of one tree; what is not written whole yet is not there. */
static void each_leaf(int directory, const char *tree, leaf_fn *fn, void *context)
{
    PS_CLEANUP(log_files_free_cleanup) struct log_files *files = NULL;
    PS_CLEANUP(json_free_cleanup) struct json *parser = NULL;
    enum log_step step;
    struct ps_bytes leaf;
    struct log_place place;

    assert_ok(json_new(&parser));
    assert_ok(log_files_open(directory, tree, tree, &files));
    for (;;) {
        assert_ok(log_files_next(files, &step, &leaf, &place));
        if (step != LOG_STEP_LEAF) {
            return;
        }
        fn(context, parser, leaf);
    }
}

/* --- Events --- */

struct events {
    leaves_event_fn *fn;
    void *context;
};

static void read_event(void *context, struct json *parser, struct ps_bytes leaf)
{
    const struct events *events = context;
    struct log_event event;

    assert_ok(log_event_read(parser, leaf, &event));
    events->fn(events->context, &event);
}

void leaves_each_event(const struct stack *stack, leaves_event_fn *fn, void *context)
{
    struct events events = {fn, context};
    const int directory = open_log(stack, "events");

    each_leaf(directory, ".", read_event, &events);
    (void)close(directory);
}

struct ps_bytes leaves_text(struct json_value object, const char *member)
{
    struct json_value value;
    struct ps_bytes text;

    if (object.doc == NULL || !json_member(object, member, &value) ||
        json_string(value, &text) != PS_OK) {
        return ps_bytes(NULL, 0);
    }
    return text;
}

struct story {
    const char *operation;
    struct ps_buf *out;
};

static void put_event(void *context, const struct log_event *event)
{
    const struct story *story = context;
    const struct ps_bytes outcome = leaves_text(event->data, "outcome");
    struct ps_buf *out = story->out;

    if (!ps_bytes_equal_str(leaves_text(event->data, "operation"), story->operation)) {
        return;
    }
    ps_buf_put_str(out, out->len == 0 ? "" : " ");
    if (ps_bytes_equal_str(event->kind, "signature")) {
        ps_buf_put(out, leaves_text(event->data, "kind"));
        ps_buf_put_u8(out, ':');
        ps_buf_put(out, leaves_text(event->data, "person"));
        return;
    }
    ps_buf_put(out, event->kind);
    if (outcome.len != 0) {
        ps_buf_put_u8(out, ':');
        ps_buf_put(out, outcome);
    }
}

void leaves_put_story(const struct stack *stack, const char *operation, struct ps_buf *out)
{
    struct story story = {operation, out};

    leaves_each_event(stack, put_event, &story);
    assert_ok(ps_buf_status(out));
}

bool leaves_tell(const struct stack *stack, const char *operation, const char *story)
{
    PS_BUF_AUTO told = {.max = 4096};

    leaves_put_story(stack, operation, &told);
    if (!ps_bytes_equal_str(ps_buf_bytes(&told), story)) {
        print_error("the log says \"%.*s\", not \"%s\"\n", PS_BYTES_FMT(ps_buf_bytes(&told)),
                    story);
        return false;
    }
    return true;
}

void leaves_wait(const struct stack *stack, const char *operation, const char *story)
{
    const uint64_t deadline = ps_clock_mono_ns() + WIRE_LIMIT_MS * PS_NS_PER_MS;

    for (;;) {
        PS_BUF_AUTO told = {.max = 4096};

        leaves_put_story(stack, operation, &told);
        if (ps_bytes_equal_str(ps_buf_bytes(&told), story)) {
            return;
        }
        if (ps_clock_mono_ns() > deadline) {
            fail_msg("\"%.*s\", not \"%s\"", PS_BYTES_FMT(ps_buf_bytes(&told)), story);
        }
        (void)usleep(10000);
    }
}

struct count {
    const char *name;
    unsigned count;
};

static void count_event(void *context, const struct log_event *event)
{
    struct count *count = context;

    count->count += ps_bytes_equal_str(event->kind, count->name) ? 1 : 0;
}

unsigned leaves_count(const struct stack *stack, const char *kind)
{
    struct count count = {kind, 0};

    leaves_each_event(stack, count_event, &count);
    return count.count;
}

static void count_alarm(void *context, const struct log_event *event)
{
    struct count *count = context;

    count->count += ps_bytes_equal_str(leaves_text(event->data, "alarm"), count->name) ? 1 : 0;
}

unsigned leaves_count_alarms(const struct stack *stack, const char *code)
{
    struct count count = {code, 0};

    leaves_each_event(stack, count_alarm, &count);
    return count.count;
}

/* --- Uses --- */

struct uses {
    leaves_use_fn *fn;
    void *context;
};

static void read_use(void *context, struct json *parser, struct ps_bytes leaf)
{
    const struct uses *uses = context;
    struct log_use use;

    assert_ok(log_use_read(parser, leaf, &use));
    uses->fn(uses->context, &use);
}

void leaves_each_use(const struct stack *stack, leaves_use_fn *fn, void *context)
{
    struct uses uses = {fn, context};
    struct shard_names shards;
    const int directory = open_log(stack, "use");

    assert_ok(shard_names_list(directory, ".", &shards));
    for (size_t i = 0; i < shards.count; i++) {
        each_leaf(directory, shards.items[i], read_use, &uses);
    }
    shard_names_clear(&shards);
    (void)close(directory);
}

static void count_use(void *context, const struct log_use *use)
{
    struct count *count = context;

    count->count += count->name == NULL || ps_bytes_equal_str(use->key, count->name) ? 1 : 0;
}

unsigned leaves_count_uses(const struct stack *stack, const char *key)
{
    struct count count = {key, 0};

    leaves_each_use(stack, count_use, &count);
    return count.count;
}
