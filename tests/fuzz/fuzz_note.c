#include "tests/fuzz/fuzz.h"

#include "lib/formats/tlog/note.h"

#include <assert.h>

/* A checkpoint that opens is written again as the same text. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const char name[] = "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW";
    const struct ps_bytes octets = ps_bytes(data, size);
    struct note_key key;
    struct note_key other;
    struct ps_bytes text;
    struct checkpoint checkpoint;
    PS_BUF_AUTO out = {.max = 1024 * 1024};

    assert(note_key_parse(ps_bytes_str(name), &key) == PS_OK);
    if (note_open(octets, &key, &text) == PS_OK &&
        checkpoint_open(octets, &key, &checkpoint) == PS_OK) {
        assert(checkpoint_put(&checkpoint, &out) == PS_OK);
        assert(ps_bytes_equal(ps_buf_bytes(&out), text));
    } else if (note_key_parse(octets, &other) == PS_OK) {
        note_put_key(&other, &out);
        assert(ps_bytes_equal(ps_buf_bytes(&out), octets));
    }
    return 0;
}
