#include "frontends/plugins/registry/deliver.h"

#include <curl/curl.h>
#include <stdio.h>

#define ADDRESS_MAX 300u

struct upload {
    struct ps_bytes left;
};

static size_t read_message(char *to, size_t size, size_t count, void *context)
{
    struct upload *upload = context;
    const size_t room = size * count;
    const size_t len = upload->left.len < room ? upload->left.len : room;

    if (len != 0) {
        memcpy(to, upload->left.data, len);
    }
    upload->left = ps_bytes_from(upload->left, len);
    return len;
}

static void free_curl(CURL **curl)
{
    curl_easy_cleanup(*curl);
}

static void free_list(struct curl_slist **list)
{
    curl_slist_free_all(*list);
}

static bool set_trust(CURL *curl, const struct delivery *delivery)
{
    struct curl_blob ca = {delivery->ca.data, delivery->ca.len, CURL_BLOB_COPY};
    const long level = delivery->config->smtp.plain ? CURLUSESSL_NONE : CURLUSESSL_ALL;

    return curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR, "smtp,smtps") == CURLE_OK &&
           curl_easy_setopt(curl, CURLOPT_USE_SSL, level) == CURLE_OK &&
           curl_easy_setopt(curl, CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2) == CURLE_OK &&
           (ca.len == 0 || curl_easy_setopt(curl, CURLOPT_CAINFO_BLOB, &ca) == CURLE_OK);
}

static bool set_user(CURL *curl, const struct delivery *delivery)
{
    char password[PS_SECRET_MAX + 1];
    struct ps_bytes secret;
    bool good;

    if (delivery->password == NULL) {
        return true;
    }
    secret = ps_secret_bytes(delivery->password);
    (void)snprintf(password, sizeof password, "%.*s", PS_BYTES_FMT(secret));
    good = curl_easy_setopt(curl, CURLOPT_USERNAME, delivery->config->smtp.user) == CURLE_OK &&
           curl_easy_setopt(curl, CURLOPT_PASSWORD, password) == CURLE_OK;
    ps_wipe(password, sizeof password);
    return good;
}

static bool set_message(CURL *curl, const struct delivery *delivery, struct curl_slist *to,
                        struct upload *upload)
{
    char from[ADDRESS_MAX];

    (void)snprintf(from, sizeof from, "<%s>", delivery->config->smtp.from);
    return to != NULL && curl_easy_setopt(curl, CURLOPT_MAIL_FROM, from) == CURLE_OK &&
           curl_easy_setopt(curl, CURLOPT_MAIL_RCPT, to) == CURLE_OK &&
           curl_easy_setopt(curl, CURLOPT_READFUNCTION, read_message) == CURLE_OK &&
           curl_easy_setopt(curl, CURLOPT_READDATA, upload) == CURLE_OK &&
           curl_easy_setopt(curl, CURLOPT_UPLOAD, 1L) == CURLE_OK;
}

enum ps_err smtp_send(const struct delivery *delivery, const struct delivery_item *item,
                      struct ps_bytes message)
{
    PS_CLEANUP(free_curl) CURL *curl = curl_easy_init();
    PS_CLEANUP(free_list) struct curl_slist *to = NULL;
    struct upload upload = {message};
    char address[ADDRESS_MAX];
    CURLcode code;

    (void)snprintf(address, sizeof address, "<%.*s>", PS_BYTES_FMT(item->address));
    to = curl_slist_append(NULL, address);
    if (curl == NULL ||
        curl_easy_setopt(curl, CURLOPT_URL, delivery->config->smtp.url) != CURLE_OK ||
        curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L) != CURLE_OK ||
        curl_easy_setopt(curl, CURLOPT_TIMEOUT_MS, (long)item->timeout_ms) != CURLE_OK ||
        !set_trust(curl, delivery) || !set_user(curl, delivery) ||
        !set_message(curl, delivery, to, &upload)) {
        return ps_fail(PS_E_NO_MEMORY, 0, "cannot prepare a message to the relay");
    }
    code = curl_easy_perform(curl);
    if (code == CURLE_SEND_ERROR) { /* it was there, and refused the receiver or the text */
        return ps_fail(PS_E_DENIED, (long)code, "the mail relay does not take this mail");
    }
    return code == CURLE_OK
               ? PS_OK
               : ps_fail(PS_E_BUSY, (long)code, "the mail relay: %s", curl_easy_strerror(code));
}
