#include "appliance/cli/rows.h"

#include <stdio.h>

static void put_bash(struct ps_buf *out)
{
    ps_buf_printf(out,
                  "_%s() {\n"
                  "    local line=\"${COMP_WORDS[*]:1:COMP_CWORD-1}\" "
                  "word=\"${COMP_WORDS[COMP_CWORD]}\" words=\n"
                  "    case \"$line\" in\n",
                  cli_program.name);
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
    ps_buf_printf(out, "    *) words=$(printf '%%s\\n' %s",
                  cli_program.further == NULL ? "" : cli_program.further);
    for (size_t i = 0; i < cli_command_count; i++) {
        ps_buf_printf(out, " '%s'", cli_commands[i].words);
    }
    ps_buf_printf(out,
                  " | sed -n \"s/^${line:+$line }\\([^ ]*\\).*/\\1/p\" | sort -u) ;;\n"
                  "    esac\n"
                  "    mapfile -t COMPREPLY < <(compgen -W \"$words\" -- \"$word\")\n"
                  "}\ncomplete -o default -F _%s %s\n",
                  cli_program.name, cli_program.name);
}

static void put_zsh(struct ps_buf *out)
{
    ps_buf_printf(out, "#compdef %s\nautoload -U +X bashcompinit && bashcompinit\n",
                  cli_program.name);
    put_bash(out);
}

static void put_fish_command(const struct cli_command *command, struct ps_buf *out)
{
    const size_t first = strcspn(command->words, " ");
    const bool has_second = command->words[first] == ' ';

    if (has_second) {
        ps_buf_printf(out, "complete -c %s -f -n '__fish_seen_subcommand_from %.*s' -a %s",
                      cli_program.name, (int)first, command->words, command->words + first + 1);
    } else {
        ps_buf_printf(out, "complete -c %s -f -n __fish_use_subcommand -a %s", cli_program.name,
                      command->words);
    }
    ps_buf_printf(out, " -d \"%s\"\n", command->summary);
    for (size_t i = 0; i < CLI_OPTIONS_MAX && command->options[i].name != NULL; i++) {
        ps_buf_printf(out, "complete -c %s -n '__fish_seen_subcommand_from %s' -l %s%s\n",
                      cli_program.name, has_second ? command->words + first + 1 : command->words,
                      command->options[i].name, command->options[i].argument == NULL ? "" : " -r");
    }
}

static void put_fish(struct ps_buf *out)
{
    for (size_t i = 0; i < cli_command_count; i++) {
        const size_t first = strcspn(cli_commands[i].words, " ");

        if (cli_commands[i].words[first] == ' ') {
            ps_buf_printf(out, "complete -c %s -f -n __fish_use_subcommand -a %.*s\n",
                          cli_program.name, (int)first, cli_commands[i].words);
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
        (void)fprintf(stderr, "%s: completions exist for bash, zsh and fish\n", cli_program.name);
        return CLI_USAGE;
    }
    return cli_print(&text);
}
