#include "tests/bench/talk.h"

#include "lib/base/encode.h"
#include "pkcs11/use/ecdsa_form.h"

#include <openssl/pem.h>
#include <stdio.h>
#include <stdlib.h>

#define P256_LEN 32u

struct signer {
    EVP_PKEY *key;
};

static void stop(const char *what)
{
    (void)fprintf(stderr, "load: %s\n", what);
    exit(1);
}

static struct json_value member(struct json_value config, const char *name)
{
    struct json_value value;

    if (!json_member(config, name, &value)) {
        stop(name);
    }
    return value;
}

struct ps_bytes talk_text(struct json_value config, const char *name)
{
    struct ps_bytes text;

    if (json_string(member(config, name), &text) != PS_OK) {
        stop(name);
    }
    return text;
}

uint64_t talk_number(struct json_value config, const char *name)
{
    int64_t number = 0;

    if (json_integer(member(config, name), &number) != PS_OK || number < 0) {
        stop(name);
    }
    return (uint64_t)number;
}

void talk_texts(struct json_value config, const char *name, struct ps_bytes **ret_texts,
                size_t *ret_count)
{
    const struct json_value list = member(config, name);
    const size_t count = json_count(list);
    struct ps_bytes *texts = calloc(count + 1, sizeof *texts);
    struct json_value item;
    uint32_t cursor = 0;

    *ret_count = 0;
    while (texts != NULL && json_next(list, &cursor, NULL, &item) &&
           json_string(item, &texts[*ret_count]) == PS_OK) {
        (*ret_count)++;
    }
    if (count == 0 || *ret_count != count) {
        stop(name);
    }
    *ret_texts = texts;
}

struct json_value talk_read(struct ps_bytes config)
{
    const struct json_limits limits = {config.len, 4, 1000000, false};
    struct json *json = NULL;
    struct json_value root = {NULL, 0};

    if (json_new(&json) != PS_OK || json_parse(json, config, &limits, &root) != PS_OK ||
        json_type(root) != JSON_OBJECT) {
        stop("the file of a script is no JSON object");
    }
    return root;
}

bool talk_get(struct json_value object, const char *name, struct ps_buf *ret_text)
{
    struct json_value value;
    struct ps_bytes text;

    if (json_type(object) != JSON_OBJECT || !json_member(object, name, &value) ||
        json_string(value, &text) != PS_OK) {
        return false;
    }
    ps_buf_reset(ret_text);
    ps_buf_put(ret_text, text);
    return ps_buf_status(ret_text) == PS_OK;
}

void talk_put(const struct talk *talk, struct ps_buf *out)
{
    ps_buf_printf(out, "%s %.*s HTTP/1.1\r\nHost: companion\r\n", talk->method,
                  PS_BYTES_FMT(talk->path));
    ps_buf_put(out, talk->fields);
    if (talk->media != NULL) {
        ps_buf_printf(out, "Content-Type: %s\r\nContent-Length: %zu\r\n", talk->media,
                      talk->body.len);
    }
    ps_buf_put_str(out, "\r\n");
    ps_buf_put(out, talk->body);
    if (ps_buf_status(out) != PS_OK) {
        stop("a request is too long");
    }
}

void talk_keep(struct load_result *result, struct ps_bytes text)
{
    PS_BUF_AUTO body = {.max = 1024u * 1024u};

    ps_buf_printf(&body, "{\"jws\":\"%.*s\"}", PS_BYTES_FMT(text));
    load_keep(result, ps_buf_bytes(&body));
}

void talk_keep_document(struct load_result *result, struct ps_bytes object)
{
    PS_BUF_AUTO body = {.max = 1024u * 1024u};

    ps_buf_printf(&body, "{\"document\":%.*s}", PS_BYTES_FMT(object));
    load_keep(result, ps_buf_bytes(&body));
}

void talk_show_failure(const char *what, const struct load_answer *answer)
{
    static bool shown;

    if (!shown) {
        (void)fprintf(stderr, "load: %s: %d %.*s\n", what, answer->status,
                      PS_BYTES_FMT(answer->body));
        shown = true;
    }
}

struct signer *signer_read(struct ps_bytes path)
{
    struct signer *signer = calloc(1, sizeof *signer);
    char *name = strndup((const char *)path.data, path.len);
    FILE *file = name == NULL ? NULL : fopen(name, "re");

    if (signer == NULL || file == NULL) {
        stop("cannot read a key");
    }
    signer->key = PEM_read_PrivateKey(file, NULL, NULL, NULL);
    if (signer->key == NULL) {
        stop("no key in its file");
    }
    (void)fclose(file);
    free(name);
    return signer;
}

static size_t sign(const struct signer *signer, struct ps_bytes text, uint8_t signature[80])
{
    EVP_MD_CTX *context = EVP_MD_CTX_new();
    size_t len = 80;
    const bool good = context != NULL &&
                      EVP_DigestSignInit(context, NULL, EVP_sha256(), NULL, signer->key) == 1 &&
                      EVP_DigestSign(context, signature, &len, text.data, text.len) == 1 &&
                      ecdsa_form_to_raw(signature, len, P256_LEN, &len) == PS_OK;

    EVP_MD_CTX_free(context);
    if (!good) {
        stop("cannot sign");
    }
    return len;
}

void signer_put_jwt(const struct signer *signer, struct ps_bytes header, struct ps_bytes claims,
                    struct ps_buf *out)
{
    const size_t before = out->len;
    uint8_t signature[80];
    size_t len;

    ps_buf_put_base64url(out, header);
    ps_buf_put_u8(out, '.');
    ps_buf_put_base64url(out, claims);
    len = sign(signer, ps_bytes_from(ps_buf_bytes(out), before), signature);
    ps_buf_put_u8(out, '.');
    ps_buf_put_base64url(out, ps_bytes(signature, len));
}
