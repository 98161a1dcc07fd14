#include "tests/unit/support.h"

#include "keystore/queue.h"
#include "lib/base/clock.h"

/* The fair queue of requests. */

#define MAX 1000u

static struct queue_item items[2 * MAX];

static struct queue_item *item(size_t at, uint64_t client, uint8_t class, uint32_t cost)
{
    items[at] = (struct queue_item){
        .client = client, .class = class, .cost = cost, .arrived_ns = (uint64_t)at + 1};
    return &items[at];
}

static struct queue *make(size_t max)
{
    struct queue *queue;

    assert_ok(queue_new(max, &queue));
    return queue;
}

static void empty_it(struct queue *queue)
{
    while (queue_pop(queue) != NULL) {
    }
    queue_free(queue);
}

static void an_empty_queue_gives_nothing(void **state)
{
    struct queue *queue = make(MAX);

    (void)state;
    assert_null(queue_pop(queue));
    assert_int_equal(queue_peek_cost(queue), 0);
    assert_null(queue_pop_expired(queue, UINT64_MAX));
    assert_int_equal(queue_count(queue), 0);
    queue_free(queue);
}

static void one_client_is_served_in_order(void **state)
{
    struct queue *queue = make(MAX);

    (void)state;
    for (size_t i = 0; i < 20; i++) {
        assert_ok(queue_push(queue, item(i, 1, 0, 3)));
    }
    for (size_t i = 0; i < 20; i++) {
        assert_int_equal(queue_peek_cost(queue), 3);
        assert_ptr_equal(queue_pop(queue), &items[i]);
    }
    queue_free(queue);
}

/* A thousand RSA-4096 of one client do not hold up the one ES256 of another. */
static void dear_work_of_one_does_not_hold_up_another(void **state)
{
    struct queue *queue = make(4 * MAX);
    unsigned before = 0;

    (void)state;
    for (size_t i = 0; i < MAX; i++) {
        assert_ok(queue_push(queue, item(i, 1, 0, 80)));
    }
    assert_ok(queue_push(queue, item(MAX, 2, 2, 1)));
    while (queue_pop(queue) != &items[MAX]) {
        before++;
    }
    assert_true(before <= 1);
    empty_it(queue);
}

/* Each gets the same share of the token's time, whatever a single signature costs. */
static void shares_are_of_time_not_of_requests(void **state)
{
    struct queue *queue = make(4 * MAX);
    uint64_t spent[3] = {0};

    (void)state;
    for (size_t i = 0; i < MAX; i++) {
        assert_ok(queue_push(queue, item(i, 1, 0, 10)));
        assert_ok(queue_push(queue, item(MAX + i, 2, 0, 1)));
    }
    for (unsigned i = 0; i < 550; i++) {
        const struct queue_item *next = queue_pop(queue);

        spent[next->client] += next->cost;
    }
    assert_in_range(spent[1], 450, 550);
    assert_in_range(spent[2], 450, 550);
    empty_it(queue);
}

static void classes_of_one_client_take_turns(void **state)
{
    struct queue *queue = make(MAX);
    bool seen = false;

    (void)state;
    for (size_t i = 0; i < 100; i++) {
        assert_ok(queue_push(queue, item(i, 1, 0, 10)));
    }
    assert_ok(queue_push(queue, item(100, 1, 2, 1)));
    for (unsigned i = 0; i < 3; i++) {
        seen = seen || queue_pop(queue) == &items[100];
    }
    assert_true(seen);
    empty_it(queue);
}

static void the_limit_holds_and_one_more_is_refused(void **state)
{
    struct queue *queue = make(10);

    (void)state;
    for (size_t i = 0; i < 10; i++) {
        assert_ok(queue_push(queue, item(i, i, 0, 1)));
    }
    assert_fails(PS_E_LIMIT, queue_push(queue, item(10, 10, 0, 1)));
    assert_int_equal(queue_count(queue), 10);
    empty_it(queue);
}

static void one_line_leaves_room_for_others(void **state)
{
    struct queue *queue = make(10);
    size_t taken = 0;

    (void)state;
    while (queue_push(queue, item(taken, 1, 0, 1)) == PS_OK) {
        taken++;
    }
    assert_in_range(taken, 5, 6);
    assert_ok(queue_push(queue, item(taken, 2, 0, 1)));
    empty_it(queue);
}

static void what_is_returned_comes_first_whatever_the_limit(void **state)
{
    struct queue *queue = make(2);
    struct queue_item *first;

    (void)state;
    assert_ok(queue_push(queue, item(0, 1, 0, 1)));
    assert_ok(queue_push(queue, item(1, 1, 0, 1)));
    first = queue_pop(queue);
    assert_ok(queue_push(queue, item(2, 2, 0, 1)));
    assert_ok(queue_return(queue, first));
    assert_int_equal(queue_count(queue), 3);
    assert_ptr_equal(queue_pop(queue), &items[0]);
    empty_it(queue);
}

static void what_is_too_old_is_found_in_every_line(void **state)
{
    struct queue *queue = make(MAX);
    unsigned found = 0;

    (void)state;
    for (size_t i = 0; i < 30; i++) {
        assert_ok(queue_push(queue, item(i, i % 3, 0, 1)));
    }
    while (queue_pop_expired(queue, 16) != NULL) {
        found++;
    }
    assert_int_equal(found, 15);
    assert_int_equal(queue_count(queue), 15);
    for (unsigned i = 0; i < 15; i++) {
        assert_true(queue_pop(queue)->arrived_ns >= 16);
    }
    assert_null(queue_pop(queue));
    queue_free(queue);
}

/* Lines come and go; nothing is lost and nothing comes twice. */
static void every_item_comes_out_exactly_once(void **state)
{
    struct queue *queue = make(2 * MAX);
    static bool seen[2 * MAX];
    size_t pushed = 0;
    size_t popped = 0;

    (void)state;
    memset(seen, 0, sizeof seen);
    while (popped < MAX) {
        for (unsigned i = 0; i < 7 && pushed < MAX; i++, pushed++) {
            assert_ok(queue_push(queue, item(pushed, pushed % 13, (uint8_t)(pushed % 4),
                                             (uint32_t)(1 + pushed % 80))));
        }
        for (unsigned i = 0; i < 5 && queue_count(queue) != 0; i++, popped++) {
            const size_t at = (size_t)(queue_pop(queue) - items);

            assert_false(seen[at]);
            seen[at] = true;
        }
    }
    assert_null(queue_pop(queue));
    queue_free(queue);
}

#define WHILE_NS (10 * PS_NS_PER_S)

/* Gives what the queue says of itself when so much time has passed. */
static bool is_backlog_after(const struct queue *queue, uint64_t since_ns, uint64_t ns)
{
    return queue_is_backlog(queue, since_ns + ns);
}

static void many_are_a_backlog_and_one_fewer_is_none(void **state)
{
    struct queue *queue = make(MAX);

    (void)state;
    for (size_t i = 0; i < 64; i++) {
        assert_false(queue_is_backlog(queue, 2 * WHILE_NS));
        assert_ok(queue_push(queue, item(i, 1 + i % 2, 0, 1)));
    }
    assert_true(queue_is_backlog(queue, 2 * WHILE_NS));
    assert_non_null(queue_pop(queue));
    assert_false(queue_is_backlog(queue, 2 * WHILE_NS));
    empty_it(queue);
}

/* Who has so many is through with them while another waits: are they a few, beside whom there is
 * none? */
static bool leave_a_backlog(size_t count)
{
    struct queue *queue = make(MAX);
    const uint64_t last_ns = 200 + count; /* when the last of them arrived */
    bool is_backlog;

    for (size_t i = 0; i < 200; i++) {
        assert_ok(queue_push(queue, item(i, 1, 0, 1)));
    }
    for (size_t i = 0; i < count; i++) {
        assert_ok(queue_push(queue, item(200 + i, 2, 0, 1)));
    }
    while (queue_pop(queue) != &items[200 + count - 1]) {
    }
    is_backlog = is_backlog_after(queue, last_ns, WHILE_NS - 1);
    assert_true(is_backlog_after(queue, last_ns, WHILE_NS));
    empty_it(queue);
    return is_backlog;
}

static void beside_one_who_had_few_there_is_none_for_a_while(void **state)
{
    (void)state;
    assert_false(leave_a_backlog(1));
    assert_false(leave_a_backlog(15));
    assert_true(leave_a_backlog(16));
}

static void who_had_few_alone_makes_no_difference(void **state)
{
    struct queue *queue = make(MAX);

    (void)state;
    assert_ok(queue_push(queue, item(0, 1, 0, 1)));
    assert_non_null(queue_pop(queue));
    for (size_t i = 0; i < 64; i++) {
        assert_ok(queue_push(queue, item(i, 1, 0, 1)));
    }
    assert_true(is_backlog_after(queue, 1, WHILE_NS - 1));
    empty_it(queue);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_empty_queue_gives_nothing),
        cmocka_unit_test(one_client_is_served_in_order),
        cmocka_unit_test(dear_work_of_one_does_not_hold_up_another),
        cmocka_unit_test(shares_are_of_time_not_of_requests),
        cmocka_unit_test(classes_of_one_client_take_turns),
        cmocka_unit_test(the_limit_holds_and_one_more_is_refused),
        cmocka_unit_test(one_line_leaves_room_for_others),
        cmocka_unit_test(what_is_returned_comes_first_whatever_the_limit),
        cmocka_unit_test(what_is_too_old_is_found_in_every_line),
        cmocka_unit_test(every_item_comes_out_exactly_once),
        cmocka_unit_test(many_are_a_backlog_and_one_fewer_is_none),
        cmocka_unit_test(beside_one_who_had_few_there_is_none_for_a_while),
        cmocka_unit_test(who_had_few_alone_makes_no_difference),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
