#include "appliance/ceremony/ceremony.h"

#include "api/client/privyseal.h"
#include "appliance/terminal.h"
#include "lib/base/counted.h"
#include "lib/base/encode.h"
#include "lib/system/file.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>

/* `privyseal ceremony run|check|list`. */

#define ENDING      ".json"
#define SCRIPTS_MAX 256

int ceremony_failed(enum ps_err err)
{
    PS_BUF_AUTO text = {.max = 4096};

    terminal_put_line(ps_detail()->text, &text);
    if (ps_buf_status(&text) == PS_OK) {
        (void)fprintf(stderr, "privyseal: %.*s\n", PS_BYTES_FMT(ps_buf_bytes(&text)));
    }
    return ps_err_info(err)->exit_code;
}

/* --- Scripts --- */

static const char *directory_of_scripts(void)
{
    const char *directory = getenv("PRIVYSEAL_CEREMONIES");

    return directory != NULL ? directory : CEREMONIES_DIRECTORY;
}

static bool has_ending(const char *name, const char *ending)
{
    const size_t len = strlen(name);
    const size_t ending_len = strlen(ending);

    return len > ending_len && strcmp(name + len - ending_len, ending) == 0;
}

enum ps_err ceremony_load(const char *name, struct script **ret_script)
{
    const bool is_path = strchr(name, '/') != NULL || has_ending(name, ENDING);
    PS_BUF_AUTO path = {.max = CEREMONY_PATH_MAX};
    PS_BUF_AUTO octets = {0};
    char why[sizeof ps_detail()->text];
    enum ps_err err;

    if (is_path) {
        ps_buf_put_str(&path, name);
    } else {
        ps_buf_printf(&path, "%s/%s" ENDING, directory_of_scripts(), name);
    }
    ps_buf_put_u8(&path, '\0');
    PS_TRY(ps_buf_status(&path));
    err = file_read((const char *)path.data, SCRIPT_OCTETS_MAX, &octets);
    if (err == PS_E_NOT_FOUND && !is_path) {
        return ps_fail(err, 0,
                       "no script %.60s in %.160s: `privyseal ceremony list` shows them; "
                       "PRIVYSEAL_CEREMONIES names another directory, and a path another script",
                       name, directory_of_scripts());
    }
    PS_TRY(err);
    err = script_parse(ps_buf_bytes(&octets), ret_script);
    if (err != PS_OK) {
        memcpy(why, ps_detail()->text, sizeof why);
        return ps_fail(err, 0, "%.100s is no script of a ceremony: %s", name, why);
    }
    return PS_OK;
}

int ceremony_check(const struct cli_run *run)
{
    for (size_t i = 0; i < run->argument_count; i++) {
        PS_CLEANUP(script_free_cleanup) struct script *script = NULL;
        const enum ps_err err = ceremony_load(run->arguments[i], &script);

        if (err != PS_OK) {
            (void)ceremony_failed(err);
            return err == PS_E_INPUT ? CLI_FAILED : ps_err_info(err)->exit_code;
        }
        if (cli_flag(run, "json")) {
            (void)printf("{\"good\":true,\"steps\":%zu}\n", script_count(script));
        } else {
            (void)printf("%s: good, %s\n", run->arguments[i],
                         ps_counted(script_count(script), "step", "steps").text);
        }
    }
    return CLI_DONE;
}

static int is_script(const struct dirent *entry)
{
    return has_ending(entry->d_name, ENDING) ? 1 : 0;
}

static void put_row(bool json, const char *name, const struct script *script, struct ps_buf *out)
{
    const size_t len = strlen(name) - strlen(ENDING);

    if (json) {
        ps_buf_put_str(out, out->len == 1 ? "{\"name\":" : ",{\"name\":");
        ps_buf_put_json_string(out, ps_bytes(name, len));
        ps_buf_put_str(out, ",\"title\":");
        ps_buf_put_json_string(out, script_title(script));
        ps_buf_put_u8(out, '}');
    } else {
        ps_buf_printf(out, "%-24.*s  %.*s\n", (int)len, name, PS_BYTES_FMT(script_title(script)));
    }
}

static enum ps_err put_scripts(const char *directory, bool json, struct ps_buf *out)
{
    struct dirent **entries;
    const int count = scandir(directory, &entries, is_script, alphasort);
    enum ps_err err = PS_OK;

    if (count < 0) {
        return ps_fail_errno(PS_E_NOT_FOUND,
                             "no scripts in %.160s (PRIVYSEAL_CEREMONIES names another directory)",
                             directory);
    }
    for (int i = 0; i < count; i++) {
        PS_CLEANUP(script_free_cleanup) struct script *script = NULL;
        PS_BUF_AUTO path = {.max = CEREMONY_PATH_MAX};

        ps_buf_printf(&path, "%s/%s", directory, entries[i]->d_name);
        ps_buf_put_u8(&path, '\0');
        if (err == PS_OK && i < SCRIPTS_MAX) {
            err = ps_buf_status(&path);
            err = err == PS_OK ? ceremony_load((const char *)path.data, &script) : err;
        }
        if (script != NULL) {
            put_row(json, entries[i]->d_name, script, out);
        }
        free(entries[i]);
    }
    free((void *)entries);
    return err;
}

int ceremony_list(const struct cli_run *run)
{
    const bool json = cli_flag(run, "json");
    const char *directory = run->argument_count != 0 ? run->arguments[0] : directory_of_scripts();
    PS_BUF_AUTO text = {.max = 1024 * 1024};
    enum ps_err err;

    ps_buf_put_str(&text, json ? "[" : "");
    err = put_scripts(directory, json, &text);
    ps_buf_put_str(&text, json ? "]\n" : "");
    err = err == PS_OK ? ps_buf_status(&text) : err;
    err = err == PS_OK ? terminal_print(ps_buf_bytes(&text)) : err;
    return err == PS_OK ? CLI_DONE : ceremony_failed(err);
}

/* --- Running --- */

static void clear(struct ceremony *ceremony)
{
    script_free(ceremony->script);
    transcript_free(ceremony->transcript);
    privyseal_close(ceremony->client);
}

static enum ps_err get_value(void *context, struct ps_bytes variable, struct ps_bytes *ret_json)
{
    return transcript_value(((const struct ceremony *)context)->transcript, variable, ret_json);
}

struct script_values ceremony_values(const struct ceremony *ceremony)
{
    return (struct script_values){.context = (void *)(uintptr_t)ceremony, .get = get_value};
}

enum ps_err ceremony_say(const struct ceremony *ceremony, struct ps_bytes text)
{
    const struct script_values values = ceremony_values(ceremony);
    PS_BUF_AUTO said = {.max = (size_t)2 * SCRIPT_VALUE_MAX};

    ps_buf_put_u8(&said, '\n');
    PS_TRY(script_put_text(&values, text, &said));
    ps_buf_put_u8(&said, '\n');
    PS_TRY(ps_buf_status(&said));
    return terminal_print(ps_buf_bytes(&said));
}

static enum ps_err note(struct ceremony *ceremony, const char *what, struct ps_bytes step)
{
    return transcript_put(ceremony->transcript,
                          &(struct transcript_line){.what = ps_bytes_str(what), .step = step});
}

static enum ps_err read_aloud(struct ceremony *ceremony, const struct script_step *step)
{
    PS_BUF_AUTO line = {.max = SCRIPT_TEXT_MAX};

    if (transcript_find(ceremony->transcript, "said", step->name) != NULL) {
        return PS_OK;
    }
    PS_TRY(ceremony_say(ceremony, step->text));
    if (terminal_is_there()) {
        PS_TRY(terminal_read_line("Enter when it was read: ", true, &line));
    }
    return note(ceremony, "said", step->name);
}

static struct outcome stop(struct ceremony *ceremony, const struct script_step *step)
{
    PS_BUF_AUTO line = {.max = SCRIPT_TEXT_MAX};
    enum ps_err err;

    if (transcript_find(ceremony->transcript, "passed", step->name) != NULL) {
        return OUTCOME_ON;
    }
    err = ceremony_say(ceremony, step->text);
    if (err == PS_OK && terminal_is_there()) {
        err = terminal_read_line("Enter goes on, the word stop stops here: ", true, &line);
    }
    if (err == PS_OK && ps_bytes_equal_str(ps_buf_bytes(&line), "stop")) {
        err = note(ceremony, "stopped", step->name);
        (void)printf("Stopped. The same command with --resume goes on.\n");
        return (struct outcome){false, err == PS_OK ? CLI_DONE : ceremony_failed(err)};
    }
    err = err == PS_OK ? note(ceremony, "passed", step->name) : err;
    return err == PS_OK ? OUTCOME_ON : (struct outcome){false, ceremony_failed(err)};
}

static struct outcome take_step(struct ceremony *ceremony, const struct script_step *step)
{
    enum ps_err err;

    switch (step->kind) {
    case SCRIPT_ASK:
        return ceremony_ask(ceremony, step);
    case SCRIPT_DO:
        return ceremony_do(ceremony, step);
    case SCRIPT_STOP:
        return stop(ceremony, step);
    case SCRIPT_SAY:
    default:
        err = read_aloud(ceremony, step);
        return err == PS_OK ? OUTCOME_ON : (struct outcome){false, ceremony_failed(err)};
    }
}

static enum ps_err print_title(const struct script *script)
{
    PS_BUF_AUTO title = {.max = 1024};

    ps_buf_put(&title, script_title(script));
    ps_buf_put_u8(&title, '\n');
    PS_TRY(ps_buf_status(&title));
    return terminal_print(ps_buf_bytes(&title));
}

static int walk(struct ceremony *ceremony)
{
    enum ps_err err;
    int code = ceremony_take_settings(ceremony);

    if (code != CLI_DONE) {
        return code;
    }
    err = print_title(ceremony->script);
    if (err != PS_OK) {
        return ceremony_failed(err);
    }
    for (size_t i = 0; i < script_count(ceremony->script); i++) {
        const struct outcome outcome = take_step(ceremony, script_at(ceremony->script, i));

        if (!outcome.goes_on) {
            return outcome.code;
        }
    }
    if (transcript_find(ceremony->transcript, "ended", ps_bytes(NULL, 0)) == NULL) {
        err = note(ceremony, "ended", ps_bytes(NULL, 0));
        if (err != PS_OK) {
            return ceremony_failed(err);
        }
    }
    (void)printf("\nThe ceremony is complete.\n");
    ceremony_keep_bundle(ceremony);
    return CLI_DONE;
}

/* Without its ending, if it has the usual one: what documents are called after. */
static enum ps_err set_base(struct ceremony *ceremony, const char *path)
{
    static const char ending[] = ".transcript";
    const size_t len = strlen(path) - (has_ending(path, ending) ? sizeof ending - 1 : 0);

    if (len + 128 > sizeof ceremony->base) {
        return ps_fail(PS_E_INPUT, 0, "the transcript's path is too long");
    }
    memcpy(ceremony->base, path, len);
    ceremony->base[len] = '\0';
    return PS_OK;
}

/* In this directory, called after the script. */
static void put_usual_path(const char *script, struct ps_buf *out)
{
    const char *slash = strrchr(script, '/');
    const char *name = slash == NULL ? script : slash + 1;
    const size_t len = strlen(name) - (has_ending(name, ENDING) ? strlen(ENDING) : 0);

    ps_buf_put(out, ps_bytes(name, len));
    ps_buf_put_str(out, ".transcript");
}

static enum ps_err open_all(struct ceremony *ceremony)
{
    const char *given = cli_value(ceremony->run, "transcript");
    PS_BUF_AUTO path = {.max = CEREMONY_PATH_MAX};

    if (given != NULL) {
        ps_buf_put_str(&path, given);
    } else {
        put_usual_path(ceremony->run->arguments[0], &path);
    }
    ps_buf_put_u8(&path, '\0');
    PS_TRY(ps_buf_status(&path));
    PS_TRY(set_base(ceremony, (const char *)path.data));
    memcpy(ceremony->transcript_path, path.data, path.len);
    return transcript_open((const char *)path.data, cli_flag(ceremony->run, "resume"),
                           ceremony->script, &ceremony->transcript);
}

int ceremony_run(const struct cli_run *run)
{
    PS_CLEANUP(clear) struct ceremony ceremony = {.run = run};
    enum ps_err err = ceremony_load(run->arguments[0], &ceremony.script);

    if (err == PS_OK && cli_flag(run, "dry-run")) {
        return ceremony_print(&ceremony);
    }
    /* What cannot be taken begins no transcript. */
    if (err == PS_OK && ceremony_take_settings(&ceremony) != CLI_DONE) {
        return CLI_USAGE;
    }
    err = err == PS_OK ? open_all(&ceremony) : err;
    return err == PS_OK ? walk(&ceremony) : ceremony_failed(err);
}
