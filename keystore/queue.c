#include "keystore/queue.h"

#include "lib/base/clock.h"

#include <assert.h>
#include <stdlib.h>

enum { BUCKETS = 256 };

/* A backlog is so many, while for so long no line was through with fewer than FEW. */
#define BACKLOG    64u
#define FEW        16u
#define WITHOUT_NS (10u * PS_NS_PER_S)

/* One client's waiting items of one class. Exists while it has items; then it is kept for reuse. */
struct line {
    struct queue_item *head;
    struct queue_item *tail;
    uint64_t client;
    size_t count;
    size_t taken;
    uint32_t deficit;
    uint8_t class;
    struct line *next; /* in the round, or in the list of spare ones */
    struct line *next_in_bucket;
};

struct queue {
    struct line *buckets[BUCKETS];
    struct line *round_head; /* whose turn it is */
    struct line *round_tail;
    struct line *spare;
    size_t count;
    size_t max;
    uint64_t few_ns; /* when one arrived that was the last of few, while others waited */
};

enum ps_err queue_new(size_t max, struct queue **ret_queue)
{
    struct queue *queue = calloc(1, sizeof *queue);

    if (queue == NULL) {
        return ps_fail(PS_E_NO_MEMORY, 0, "out of memory");
    }
    queue->max = max;
    *ret_queue = queue;
    return PS_OK;
}

void queue_free(struct queue *queue)
{
    if (queue == NULL) {
        return;
    }
    assert(queue->count == 0);
    while (queue->spare != NULL) {
        struct line *line = queue->spare;

        queue->spare = line->next;
        free(line);
    }
    free(queue);
}

static struct line **bucket_of(struct queue *queue, const struct queue_item *item)
{
    const uint64_t mixed = (item->client ^ item->class) * UINT64_C(0x9e3779b97f4a7c15);

    return &queue->buckets[mixed >> 56];
}

static void join_round(struct queue *queue, struct line *line)
{
    line->next = NULL;
    if (queue->round_tail == NULL) {
        queue->round_head = line;
    } else {
        queue->round_tail->next = line;
    }
    queue->round_tail = line;
}

/* The line for an item, made when there is none; NULL without memory. */
static struct line *line_for(struct queue *queue, const struct queue_item *item)
{
    struct line **bucket = bucket_of(queue, item);
    struct line *line = *bucket;

    while (line != NULL && (line->client != item->client || line->class != item->class)) {
        line = line->next_in_bucket;
    }
    if (line != NULL) {
        return line;
    }
    line = queue->spare;
    if (line != NULL) {
        queue->spare = line->next;
    } else {
        line = malloc(sizeof *line);
    }
    if (line == NULL) {
        return NULL;
    }
    *line = (struct line){.client = item->client, .class = item->class, .next_in_bucket = *bucket};
    *bucket = line;
    join_round(queue, line);
    return line;
}

enum ps_err queue_push(struct queue *queue, struct queue_item *item)
{
    struct line *line;

    if (queue->count >= queue->max) {
        return ps_fail(PS_E_LIMIT, 0, "%zu requests wait", queue->count);
    }
    line = line_for(queue, item);
    if (line == NULL) {
        return ps_fail(PS_E_NO_MEMORY, 0, "out of memory");
    }
    /* A line that was just made is empty, so that a refusal never leaves an empty one behind. */
    if (line->count > queue->max / 2) {
        return ps_fail(PS_E_LIMIT, 0, "%zu requests of this client wait", line->count);
    }
    item->next = NULL;
    if (line->tail == NULL) {
        line->head = item;
    } else {
        line->tail->next = item;
    }
    line->tail = item;
    line->count++;
    queue->count++;
    return PS_OK;
}

enum ps_err queue_return(struct queue *queue, struct queue_item *item)
{
    struct line *line = line_for(queue, item);

    if (line == NULL) {
        return ps_fail(PS_E_NO_MEMORY, 0, "out of memory");
    }
    item->next = line->head;
    line->head = item;
    if (line->tail == NULL) {
        line->tail = item;
    }
    line->count++;
    queue->count++;
    return PS_OK;
}

static void forget_line(struct queue *queue, struct line *line)
{
    struct line **at =
        bucket_of(queue, &(struct queue_item){.client = line->client, .class = line->class});

    while (*at != line) {
        at = &(*at)->next_in_bucket;
    }
    *at = line->next_in_bucket;
    line->next = queue->spare;
    queue->spare = line;
}

static struct queue_item *take_head(struct queue *queue, struct line *line)
{
    struct queue_item *item = line->head;

    line->head = item->next;
    if (line->head == NULL) {
        line->tail = NULL;
    }
    line->count--;
    line->taken++;
    queue->count--;
    item->next = NULL;
    return item;
}

static struct line *leave_round(struct queue *queue)
{
    struct line *line = queue->round_head;

    queue->round_head = line->next;
    if (queue->round_head == NULL) {
        queue->round_tail = NULL;
    }
    return line;
}

/* The line whose turn it is, with enough deficit for its first item. */
static struct line *turn(struct queue *queue)
{
    if (queue->count == 0) {
        return NULL;
    }
    while (queue->round_head->deficit < queue->round_head->head->cost) {
        struct line *line = leave_round(queue);

        line->deficit += QUEUE_QUANTUM;
        join_round(queue, line);
    }
    return queue->round_head;
}

uint32_t queue_peek_cost(struct queue *queue)
{
    const struct line *line = turn(queue);

    return line == NULL ? 0 : line->head->cost;
}

struct queue_item *queue_pop(struct queue *queue)
{
    struct line *line = turn(queue);
    struct queue_item *item;

    if (line == NULL) {
        return NULL;
    }
    item = take_head(queue, line);
    line->deficit -= item->cost;
    if (line->head == NULL) {
        queue->few_ns = line->taken < FEW && queue->count != 0 ? item->arrived_ns : queue->few_ns;
        (void)leave_round(queue);
        forget_line(queue, line);
    }
    return item;
}

struct queue_item *queue_pop_expired(struct queue *queue, uint64_t before_ns)
{
    struct line *previous = NULL;

    for (struct line *line = queue->round_head; line != NULL; line = line->next) {
        struct queue_item *item;

        if (line->head->arrived_ns >= before_ns) {
            previous = line;
            continue;
        }
        item = take_head(queue, line);
        if (line->head != NULL) {
            return item;
        }
        if (previous == NULL) {
            (void)leave_round(queue);
        } else {
            previous->next = line->next;
            queue->round_tail = queue->round_tail == line ? previous : queue->round_tail;
        }
        forget_line(queue, line);
        return item;
    }
    return NULL;
}

size_t queue_count(const struct queue *queue)
{
    return queue->count;
}

bool queue_is_backlog(const struct queue *queue, uint64_t now_ns)
{
    return queue->count >= BACKLOG && now_ns >= queue->few_ns &&
           now_ns - queue->few_ns >= WITHOUT_NS;
}
