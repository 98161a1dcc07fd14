#include "tests/unit/support.h"

#include "pkcs11/module/slot.h"

/* URIs, and the choice among the tokens of a module that is only a function list. */

static void uri_names_label_serial_manufacturer_and_model(void **state)
{
    static const char *const texts[] = {
        "",
        "pkcs11:token=a",
        "pkcs11:serial=0123456789abcdef",
        "pkcs11:token=The%20Token;serial=1;manufacturer=M;model=X",
        "pkcs11:model=X;token=a",
    };

    (void)state;
    for (size_t i = 0; i < PS_COUNT_OF(texts); i++) {
        PS_CLEANUP(token_uri_free_cleanup) struct token_uri *uri = NULL;

        assert_ok(token_uri_parse(ps_bytes_str(texts[i]), &uri));
    }
}

static void anything_else_in_a_uri_is_an_error(void **state)
{
    static const char *const texts[] = {
        "pkcs11:",
        "pkcs11",
        "token=a",
        "http://token=a",
        "PKCS12:token=a",
        "pkcs11:token",
        "pkcs11:token=a;token=b",
        "pkcs11:token=a;",
        "pkcs11:object=key;token=a",
        "pkcs11:token=a;type=private",
        "pkcs11:token=a;id=%01",
        "pkcs11:token=a;slot-id=0",
        "pkcs11:token=a;x-vendor=b",
        "pkcs11:token=a?pin-value=1234",
        "pkcs11:token=a?pin-source=file:/etc/pin",
        "pkcs11:token=a?module-path=/tmp/evil.so",
        "pkcs11:token=a;pin-value=1234",
        "pkcs11:token=%zz",
        "pkcs11:token=a#b",
        "pkcs11:library-manufacturer=a",
    };

    (void)state;
    for (size_t i = 0; i < PS_COUNT_OF(texts); i++) {
        struct token_uri *uri = NULL;

        assert_fails(PS_E_INPUT, token_uri_parse(ps_bytes_str(texts[i]), &uri));
    }
}

static void uri_has_a_longest_length_and_no_nul(void **state)
{
    char text[1100] = "pkcs11:token=";
    struct token_uri *uri = NULL;

    (void)state;
    memset(text + 13, 'a', sizeof text - 13);
    assert_fails(PS_E_INPUT, token_uri_parse(ps_bytes(text, 1025), &uri));
    assert_fails(PS_E_INPUT, token_uri_parse(LITERAL("pkcs11:token=a\0b"), &uri));
}

struct fake_slot {
    CK_RV rv;
    const char *label;
    const char *serial;
    const char *manufacturer;
    const char *model;
    bool initialised;
    bool has_pin;
};

static struct fake_slot slots[8];
static CK_ULONG slot_count;
static CK_ULONG announced_count; /* what C_GetSlotList says */
static CK_RV list_rv;

static CK_RV get_slot_list(CK_BBOOL present, CK_SLOT_ID *list, CK_ULONG *count)
{
    assert_int_equal(present, CK_TRUE);
    if (list != NULL) {
        for (CK_ULONG i = 0; i < slot_count; i++) {
            list[i] = 100 + i;
        }
    }
    *count = announced_count;
    return list_rv;
}

static void fill(unsigned char *to, size_t len, const char *text)
{
    memset(to, ' ', len);
    memcpy(to, text, strlen(text));
}

static CK_RV get_token_info(CK_SLOT_ID id, CK_TOKEN_INFO *info)
{
    const struct fake_slot *slot = &slots[id - 100];

    fill(info->label, sizeof info->label, slot->label);
    fill(info->serialNumber, sizeof info->serialNumber, slot->serial);
    fill(info->manufacturerID, sizeof info->manufacturerID, slot->manufacturer);
    fill(info->model, sizeof info->model, slot->model);
    info->flags = slot->initialised ? CKF_TOKEN_INITIALIZED : 0;
    info->flags |= slot->has_pin ? CKF_USER_PIN_INITIALIZED : 0;
    info->firmwareVersion = (CK_VERSION){2, 6};
    return slot->rv;
}

static const CK_FUNCTION_LIST functions = {
    .C_GetSlotList = get_slot_list,
    .C_GetTokenInfo = get_token_info,
};
static const struct profile profile = {
    .token_manufacturer = {"Maker"},
    .token_model = {"Model 1"},
};

static struct slot_choice choose(const char *text, bool blank_ok)
{
    PS_CLEANUP(token_uri_free_cleanup) struct token_uri *uri = NULL;
    struct slot_choice choice = {.found = SLOT_NONE};
    struct fault fault;

    assert_ok(token_uri_parse(ps_bytes_str(text), &uri));
    assert_ok(slot_find(&functions, &profile, uri, blank_ok, &fault, &choice));
    return choice;
}

static int three_slots(void **state)
{
    (void)state;
    slots[0] = (struct fake_slot){CKR_OK, "a", "1", "Maker Ltd", "Model 1", true, true};
    slots[1] = (struct fake_slot){CKR_OK, "b", "2", "Maker Ltd", "Model 1", true, true};
    slots[2] = (struct fake_slot){CKR_OK, "", "", "Maker Ltd", "Model 1", false, false};
    slot_count = announced_count = 3;
    list_rv = CKR_OK;
    return 0;
}

static void token_is_found_by_what_the_uri_names(void **state)
{
    struct slot_choice choice = choose("pkcs11:token=b", true);

    (void)state;
    assert_int_equal(choice.found, SLOT_TOKEN);
    assert_int_equal(choice.slot, 101);
    assert_string_equal(choice.token.label, "b");
    assert_string_equal(choice.token.serial, "2");
    assert_string_equal(choice.token.firmware, "2.6");
    assert_int_equal(choose("pkcs11:serial=1", true).slot, 100);
    assert_int_equal(choose("pkcs11:token=a;serial=1;manufacturer=Maker%20Ltd", true).slot, 100);
}

static void blank_token_is_second_choice(void **state)
{
    (void)state;
    assert_int_equal(choose("pkcs11:token=c", true).found, SLOT_BLANK);
    assert_int_equal(choose("pkcs11:token=c", false).found, SLOT_NONE);
    assert_int_equal(choose("pkcs11:serial=9", true).found, SLOT_NONE);
    assert_int_equal(choose("pkcs11:token=a;serial=2", true).found, SLOT_NONE);
    assert_int_equal(choose("", true).found, SLOT_BLANK);
    slots[2].initialised = true;
    assert_int_equal(choose("", true).found, SLOT_NONE);
}

static void token_without_a_user_pin_is_half_made(void **state)
{
    (void)state;
    slots[0].has_pin = false;
    assert_int_equal(choose("pkcs11:token=a", true).found, SLOT_HALF_MADE);
    assert_int_equal(choose("pkcs11:token=a", true).slot, 100);
    assert_int_equal(choose("pkcs11:token=a", false).found, SLOT_NONE);
    assert_int_equal(choose("pkcs11:token=c", true).found, SLOT_BLANK);
    slots[1].label = "a";
    assert_int_equal(choose("pkcs11:token=a", true).found, SLOT_SEVERAL);
}

static void two_tokens_that_fit_are_none(void **state)
{
    (void)state;
    assert_int_equal(choose("pkcs11:manufacturer=Maker%20Ltd", true).found, SLOT_SEVERAL);
    slots[1].label = "a";
    assert_int_equal(choose("pkcs11:token=a", true).found, SLOT_SEVERAL);
}

static void token_of_another_kind_than_the_profile_is_foreign(void **state)
{
    (void)state;
    slots[0].model = "Model 2";
    assert_int_equal(choose("pkcs11:token=a", true).found, SLOT_FOREIGN);
    slots[2].manufacturer = "Other";
    assert_int_equal(choose("pkcs11:token=c", true).found, SLOT_NONE);
}

static void token_that_cannot_be_read_is_passed_over(void **state)
{
    PS_CLEANUP(token_uri_free_cleanup) struct token_uri *uri = NULL;
    struct slot_choice choice;
    struct fault fault;

    (void)state;
    slots[0].rv = CKR_DEVICE_ERROR;
    assert_int_equal(choose("pkcs11:token=b", true).found, SLOT_TOKEN);
    assert_ok(token_uri_parse(ps_bytes_str("pkcs11:token=a"), &uri));
    assert_ok(slot_find(&functions, &profile, uri, false, &fault, &choice));
    assert_int_equal(choice.found, SLOT_NONE);
    assert_int_equal(fault.class, FAULT_GONE);
}

static void list_that_cannot_be_is_an_error(void **state)
{
    PS_CLEANUP(token_uri_free_cleanup) struct token_uri *uri = NULL;
    struct slot_choice choice;
    struct fault fault;

    (void)state;
    assert_ok(token_uri_parse(ps_bytes_str("pkcs11:token=a"), &uri));
    announced_count = 257;
    assert_fails(PS_E_TOKEN, slot_find(&functions, &profile, uri, false, &fault, &choice));
    announced_count = UINT64_MAX;
    assert_fails(PS_E_TOKEN, slot_find(&functions, &profile, uri, false, &fault, &choice));
    announced_count = 3;
    list_rv = CKR_CRYPTOKI_NOT_INITIALIZED;
    assert_fails(PS_E_TOKEN, slot_find(&functions, &profile, uri, false, &fault, &choice));
    assert_int_equal(fault.class, FAULT_RELOAD);
}

#define SLOT_TEST(function) cmocka_unit_test_setup(function, three_slots)

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(uri_names_label_serial_manufacturer_and_model),
        cmocka_unit_test(anything_else_in_a_uri_is_an_error),
        cmocka_unit_test(uri_has_a_longest_length_and_no_nul),
        SLOT_TEST(token_is_found_by_what_the_uri_names),
        SLOT_TEST(blank_token_is_second_choice),
        SLOT_TEST(token_without_a_user_pin_is_half_made),
        SLOT_TEST(two_tokens_that_fit_are_none),
        SLOT_TEST(token_of_another_kind_than_the_profile_is_foreign),
        SLOT_TEST(token_that_cannot_be_read_is_passed_over),
        SLOT_TEST(list_that_cannot_be_is_an_error),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
