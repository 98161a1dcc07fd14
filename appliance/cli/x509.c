#include "appliance/cli/body.h"
#include "appliance/cli/commands.h"
#include "lib/base/encode.h"
#include "lib/formats/pem.h"

#include <cjson/cJSON.h>
#include <stdio.h>

static void delete_json(cJSON **json)
{
    cJSON_Delete(*json);
}

/* RFC 7468 section 7: the second label is that of older programs, Java's keytool among them. */
static bool take_request(struct ps_bytes text, struct ps_buf *out)
{
    return pem_take(&text, "CERTIFICATE REQUEST", out) == PS_OK ||
           pem_take(&text, "NEW CERTIFICATE REQUEST", out) == PS_OK;
}

/* A CSR in PEM, or in DER as it is. */
static int put_csr(const char *path, struct ps_buf *body)
{
    PS_BUF_AUTO file = {.max = CLI_BODY_MAX};
    PS_BUF_AUTO der = {.max = CLI_BODY_MAX};
    struct ps_bytes text;

    if (cli_read_file(path, &file) != PS_OK) {
        return CLI_USAGE;
    }
    text = ps_buf_bytes(&file);
    if (!ps_bytes_starts_with(text, ps_bytes_str("-----BEGIN"))) {
        cli_put_octets("csr", text, body);
    } else if (take_request(text, &der)) {
        cli_put_octets("csr", ps_buf_bytes(&der), body);
    } else {
        (void)fprintf(stderr, "privyseal: %s holds no CERTIFICATE REQUEST\n", path);
        return CLI_USAGE;
    }
    return CLI_DONE;
}

static int make_body(const struct cli_run *run, struct ps_buf *body)
{
    const char *csr = cli_value(run, "csr");

    if (cli_begin_body(run, body) != PS_OK) {
        return CLI_USAGE;
    }
    cli_put_text("profile", ps_bytes_str(run->arguments[0]), body);
    if (csr != NULL && put_csr(csr, body) != CLI_DONE) {
        return CLI_USAGE;
    }
    ps_buf_put_u8(body, '}');
    if (ps_buf_status(body) != PS_OK) {
        (void)fprintf(stderr, "privyseal: more than the appliance takes in one request\n");
        return CLI_USAGE;
    }
    return CLI_DONE;
}

static bool put_pem(const cJSON *text, struct ps_buf *out)
{
    PS_BUF_AUTO der = {.max = CLI_BODY_MAX};

    if (!cJSON_IsString(text) ||
        ps_base64url_decode(ps_bytes_str(text->valuestring), &der) != PS_OK) {
        return false;
    }
    pem_put(PEM_CERTIFICATE, ps_buf_bytes(&der), out);
    return true;
}

/* The certificate and those above it, as servers and clients of TLS read them. */
static int give_chain(struct ps_bytes answer, const char *path)
{
    PS_CLEANUP(delete_json)
    cJSON *parsed = cJSON_ParseWithLength((const char *)answer.data, answer.len);
    const cJSON *chain = cJSON_GetObjectItemCaseSensitive(parsed, "chain");
    const cJSON *above;
    PS_BUF_AUTO out = {.max = 2 * CLI_BODY_MAX};

    if (!put_pem(cJSON_GetObjectItemCaseSensitive(parsed, "certificate"), &out)) {
        return CLI_FAILED;
    }
    cJSON_ArrayForEach(above, chain)
    {
        if (!put_pem(above, &out)) {
            return CLI_FAILED;
        }
    }
    return path == NULL ? cli_print(&out) : cli_write_file(path, &out);
}

int cli_x509_issue(const struct cli_run *run)
{
    PS_BUF_AUTO body = {.max = CLI_BODY_MAX};
    PS_BUF_AUTO answer = {.max = 2 * CLI_BODY_MAX};
    int code = make_body(run, &body);

    if (code == CLI_DONE) {
        code = cli_send(run, run->command->path, ps_buf_bytes(&body), &answer);
    }
    if (code != CLI_DONE) {
        return code;
    }
    return cli_flag(run, "json") ? cli_render(run, ps_buf_bytes(&answer))
                                 : give_chain(ps_buf_bytes(&answer), cli_value(run, "out"));
}

int cli_x509_crl(const struct cli_run *run)
{
    PS_BUF_AUTO path = {.max = 512};
    PS_BUF_AUTO answer = {.max = 2 * CLI_BODY_MAX};
    PS_BUF_AUTO out = {.max = 2 * CLI_BODY_MAX};
    int code;

    if (cli_put_path(run, &path) != PS_OK) {
        return CLI_USAGE;
    }
    code = cli_send(run, (const char *)path.data, ps_bytes(NULL, 0), &answer);
    if (code != CLI_DONE) {
        return code;
    }
    pem_put("X509 CRL", ps_buf_bytes(&answer), &out);
    return cli_print(&out);
}
