#include "frontends/oidc/mint.h"

#include "api/client/privyseal_jwe.h"
#include "api/client/privyseal_sign.h"
#include "lib/base/encode.h"
#include "lib/base/hash.h"

static const char *text_of(const struct ps_buf *buf)
{
    return (const char *)buf->data;
}

static void note(const char *what, enum privyseal_result result, const struct privyseal *client,
                 char why[256])
{
    struct ps_buf text = {.max = 255};

    ps_buf_printf(&text, "%s: %s: %.150s", what, privyseal_result_name(result),
                  privyseal_last_error(client));
    memcpy(why, text.data, text.len);
    why[text.len] = '\0';
    ps_buf_clear(&text);
}

static bool sign(struct privyseal *client, const char *key, const struct ps_buf *claims,
                 struct ps_buf *ret_jwt, char why[256])
{
    const struct privyseal_jwt request = {.key = key, .claims = text_of(claims)};
    struct privyseal_signed made;
    const enum privyseal_result result = privyseal_sign_jwt(client, &request, &made);

    if (result == PRIVYSEAL_OK) {
        ps_buf_reset(ret_jwt);
        ps_buf_put_str(ret_jwt, made.signed_text);
    } else {
        note(key, result, client, why);
    }
    privyseal_signed_clear(&made);
    return result == PRIVYSEAL_OK && ps_buf_status(ret_jwt) == PS_OK;
}

/* OpenID Connect Core section 3.1.3.6: the left half, of SHA-256 with all our algorithms. */
static bool add_hash(struct mint *mint)
{
    uint8_t hash[PS_SHA256_LEN];

    ps_sha256(ps_buf_bytes(&mint->access_token), hash);
    ps_buf_put_str(&mint->id_claims, ",\"at_hash\":\"");
    ps_buf_put_base64url(&mint->id_claims, ps_bytes(hash, sizeof hash / 2));
    ps_buf_put_str(&mint->id_claims, "\"}");
    ps_buf_put_u8(&mint->id_claims, '\0');
    return ps_buf_status(&mint->id_claims) == PS_OK;
}

void mint_tokens(struct call *call, struct privyseal *client)
{
    struct mint *mint = (struct mint *)(void *)call;

    mint->good =
        sign(client, mint->access_key, &mint->access_claims, &mint->access_token, mint->why);
    if (mint->good && mint->id_claims.len != 0) {
        mint->good = add_hash(mint) &&
                     sign(client, mint->id_key, &mint->id_claims, &mint->id_token, mint->why);
    }
}

static bool encrypt(struct privyseal *client, struct seal_userinfo *made)
{
    const struct privyseal_jwe request = {
        .jwk = text_of(&made->recipient),
        .plaintext = made->jwt.data,
        .plaintext_len = made->jwt.len,
        .header = "{\"cty\":\"JWT\"}",
        .algorithm = "RSA-OAEP-256",
        .encryption = "A256GCM",
    };
    struct privyseal_encrypted sealed;
    const enum privyseal_result result = privyseal_encrypt_jwe(client, &request, &sealed);

    if (result == PRIVYSEAL_OK) {
        ps_buf_reset(&made->jwt);
        ps_buf_put_str(&made->jwt, sealed.jwe);
    } else {
        note("encrypt", result, client, made->why);
    }
    privyseal_encrypted_clear(&sealed);
    return result == PRIVYSEAL_OK && ps_buf_status(&made->jwt) == PS_OK;
}

void mint_userinfo(struct call *call, struct privyseal *client)
{
    struct seal_userinfo *made = (struct seal_userinfo *)(void *)call;

    made->good =
        made->claims.len == 0 || sign(client, made->key, &made->claims, &made->jwt, made->why);
    if (made->good && made->recipient.len != 0) {
        made->good = encrypt(client, made);
    }
}
