#include "appliance/cli/commands.h"
#include "appliance/terminal.h"

#include "lib/system/file.h"

#include <stdio.h>

#define DOCUMENT_MAX (64u * 1024u)

/* The octets that people sign: written as they came, without a newline behind them. */
int cli_operation_document(const struct cli_run *run)
{
    const char *out = cli_value(run, "out");
    PS_BUF_AUTO path;
    PS_BUF_AUTO document;
    int code;

    ps_buf_init(&path, 4096);
    ps_buf_init(&document, DOCUMENT_MAX);
    if (cli_put_path(run, &path) != PS_OK) {
        (void)fprintf(stderr, "privyseal: the arguments are too long\n");
        return CLI_USAGE;
    }
    code = cli_send(run, (const char *)path.data, ps_bytes(NULL, 0), &document);
    if (code != CLI_DONE) {
        return code;
    }
    if (out == NULL) {
        return cli_show(&document);
    }
    if (file_create(out, ps_buf_bytes(&document), 0644) != PS_OK) {
        terminal_complain("privyseal", "%s", ps_detail()->text);
        return CLI_FAILED;
    }
    return CLI_DONE;
}
