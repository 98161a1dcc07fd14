#include "tests/unit/pdf_documents.h"

/* What earlier signatures of a document allow. */

/* A form whose field 5 has `field` and, when it is signed, the signature 9 with `signature`. */
static enum ps_err sign_locked(const char *field, const char *signature, const char *flags)
{
    struct pdf_signature wanted = pdf_signature_default();
    struct pdf_slot slot;
    char objects[2048];
    struct ps_buf file;
    PS_BUF_AUTO out = {0};
    enum ps_err err;

    (void)snprintf(objects, sizeof objects,
                   "1 0 obj\n<< /Type /Catalog /Pages 2 0 R /AcroForm << %s /Fields [4 0 R] >> "
                   ">>\nendobj\n" PDF_PAGES PDF_PAGE
                   "4 0 obj\n<< /T (outer) /Kids [5 0 R] >>\nendobj\n"
                   "5 0 obj\n<< /T (a) /FT /Sig %s >>\nendobj\n"
                   "9 0 obj\n<< /Type /Sig /ByteRange [0 1 2 3] %s >>\nendobj\n",
                   flags, field, signature);
    file = pdf_document(objects, "/Root 1 0 R");
    err = pdf_sign(ps_buf_bytes(&file), &wanted, &out, &slot);
    ps_buf_clear(&file);
    return err;
}

#define LOCKING "/V 9 0 R /Lock << /Type /SigFieldLock /Action "

static void what_a_signature_has_locked_is_not_signed_again(void **state)
{
    static const char flags[] = "/SigFlags 3";

    (void)state;
    assert_fails(PS_E_STATE, sign_locked(LOCKING "/All >>", "", flags));
    assert_fails(PS_E_STATE, sign_locked(LOCKING "/Exclude /Fields [(b)] >>", "", flags));
    assert_ok(sign_locked(LOCKING "/Include /Fields [(a)] >>", "", flags));
    assert_fails(PS_E_STATE, sign_locked(LOCKING "/Include /Fields [(a)] /P 1 >>", "", flags));
    assert_ok(sign_locked(LOCKING "/Include /Fields [(a)] /P 2 >>", "", flags));
    /* One that was not signed locks nothing yet. */
    assert_ok(sign_locked("/Lock << /Action /All >>", "", flags));
    assert_ok(sign_locked(LOCKING "/All >>", "", ""));
}

#define FIELD_MDP "/Reference [ << /TransformMethod /FieldMDP /TransformParams << /Action "

static void fields_that_a_signature_covers_are_read_of_it_too(void **state)
{
    static const char flags[] = "/SigFlags 1";

    (void)state;
    assert_fails(PS_E_STATE, sign_locked("/V 9 0 R", FIELD_MDP "/All >> >> ]", flags));
    assert_fails(PS_E_STATE, sign_locked("/V 9 0 R", FIELD_MDP "/Exclude >> >> ]", flags));
    assert_ok(sign_locked("/V 9 0 R", FIELD_MDP "/Include >> >> ]", flags));
    assert_ok(sign_locked("/V 9 0 R", "", flags));
}

static void fields_in_a_circle_are_refused(void **state)
{
    (void)state;
    assert_fails(PS_E_INPUT, sign_locked("/Kids [4 0 R]", "", "/SigFlags 1"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_a_signature_has_locked_is_not_signed_again),
        cmocka_unit_test(fields_that_a_signature_covers_are_read_of_it_too),
        cmocka_unit_test(fields_in_a_circle_are_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
