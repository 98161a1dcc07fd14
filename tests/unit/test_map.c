#include "tests/unit/support.h"

#include "lib/base/map.h"

#define MANY 5000

static char names[MANY][16];

static int make_names(void **state)
{
    (void)state;
    for (int i = 0; i < MANY; i++) {
        (void)snprintf(names[i], sizeof names[i], "key-%d", i);
    }
    return 0;
}

static void what_was_added_is_found_until_it_is_removed(void **state)
{
    struct ps_map *map = NULL;

    (void)state;
    assert_ok(ps_map_new(&map));
    for (int i = 0; i < MANY; i++) {
        assert_ok(ps_map_add(map, ps_bytes_str(names[i]), names[i]));
        assert_int_equal(ps_map_count(map), i + 1);
    }
    for (int i = 0; i < MANY; i++) {
        assert_ptr_equal(ps_map_get(map, ps_bytes_str(names[i])), names[i]);
    }
    for (int i = 0; i < MANY; i += 2) {
        assert_ptr_equal(ps_map_remove(map, ps_bytes_str(names[i])), names[i]);
        assert_null(ps_map_remove(map, ps_bytes_str(names[i])));
    }
    assert_int_equal(ps_map_count(map), MANY / 2);
    for (int i = 0; i < MANY; i++) {
        assert_ptr_equal(ps_map_get(map, ps_bytes_str(names[i])), i % 2 == 0 ? NULL : names[i]);
    }
    ps_map_free(map, NULL);
}

static void a_second_of_the_same_name_is_a_conflict(void **state)
{
    struct ps_map *map = NULL;

    (void)state;
    assert_ok(ps_map_new(&map));
    assert_ok(ps_map_add(map, LITERAL("a"), names[0]));
    assert_fails(PS_E_CONFLICT, ps_map_add(map, LITERAL("a"), names[1]));
    assert_ptr_equal(ps_map_get(map, LITERAL("a")), names[0]);
    assert_ok(ps_map_add(map, LITERAL("a\0"), names[1]));
    assert_ok(ps_map_add(map, LITERAL(""), names[2]));
    assert_ptr_equal(ps_map_get(map, LITERAL("")), names[2]);
    assert_null(ps_map_get(map, LITERAL("b")));
    ps_map_free(map, NULL);
}

/* Removed entries must not fill the table up, nor cut the way to others. */
static void coming_and_going_for_long_leaves_it_working(void **state)
{
    struct ps_map *map = NULL;

    (void)state;
    assert_ok(ps_map_new(&map));
    for (int round = 0; round < 40; round++) {
        for (int i = 0; i < 500; i++) {
            const int at = (round * 500 + i) % MANY;

            assert_ok(ps_map_add(map, ps_bytes_str(names[at]), names[at]));
            if (i >= 10) {
                const int old = (round * 500 + i - 10) % MANY;

                assert_ptr_equal(ps_map_remove(map, ps_bytes_str(names[old])), names[old]);
            }
        }
        for (int i = 490; i < 500; i++) {
            const int at = (round * 500 + i) % MANY;

            assert_ptr_equal(ps_map_remove(map, ps_bytes_str(names[at])), names[at]);
        }
        assert_int_equal(ps_map_count(map), 0);
    }
    ps_map_free(map, NULL);
}

static void walking_meets_each_value_once(void **state)
{
    struct ps_map *map = NULL;
    bool seen[100] = {false};
    size_t cursor = 0;
    char *value;
    int count = 0;

    (void)state;
    assert_ok(ps_map_new(&map));
    for (int i = 0; i < 100; i++) {
        assert_ok(ps_map_add(map, ps_bytes_str(names[i]), names[i]));
    }
    while ((value = ps_map_next(map, &cursor)) != NULL) {
        const int i = atoi(value + 4);

        assert_false(seen[i]);
        seen[i] = true;
        count++;
    }
    assert_int_equal(count, 100);
    assert_null(ps_map_next(map, &cursor));
    ps_map_free(map, NULL);
}

static int freed;

static void count_freed(void *value)
{
    assert_non_null(value);
    freed++;
}

static void freeing_frees_the_values_that_are_left(void **state)
{
    struct ps_map *map = NULL;

    (void)state;
    assert_ok(ps_map_new(&map));
    for (int i = 0; i < 50; i++) {
        assert_ok(ps_map_add(map, ps_bytes_str(names[i]), names[i]));
    }
    assert_non_null(ps_map_remove(map, ps_bytes_str(names[7])));
    freed = 0;
    ps_map_free(map, count_freed);
    assert_int_equal(freed, 49);
    ps_map_free(NULL, count_freed);
    assert_int_equal(freed, 49);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_was_added_is_found_until_it_is_removed),
        cmocka_unit_test(a_second_of_the_same_name_is_a_conflict),
        cmocka_unit_test(coming_and_going_for_long_leaves_it_working),
        cmocka_unit_test(walking_meets_each_value_once),
        cmocka_unit_test(freeing_frees_the_values_that_are_left),
    };

    return cmocka_run_group_tests_name("map", tests, make_names, NULL);
}
