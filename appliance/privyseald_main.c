#include "api/api.h"
#include "appliance/privyseald.h"
#include "keystore/keeper.h"
#include "pkcs11/token/token.h"

int main(int argc, char **argv)
{
    static const struct role_programs programs = {
        .api = api_main, .keeper = keeper_main, .token = token_main};

    return privyseald_main(argc, argv, &programs);
}
