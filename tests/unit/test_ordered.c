#include "keystore/catalog/ordered.h"

#include "lib/base/compiler.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

enum { NAMES = 500 };

static char names[NAMES][8];
static struct ordered_node *nodes[NAMES];
static struct ordered list;

static int make_names(void **state)
{
    (void)state;
    list = (struct ordered){0};
    for (unsigned i = 0; i < NAMES; i++) {
        (void)snprintf(names[i], sizeof names[i], "n%03u", i);
        nodes[i] = NULL;
    }
    return 0;
}

static int free_nodes(void **state)
{
    (void)state;
    for (unsigned i = 0; i < NAMES; i++) {
        ordered_node_free(nodes[i]);
    }
    return 0;
}

static void link_name(unsigned i)
{
    nodes[i] = ordered_node_new(&list, ps_bytes_str(names[i]), &names[i]);
    assert_non_null(nodes[i]);
    ordered_link(&list, nodes[i]);
}

static void assert_same_as_nodes(void)
{
    const struct ordered_node *node = list.first[0];
    size_t count = 0;

    for (unsigned i = 0; i < NAMES; i++) {
        assert_ptr_equal(ordered_find(&list, ps_bytes_str(names[i])), nodes[i]);
        if (nodes[i] != NULL) {
            assert_ptr_equal(node, nodes[i]);
            node = node->next[0];
            count++;
        }
    }
    assert_null(node);
    assert_int_equal(list.count, count);
}

static void empty_list_has_nothing(void **state)
{
    (void)state;
    assert_null(ordered_find(&list, ps_bytes_str("a")));
    assert_null(ordered_after(&list, ps_bytes_str("")));
}

static void any_order_of_changes_yields_the_order_of_names(void **state)
{
    unsigned seed = 12345;

    (void)state;
    for (unsigned step = 0; step < 20000; step++) {
        seed = seed * 1103515245u + 12345u;
        const unsigned i = seed / 65536u % NAMES;

        if (nodes[i] == NULL) {
            link_name(i);
        } else {
            ordered_unlink(&list, nodes[i]);
            ordered_node_free(nodes[i]);
            nodes[i] = NULL;
        }
        if (step % 1000 == 0) {
            assert_same_as_nodes();
        }
    }
    assert_same_as_nodes();
}

static void unlinked_node_can_be_linked_again(void **state)
{
    (void)state;
    for (unsigned i = 0; i < NAMES; i++) {
        link_name(i);
    }
    ordered_unlink(&list, nodes[7]);
    assert_null(ordered_find(&list, ps_bytes_str(names[7])));
    ordered_link(&list, nodes[7]);
    assert_same_as_nodes();
}

static void after_is_the_next_name_whether_it_is_there_or_not(void **state)
{
    (void)state;
    link_name(3);
    link_name(5);
    assert_ptr_equal(ordered_after(&list, ps_bytes_str("")), nodes[3]);
    assert_ptr_equal(ordered_after(&list, ps_bytes_str("n002")), nodes[3]);
    assert_ptr_equal(ordered_after(&list, ps_bytes_str("n003")), nodes[5]);
    assert_ptr_equal(ordered_after(&list, ps_bytes_str("n0030")), nodes[5]);
    assert_ptr_equal(ordered_after(&list, ps_bytes_str("n004")), nodes[5]);
    assert_null(ordered_after(&list, ps_bytes_str("n005")));
    assert_null(ordered_after(&list, ps_bytes_str("z")));
}

#define LIST_TEST(name) cmocka_unit_test_setup_teardown(name, make_names, free_nodes)

int main(void)
{
    const struct CMUnitTest tests[] = {
        LIST_TEST(empty_list_has_nothing),
        LIST_TEST(any_order_of_changes_yields_the_order_of_names),
        LIST_TEST(unlinked_node_can_be_linked_again),
        LIST_TEST(after_is_the_next_name_whether_it_is_there_or_not),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
