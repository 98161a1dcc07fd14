#include "appliance/cli/cli.h"
#include "appliance/dev.h"

#include <string.h>

int main(int argc, char **argv)
{
    if (argc >= 2 && strcmp(argv[1], "dev") == 0) {
        return dev_main(argc - 1, argv + 1);
    }
    return cli_main(argc, argv);
}
