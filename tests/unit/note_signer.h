#ifndef TESTS_UNIT_NOTE_SIGNER_H
#define TESTS_UNIT_NOTE_SIGNER_H

#include "tests/unit/signing.h"

#include "lib/base/encode.h"
#include "lib/formats/tlog/note.h"

/* A log's key, and the checkpoints that it signs. */

struct note_signer {
    EVP_PKEY *pkey;
    struct note_key key;
    struct ps_buf text; /* its verifier key */
};

/* origin: stays where it is */
static inline PS_UNUSED struct note_signer note_signer_make(const char *origin)
{
    struct note_signer signer = {.pkey = signing_make_key(PS_KEY_ED25519), .text = {.max = 512}};
    uint8_t octets[32];
    size_t len = sizeof octets;

    assert_int_equal(EVP_PKEY_get_raw_public_key(signer.pkey, octets, &len), 1);
    assert_ok(note_key_make(ps_bytes_str(origin), ps_bytes(octets, len), &signer.key));
    note_put_key(&signer.key, &signer.text);
    return signer;
}

static inline PS_UNUSED void note_signer_clear(struct note_signer *signer)
{
    EVP_PKEY_free(signer->pkey);
    ps_buf_clear(&signer->text);
}

/* The signed note as JSON text, with its newlines as they are escaped there. */
static inline PS_UNUSED void note_signer_put(const struct note_signer *signer,
                                             const struct checkpoint *checkpoint,
                                             struct ps_buf *out)
{
    PS_BUF_AUTO note = {.max = 4096};
    PS_BUF_AUTO signature = {0};

    assert_ok(checkpoint_put(checkpoint, &note));
    signing_sign(signer->pkey, PS_ALG_EDDSA, ps_buf_bytes(&note), &signature);
    note_put_signature(&signer->key, ps_buf_bytes(&signature), &note, true);
    ps_buf_put_json_string(out, ps_buf_bytes(&note));
    assert_ok(ps_buf_status(out));
}

#endif
