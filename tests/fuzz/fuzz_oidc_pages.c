#include "tests/fuzz/fuzz.h"

#include "frontends/oidc/pages/leave.h"
#include "frontends/oidc/pages/typed.h"
#include "frontends/oidc/pages/ways.h"

#include <assert.h>

/* What a browser, a relying party or a plugin says never becomes more than text of a page. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const struct ps_bytes text = ps_bytes(data, size);
    const struct leave leave = {
        .redirect_uri = ps_bytes_str("https://rp.example/cb"), .state = text, .code = "c"};
    PS_BUF_AUTO out = {.max = HTTP_ANSWER_MAX};
    PS_BUF_AUTO address = {.max = HTTP_ANSWER_MAX};
    PS_BUF_AUTO memory = {.max = TYPED_MAX};
    struct html html;
    size_t tags = 0;

    assert((unsigned)language_pick(text, text) < LANGUAGES);
    assert(leave_put(&leave, "https://idp.example", &address) == PS_OK || size > 64u * 1024u);
    assert(typed_read(text, &memory).len <= size);
    html_begin(&html, &out);
    html_open(&html, HTML_a);
    html_attribute(&html, HTML_AT_class_, text);
    html_text_with(&html, text, text);
    html_close(&html);
    if (html_end(&html) == PS_OK) {
        for (size_t i = 0; i < out.len; i++) {
            tags += out.data[i] == '<';
        }
        assert(tags == 3 || tags == 5);
    }
    return 0;
}
