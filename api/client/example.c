/*
 * Has one JWT signed. Build it against the library and run it beside an appliance:
 *
 *   . DIR/env && build/api/client/example
 */
#include "api/client/privyseal_sign.h"

#include <stdio.h>
#include <stdlib.h>

int main(void)
{
    struct privyseal_options options = {.socket = getenv("PRIVYSEAL_SOCKET")};
    struct privyseal_jwt request = {
        .key = "oidc.id-token",
        .claims = "{\"iss\":\"https://op.example\",\"sub\":\"me\"}",
        .ttl_s = 300,
    };
    struct privyseal *client = NULL;
    struct privyseal_signed token;
    enum privyseal_result result;

    if (privyseal_open(&options, &client) != PRIVYSEAL_OK) {
        (void)fprintf(stderr, "PRIVYSEAL_SOCKET is not set; DIR/env of an appliance has it\n");
        return 1;
    }
    result = privyseal_sign_jwt(client, &request, &token);
    if (result == PRIVYSEAL_OK) {
        (void)puts(token.signed_text);
    } else {
        (void)fprintf(stderr, "%s\n", privyseal_last_error(client));
    }
    privyseal_signed_clear(&token);
    privyseal_close(client);
    return result == PRIVYSEAL_OK ? 0 : 1;
}
