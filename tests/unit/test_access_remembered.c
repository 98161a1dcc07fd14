#include "keystore/policy/access_internal.h"

#include "tests/unit/access_support.h"

#include <stdlib.h>

/* Which grants cover a key is remembered in bounded memory, and changes no answer. */

/* A client all of whose grants allow `mac` with every key: they are one grant, so many times. */
struct holder {
    struct access_grant *grant;
    struct access_client client;
};

static void make_holder(struct holder *holder, size_t grants)
{
    holder->grant = calloc(1, sizeof *holder->grant);
    assert_non_null(holder->grant);
    holder->grant->keys = ps_bytes_str("*");
    holder->grant->operations = UINT64_C(1) << GRANTED_MAC;
    holder->client = (struct access_client){
        .number = 9,
        .grants = calloc(grants, sizeof(struct access_grant *)),
        .grant_count = grants,
    };
    assert_non_null(holder->client.grants);
    for (size_t i = 0; i < grants; i++) {
        holder->client.grants[i] = holder->grant;
    }
}

static void clear_holder(struct holder *holder)
{
    free(holder->client.grants);
    free(holder->grant);
}

static void assert_may_mac(const struct holder *holder, size_t number)
{
    char name[PS_NAME_MAX + 1];
    struct access_question question = {.operation = GRANTED_MAC, .now_s = NOW};
    struct access_decision decision;

    (void)snprintf(name, sizeof name, "key%zu", number);
    question.key = ps_bytes_str(name);
    decision = access_decide(access_, &holder->client, &question);
    assert_int_equal(decision.outcome, ACCESS_ALLOWED);
    assert_ptr_equal(decision.grant, holder->grant);
}

static size_t octets_held(void)
{
    const struct matches *matches;
    size_t cursor = 0;
    size_t octets = 0;

    while ((matches = ps_map_next(access_->index->remembered, &cursor)) != NULL) {
        octets += sizeof *matches + matches->count * sizeof(struct access_grant *);
    }
    return octets;
}

static void names_of_many_grants_are_remembered_within_a_bound_of_octets(void **state)
{
    const size_t grants = 1000;
    const size_t fit =
        REMEMBERED_OCTETS_MAX / (sizeof(struct matches) + grants * sizeof(struct access_grant *));
    struct holder holder;

    (void)state;
    load();
    make_holder(&holder, grants);
    for (size_t i = 0; i < 2 * fit + 2; i++) {
        assert_may_mac(&holder, i);
        /* As many as fit, then all anew. */
        assert_int_equal(ps_map_count(access_->index->remembered), i % fit + 1);
        if (i % fit == fit - 1 || i % fit == 0) {
            assert_true(octets_held() <= REMEMBERED_OCTETS_MAX);
        }
    }
    assert_may_mac(&holder, 2 * fit + 1);
    assert_int_equal(ps_map_count(access_->index->remembered), 2);
    clear_holder(&holder);
}

static void a_name_of_more_grants_than_fit_is_decided_and_not_remembered(void **state)
{
    struct holder few;
    struct holder many;

    (void)state;
    load();
    make_holder(&few, 1000);
    make_holder(&many, REMEMBERED_OCTETS_MAX / sizeof(struct access_grant *));
    assert_may_mac(&few, 1);
    assert_may_mac(&many, 2);
    assert_may_mac(&many, 2);
    assert_int_equal(ps_map_count(access_->index->remembered), 1);
    assert_may_mac(&few, 1);
    clear_holder(&few);
    clear_holder(&many);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        ACCESS_TEST(names_of_many_grants_are_remembered_within_a_bound_of_octets),
        ACCESS_TEST(a_name_of_more_grants_than_fit_is_decided_and_not_remembered),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
