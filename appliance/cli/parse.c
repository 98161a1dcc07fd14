#include "appliance/cli/cli.h"

#include "appliance/terminal.h"

#include <stdio.h>
#include <string.h>

/* How many words of `argv` are the command's; 0 when they are not its words. */
static int words_matched(const struct cli_command *command, int argc, char **argv)
{
    const char *left = command->words;
    int at = 0;

    while (*left != '\0') {
        const size_t len = strcspn(left, " ");

        if (at == argc || strlen(argv[at]) != len || strncmp(argv[at], left, len) != 0) {
            return 0;
        }
        at++;
        left += len;
        left += *left == ' ' ? 1 : 0;
    }
    return at;
}

static const struct cli_command *find_command(int argc, char **argv, int *ret_words)
{
    for (size_t i = 0; i < cli_command_count; i++) {
        *ret_words = words_matched(&cli_commands[i], argc, argv);
        if (*ret_words != 0) {
            return &cli_commands[i];
        }
    }
    return NULL;
}

size_t cli_put_group(const char *word, struct ps_buf *out)
{
    const size_t len = strlen(word);
    size_t count = 0;

    for (size_t i = 0; i < cli_command_count && len != 0; i++) {
        if (strncmp(cli_commands[i].words, word, len) == 0) {
            ps_buf_printf(out, "  %s %-20s %s\n", cli_program.name, cli_commands[i].words,
                          cli_commands[i].summary);
            count++;
        }
    }
    return count;
}

/* `privyseal keys` alone, a word that is begun, or one that nobody knows. */
static int refuse_command(int argc, char **argv)
{
    const char *word = argc > 1 ? argv[1] : "";
    const bool asks_for_help = argc > 2 && terminal_asks_for_help(argv[2]);
    PS_BUF_AUTO group;

    ps_buf_init(&group, 65536);
    if (strncmp(word, "--", 2) == 0) {
        (void)fprintf(stderr, "%s: options stand after the command: %s COMMAND %s\n",
                      cli_program.name, cli_program.name, word);
    } else if (cli_put_group(word, &group) != 0) {
        (void)fprintf(asks_for_help ? stdout : stderr, "`%s` is the beginning of:\n%.*s", word,
                      PS_BYTES_FMT(ps_buf_bytes(&group)));
        return asks_for_help ? CLI_DONE : CLI_USAGE;
    } else {
        (void)fprintf(stderr, "%s: no command `%s`\n", cli_program.name, word);
    }
    (void)fprintf(stderr, "`%s help` lists the commands.\n", cli_program.name);
    return CLI_USAGE;
}

static const struct cli_option *find_option(const struct cli_option *options, size_t count,
                                            const char *name, size_t len, size_t *ret_index)
{
    for (size_t i = 0; i < count && options[i].name != NULL; i++) {
        if (strlen(options[i].name) == len && strncmp(options[i].name, name, len) == 0) {
            *ret_index = i;
            return &options[i];
        }
    }
    return NULL;
}

static int keep_value(const struct cli_option *option, const char *value, struct cli_run *run)
{
    if (run->many_count == CLI_MANY_MAX) {
        (void)fprintf(stderr, "%s: --%s is given too often\n", cli_program.name, option->name);
        return CLI_USAGE;
    }
    run->many[run->many_count++] = (struct cli_given){option, value};
    return CLI_DONE;
}

/* One option at argv[*at]; moves past its argument. */
static int parse_option(int argc, char **argv, int *at, struct cli_run *run)
{
    const char *name = terminal_asks_for_help(argv[*at]) ? "help" : argv[*at] + 2;
    const size_t len = strcspn(name, "=");
    const char *value = name[len] == '=' ? name + len + 1 : NULL;
    const char **place;
    const struct cli_option *option;
    size_t index;

    option = find_option(run->command->options, CLI_OPTIONS_MAX, name, len, &index);
    place = option != NULL ? &run->values[index] : NULL;
    if (option == NULL) {
        option = find_option(cli_common_options, cli_common_option_count, name, len, &index);
        place = option != NULL ? &run->common_values[index] : NULL;
    }
    if (option == NULL) {
        (void)fprintf(stderr, "%s: %s has no option %s; see `%s help %s`\n", cli_program.name,
                      run->command->words, argv[*at], cli_program.name, run->command->words);
        return CLI_USAGE;
    }
    if (option->argument == NULL) {
        value = value == NULL ? "true" : NULL;
    } else if (value == NULL && *at + 1 < argc) {
        value = argv[++*at];
    }
    if (value == NULL) {
        (void)fprintf(stderr, "%s: --%s takes %s\n", cli_program.name, option->name,
                      option->argument == NULL ? "no argument" : option->argument);
        return CLI_USAGE;
    }
    *place = value;
    return option->kind == CLI_MANY ? keep_value(option, value, run) : CLI_DONE;
}

static int check_arguments(const struct cli_run *run)
{
    const char *pattern = run->command->arguments;
    size_t least = 0;
    size_t most = 0;

    for (const char *word = pattern; word != NULL && *word != '\0';) {
        const size_t len = strcspn(word, " ");

        most = memmem(word, len, "...", 3) != NULL ? CLI_WORDS_MAX : most + 1;
        least += *word == '[' ? 0 : 1;
        word += len;
        word += *word == ' ' ? 1 : 0;
    }
    if (run->argument_count >= least && run->argument_count <= most) {
        return CLI_DONE;
    }
    if (pattern == NULL) {
        (void)fprintf(stderr, "%s: %s takes options only; see `%s help %s`\n", cli_program.name,
                      run->command->words, cli_program.name, run->command->words);
    } else {
        (void)fprintf(stderr, "usage: %s %s %s [options]; see `%s help %s`\n", cli_program.name,
                      run->command->words, pattern, cli_program.name, run->command->words);
    }
    return CLI_USAGE;
}

int cli_parse(int argc, char **argv, struct cli_run *ret_run)
{
    struct cli_run run = {0};
    bool only_arguments = false;
    int words;

    run.command = find_command(argc - 1, argv + 1, &words);
    if (run.command == NULL) {
        *ret_run = run;
        return refuse_command(argc, argv);
    }
    for (int i = 1 + words; i < argc; i++) {
        if (!only_arguments && strcmp(argv[i], "--") == 0) {
            only_arguments = true;
        } else if (!only_arguments &&
                   (strncmp(argv[i], "--", 2) == 0 || terminal_asks_for_help(argv[i]))) {
            const int code = parse_option(argc, argv, &i, &run);

            if (code != CLI_DONE) {
                return code;
            }
        } else if (run.argument_count < CLI_WORDS_MAX) {
            run.arguments[run.argument_count++] = argv[i];
        } else {
            (void)fprintf(stderr, "%s: too many arguments\n", cli_program.name);
            return CLI_USAGE;
        }
    }
    *ret_run = run;
    return cli_flag(&run, "help") ? CLI_DONE : check_arguments(&run);
}

const char *cli_common_value(const struct cli_run *run, const char *name)
{
    size_t index;

    return find_option(cli_common_options, cli_common_option_count, name, strlen(name), &index) ==
                   NULL
               ? NULL
               : run->common_values[index];
}

const char *cli_value(const struct cli_run *run, const char *name)
{
    size_t index;

    if (find_option(run->command->options, CLI_OPTIONS_MAX, name, strlen(name), &index) != NULL &&
        run->values[index] != NULL) {
        return run->values[index];
    }
    return cli_common_value(run, name);
}

const char *cli_next_value(const struct cli_run *run, const char *name, size_t *cursor)
{
    while (*cursor < run->many_count) {
        const struct cli_given *given = &run->many[(*cursor)++];

        if (strcmp(given->option->name, name) == 0) {
            return given->value;
        }
    }
    return NULL;
}

bool cli_flag(const struct cli_run *run, const char *name)
{
    return cli_value(run, name) != NULL;
}

static void put_option(const struct cli_option *option, struct ps_buf *out)
{
    char left[64];

    (void)snprintf(left, sizeof left, "--%s%s%s", option->name, option->argument == NULL ? "" : " ",
                   option->argument == NULL ? "" : option->argument);
    ps_buf_printf(out, "  %-32s %s\n", left, option->help);
}

void cli_put_usage(const struct cli_command *command, struct ps_buf *out)
{
    ps_buf_printf(out, "usage: %s %s%s%s [options]\n\n%s\n\n", cli_program.name, command->words,
                  command->arguments == NULL ? "" : " ",
                  command->arguments == NULL ? "" : command->arguments, command->summary);
    for (size_t i = 0; i < CLI_OPTIONS_MAX && command->options[i].name != NULL; i++) {
        put_option(&command->options[i], out);
    }
    ps_buf_put_str(out, "\nand with every command:\n");
    for (size_t i = 0; i < cli_common_option_count; i++) {
        put_option(&cli_common_options[i], out);
    }
}

/* The summaries stand below each other, however long the longest command is. */
static int longest_words(void)
{
    size_t longest = cli_program.further == NULL ? 0 : strlen(cli_program.further_usage);

    for (size_t i = 0; i < cli_command_count; i++) {
        const size_t len = strlen(cli_commands[i].words);

        longest = len > longest ? len : longest;
    }
    return (int)longest;
}

void cli_put_overview(struct ps_buf *out)
{
    const int width = longest_words();

    ps_buf_printf(out, "usage: %s COMMAND [arguments] [options]\n\n", cli_program.name);
    if (cli_program.further != NULL) {
        ps_buf_printf(out, "  %-*s  %s\n", width, cli_program.further_usage,
                      cli_program.further_summary);
    }
    for (size_t i = 0; i < cli_command_count; i++) {
        ps_buf_printf(out, "  %-*s  %s\n", width, cli_commands[i].words, cli_commands[i].summary);
    }
    ps_buf_printf(out, "\n`%s help COMMAND` shows a command's options. %s(1) has examples.\n",
                  cli_program.name, cli_program.name);
}
