#include "appliance/cli/body.h"
#include "appliance/cli/commands.h"
#include "appliance/key_file.h"
#include "appliance/key_request.h"
#include "appliance/terminal.h"
#include "lib/formats/pem.h"

#include <openssl/evp.h>
#include <stdio.h>

/*
 * Requests for keys in files, as listeners and clients of TLS have them. Keys in a token ask with
 * `certificate csr`.
 */

static void free_pkey(EVP_PKEY **key)
{
    EVP_PKEY_free(*key);
}

/* Between commas. */
static enum ps_err read_sans(const char *list, struct x509_sans *ret_sans)
{
    struct ps_bytes left = ps_bytes_str(list == NULL ? "" : list);

    while (left.len != 0) {
        const uint8_t *comma = memchr(left.data, ',', left.len);
        const size_t len = comma == NULL ? left.len : (size_t)(comma - left.data);

        if (ret_sans->count == X509_SANS_MAX) {
            return ps_fail(PS_E_LIMIT, 0, "--sans: at most %u names", X509_SANS_MAX);
        }
        PS_TRY(x509_san_read(ps_bytes(left.data, len), &ret_sans->items[ret_sans->count]));
        ret_sans->count++;
        left = ps_bytes_from(left, comma == NULL ? len : len + 1);
    }
    return PS_OK;
}

/* The request in PEM, and what clients are registered by: SHA-256 of the public key. */
static enum ps_err make_request(const struct cli_run *run, struct ps_buf *pem, struct ps_buf *pin)
{
    const char *path = cli_value(run, "key-file");
    struct x509_subject subject = {.values[X509_COMMON_NAME] =
                                       ps_bytes_str(cli_value(run, "common-name"))};
    struct x509_sans sans = {.count = 0};
    PS_CLEANUP(free_pkey) EVP_PKEY *key = NULL;
    PS_BUF_AUTO der = {.max = X509_CSR_MAX};

    /* A name that cannot be requested leaves no key behind. */
    PS_TRY(x509_subject_check(&subject));
    PS_TRY(read_sans(cli_value(run, "sans"), &sans));
    PS_TRY(key_file_obtain(path, &key));
    PS_TRY(key_request_put(key, path, &subject, &sans, &der));
    pem_put("CERTIFICATE REQUEST", ps_buf_bytes(&der), pem);
    PS_TRY(key_request_put_pin(key, path, pin));
    ps_buf_put_u8(pin, '\n');
    return PS_OK;
}

int cli_x509_request(const struct cli_run *run)
{
    const char *out = cli_value(run, "out");
    PS_BUF_AUTO pem = {.max = 2 * X509_CSR_MAX};
    PS_BUF_AUTO pin = {.max = 64};
    enum ps_err err;
    int code;

    if (cli_value(run, "key-file") == NULL || cli_value(run, "common-name") == NULL) {
        (void)fprintf(stderr,
                      "privyseal: --key-file and --common-name say for what and for whom\n");
        return CLI_USAGE;
    }
    err = make_request(run, &pem, &pin);
    if (err != PS_OK) {
        terminal_complain("privyseal", "%s", ps_detail()->text);
        return err == PS_E_INPUT || err == PS_E_LIMIT ? CLI_USAGE : CLI_FAILED;
    }
    if (out == NULL) {
        return cli_print(&pem);
    }
    code = cli_write_file(out, &pem);
    return code == CLI_DONE ? cli_print(&pin) : code;
}
