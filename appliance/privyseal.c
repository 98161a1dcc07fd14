#include "appliance/cli/cli.h"
#include "appliance/dev/dev.h"

#include <string.h>

int main(int argc, char **argv)
{
    char *help_of_dev[] = {(char[]){"dev"}, (char[]){"--help"}, NULL};

    if (argc == 3 && strcmp(argv[1], "help") == 0 && strcmp(argv[2], "dev") == 0) {
        return dev_main(2, help_of_dev);
    }
    if (argc >= 2 && strcmp(argv[1], "dev") == 0) {
        return dev_main(argc - 1, argv + 1);
    }
    return cli_main(argc, argv);
}
