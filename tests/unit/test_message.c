#include "tests/unit/messages.h"

static void check_round_trip(const struct ipc_set *set, const struct ipc_message *info)
{
    static const size_t lengths[] = {0, 1, 17, IPC_PAYLOAD_MAX};

    (void)set;
    for (size_t i = 0; i < PS_COUNT_OF(lengths); i++) {
        union any_message given;
        union any_message back;
        PS_BUF_AUTO out = {.max = 8 * 1024 * 1024};

        memset(&back, 0xff, sizeof back);
        fill_message(info, lengths[i], &given);
        assert_ok(ipc_encode(info, &given, &out));
        assert_ok(ipc_decode(info, ps_buf_bytes(&out), &back));
        assert_same_message(info, &given, &back);
    }
}

static void every_message_comes_back_as_it_was(void **state)
{
    (void)state;
    for_each_message(check_round_trip);
}

static void check_truncation(const struct ipc_set *set, const struct ipc_message *info)
{
    union any_message given;
    union any_message back;
    PS_BUF_AUTO out = {.max = 65536};

    (void)set;
    fill_message(info, 5, &given);
    assert_ok(ipc_encode(info, &given, &out));
    for (size_t cut = 0; cut < out.len; cut++) {
        /* On the heap and exactly so long, so that a sanitizer sees a read past it. */
        uint8_t *octets = malloc(cut == 0 ? 1 : cut);

        assert_non_null(octets);
        memcpy(octets, out.data, cut);
        assert_fails(PS_E_INPUT, ipc_decode(info, ps_bytes(octets, cut), &back));
        free(octets);
    }
    ps_buf_put_u8(&out, 0);
    assert_fails(PS_E_INPUT, ipc_decode(info, ps_buf_bytes(&out), &back));
}

static void every_truncation_and_a_trailing_octet_are_input_errors(void **state)
{
    (void)state;
    for_each_message(check_truncation);
}

/* Encoded by who believes that the field may be one octet longer. */
static void check_one_more(const struct ipc_message *info, size_t number,
                           const union any_message *given)
{
    struct ipc_field fields[64];
    struct ipc_message wider = *info;
    union any_message back;
    PS_BUF_AUTO out = {.max = 8 * 1024 * 1024};

    assert_true(info->count <= PS_COUNT_OF(fields));
    memcpy(fields, info->fields, info->count * sizeof fields[0]);
    fields[number].max++;
    wider.fields = fields;
    assert_ok(ipc_encode(&wider, given, &out));
    assert_fails(PS_E_INPUT, ipc_decode(info, ps_buf_bytes(&out), &back));
    assert_non_null(strstr(ps_detail()->text, fields[number].name));
}

static void check_maxima(const struct ipc_set *set, const struct ipc_message *info)
{
    (void)set;
    for (size_t i = 0; i < info->count; i++) {
        const struct ipc_field *field = &info->fields[i];
        union any_message given;
        union any_message back;
        struct ps_bytes *octets = (struct ps_bytes *)(void *)(given.octets + field->offset);
        PS_BUF_AUTO out = {.max = 8 * 1024 * 1024};

        if (field->kind != IPC_BYTES) {
            continue;
        }
        fill_message(info, 0, &given);
        *octets = ps_bytes(fill_octets, field->max);
        assert_ok(ipc_encode(info, &given, &out));
        assert_ok(ipc_decode(info, ps_buf_bytes(&out), &back));
        assert_same_message(info, &given, &back);
        *octets = ps_bytes(fill_octets, field->max + 1);
        ps_buf_reset(&out);
        assert_fails(PS_E_INPUT, ipc_encode(info, &given, &out));
        assert_non_null(strstr(ps_detail()->text, field->name));
        check_one_more(info, i, &given);
    }
}

static void each_field_reaches_its_maximum_and_not_more(void **state)
{
    (void)state;
    for_each_message(check_maxima);
}

/* A length over the maximum is refused before the octets are looked for. */
static void an_announced_length_over_the_maximum_is_an_input_error(void **state)
{
    struct msg_octets back = {0};
    struct msg_pin pin = {0};

    (void)state;
    assert_fails(PS_E_INPUT, ipc_decode(&msg_octets_info, LITERAL("\xff\xff\xff\xff"), &back));
    assert_fails(PS_E_INPUT, ipc_decode(&msg_pin_info, LITERAL("\0\0\0\1a\0\0\1\1"), &pin));
}

static size_t encoded_max(const struct ipc_message *info)
{
    static const size_t sizes[] = {
        [IPC_U8] = 1, [IPC_U16] = 2, [IPC_U32] = 4, [IPC_U64] = 8, [IPC_BYTES] = 4};
    size_t total = 0;

    for (size_t i = 0; i < info->count; i++) {
        total += sizes[info->fields[i].kind] + info->fields[i].max;
    }
    return total;
}

static void check_table(const struct ipc_set *set, const struct ipc_message *info)
{
    assert_true(info->size <= IPC_STRUCT_MAX);
    assert_true(info->count > 0);
    assert_ptr_equal(ipc_set_find(set, info->type), info);
    /* With all its fields at their maximum it still fits a frame. */
    if (IPC_HEADER_LEN + encoded_max(info) > IPC_FRAME_MAX) {
        fail_msg("%s can be %zu octets", info->name, encoded_max(info));
    }
    for (size_t i = 0; i < info->count; i++) {
        const struct ipc_field *field = &info->fields[i];

        assert_true(field->offset < info->size);
        assert_true((field->kind == IPC_BYTES) == (field->max != 0));
        for (size_t j = 0; j < i; j++) {
            assert_string_not_equal(info->fields[j].name, field->name);
            assert_true(info->fields[j].offset != field->offset);
        }
    }
}

static void tables_are_sound_and_everything_fits_a_frame(void **state)
{
    (void)state;
    for_each_message(check_table);
}

static void types_and_names_are_unique(void **state)
{
    (void)state;
    for (size_t s = 0; s < PS_COUNT_OF(all_sets); s++) {
        const struct ipc_set *set = all_sets[s];

        for (size_t i = 0; i < set->count; i++) {
            for (size_t j = 0; j < i; j++) {
                assert_true(set->messages[i]->type != set->messages[j]->type);
                assert_string_not_equal(set->messages[i]->name, set->messages[j]->name);
            }
        }
        assert_null(ipc_set_find(set, 0));
        assert_null(ipc_set_find(set, 0xffff));
    }
}

static void states_have_names(void **state)
{
    (void)state;
    for (unsigned i = TOKEN_STARTING; i <= TOKEN_FOREIGN; i++) {
        assert_string_not_equal(token_state_name((enum token_state)i), "unknown");
    }
    for (unsigned i = APPLIANCE_STARTING; i <= APPLIANCE_FAILED; i++) {
        assert_string_not_equal(appliance_state_name((enum appliance_state)i), "unknown");
    }
    assert_string_equal(token_state_name((enum token_state)77), "unknown");
    assert_string_equal(appliance_state_name((enum appliance_state)77), "unknown");
}

static void a_full_buffer_is_a_limit_error(void **state)
{
    const struct msg_octets octets = {.octets = LITERAL("abc")};
    PS_BUF_AUTO out = {.max = 6};

    (void)state;
    assert_fails(PS_E_LIMIT, ipc_encode(&msg_octets_info, &octets, &out));
    ps_buf_clear(&out);
    out.max = 7;
    assert_ok(ipc_encode(&msg_octets_info, &octets, &out));
}

/* Those behind a PIN must not move it: the memory that it was in is not wiped. */
static void room_is_made_before_the_first_field(void **state)
{
    const struct msg_token_set_pin message = {.pin = LITERAL("1234"), .next = LITERAL("5678")};
    PS_BUF_AUTO out = {.max = 15};

    (void)state;
    assert_fails(PS_E_LIMIT, ipc_encode(&msg_token_set_pin_info, &message, &out));
    assert_int_equal(out.len, 0);
    ps_buf_clear(&out);
    out.max = 16;
    assert_ok(ipc_encode(&msg_token_set_pin_info, &message, &out));
    assert_int_equal(out.len, 16);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_message_comes_back_as_it_was),
        cmocka_unit_test(every_truncation_and_a_trailing_octet_are_input_errors),
        cmocka_unit_test(each_field_reaches_its_maximum_and_not_more),
        cmocka_unit_test(an_announced_length_over_the_maximum_is_an_input_error),
        cmocka_unit_test(tables_are_sound_and_everything_fits_a_frame),
        cmocka_unit_test(types_and_names_are_unique),
        cmocka_unit_test(states_have_names),
        cmocka_unit_test(a_full_buffer_is_a_limit_error),
        cmocka_unit_test(room_is_made_before_the_first_field),
    };

    return cmocka_run_group_tests_name("message", tests, NULL, NULL);
}
