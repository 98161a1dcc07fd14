#include "appliance/witness/post.h"

#include <curl/curl.h>

#define TIMEOUT_MS 20000L
#define URL_MAX    2048u

static void free_curl(CURL **curl)
{
    curl_easy_cleanup(*curl);
}

static void free_slist(struct curl_slist **list)
{
    curl_slist_free_all(*list);
}

static size_t on_body(char *data, size_t size, size_t count, void *context)
{
    struct ps_buf *answer = context;

    ps_buf_put(answer, ps_bytes(data, size * count));
    return answer->err == PS_OK ? size * count : 0;
}

/* Where an operator's configuration says, and nowhere else: no redirects, no proxy of the shell's.
 */
static void set_up(CURL *curl, const char *url, struct ps_bytes request, struct ps_buf *answer)
{
    (void)curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
    (void)curl_easy_setopt(curl, CURLOPT_URL, url);
    (void)curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR, "http,https");
    (void)curl_easy_setopt(curl, CURLOPT_FOLLOWLOCATION, 0L);
    (void)curl_easy_setopt(curl, CURLOPT_NOPROXY, "*");
    (void)curl_easy_setopt(curl, CURLOPT_TIMEOUT_MS, TIMEOUT_MS);
    (void)curl_easy_setopt(curl, CURLOPT_POSTFIELDS, request.data);
    (void)curl_easy_setopt(curl, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)request.len);
    (void)curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, on_body);
    (void)curl_easy_setopt(curl, CURLOPT_WRITEDATA, answer);
}

enum ps_err witness_post(const char *url, struct ps_bytes request, struct ps_buf *answer,
                         unsigned *ret_status)
{
    PS_CLEANUP(free_curl) CURL *curl = curl_easy_init();
    PS_CLEANUP(free_slist) struct curl_slist *headers = NULL;
    PS_BUF_AUTO target = {.max = URL_MAX};
    const size_t len = strlen(url);
    CURLcode code;
    long status = 0;

    headers = curl_slist_append(NULL, "Content-Type: text/plain; charset=utf-8");
    ps_buf_put_str(&target, url);
    ps_buf_put_str(&target, len != 0 && url[len - 1] == '/' ? "" : "/");
    ps_buf_put_str(&target, "add-checkpoint");
    ps_buf_put_u8(&target, '\0');
    PS_TRY(ps_buf_status(&target));
    if (curl == NULL || headers == NULL) {
        return ps_fail(PS_E_NO_MEMORY, 0, "out of memory");
    }
    set_up(curl, (const char *)target.data, request, answer);
    (void)curl_easy_setopt(curl, CURLOPT_HTTPHEADER, headers);
    code = curl_easy_perform(curl);
    if (code == CURLE_WRITE_ERROR) {
        return ps_fail(PS_E_LIMIT, 0, "%s: a longer answer than a witness has", url);
    }
    if (code != CURLE_OK) {
        return ps_fail(PS_E_BUSY, 0, "%s: %s", url, curl_easy_strerror(code));
    }
    (void)curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &status);
    *ret_status = (unsigned)status;
    return PS_OK;
}
