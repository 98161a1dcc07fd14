#include "appliance/cli/commands.h"

#include "lib/base/encode.h"
#include "lib/base/problem.h"

#include <stdio.h>

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
    return cli_print(&text);
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
    return cli_print(&text);
}
