#include "appliance/cli/body.h"
#include "appliance/cli/commands.h"
#include "appliance/terminal.h"
#include "lib/base/counted.h"
#include "lib/base/encode.h"
#include "lib/formats/pem.h"
#include "lib/system/file.h"

#include <cjson/cJSON.h>
#include <stdio.h>
#include <unistd.h>

/* Documents that are signed: PDFs and, detached, any file. */

/* What the appliance takes, and gives back with a signature. */
#define PDF_MAX    (32u * 1024u * 1024u)
#define ANSWER_MAX (40u * 1024u * 1024u)
#define CMS_MAX    (700u * 1024u)
#define BODY_MAX   (1024u * 1024u)

static void delete_json(cJSON **json)
{
    cJSON_Delete(*json);
}

static int refuse_usage(const char *what)
{
    (void)fprintf(stderr, "privyseal: %s\n", what);
    return CLI_USAGE;
}

static int print_cms(const struct cli_run *run, struct ps_bytes answer)
{
    PS_CLEANUP(delete_json)
    cJSON *parsed = cJSON_ParseWithLength((const char *)answer.data, answer.len);
    const cJSON *cms = cJSON_GetObjectItemCaseSensitive(parsed, "cms");
    PS_BUF_AUTO der = {.max = BODY_MAX};
    PS_BUF_AUTO pem = {.max = 2 * BODY_MAX};

    if (cli_flag(run, "json")) {
        return cli_render(run, answer);
    }
    if (!cJSON_IsString(cms) ||
        ps_base64url_decode(ps_bytes_str(cms->valuestring), &der) != PS_OK) {
        (void)fprintf(stderr, "privyseal: the appliance's answer holds no signature\n");
        return CLI_FAILED;
    }
    pem_put("CMS", ps_buf_bytes(&der), &pem);
    return cli_print(&pem);
}

int cli_cms_sign(const struct cli_run *run)
{
    PS_BUF_AUTO content = {.max = CMS_MAX};
    PS_BUF_AUTO body = {.max = BODY_MAX};
    PS_BUF_AUTO answer = {.max = BODY_MAX};
    int code = cli_needs_key(run);

    if (code != CLI_DONE) {
        return code;
    }
    if (cli_begin_body(run, &body) != PS_OK) {
        return CLI_USAGE;
    }
    if (cli_value(run, "digest") == NULL) {
        if (cli_read_file(run->argument_count == 0 ? NULL : run->arguments[0], &content) != PS_OK) {
            (void)fprintf(stderr, "  Of a file over %u KiB, give its --digest.\n", CMS_MAX / 1024u);
            return CLI_USAGE;
        }
        cli_put_octets("content", ps_buf_bytes(&content), &body);
    } else if (run->argument_count != 0) {
        return refuse_usage("either a file or --digest, and not both");
    }
    ps_buf_put_u8(&body, '}');
    if (ps_buf_status(&body) != PS_OK) {
        return refuse_usage("more than the appliance takes in one request");
    }
    code = cli_send(run, run->command->path, ps_buf_bytes(&body), &answer);
    return code == CLI_DONE ? print_cms(run, ps_buf_bytes(&answer)) : code;
}

/* What is there may be the document itself, or one with another signature. */
static bool may_write(const struct cli_run *run, const char *path)
{
    if (cli_flag(run, "force") || access(path, F_OK) != 0) {
        return true;
    }
    (void)fprintf(stderr, "privyseal: %s is there already; --force replaces it\n", path);
    return false;
}

/* Nothing of another's comes between the look and the writing, unless that is wanted. */
static enum ps_err write_signed(const struct cli_run *run, struct ps_bytes document)
{
    return cli_flag(run, "force") ? file_write(run->arguments[1], document, cli_file_mode())
                                  : file_create(run->arguments[1], document, 0644);
}

int cli_pdf_sign(const struct cli_run *run)
{
    PS_BUF_AUTO document = {.max = PDF_MAX};
    PS_BUF_AUTO path = {.max = 8192};
    PS_BUF_AUTO answer = {.max = ANSWER_MAX};
    int code = cli_needs_key(run);

    if (code != CLI_DONE) {
        return code;
    }
    if (cli_read_file(run->arguments[0], &document) != PS_OK) {
        return CLI_USAGE;
    }
    if (document.len == 0) {
        return refuse_usage("the document is empty");
    }
    if (!may_write(run, run->arguments[1])) {
        return CLI_USAGE;
    }
    if (cli_put_path(run, &path) != PS_OK) {
        return refuse_usage("the texts are too long");
    }
    code = cli_send(run, (const char *)path.data, ps_buf_bytes(&document), &answer);
    if (code != CLI_DONE) {
        return code;
    }
    if (write_signed(run, ps_buf_bytes(&answer)) != PS_OK) {
        terminal_complain("privyseal", "%s", ps_detail()->text);
        return CLI_FAILED;
    }
    (void)printf("%s: %s, signed\n", run->arguments[1],
                 ps_counted(answer.len, "octet", "octets").text);
    return CLI_DONE;
}
