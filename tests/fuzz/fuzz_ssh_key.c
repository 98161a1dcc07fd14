#include "tests/fuzz/fuzz.h"

#include "lib/formats/ssh/ssh_key.h"

#include <assert.h>

/* A key has one blob and one line, whichever of them it came from. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    PS_CLEANUP(ssh_key_free_cleanup) struct ssh_key *key = NULL;
    PS_CLEANUP(ssh_key_free_cleanup) struct ssh_key *again = NULL;
    const struct ps_bytes octets = ps_bytes(data, size);
    PS_BUF_AUTO line = {.max = SSH_KEY_LINE_MAX};

    if (ssh_key_parse_blob(octets, &key) == PS_OK) {
        assert(ps_bytes_equal(ssh_key_blob(key), octets));
    } else if (ssh_key_parse_line(octets, &key) != PS_OK) {
        return 0;
    }
    ssh_key_put_line(key, &line);
    assert(ps_buf_status(&line) == PS_OK);
    assert(size == ssh_key_blob(key).len || ps_bytes_starts_with(octets, ps_buf_bytes(&line)));
    assert(ssh_key_parse_line(ps_buf_bytes(&line), &again) == PS_OK && ssh_key_equal(key, again));
    return 0;
}
