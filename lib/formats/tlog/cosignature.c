#include "lib/formats/tlog/cosignature.h"

#include "lib/formats/tlog/note_internal.h"

#include <inttypes.h>

#define MESSAGE_MAX 32768u

enum ps_err cosigner_key_make(struct ps_bytes name, struct ps_bytes ed25519_public,
                              struct note_key *ret_key)
{
    return note_key_make_typed(NOTE_COSIGNATURE, name, ed25519_public, ret_key);
}

enum ps_err cosigner_key_parse(struct ps_bytes text, struct note_key *ret_key)
{
    return note_key_parse_typed(NOTE_COSIGNATURE, text, ret_key);
}

void cosignature_put_message(struct ps_bytes text, uint64_t time_s, struct ps_buf *out)
{
    ps_buf_printf(out, "cosignature/v1\ntime %" PRIu64 "\n", time_s);
    ps_buf_put(out, text);
}

void cosignature_make(uint64_t time_s, const uint8_t ed25519_signature[64],
                      struct cosignature *ret_cosignature)
{
    struct cosignature made = {.time_s = time_s};

    for (unsigned i = 0; i < 8; i++) {
        made.octets[i] = (uint8_t)(time_s >> (56 - 8 * i));
    }
    memcpy(made.octets + 8, ed25519_signature, 64);
    *ret_cosignature = made;
}

void cosignature_put(const struct note_key *cosigner, const struct cosignature *cosignature,
                     struct ps_buf *out)
{
    note_put_signature(cosigner, ps_bytes(cosignature->octets, sizeof cosignature->octets), out,
                       false);
}

enum ps_err cosignature_open(struct ps_bytes note, const struct note_key *cosigner,
                             struct cosignature *ret_cosignature)
{
    struct note_signature line = {0};
    struct cosignature found = {0};
    struct ps_bytes signatures = {0};
    struct ps_bytes text = {0};
    PS_BUF_AUTO message;

    ps_buf_init(&message, MESSAGE_MAX);
    PS_TRY(note_split_text(note, &text, &signatures));
    PS_TRY(note_find_signature(signatures, cosigner, &line));
    if (line.len != sizeof found.octets) {
        return ps_fail(PS_E_DENIED, 0, "note: a cosignature of another length");
    }
    memcpy(found.octets, line.octets, sizeof found.octets);
    for (unsigned i = 0; i < 8; i++) {
        found.time_s = found.time_s << 8 | found.octets[i];
    }
    /* "It MUST NOT exceed 2^63 - 1": C2SP tlog-cosignature. */
    if (found.time_s >> 63 != 0) {
        return ps_fail(PS_E_DENIED, 0, "note: a cosignature of a time that there is not");
    }
    cosignature_put_message(text, found.time_s, &message);
    PS_TRY(ps_buf_status(&message));
    PS_TRY(note_verify_ed25519(cosigner, ps_buf_bytes(&message), found.octets + 8));
    *ret_cosignature = found;
    return PS_OK;
}
