#include "appliance/officer/officer.h"

#include <openssl/crypto.h>
#include <stdio.h>

int main(int argc, char **argv)
{
    /* No configuration from outside: it could name a library to be loaded. */
    if (OPENSSL_init_crypto(OPENSSL_INIT_NO_LOAD_CONFIG, NULL) != 1) {
        (void)fprintf(stderr, "%s: OpenSSL does not start\n", cli_program.name);
        return CLI_FAILED;
    }
    return cli_main(argc, argv);
}
