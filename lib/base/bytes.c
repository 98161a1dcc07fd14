#include "lib/base/bytes.h"

#include <openssl/crypto.h>
#include <stdlib.h>

int ps_bytes_compare(struct ps_bytes a, struct ps_bytes b)
{
    const size_t common = a.len < b.len ? a.len : b.len;
    const int order = common == 0 ? 0 : memcmp(a.data, b.data, common);

    if (order != 0) {
        return order;
    }
    return (a.len > b.len) - (a.len < b.len);
}

bool ps_bytes_equal_secret(struct ps_bytes a, struct ps_bytes b)
{
    return a.len == b.len && (a.len == 0 || CRYPTO_memcmp(a.data, b.data, a.len) == 0);
}

char *ps_bytes_to_str(struct ps_bytes a)
{
    char *text = malloc(a.len + 1);

    if (text == NULL) {
        return NULL;
    }
    if (a.len != 0) {
        memcpy(text, a.data, a.len);
    }
    text[a.len] = '\0';
    return text;
}
