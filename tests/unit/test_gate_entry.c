#include "keystore/gate/internal.h"
#include "tests/unit/operation_documents.h"

/*
 * What is made before a draft is in the log: it takes no place until it is admitted, and when it
 * cannot be made there is none.
 */

#define ID    "0123456789abcdef0123456789abcdef"
#define OTHER "fedcba9876543210fedcba9876543210"

static struct gate gate;
static struct ps_buf document;

static int begin(void **state)
{
    (void)state;
    gate = (struct gate){.keeper = NULL};
    ps_buf_init(&document, OPERATION_DOCUMENT_MAX);
    read_document("key.create", &document);
    return 0;
}

static int end(void **state)
{
    (void)state;
    while (gate.first != NULL) {
        entry_remove(&gate, gate.first);
    }
    ps_buf_clear(&document);
    return 0;
}

static struct entry_source source_of(const char *id)
{
    return (struct entry_source){.id = ps_bytes_str(id),
                                 .document = ps_buf_bytes(&document),
                                 .caller = "tester",
                                 .request_id = ps_bytes_str("request-1"),
                                 .created_ns = 1};
}

static struct entry *make(const char *id)
{
    const struct entry_source source = source_of(id);
    struct entry *entry = NULL;

    assert_ok(entry_new(&gate, &source, &entry));
    return entry;
}

static void nothing_waits_before_it_is_admitted(void **state)
{
    struct entry *first = make(ID);
    struct entry *second = make(OTHER);

    (void)state;
    assert_int_equal(gate.count, 0);
    assert_null(entry_find(&gate, ps_bytes_str(ID)));
    entry_admit(first);
    assert_int_equal(gate.count, 1);
    assert_ptr_equal(entry_find(&gate, ps_bytes_str(ID)), first);
    assert_null(entry_find(&gate, ps_bytes_str(OTHER)));
    entry_free(second); /* its leaf could not be written */
    entry_remove(&gate, first);
    assert_int_equal(gate.count, 0);
    assert_null(gate.first);
}

static void what_is_admitted_borrows_nothing(void **state)
{
    struct entry *entry = make(ID);
    PS_BUF_AUTO before = {.max = OPERATION_DOCUMENT_MAX};

    (void)state;
    ps_buf_put(&before, ps_buf_bytes(&document));
    memset(document.data, 'x', document.len);
    entry_admit(entry);
    assert_true(ps_bytes_equal(waiting_document(entry->waiting)->octets, ps_buf_bytes(&before)));
    assert_string_equal(entry->caller, "tester");
    assert_text(ps_buf_bytes(&entry->request_id), "request-1");
}

static void what_cannot_be_made_leaves_nothing(void **state)
{
    static const uint8_t long_id[129] = {'a'};
    struct entry_source sources[] = {source_of(ID), source_of("short"), source_of(ID)};
    static const enum ps_err errors[] = {PS_E_INPUT, PS_E_INPUT, PS_E_LIMIT};
    struct entry *entry = NULL;

    (void)state;
    sources[0].document = LITERAL("{}");
    sources[2].request_id = ps_bytes(long_id, sizeof long_id);
    for (size_t i = 0; i < PS_COUNT_OF(sources); i++) {
        assert_fails(errors[i], entry_new(&gate, &sources[i], &entry));
        assert_null(entry);
        assert_fails(errors[i], entry_add(&gate, &sources[i], &entry));
        assert_int_equal(gate.count, 0);
        assert_null(gate.first);
    }
    entry_free(NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(nothing_waits_before_it_is_admitted, begin, end),
        cmocka_unit_test_setup_teardown(what_is_admitted_borrows_nothing, begin, end),
        cmocka_unit_test_setup_teardown(what_cannot_be_made_leaves_nothing, begin, end),
    };

    return cmocka_run_group_tests_name("gate_entry", tests, NULL, NULL);
}
