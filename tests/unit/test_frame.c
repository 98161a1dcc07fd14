#include "tests/unit/messages.h"

#include "lib/ipc/frame.h"

/* Header fields: octets 0-3 length, 4 version, 5 flags, 6-7 type, 8-15 id. */
enum { AT_LENGTH = 0, AT_VERSION = 4, AT_FLAGS = 5, AT_TYPE = 6, AT_ID = 8 };

static void make_frame(const struct ipc_message *info, struct ps_buf *out)
{
    union any_message message;

    fill_message(info, 3, &message);
    assert_ok(ipc_frame_put(info, id_for(info), &message, out));
}

static void check_parses(const struct ipc_set *set, const struct ipc_message *info)
{
    struct ipc_frame frame;
    size_t len = 0;
    PS_BUF_AUTO out = {.max = 65536};

    make_frame(info, &out);
    assert_ok(ipc_frame_parse(set, receiver_of(info), ps_buf_bytes(&out), &frame, &len));
    assert_int_equal(len, out.len);
    assert_ptr_equal(frame.info, info);
    assert_true(frame.id == id_for(info));
    assert_int_equal(frame.has_descriptor, info->has_descriptor);
    assert_bytes(frame.payload, ps_bytes_from(ps_buf_bytes(&out), IPC_HEADER_LEN));
}

static void every_message_makes_a_frame_that_parses(void **state)
{
    (void)state;
    for_each_message(check_parses);
}

static void check_truncated(const struct ipc_set *set, const struct ipc_message *info)
{
    PS_BUF_AUTO out = {.max = 65536};

    make_frame(info, &out);
    for (size_t cut = 0; cut < out.len; cut++) {
        struct ipc_frame frame;
        size_t len = 7;

        assert_ok(ipc_frame_parse(set, receiver_of(info), ps_bytes(out.data, cut), &frame, &len));
        assert_int_equal(len, 0);
    }
}

static void a_truncated_frame_wants_more(void **state)
{
    (void)state;
    for_each_message(check_truncated);
}

static void check_direction(const struct ipc_set *set, const struct ipc_message *info)
{
    const enum ipc_side sender = receiver_of(info) == IPC_CLIENT ? IPC_SERVER : IPC_CLIENT;
    struct ipc_frame frame;
    size_t len;
    PS_BUF_AUTO out = {.max = 65536};

    make_frame(info, &out);
    assert_fails(PS_E_INPUT, ipc_frame_parse(set, sender, ps_buf_bytes(&out), &frame, &len));
}

static void a_message_against_its_direction_is_an_input_error(void **state)
{
    (void)state;
    for_each_message(check_direction);
}

static void check_header(const struct ipc_set *set, const struct ipc_message *info)
{
    static const struct {
        size_t at;
        uint8_t flip;
    } changes[] = {{AT_VERSION, 1}, {AT_VERSION, 0xff}, {AT_FLAGS, IPC_FLAG_DESCRIPTOR},
                   {AT_FLAGS, 2},   {AT_FLAGS, 0x80},   {AT_TYPE, 0x80},
                   {AT_LENGTH, 1}};

    for (size_t i = 0; i < PS_COUNT_OF(changes); i++) {
        struct ipc_frame frame;
        size_t len;
        PS_BUF_AUTO out = {.max = 65536};

        make_frame(info, &out);
        out.data[changes[i].at] ^= changes[i].flip;
        assert_fails(PS_E_INPUT,
                     ipc_frame_parse(set, receiver_of(info), ps_buf_bytes(&out), &frame, &len));
    }
}

static void another_version_flag_type_or_length_is_an_input_error(void **state)
{
    (void)state;
    for_each_message(check_header);
}

static void check_id(const struct ipc_set *set, const struct ipc_message *info)
{
    struct ipc_frame frame;
    size_t len;
    PS_BUF_AUTO out = {.max = 65536};

    make_frame(info, &out);
    memset(out.data + AT_ID, 0, 8);
    if (id_for(info) == 0) {
        out.data[AT_ID + 7] = 1;
    }
    assert_fails(PS_E_INPUT,
                 ipc_frame_parse(set, receiver_of(info), ps_buf_bytes(&out), &frame, &len));
}

static void a_missing_or_unexpected_id_is_an_input_error(void **state)
{
    (void)state;
    for_each_message(check_id);
}

static void lengths_outside_the_bounds_are_seen_with_four_octets(void **state)
{
    struct ipc_frame frame;
    size_t len = 7;

    (void)state;
    assert_ok(ipc_frame_parse(&keeper_set, IPC_SERVER, LITERAL("\0\0\0"), &frame, &len));
    assert_int_equal(len, 0);
    assert_fails(PS_E_INPUT,
                 ipc_frame_parse(&keeper_set, IPC_SERVER, LITERAL("\0\0\0\x0f"), &frame, &len));
    assert_ok(ipc_frame_parse(&keeper_set, IPC_SERVER, LITERAL("\0\0\0\x10"), &frame, &len));
    assert_ok(ipc_frame_parse(&keeper_set, IPC_SERVER, LITERAL("\0\x14\0\0"), &frame, &len));
    assert_fails(PS_E_INPUT,
                 ipc_frame_parse(&keeper_set, IPC_SERVER, LITERAL("\0\x14\0\1"), &frame, &len));
    assert_fails(PS_E_INPUT, ipc_frame_parse(&keeper_set, IPC_SERVER, LITERAL("\xff\xff\xff\xff"),
                                             &frame, &len));
}

static void a_message_of_another_set_is_an_input_error(void **state)
{
    struct ipc_frame frame;
    size_t len;
    PS_BUF_AUTO out = {.max = 65536};

    (void)state;
    make_frame(&msg_token_sign_info, &out);
    assert_fails(PS_E_INPUT,
                 ipc_frame_parse(&keeper_set, IPC_SERVER, ps_buf_bytes(&out), &frame, &len));
}

static void only_the_first_of_several_frames_is_taken(void **state)
{
    struct ipc_frame frame;
    size_t first;
    size_t len;
    PS_BUF_AUTO out = {.max = 65536};

    (void)state;
    make_frame(&msg_random_info, &out);
    first = out.len;
    make_frame(&msg_read_info, &out);
    assert_ok(ipc_frame_parse(&keeper_set, IPC_SERVER, ps_buf_bytes(&out), &frame, &len));
    assert_int_equal(len, first);
    assert_ptr_equal(frame.info, &msg_random_info);
}

static void a_frame_that_cannot_be_put_leaves_the_buffer_as_it_was(void **state)
{
    const struct msg_random good = {.request_id = LITERAL("r")};
    const struct msg_random bad = {.request_id = {fill_octets, IPC_REQUEST_ID_MAX + 1}};
    PS_BUF_AUTO out = {.max = 256};
    size_t before;

    (void)state;
    assert_ok(ipc_frame_put(&msg_random_info, 1, &good, &out));
    before = out.len;
    assert_fails(PS_E_INPUT, ipc_frame_put(&msg_random_info, 1, &bad, &out));
    assert_int_equal(out.len, before);
    assert_ok(ps_buf_status(&out));
    while (ipc_frame_put(&msg_random_info, 1, &good, &out) == PS_OK) {
        before = out.len;
    }
    assert_int_equal(out.len, before);
    assert_ok(ps_buf_status(&out));
}

static void an_error_from_before_is_not_forgotten(void **state)
{
    const struct msg_random good = {.request_id = LITERAL("r")};
    PS_BUF_AUTO out = {.max = 4};

    (void)state;
    ps_buf_put_str(&out, "12345");
    assert_fails(PS_E_LIMIT, ipc_frame_put(&msg_random_info, 1, &good, &out));
    assert_fails(PS_E_LIMIT, ps_buf_status(&out));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_message_makes_a_frame_that_parses),
        cmocka_unit_test(a_truncated_frame_wants_more),
        cmocka_unit_test(a_message_against_its_direction_is_an_input_error),
        cmocka_unit_test(another_version_flag_type_or_length_is_an_input_error),
        cmocka_unit_test(a_missing_or_unexpected_id_is_an_input_error),
        cmocka_unit_test(lengths_outside_the_bounds_are_seen_with_four_octets),
        cmocka_unit_test(a_message_of_another_set_is_an_input_error),
        cmocka_unit_test(only_the_first_of_several_frames_is_taken),
        cmocka_unit_test(a_frame_that_cannot_be_put_leaves_the_buffer_as_it_was),
        cmocka_unit_test(an_error_from_before_is_not_forgotten),
    };

    return cmocka_run_group_tests_name("frame", tests, NULL, NULL);
}
