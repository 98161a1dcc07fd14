#include "tests/unit/support.h"

#include "appliance/ceremony/transcript.h"
#include "tests/unit/scratch.h"

static const char text_of_script[] =
    "{\"v\":\"1\",\"title\":\"t\",\"purpose\":\"p\",\"steps\":[{\"step\":\"1\",\"say\":\"x\"}]}";
static struct script *script;
static char path[SCRATCH_PATH_MAX];

static int begin(void **state)
{
    (void)scratch_make(state);
    scratch_path("a.transcript", path);
    assert_ok(script_parse(ps_bytes_str(text_of_script), &script));
    return 0;
}

static int end(void **state)
{
    script_free(script);
    return scratch_remove(state);
}

#define LINE(...)                                                                                  \
    &(struct transcript_line)                                                                      \
    {                                                                                              \
        __VA_ARGS__                                                                                \
    }

static struct transcript *open_it(bool resumes)
{
    struct transcript *transcript = NULL;

    assert_ok(transcript_open(path, resumes, script, &transcript));
    return transcript;
}

static void append(const char *text)
{
    FILE *file = fopen(path, "ae");

    assert_non_null(file);
    assert_int_equal(fwrite(text, 1, strlen(text), file), strlen(text));
    assert_int_equal(fclose(file), 0);
}

static void write_three_lines(void)
{
    struct transcript *transcript = open_it(false);

    assert_ok(transcript_put(transcript, LINE(.what = LITERAL("set"), .name = LITERAL("key"),
                                              .value = LITERAL("{\"a\":[1]}"))));
    assert_ok(transcript_put(transcript, LINE(.what = LITERAL("said"), .step = LITERAL("1"))));
    transcript_free(transcript);
}

static void what_was_put_is_there_when_it_is_taken_up_again(void **state)
{
    struct transcript *transcript;
    struct ps_bytes value;

    (void)state;
    write_three_lines();
    transcript = open_it(true);
    assert_ok(transcript_value(transcript, LITERAL("key"), &value));
    assert_text(value, "{\"a\":[1]}");
    assert_fails(PS_E_NOT_FOUND, transcript_value(transcript, LITERAL("other"), &value));
    assert_non_null(transcript_find(transcript, "said", LITERAL("1")));
    assert_null(transcript_find(transcript, "said", LITERAL("2")));
    assert_null(transcript_find(transcript, "done", LITERAL("1")));
    assert_int_equal(transcript_count(transcript, "said", LITERAL("1")), 1);
    assert_int_equal(transcript_id(transcript).len, 32);
    assert_text(transcript_at(transcript, 3)->what, "resumed");
    assert_null(transcript_at(transcript, 4));
    transcript_free(transcript);
}

static void a_ceremony_is_begun_once_and_by_one_process(void **state)
{
    struct transcript *first = open_it(false);
    struct transcript *second = NULL;

    (void)state;
    assert_fails(PS_E_CONFLICT, transcript_open(path, false, script, &second));
    assert_fails(PS_E_CONFLICT, transcript_open(path, true, script, &second));
    transcript_free(first);
    transcript_free(open_it(true));
}

static void a_line_that_was_being_written_is_none(void **state)
{
    struct transcript *transcript;

    (void)state;
    write_three_lines();
    append("{\"at\":\"2026-01-01T00:00:00Z\",\"what\":\"do");
    transcript = open_it(true);
    assert_null(transcript_find(transcript, "done", LITERAL("1")));
    assert_ok(transcript_put(transcript, LINE(.what = LITERAL("done"), .step = LITERAL("1"))));
    transcript_free(transcript);
    transcript = open_it(true);
    assert_non_null(transcript_find(transcript, "done", LITERAL("1")));
    transcript_free(transcript);
}

static void what_is_no_transcript_of_this_script_is_refused(void **state)
{
    static const char *const lines[] = {
        "",
        "x\n",
        "[]\n",
        "{\"at\":\"a\",\"what\":\"said\"}\n",
        "{\"at\":\"a\",\"what\":\"begun\",\"id\":\"1\"}\n",
        "{\"at\":\"a\",\"what\":\"begun\",\"id\":\"00112233445566778899aabbccddeeff\"}\n",
        "{\"at\":\"a\",\"what\":\"begun\",\"sha256\":\"00\"}\n",
        "{\"at\":\"a\",\"what\":\"begun\",\"unknown\":1}\n",
    };
    struct transcript *transcript = NULL;

    (void)state;
    assert_fails(PS_E_NOT_FOUND, transcript_open(path, true, script, &transcript));
    for (size_t i = 0; i < PS_COUNT_OF(lines); i++) {
        append(lines[i]);
        assert_fails(PS_E_INPUT, transcript_open(path, true, script, &transcript));
        assert_int_equal(unlink(path), 0);
    }
}

static void a_script_that_was_changed_is_another(void **state)
{
    static const char changed[] = "{\"v\":\"1\",\"title\":\"t\",\"purpose\":\"q\",\"steps\":[{"
                                  "\"step\":\"1\",\"say\":\"x\"}]}";
    PS_CLEANUP(script_free_cleanup) struct script *other = NULL;
    struct transcript *transcript = NULL;

    (void)state;
    write_three_lines();
    assert_ok(script_parse(ps_bytes_str(changed), &other));
    assert_fails(PS_E_INPUT, transcript_open(path, true, other, &transcript));
}

static void an_id_that_leads_elsewhere_is_none(void **state)
{
    struct transcript *transcript = NULL;

    (void)state;
    write_three_lines();
    append("{\"at\":\"a\",\"what\":\"made\",\"step\":\"1\",\"id\":\"0123\"}\n");
    transcript_free(open_it(true));
    append("{\"at\":\"a\",\"what\":\"made\",\"step\":\"1\",\"id\":\"../keys\"}\n");
    assert_fails(PS_E_INPUT, transcript_open(path, true, script, &transcript));
}

static void a_line_that_is_too_long_is_not_put(void **state)
{
    struct transcript *transcript = open_it(false);
    const size_t max = (size_t)2 * 1024 * 1024;
    char *text = calloc(1, max);

    (void)state;
    assert_non_null(text);
    memset(text, '1', max);
    assert_fails(PS_E_LIMIT, transcript_put(transcript, LINE(.what = LITERAL("said"),
                                                             .text = ps_bytes(text, max))));
    free(text);
    transcript_free(transcript);
    transcript_free(open_it(true));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, end)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(what_was_put_is_there_when_it_is_taken_up_again),
        TEST(a_ceremony_is_begun_once_and_by_one_process),
        TEST(a_line_that_was_being_written_is_none),
        TEST(what_is_no_transcript_of_this_script_is_refused),
        TEST(a_script_that_was_changed_is_another),
        TEST(an_id_that_leads_elsewhere_is_none),
        TEST(a_line_that_is_too_long_is_not_put),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
