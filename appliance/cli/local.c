#include "appliance/cli/cli.h"

#include "lib/base/encode.h"
#include "lib/base/problem.h"

#include <stdio.h>

static int print(struct ps_buf *text)
{
    if (ps_buf_status(text) != PS_OK) {
        (void)fprintf(stderr, "privyseal: out of memory\n");
        return CLI_FAILED;
    }
    (void)fwrite(text->data, 1, text->len, stdout);
    return CLI_DONE;
}

static void put_member(const char *name, const char *text, struct ps_buf *out)
{
    ps_buf_printf(out, ",\"%s\":", name);
    ps_buf_put_json_string(out, ps_bytes_str(text));
}

static void put_problem(const struct ps_problem_info *info, struct ps_buf *out)
{
    ps_buf_printf(out, "{\"code\":\"%s\",\"status\":%d", info->code, info->http_status);
    put_member("title", info->title, out);
    put_member("cause", info->cause, out);
    put_member("remedy", info->remedy, out);
    ps_buf_put_u8(out, '}');
}

/* In the order of their status. */
static int explain_all(bool json)
{
    PS_BUF_AUTO text;
    size_t count = 0;

    ps_buf_init(&text, 65536);
    for (int status = 400; status < 600; status++) {
        for (int i = PS_PROBLEM_NONE + 1; i < PS_PROBLEM_COUNT; i++) {
            const struct ps_problem_info *info = ps_problem_info((enum ps_problem)i);

            if (info->http_status != status) {
                continue;
            }
            if (json) {
                ps_buf_put_str(&text, count++ == 0 ? "[" : ",");
                put_problem(info, &text);
            } else {
                ps_buf_printf(&text, "%-24s %d  %s\n", info->code, status, info->title);
            }
        }
    }
    ps_buf_put_str(&text, json ? "]\n" : "");
    return print(&text);
}

int cli_explain(const struct cli_run *run)
{
    const bool json = cli_flag(run, "json");
    const struct ps_problem_info *info;
    PS_BUF_AUTO text = {.max = 65536};

    if (run->argument_count == 0) {
        return explain_all(json);
    }
    info = ps_problem_info(ps_problem_by_code(ps_bytes_str(run->arguments[0])));
    if (info == NULL) {
        (void)fprintf(stderr, "privyseal: no problem code `%s`; `privyseal explain` lists them\n",
                      run->arguments[0]);
        return CLI_NOT_FOUND;
    }
    if (json) {
        put_problem(info, &text);
        ps_buf_put_u8(&text, '\n');
    } else {
        ps_buf_printf(&text, "%s (HTTP %d)\n\n%s.\n\nWhy:      %s\nWhat now: %s\n", info->code,
                      info->http_status, info->title, info->cause, info->remedy);
    }
    return print(&text);
}

int cli_help(const struct cli_run *run)
{
    PS_BUF_AUTO wanted;
    PS_BUF_AUTO text;

    ps_buf_init(&wanted, 256);
    ps_buf_init(&text, 65536);
    for (size_t i = 0; i < run->argument_count; i++) {
        ps_buf_printf(&wanted, "%s%s", i == 0 ? "" : " ", run->arguments[i]);
    }
    if (run->argument_count == 0) {
        cli_put_overview(&text);
        return print(&text);
    }
    for (size_t i = 0; i < cli_command_count; i++) {
        if (ps_bytes_equal_str(ps_buf_bytes(&wanted), cli_commands[i].words)) {
            cli_put_usage(&cli_commands[i], &text);
            return print(&text);
        }
    }
    ps_buf_put_u8(&wanted, '\0');
    if (ps_buf_status(&wanted) == PS_OK && cli_put_group((const char *)wanted.data, &text) != 0) {
        return print(&text);
    }
    (void)fprintf(stderr, "privyseal: no command `%s`; `privyseal help` lists them\n",
                  run->arguments[0]);
    return CLI_USAGE;
}

static void put_bash(struct ps_buf *out)
{
    ps_buf_put_str(out, "_privyseal() {\n"
                        "    local line=\"${COMP_WORDS[*]:1:COMP_CWORD-1}\" "
                        "word=\"${COMP_WORDS[COMP_CWORD]}\" words=\n"
                        "    case \"$line\" in\n");
    for (size_t i = 0; i < cli_command_count; i++) {
        const struct cli_command *command = &cli_commands[i];

        ps_buf_printf(out, "    \"%s\"*) words=\"", command->words);
        for (size_t j = 0; j < CLI_OPTIONS_MAX && command->options[j].name != NULL; j++) {
            ps_buf_printf(out, "--%s ", command->options[j].name);
        }
        for (size_t j = 0; j < cli_common_option_count; j++) {
            ps_buf_printf(out, "--%s ", cli_common_options[j].name);
        }
        ps_buf_put_str(out, "\" ;;\n");
    }
    ps_buf_put_str(out, "    *) words=$(printf '%s\\n' dev");
    for (size_t i = 0; i < cli_command_count; i++) {
        ps_buf_printf(out, " '%s'", cli_commands[i].words);
    }
    ps_buf_put_str(out, " | sed -n \"s/^${line:+$line }\\([^ ]*\\).*/\\1/p\" | sort -u) ;;\n"
                        "    esac\n"
                        "    mapfile -t COMPREPLY < <(compgen -W \"$words\" -- \"$word\")\n"
                        "}\ncomplete -o default -F _privyseal privyseal\n");
}

static void put_zsh(struct ps_buf *out)
{
    ps_buf_put_str(out, "#compdef privyseal\nautoload -U +X bashcompinit && bashcompinit\n");
    put_bash(out);
}

static void put_fish_command(const struct cli_command *command, struct ps_buf *out)
{
    const size_t first = strcspn(command->words, " ");
    const bool has_second = command->words[first] == ' ';

    if (has_second) {
        ps_buf_printf(out, "complete -c privyseal -f -n '__fish_seen_subcommand_from %.*s' -a %s",
                      (int)first, command->words, command->words + first + 1);
    } else {
        ps_buf_printf(out, "complete -c privyseal -f -n __fish_use_subcommand -a %s",
                      command->words);
    }
    ps_buf_printf(out, " -d \"%s\"\n", command->summary);
    for (size_t i = 0; i < CLI_OPTIONS_MAX && command->options[i].name != NULL; i++) {
        ps_buf_printf(out, "complete -c privyseal -n '__fish_seen_subcommand_from %s' -l %s%s\n",
                      has_second ? command->words + first + 1 : command->words,
                      command->options[i].name, command->options[i].argument == NULL ? "" : " -r");
    }
}

static void put_fish(struct ps_buf *out)
{
    for (size_t i = 0; i < cli_command_count; i++) {
        const size_t first = strcspn(cli_commands[i].words, " ");

        if (cli_commands[i].words[first] == ' ') {
            ps_buf_printf(out, "complete -c privyseal -f -n __fish_use_subcommand -a %.*s\n",
                          (int)first, cli_commands[i].words);
        }
        put_fish_command(&cli_commands[i], out);
    }
}

int cli_completion(const struct cli_run *run)
{
    PS_BUF_AUTO text;

    ps_buf_init(&text, 1024 * 1024);
    if (strcmp(run->arguments[0], "bash") == 0) {
        put_bash(&text);
    } else if (strcmp(run->arguments[0], "zsh") == 0) {
        put_zsh(&text);
    } else if (strcmp(run->arguments[0], "fish") == 0) {
        put_fish(&text);
    } else {
        (void)fprintf(stderr, "privyseal: completions exist for bash, zsh and fish\n");
        return CLI_USAGE;
    }
    return print(&text);
}
