#include "tests/unit/support.h"

#include "keystore/operations/internal.h"
#include "keystore/tokens/tokens.h"

/* A change of a PIN that a death left open, where the next splitting cannot be read. */

#define NEXT "t/user/next"

static struct ps_loop *loop;
static struct msg_keeper_config config;
static struct keeper keeper;

static const struct tokens_handler handler;

static int make(void **state)
{
    (void)state;
    keeper = (struct keeper){.config = &config};
    assert_ok(ps_loop_new(&loop));
    assert_ok(catalog_open_memory(&keeper.known));
    assert_ok(operations_new(&keeper, &keeper.operations));
    assert_ok(tokens_new(loop, &handler, NULL, 1000, &keeper.tokens));
    assert_ok(tokens_set_pin(keeper.tokens, ps_bytes_str("t"), ps_bytes_str("1234"), false));
    return 0;
}

static int clear(void **state)
{
    (void)state;
    operations_free(keeper.operations);
    tokens_free(keeper.tokens);
    catalog_close(keeper.known);
    ps_loop_free(loop);
    return 0;
}

static void put_row(const char *body)
{
    const struct catalog_change change = {
        .kind = CATALOG_PIN, .name = ps_bytes_str(NEXT), .body = ps_bytes_str(body)};

    assert_ok(catalog_apply(keeper.known, &change, 1, 7, NULL));
}

static struct operation *open_change(void)
{
    static const char params[] =
        "{\"holders\":[{},{}],\"pin\":\"user\",\"threshold\":\"2\",\"token\":\"t\"}";
    struct operation *op =
        operation_new(keeper.operations, operation_type_find(ps_bytes_str("pin.change")));

    assert_non_null(op);
    assert_ok(json_parse(op->parser, ps_bytes_str(params), &JSON_LIMITS_REQUEST, &op->params));
    op->has_intent = true;
    op->is_answered = true;
    op->step = OPERATION_EXECUTING;
    return op;
}

/* Whether the token heard of a new PIN is not known then. */
static void a_next_splitting_that_cannot_be_read_is_not_one_that_is_not_there(void **state)
{
    struct operation *op = open_change();

    (void)state;
    put_row("{}");
    op->type->settle(op);
    assert_int_equal(op->step, OPERATION_OPEN);
    assert_int_equal(op->problem, PS_PROBLEM_NONE);
    assert_int_equal(op->change_count, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_next_splitting_that_cannot_be_read_is_not_one_that_is_not_there),
    };

    return cmocka_run_group_tests(tests, make, clear);
}
