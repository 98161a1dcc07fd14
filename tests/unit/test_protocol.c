#include "tests/unit/messages.h"

/* lib/ipc/PROTOCOL.md against the tables: each message and field, and nothing else. */

static struct ps_buf document;

static int read_document(void **state)
{
    char path[512];

    (void)state;
    (void)snprintf(path, sizeof path, "%s/lib/ipc/PROTOCOL.md", source_root());
    if (!read_file(path, &document)) {
        return -1;
    }
    ps_buf_put_u8(&document, '\0');
    return 0;
}

static int free_document(void **state)
{
    (void)state;
    ps_buf_clear(&document);
    return 0;
}

static const char *way_name(enum ipc_way way)
{
    static const char *const names[] = {[IPC_REQUEST] = "request",
                                        [IPC_ANSWER] = "answer",
                                        [IPC_CLIENT_NOTICE] = "notice of the client",
                                        [IPC_SERVER_NOTICE] = "notice of the server"};

    return names[way];
}

/* What stands after the heading, up to the next one. */
static char *section_of(const struct ipc_message *info)
{
    char heading[256];
    const char *at;
    const char *end;

    (void)snprintf(heading, sizeof heading, "\n### `%s`: 0x%04x, %s%s\n", info->name, info->type,
                   way_name(info->way), info->has_descriptor ? ", with a descriptor" : "");
    at = strstr((const char *)document.data, heading);
    if (at == NULL) {
        fail_msg("PROTOCOL.md lacks the heading %s", heading + 1);
    }
    at += strlen(heading) - 1;
    end = strstr(at, "\n#");
    return strndup(at, end == NULL ? strlen(at) : (size_t)(end - at));
}

static void row_of(const struct ipc_field *field, char *out, size_t size)
{
    static const char *const kinds[] = {[IPC_U8] = "u8",
                                        [IPC_U16] = "u16",
                                        [IPC_U32] = "u32",
                                        [IPC_U64] = "u64",
                                        [IPC_BYTES] = "bytes"};

    if (field->kind == IPC_BYTES) {
        (void)snprintf(out, size, "\n| `%s` | bytes | %u |", field->name, field->max);
    } else {
        (void)snprintf(out, size, "\n| `%s` | %s | |", field->name, kinds[field->kind]);
    }
}

/* The rows stand in the order of the table, and there are no others. */
static void check_section(const struct ipc_set *set, const struct ipc_message *info)
{
    char *section = section_of(info);
    const char *at = section;

    (void)set;
    for (size_t i = 0; i < info->count; i++) {
        char row[256];
        const char *next = strstr(at, "\n| `");

        row_of(&info->fields[i], row, sizeof row);
        if (next == NULL || strncmp(next, row, strlen(row)) != 0) {
            fail_msg("PROTOCOL.md, %s: expected the row %s", info->name, row + 1);
        }
        at = next + 1;
    }
    if (strstr(at, "\n| `") != NULL) {
        fail_msg("PROTOCOL.md, %s has more rows than the message has fields", info->name);
    }
    free(section);
}

static void every_message_and_field_is_described(void **state)
{
    (void)state;
    for_each_message(check_section);
}

static unsigned messages_of_all_sets(void)
{
    /* `problem` is in two of them. */
    return (unsigned)(keeper_set.count + token_set.count + supervisor_set.count) - 1;
}

static void nothing_else_is_described(void **state)
{
    unsigned count = 0;

    (void)state;
    for (const char *at = (const char *)document.data; (at = strstr(at, "\n### `")) != NULL; at++) {
        count++;
    }
    assert_int_equal(count, messages_of_all_sets());
}

static void the_frame_is_described_as_it_is(void **state)
{
    char row[128];

    (void)state;
    (void)snprintf(row, sizeof row,
                   "| 0-3 | length | of the whole frame, header included: %u to %u |",
                   IPC_HEADER_LEN, IPC_FRAME_MAX);
    assert_non_null(strstr((const char *)document.data, row));
    (void)snprintf(row, sizeof row, "| 4 | version | %d |", IPC_VERSION);
    assert_non_null(strstr((const char *)document.data, row));
    (void)snprintf(row, sizeof row, "At most %u MiB wait", IPC_QUEUE_MAX / 1024 / 1024);
    assert_non_null(strstr((const char *)document.data, row));
}

static void no_two_messages_of_a_set_have_one_type(void **state)
{
    (void)state;
    for (size_t s = 0; s < PS_COUNT_OF(all_sets); s++) {
        for (size_t i = 0; i < all_sets[s]->count; i++) {
            assert_ptr_equal(ipc_set_find(all_sets[s], all_sets[s]->messages[i]->type),
                             all_sets[s]->messages[i]);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(no_two_messages_of_a_set_have_one_type),
        cmocka_unit_test(every_message_and_field_is_described),
        cmocka_unit_test(nothing_else_is_described),
        cmocka_unit_test(the_frame_is_described_as_it_is),
    };

    return cmocka_run_group_tests_name("protocol", tests, read_document, free_document);
}
