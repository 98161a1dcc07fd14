#include "appliance/cli/cli.h"

#include "lib/base/encode.h"

#include <cjson/cJSON.h>
#include <stdio.h>

#define BODY_MAX (2u * 1024u * 1024u)

static void delete_json(cJSON **json)
{
    cJSON_Delete(*json);
}

static void put_text_member(const char *name, struct ps_bytes text, struct ps_buf *body)
{
    ps_buf_printf(body, ",\"%s\":", name);
    ps_buf_put_json_string(body, text);
}

static int needs_key(const struct cli_run *run)
{
    if (cli_value(run, "with") != NULL) {
        return CLI_DONE;
    }
    (void)fprintf(stderr, "privyseal: --with names the key; `privyseal keys list` shows them\n");
    return CLI_USAGE;
}

/* The body from the options, open at its end for one more member. */
static enum ps_err begin_body(const struct cli_run *run, struct ps_buf *body)
{
    struct cli_run without_arguments = *run;

    without_arguments.argument_count = 0;
    PS_TRY(cli_put_body(&without_arguments, body));
    body->len--;
    return PS_OK;
}

int cli_jws_sign(const struct cli_run *run)
{
    PS_BUF_AUTO payload = {0};
    PS_BUF_AUTO body = {0};
    PS_BUF_AUTO answer = {0};
    PS_CLEANUP(delete_json) cJSON *parsed = NULL;
    const cJSON *jws;
    int code = needs_key(run);

    if (code != CLI_DONE) {
        return code;
    }
    ps_buf_init(&payload, BODY_MAX / 2);
    ps_buf_init(&body, BODY_MAX);
    ps_buf_init(&answer, 2 * BODY_MAX);
    if (cli_read_file(run->argument_count == 0 ? NULL : run->arguments[0], &payload) != PS_OK ||
        begin_body(run, &body) != PS_OK) {
        return CLI_USAGE;
    }
    ps_buf_put_str(&body, ",\"payload\":\"");
    ps_buf_put_base64url(&body, ps_buf_bytes(&payload));
    ps_buf_put_str(&body, "\"}");
    if (ps_buf_status(&body) != PS_OK) {
        (void)fprintf(stderr, "privyseal: more than the appliance takes in one request\n");
        return CLI_USAGE;
    }
    code = cli_send(run, run->command->path, ps_buf_bytes(&body), &answer);
    if (code != CLI_DONE || cli_flag(run, "json")) {
        return code == CLI_DONE ? cli_render(run, ps_buf_bytes(&answer)) : code;
    }
    parsed = cJSON_ParseWithLength((const char *)answer.data, answer.len);
    jws = cJSON_GetObjectItemCaseSensitive(parsed, "jws");
    if (cJSON_IsString(jws)) {
        (void)printf("%s\n", jws->valuestring);
        return CLI_DONE;
    }
    return cli_render(run, ps_buf_bytes(&answer));
}

static struct ps_bytes trimmed(struct ps_bytes text)
{
    while (text.len != 0 && strchr(" \t\r\n", text.data[text.len - 1]) != NULL) {
        text.len--;
    }
    return text;
}

/* A script asks by the exit code: a signature that is not good is no success. */
static int render_verdict(const struct cli_run *run, struct ps_bytes answer)
{
    PS_CLEANUP(delete_json)
    cJSON *parsed = cJSON_ParseWithLength((const char *)answer.data, answer.len);
    const cJSON *valid = cJSON_GetObjectItemCaseSensitive(parsed, "valid");
    const int code = cli_render(run, answer);

    return code == CLI_DONE && !cJSON_IsTrue(valid) ? CLI_FAILED : code;
}

int cli_jws_verify(const struct cli_run *run)
{
    const char *detached = cli_value(run, "payload");
    PS_BUF_AUTO jws = {0};
    PS_BUF_AUTO payload = {0};
    PS_BUF_AUTO body = {0};
    PS_BUF_AUTO answer = {0};
    int code = needs_key(run);

    if (code != CLI_DONE) {
        return code;
    }
    ps_buf_init(&jws, BODY_MAX);
    ps_buf_init(&payload, BODY_MAX / 2);
    ps_buf_init(&body, 2 * BODY_MAX);
    ps_buf_init(&answer, 2 * BODY_MAX);
    if (cli_read_file(run->argument_count == 0 ? NULL : run->arguments[0], &jws) != PS_OK ||
        (detached != NULL && cli_read_file(detached, &payload) != PS_OK) ||
        begin_body(run, &body) != PS_OK) {
        return CLI_USAGE;
    }
    put_text_member("jws", trimmed(ps_buf_bytes(&jws)), &body);
    if (detached != NULL) {
        ps_buf_put_str(&body, ",\"payload\":\"");
        ps_buf_put_base64url(&body, ps_buf_bytes(&payload));
        ps_buf_put_u8(&body, '"');
    }
    ps_buf_put_u8(&body, '}');
    code = cli_send(run, run->command->path, ps_buf_bytes(&body), &answer);
    return code == CLI_DONE ? render_verdict(run, ps_buf_bytes(&answer)) : code;
}

int cli_keys_public(const struct cli_run *run)
{
    PS_BUF_AUTO path;
    PS_BUF_AUTO answer;
    int code;

    ps_buf_init(&path, 512);
    ps_buf_init(&answer, BODY_MAX);
    ps_buf_printf(&path, "/v1/keys/%s/public", run->arguments[0]);
    ps_buf_put_u8(&path, '\0');
    if (ps_buf_status(&path) != PS_OK) {
        return CLI_USAGE;
    }
    code = cli_send(run, (const char *)path.data, ps_bytes(NULL, 0), &answer);
    if (code == CLI_DONE) {
        (void)printf("%.*s\n", PS_BYTES_FMT(trimmed(ps_buf_bytes(&answer))));
    }
    return code;
}
